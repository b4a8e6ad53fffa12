//! What tokens are checked with is tried before the first caller comes: an instance that could let
//! nobody in is not ready, and says why.

use serde_json::json;
use testkit::{PATIENCE, eventually, http::Http};

use crate::{
    provider::{Mood, Provider},
    providers::{JWT, Scene, scene, unready},
};

/// Waits until it is known that nothing can be checked.
async fn is_cut_off(scene: &Scene) {
    scene.found().await;
    eventually(PATIENCE, async || (!scene.world.server.is_available()).then_some(())).await;
}

/// What `/readyz` says while it is 503.
async fn reason(scene: &Scene) -> String {
    Http::new(&scene.world.base).get("/readyz").await.expect(503).text().to_owned()
}

#[tokio::test]
async fn urls_that_lead_nowhere_are_noticed_before_anybody_comes() {
    let provider = Provider::start().await;
    let nowhere = format!("{}/nowhere", provider.issuer);
    let table: [&[(&str, &str)]; 3] = [
        &[("MCP_AUTH_INTROSPECTION_URL", &nowhere)],
        &[("MCP_AUTH_INTROSPECTION_URL", "http://127.0.0.1:1/introspect")],
        &[JWT, ("MCP_AUTH_JWKS_URL", &nowhere)],
    ];
    for settings in table {
        let scene = unready(provider.clone(), settings).await;
        is_cut_off(&scene).await;
        let why = reason(&scene).await;
        assert!(
            why.contains("introspection, or the keys of the issuer, have not answered"),
            "{why}"
        );
        let signed = scene.token("k1", &json!({}));
        let token = if settings.contains(&JWT) { &*signed } else { "good" };
        let refused = scene.call(token).await.expect_error(503, -32000);
        let hint = refused.error()["data"]["hint"].as_str().unwrap().to_owned();
        assert!(hint.contains("not where tokens are checked"), "{hint}");
        let page = Http::new(&scene.world.base).get("/").await.expect(200);
        assert!(page.text().contains("answers, and not where tokens are checked"), "{page}");
    }
}

#[tokio::test]
async fn an_endpoint_that_refuses_the_question_is_not_known_to_work_until_a_token_is_good() {
    let refusal = Mood::Bad(r#"{"error":"invalid_request"}"#);
    let provider = Provider::start().await;
    provider.set(|script| script.introspection = refusal);
    let scene = unready(provider, &[]).await;
    is_cut_off(&scene).await;
    drop(reason(&scene).await);
    // One that answers for real tokens only is of use after all.
    scene.provider.set(|script| {
        (script.introspection, script.strange) = (Mood::Well, Some(("trial", refusal)));
    });
    assert_eq!(scene.status("good").await, 200);
    scene.ready().await;
    assert!(scene.world.server.is_available());
}

#[tokio::test]
async fn it_is_tried_again_and_again_and_nobody_has_to_come_for_that() {
    for settings in [&[][..], &[JWT], &[("MCP_AUTH_VALIDATION", "both")]] {
        let provider = Provider::start().await;
        let bad = Mood::Status(404);
        provider.set(|script| (script.introspection, script.jwks) = (bad, bad));
        let scene = unready(provider, settings).await;
        is_cut_off(&scene).await;
        scene.provider.set(|script| (script.introspection, script.jwks) = (Mood::Well, Mood::Well));
        scene.available(true).await;
        scene.ready().await;
    }
}

#[tokio::test]
async fn both_ways_must_answer_where_both_are_needed() {
    let both = ("MCP_AUTH_VALIDATION", "both");
    for asked in [true, false] {
        let provider = Provider::start().await;
        provider.set(|script| {
            let place = if asked { &mut script.introspection } else { &mut script.jwks };
            *place = Mood::Status(500);
        });
        let scene = unready(provider, &[both]).await;
        is_cut_off(&scene).await;
        drop(reason(&scene).await);
    }
}

#[tokio::test]
async fn keys_are_here_when_the_first_token_comes() {
    let scene = scene(&[JWT]).await;
    assert_eq!(scene.provider.keys_fetched(), 1);
    scene.provider.set(|script| script.jwks = Mood::Hang);
    assert_eq!(scene.status(&scene.token("k1", &json!({}))).await, 200);
}

#[tokio::test]
async fn what_has_answered_once_and_does_not_now_takes_no_instance_out() {
    let short = [("MCP_AUTH_JWKS_TTL", "5"), ("MCP_AUTH_JWKS_STALE", "0")];
    let scene = scene(&[&[JWT][..], &short].concat()).await;
    scene.provider.set(|script| script.jwks = Mood::Status(500));
    scene.advance(5);
    assert_eq!(scene.status(&scene.token("k1", &json!({}))).await, 503);
    assert!(!scene.world.server.is_available(), "it has no keys");
    drop(Http::new(&scene.world.base).get("/readyz").await.expect(200));
}

#[tokio::test]
async fn an_issuer_that_changes_is_the_reason_that_is_told() {
    let scene = scene(&[]).await;
    scene.provider.set(|script| script.changes = vec![("issuer", json!("https://other.example"))]);
    scene.available(false).await;
    let why = reason(&scene).await;
    assert!(why.contains("what the authorization server says of itself is of no use"), "{why}");
}

#[tokio::test]
async fn a_server_that_asks_for_rest_at_the_start_gets_a_minute_and_no_quarter_of_an_hour() {
    let rest = Mood::Limited("900");
    let provider = Provider::start().await;
    provider.set(|script| script.metadata = rest);
    let scene = unready(provider, &[]).await;
    let start = scene.world.clock.now();
    let asked = async || (scene.provider.described() == 1).then_some(());
    eventually(PATIENCE, asked).await;
    scene.provider.set(|script| (script.metadata, script.introspection) = (Mood::Well, rest));
    eventually(PATIENCE, async || {
        scene.advance(1);
        (scene.provider.described() == 2).then_some(())
    })
    .await;
    let waited = scene.world.clock.now().since(start).as_secs();
    assert!((60..300).contains(&waited), "{waited}");
    is_cut_off(&scene).await;
    let refused = scene.call("good").await.expect_error(503, -32000);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((45..=60).contains(&seconds), "{seconds}");
    let before = scene.provider.introspected();
    scene.advance(30);
    assert_eq!((scene.status("good").await, scene.provider.introspected()), (503, before));
    scene.provider.set(|script| script.introspection = Mood::Well);
    scene.advance(30);
    scene.ready().await;
    assert_eq!(scene.status("good").await, 200);
}

#[tokio::test]
async fn credentials_that_are_mended_are_tried_within_a_minute_whatever_the_metadata_says() {
    let scene = scene(&[]).await;
    scene.provider.set(|script| {
        (script.introspection, script.metadata) = (Mood::Status(401), Mood::Limited("900"));
    });
    assert_eq!(scene.status("good").await, 503);
    let before = scene.provider.described();
    eventually(PATIENCE, async || {
        scene.advance(1);
        (scene.provider.described() > before).then_some(())
    })
    .await;
    let start = scene.world.clock.now();
    scene.provider.set(|script| (script.introspection, script.metadata) = (Mood::Well, Mood::Well));
    scene.available(true).await;
    let waited = scene.world.clock.now().since(start).as_secs();
    assert!(waited < 300, "{waited}");
}
