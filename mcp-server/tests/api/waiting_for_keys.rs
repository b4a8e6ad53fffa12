//! Keys of an issuer that do not come: nobody waits for them whose key is here, one fetch is for
//! everybody else, and one failure answers them all.

use futures_util::future::{join, join_all};
use serde_json::json;
use testkit::{PATIENCE, eventually, within};

use crate::{
    provider::{Mood, NOW, Provider},
    providers::{JWT, Scene, scene, unready},
};

/// A fetch that hangs lasts longer than a test waits.
const FOR_EVER: (&str, &str) = ("MCP_AUTH_TIMEOUT", "60");

/// Tokens that nobody has shown yet, in the name of Alice.
fn tokens(scene: &Scene, kid: &str, batch: u8) -> Vec<String> {
    let changes = |n| json!({ "jti": format!("{batch}-{n}"), "exp": NOW + 80_000 });
    (0..20).map(|n| scene.token(kid, &changes(n))).collect()
}

/// What comes of all of them, shown at once.
async fn all(scene: &Scene, tokens: Vec<String>) -> Vec<u16> {
    let asked = join_all(tokens.iter().map(|token| scene.status(token)));
    within(PATIENCE, asked).await
}

async fn fetched(scene: &Scene, times: usize) {
    let fetched = async || (scene.provider.keys_fetched() == times).then_some(());
    eventually(PATIENCE, fetched).await;
}

/// The fetch ends after more time than a failure is left alone.
fn fail(scene: &Scene) {
    scene.advance(3);
    scene.provider.hang_up();
}

#[tokio::test]
async fn without_keys_one_failure_answers_all_who_wait() {
    let provider = Provider::start().await;
    provider.set(|script| script.jwks = Mood::Hang);
    let scene = unready(provider, &[JWT, FOR_EVER]).await;
    scene.found().await;
    let failing = async {
        fetched(&scene, 1).await;
        fail(&scene);
    };
    let (answers, ()) = join(all(&scene, tokens(&scene, "k1", 1)), failing).await;
    assert!(answers.iter().all(|status| *status == 503), "{answers:?}");
    assert_eq!(scene.provider.keys_fetched(), 1);
    scene.provider.set(|script| script.jwks = Mood::Well);
    scene.advance(2);
    let answers = all(&scene, tokens(&scene, "k1", 2)).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    assert_eq!(scene.provider.keys_fetched(), 2);
}

#[tokio::test]
async fn keys_that_can_still_be_used_are_renewed_while_they_are_used() {
    let scene = scene(&[JWT, FOR_EVER]).await;
    assert_eq!(scene.status(&scene.token("k1", &json!({}))).await, 200);
    scene.provider.set(|script| script.jwks = Mood::Hang);
    scene.advance(601);
    for batch in [1, 2] {
        let answers = all(&scene, tokens(&scene, "k1", batch)).await;
        assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
        fetched(&scene, 2).await;
    }
    fail(&scene);
    scene.provider.set(|script| (script.jwks, script.kid) = (Mood::Well, "k2"));
    // The old keys are used until the new ones are there, and not after that.
    let renewed = async || {
        scene.advance(3);
        let jti = scene.world.clock.now().as_secs();
        let token = scene.token("k1", &json!({ "jti": jti.to_string(), "exp": NOW + 80_000 }));
        (scene.status(&token).await == 401).then_some(())
    };
    eventually(PATIENCE, renewed).await;
}

#[tokio::test]
async fn names_of_keys_that_do_not_exist_keep_nobody_waiting_but_those_who_show_them() {
    let scene = scene(&[JWT, FOR_EVER]).await;
    assert_eq!(scene.status(&scene.token("k1", &json!({}))).await, 200);
    scene.provider.set(|script| script.jwks = Mood::Hang);
    let meanwhile = async {
        fetched(&scene, 2).await;
        let answers = all(&scene, tokens(&scene, "k1", 1)).await;
        assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
        fail(&scene);
    };
    let (strangers, ()) = join(all(&scene, tokens(&scene, "evil", 2)), meanwhile).await;
    assert!(strangers.iter().all(|status| *status == 503), "{strangers:?}");
    assert_eq!(scene.provider.keys_fetched(), 2);
}

/// An issuer is asked for keys too often, says when to come back, and is left alone until then.
async fn is_left_alone(said: &'static str, seconds: u64) {
    let provider = Provider::start().await;
    provider.set(|script| script.jwks = Mood::Limited(said));
    let scene = unready(provider, &[JWT]).await;
    scene.found().await;
    let refused = async |left: u64| {
        let reply = scene.call(&scene.token("k1", &json!({ "exp": NOW + 80_000 }))).await;
        let reply = reply.expect_error(503, -32000);
        assert_eq!(reply.header("retry-after"), Some(&*left.to_string()), "{said}");
        assert_eq!(scene.provider.keys_fetched(), 1, "{said}");
    };
    refused(seconds).await;
    scene.provider.set(|script| script.jwks = Mood::Well);
    scene.advance(seconds - 1);
    refused(1).await;
    scene.advance(1);
    assert_eq!(scene.status(&scene.token("k1", &json!({ "exp": NOW + 80_000 }))).await, 200);
    assert_eq!(scene.provider.keys_fetched(), 2, "{said}");
}

#[tokio::test]
async fn an_issuer_that_says_when_to_come_back_for_its_keys_is_left_alone_for_a_minute_at_most() {
    is_left_alone("7", 7).await;
    is_left_alone("900", 60).await;
    // A day after the tests play.
    is_left_alone("Sat, 16 Jan 2027 08:00:00 GMT", 60).await;
    is_left_alone("soon", 5).await;
}

#[tokio::test]
async fn keys_that_are_here_are_used_while_their_issuer_is_left_alone() {
    let scene = scene(&[JWT]).await;
    assert_eq!(all(&scene, tokens(&scene, "k1", 1)).await, [200; 20]);
    scene.provider.set(|script| script.jwks = Mood::Limited("30"));
    // The first asks for newer keys, and is told to wait; those after it ask for nothing.
    for _ in 0..2 {
        assert_eq!(all(&scene, tokens(&scene, "evil", 2)).await, [503; 20]);
        assert_eq!(all(&scene, tokens(&scene, "k1", 3)).await, [200; 20]);
        scene.advance(29);
    }
    assert_eq!(scene.provider.keys_fetched(), 2);
}
