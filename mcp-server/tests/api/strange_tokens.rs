//! Tokens of strangers that the introspection endpoint, or a firewall before it, answers as if it had
//! failed, or as if our credentials were wrong: nobody else is refused for them.

use testkit::{PATIENCE, eventually, http::Http};

use crate::{
    provider::Mood,
    providers::{Scene, scene},
};

/// Every token of these is asked about.
const UNCACHED: (&str, &str) = ("MCP_AUTH_CACHE_TTL", "0");

/// Who shows a good token for the first time is let in, and the instance is ready.
async fn nobody_else_minds(scene: &Scene, number: usize, what: Mood) {
    assert_eq!(scene.status(&format!("good-{number}")).await, 200, "{what:?} {number}");
    assert!(scene.world.server.is_available(), "{what:?} {number}");
    drop(Http::new(&scene.world.base).get("/readyz").await.expect(200));
}

#[tokio::test]
async fn a_token_that_a_firewall_rejects_is_no_rejection_of_our_credentials() {
    let words = r#"{"error":"invalid_client"}"#;
    for mood in [Mood::Status(403), Mood::Status(401), Mood::Bad(words)] {
        let scene = scene(&[UNCACHED]).await;
        scene.provider.set(|script| script.strange = Some(("evil", mood)));
        for number in 0..12 {
            let reply = scene.call(&format!("evil-{number}")).await.expect_error(503, -32000);
            assert!(reply.header("www-authenticate").is_none(), "{mood:?}");
            nobody_else_minds(&scene, number, mood).await;
        }
        // They come one after the other, and no good one between them.
        for number in 12..36 {
            assert_eq!(scene.status(&format!("evil-{number}")).await, 503, "{mood:?}");
        }
        nobody_else_minds(&scene, 36, mood).await;
    }
}

#[tokio::test]
async fn tokens_that_an_endpoint_fails_at_shut_nobody_out() {
    let words = "<!doctype html><title>Bad request</title>";
    let moods =
        [Mood::Status(500), Mood::Status(404), Mood::Bad(words), Mood::Garbage, Mood::Close];
    for mood in moods {
        let scene = scene(&[UNCACHED]).await;
        scene.provider.set(|script| script.strange = Some(("evil", mood)));
        for round in 0..4 {
            for number in 0..7 {
                assert_eq!(scene.status(&format!("evil-{round}-{number}")).await, 503, "{mood:?}");
            }
            nobody_else_minds(&scene, round, mood).await;
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_refuses_questions_is_asked_about_nobody_now_and_then() {
    for mood in [Mood::Status(404), Mood::Status(413), Mood::Bad("{}")] {
        let scene = scene(&[]).await;
        scene.provider.set(|script| script.strange = Some(("evil", mood)));
        let before = scene.provider.introspected();
        for number in 0..20 {
            assert_eq!(scene.status(&format!("evil-{number}")).await, 503, "{mood:?}");
        }
        // At each fifth failure, which may be the last for all: the token that nobody has is answered.
        assert_eq!(scene.provider.introspected() - before, 24, "{mood:?}");
        assert!(scene.world.server.is_available());
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_at_every_token_is_left_alone_and_comes_back() {
    let scene = scene(&[]).await;
    scene.provider.set(|script| script.introspection = Mood::Status(502));
    for number in 0..7 {
        assert_eq!(scene.status(&format!("evil-{number}")).await, 503);
    }
    scene.provider.set(|script| script.introspection = Mood::Well);
    let before = scene.provider.introspected();
    assert_eq!((scene.status("good-1").await, scene.provider.introspected() - before), (503, 0));
    assert!(!scene.world.server.is_available());
    // Whose turn it is then may be a stranger, whose token says nothing.
    scene.provider.set(|script| script.strange = Some(("evil", Mood::Status(404))));
    scene.advance(2);
    assert_eq!(scene.status("evil-8").await, 503);
    assert_eq!(scene.status("good-2").await, 200);
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_left_alone_although_nobody_waits_for_what_comes_of_it() {
    let scene = scene(&[("MCP_AUTH_TIMEOUT", "60")]).await;
    scene.provider.set(|script| {
        (script.introspection, script.strange) = (Mood::Hang, Some(("evil", Mood::Status(500))));
    });
    for number in 1..5 {
        assert_eq!(scene.status(&format!("evil-{number}")).await, 503);
    }
    // The fifth makes us ask about the token that nobody has, and who showed it does not wait.
    let before = scene.provider.introspected();
    let asked = async || (scene.provider.introspected() == before + 2).then_some(());
    tokio::select! {
        status = scene.status("evil-5") => panic!("it hangs, and was answered with {status}"),
        () = eventually(PATIENCE, asked) => {}
    }
    let left = Http::new(&scene.world.base).get("/livez").await;
    assert_eq!(left.status, 200);
    scene.provider.hang_up();
    let rests = async || (!scene.world.server.is_available()).then_some(());
    eventually(PATIENCE, rests).await;
}
