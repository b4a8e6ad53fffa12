//! What is said while no token can be checked: by the reason, for only one of them mends itself.

use serde_json::json;
use testkit::http::Http;

use crate::{
    provider::{Mood, Provider},
    providers::{JWT, scene, unready},
};

const METADATA: &str = "/.well-known/oauth-authorization-server";

#[tokio::test]
async fn rejected_credentials_are_a_matter_for_the_operator() {
    let scene = scene(&[]).await;
    scene.provider.set(|script| script.introspection = Mood::Status(401));
    let refused = scene.call("good").await.expect_error(503, -32000);
    let hint = refused.error()["data"]["hint"].as_str().unwrap();
    assert!(hint.contains("rejects the credentials of this server"), "{hint}");
    let page = Http::new(&scene.world.base).get("/").await.expect(200);
    assert!(page.text().contains("<code>MCP_AUTH_CLIENT_SECRET</code>"), "{page}");
    assert!(!page.text().contains("Nothing needs to be done"), "{page}");
}

#[tokio::test]
async fn an_outage_asks_nothing_of_anybody() {
    let scene = scene(&[]).await;
    scene.provider.set(|script| script.metadata = Mood::Status(500));
    scene.available(false).await;
    let refused = scene.call("good").await.expect_error(503, -32000);
    let hint = refused.error()["data"]["hint"].as_str().unwrap();
    assert!(hint.contains("is not responding"), "{hint}");
    let page = Http::new(&scene.world.base).get("/").await.expect(200);
    assert!(page.text().contains("Nothing needs to be done here"), "{page}");
}

#[tokio::test]
async fn an_outage_of_everything_is_one_although_keys_end_in_it() {
    let short = [("MCP_AUTH_JWKS_TTL", "5"), ("MCP_AUTH_JWKS_STALE", "0")];
    let scene = scene(&[&[JWT][..], &short].concat()).await;
    let hint = async || {
        let refused = scene.call(&scene.token("k1", &json!({}))).await.expect_error(503, -32000);
        refused.error()["data"]["hint"].as_str().unwrap().to_owned()
    };
    scene.provider.set(|script| script.jwks = Mood::Status(500));
    scene.advance(5);
    let said = hint().await;
    assert!(said.contains("not where tokens are checked"), "{said}");
    scene.provider.set(|script| script.metadata = Mood::Status(500));
    testkit::eventually(testkit::PATIENCE, async || {
        scene.advance(1);
        hint().await.contains("is not responding").then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_the_issuer_said_last_is_repeated_while_it_is_away() {
    let scene = scene(&[]).await;
    scene.provider.set(|script| script.metadata = Mood::Status(500));
    scene.available(false).await;
    let document = Http::new(&scene.world.base).get(METADATA).await.expect(200).json();
    assert_eq!(document["issuer"], json!(scene.provider.issuer));
}

#[tokio::test]
async fn an_issuer_that_has_never_answered_is_503_and_not_nowhere() {
    let provider = Provider::start().await;
    provider.set(|script| script.metadata = Mood::Status(500));
    let scene = unready(provider, &[]).await;
    let answer = Http::new(&scene.world.base).get(METADATA).await.expect(503);
    assert_eq!(answer.header("retry-after"), Some("5"));
    let off = [("MCP_AUTH_DISCOVERY", "off"), ("MCP_AUTH_JWKS_URL", "http://localhost/jwks")];
    let silent = unready(Provider::start().await, &off).await;
    let _ = Http::new(&silent.world.base).get(METADATA).await.expect(404);
}

#[tokio::test]
async fn demo_users_are_offered_where_they_may_be() {
    for (profile, may_be) in [("generic", true), ("keycloak", false)] {
        let settings = [("MCP_AUTH_PROFILE", profile)];
        let scene = unready(Provider::start().await, &settings).await;
        let page = Http::new(&scene.world.base).get("/").await.expect(200);
        assert_eq!(page.text().contains("<strong>alice</strong>"), may_be, "{profile}");
    }
}
