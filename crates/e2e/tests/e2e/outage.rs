//! What happens when one part is gone: the others say so, lose nothing, and go on by themselves when
//! it is back. A caller is never told that a good token or a session that lives is no good.

use std::time::Duration;

use e2e::{Backend, Login, Setup, World};
use serde_json::json;
use testkit::{
    PATIENCE, eventually,
    faults::{Line, Proxy},
    oauth::Tokens,
    rpc::Reply,
};

use crate::support::{becomes, session, standing, still_works, works};

on_both_stores![
    a_token_that_cannot_be_checked_is_503_and_the_outage_known_to_all,
    an_end_is_noticed_while_no_time_passes_and_over_within_a_second,
    a_silence_is_noticed_within_five_seconds_and_over_within_one,
    what_is_public_lives_on_without_the_authorization_server,
];

/// How often the authorization server is looked at while all is well.
const CALM: Duration = Duration::from_secs(5);

/// How often it is looked at while it is away.
const EAGER: Duration = Duration::from_secs(1);

/// Degraded mode, as it is documented.
fn check_degraded(world: &World, reply: &Reply) {
    assert_eq!(reply.status, 503, "{reply}");
    let error = reply.error();
    assert_eq!(
        (&error["code"], &error["data"]["authServerUrl"]),
        (&json!(-32000), &json!(world.issuer()))
    );
    assert_eq!(error["message"], "Authentication service unavailable");
    assert!(error["data"]["hint"].is_string(), "{reply}");
    assert_eq!(reply.header("www-authenticate"), None, "a login would fail as well");
    assert!(reply.header("retry-after").is_some(), "{reply}");
}

async fn list(world: &World, login: &Login) -> Reply {
    world.modern(login.access()).call("tools/list", json!({})).await
}

async fn a_token_that_cannot_be_checked_is_503_and_the_outage_known_to_all(setup: Setup) {
    let world = setup.clock(standing()).start().await;
    let (cached, fresh) = (world.login("alice").await, world.login("bob").await);
    let session = session(&world, cached.access()).await;
    world.auth_line.set(Line::Cut);
    check_degraded(&world, &list(&world, &fresh).await);
    // The clock stands still: the outage is known to everybody in no time.
    becomes(&world, cached.access(), 503).await;
    check_degraded(&world, &list(&world, &cached).await);
    check_degraded(&world, &session.call("ping", json!({})).await);
    check_degraded(&world, &session.listen(None).await.finish().await);
    check_degraded(&world, &session.end().await);
    world.auth_line.set(Line::Open);
    world.clock.advance(EAGER);
    becomes(&world, cached.access(), 200).await;
    let _ = session.call("ping", json!({})).await.expect(200);
    works(&world, fresh.access()).await;
}

async fn an_end_is_noticed_while_no_time_passes_and_over_within_a_second(setup: Setup) {
    let world = setup.clock(standing()).start().await;
    let alice = world.login("alice").await;
    works(&world, alice.access()).await;
    // Nobody asks it about a token: the connection that is held has ended.
    world.auth_line.set(Line::Cut);
    is_degraded_until_it_is_back(&world, &alice).await;
}

async fn a_silence_is_noticed_within_five_seconds_and_over_within_one(setup: Setup) {
    let world = setup.clock(standing()).start().await;
    let alice = world.login("alice").await;
    works(&world, alice.access()).await;
    world.auth_line.set(Line::Frozen);
    let _ = list(&world, &alice).await.expect(200);
    world.clock.advance(CALM);
    is_degraded_until_it_is_back(&world, &alice).await;
}

/// Nothing is answered any more, and everything a second after the authorization server is back.
async fn is_degraded_until_it_is_back(world: &World, alice: &Login) {
    becomes(world, alice.access(), 503).await;
    check_degraded(world, &list(world, alice).await);
    world.auth_line.set(Line::Open);
    world.clock.advance(EAGER);
    becomes(world, alice.access(), 200).await;
    still_works(world).await;
}

async fn what_is_public_lives_on_without_the_authorization_server(setup: Setup) {
    let world = setup.clock(standing()).start().await;
    let http = world.mcp_http();
    assert_eq!(http.get("/health").await.expect(200).json()["status"], "healthy");
    world.auth_line.set(Line::Cut);
    world.clock.advance(CALM);
    becomes(&world, "whatever", 503).await;
    let health = http.get("/health").await.expect(200).json();
    assert_eq!(
        (&health["status"], &health["services"]["auth"]),
        (&json!("degraded"), &json!("unavailable"))
    );
    assert!(http.get("/").await.expect(200).text().contains("Degraded."));
    let metadata = http.get("/.well-known/oauth-protected-resource/mcp").await.expect(200);
    assert_eq!(metadata.json()["authorization_servers"], json!([world.issuer()]));
    let _ = http.get("/livez").await.expect(200);
}

#[tokio::test]
async fn an_authorization_server_that_says_nothing_is_one_that_is_gone() {
    let world = Setup::new(Backend::Memory).clock(standing()).start().await;
    let (cached, fresh) = (world.login("alice").await, world.login("bob").await);
    works(&world, cached.access()).await;
    world.auth_line.set(Line::Frozen);
    check_degraded(&world, &list(&world, &fresh).await);
    becomes(&world, cached.access(), 503).await;
    world.auth_line.set(Line::Open);
    world.clock.advance(EAGER);
    becomes(&world, fresh.access(), 200).await;
}

fn redis(world: &World) -> &Proxy {
    world.redis_line.as_ref().expect("state is in Redis")
}

/// Waits until each server finds its store again. Ready they are all the while: an outage of seconds
/// takes no instance out.
async fn mended(world: &World) {
    redis(world).set(Line::Open);
    for instance in world.auth.iter().chain(&world.mcp) {
        let http = instance.http();
        let healthy = || async {
            let health = http.get("/health").await.expect(200).json();
            (health["status"] == "healthy").then_some(())
        };
        eventually(PATIENCE, healthy).await;
    }
}

#[tokio::test]
async fn without_redis_the_mcp_server_says_503_and_nothing_else() {
    let world = Setup::new(Backend::Redis).start().await;
    let (alice, fresh) = (world.login("alice").await, world.login("bob").await);
    let session = session(&world, alice.access()).await;
    redis(&world).set(Line::Cut);
    let _ = session.call("ping", json!({})).await.expect_error(503, -32000);
    let _ = session.end().await.expect(503);
    assert_eq!(session.listen(None).await.status, 503);
    let opening = world.session(alice.access());
    let _ = opening.send(opening.draft()).await.expect_error(503, -32000);
    let _ = list(&world, &fresh).await.expect_error(503, -32000);
    let health = world.mcp_http().get("/health").await.expect(200).json();
    assert_eq!(health["services"]["redis"], "unavailable");
    mended(&world).await;
    let _ = session.call("ping", json!({})).await.expect(200);
    works(&world, fresh.access()).await;
}

#[tokio::test]
async fn without_redis_the_authorization_server_says_503_and_nothing_else() {
    let world = Setup::new(Backend::Redis).start().await;
    let alice = world.login("alice").await;
    let asking = world.asking().await;
    redis(&world).set(Line::Cut);
    let refresh = alice.oauth.try_refresh(&alice.client, alice.refresh()).await;
    refresh.expect_oauth_error(503, "temporarily_unavailable");
    let registration = alice.oauth.register(&json!({ "redirect_uris": [e2e::CALLBACK] })).await;
    registration.expect_oauth_error(503, "temporarily_unavailable");
    let _ = world.browser().open(&asking.request.url()).await.page().expect(503);
    let _ = world.auth_http().get("/livez").await.expect(200);
    mended(&world).await;
    let fresh = Tokens::read(&alice.oauth.try_refresh(&alice.client, alice.refresh()).await);
    works(&world, &fresh.access).await;
}

#[tokio::test]
async fn a_calculation_that_cannot_be_kept_fails_in_time_and_the_next_one_works() {
    let world = Setup::new(Backend::Redis).start().await;
    let alice = world.login("alice").await;
    let calculate = async || {
        let one = json!({ "a": 1, "b": 2, "op": "add" });
        world.modern(alice.access()).tool("calculate", one).await
    };
    assert_eq!(calculate().await.expect(200).content_text(), "1 add 2 = 3");
    redis(&world).set(Line::Cut);
    // C12: the original gave no answer for half a minute.
    let unkept = Box::pin(testkit::within(PATIENCE, calculate())).await;
    assert_eq!(unkept.error()["code"], -32603, "{unkept}");
    assert_eq!(unkept.error()["message"], "The store is not available; try again shortly");
    mended(&world).await;
    assert_eq!(calculate().await.expect(200).content_text(), "1 add 2 = 3");
}

#[tokio::test]
async fn a_login_outlives_an_outage_of_redis() {
    let world = Setup::new(Backend::Redis).start().await;
    let asking = world.asking().await;
    let callback = world.walk(&asking.request.url(), "alice").await;
    let form = asking.form(&callback);
    redis(&world).set(Line::Cut);
    let unheard = crate::support::redeem(&world.auth_http(), &form).await;
    unheard.expect_oauth_error(503, "temporarily_unavailable");
    mended(&world).await;
    works(&world, asking.redeem(&callback).await.access()).await;
}

#[tokio::test]
async fn an_open_stream_outlives_an_outage_of_redis() {
    let world = Setup::new(Backend::Redis).clock(standing()).start().await;
    let session = session(&world, world.login("alice").await.access()).await;
    let mut stream = session.listen(None).await;
    assert!(stream.next_event().await.is_some(), "priming");
    redis(&world).set(Line::Cut);
    let _ = session.call("ping", json!({})).await.expect(503);
    world.clock.advance(Duration::from_secs(15));
    assert!(stream.next_event().await.is_some(), "a sign of life");
    mended(&world).await;
    world.clock.advance(Duration::from_secs(15));
    assert!(stream.next_event().await.is_some(), "a sign of life");
    let _ = session.end().await.expect(204);
    // Even if the news was lost with the line, the next look at the session tells.
    world.clock.advance(Duration::from_secs(15));
    assert!(stream.finish().await.messages.is_empty());
}
