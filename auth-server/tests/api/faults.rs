//! Faults that a tester of clients asks for: what a careful client must refuse or survive.

use serde_json::{Value, json};
use testkit::oauth::query;

use crate::support::World;

const ON: [(&str, &str); 1] = [("MCP_FAULTS", "1")];

async fn plan(world: &World, wish: Value) {
    let _ = world.http.post_json("/debug/faults", &wish).await.expect(201);
}

#[tokio::test]
async fn nobody_breaks_a_server_whose_operator_did_not_say_so() {
    let world = World::start().await;
    let _ = world.http.get("/debug/faults").await.expect(404);
}

#[tokio::test]
async fn the_answer_of_an_authorization_names_somebody_else_once() {
    let world = World::with(&ON).await;
    plan(&world, json!([{ "fault": "wrong_iss" }, { "fault": "wrong_state" }])).await;
    let client = world.app().await;
    for (issuer, state) in
        [("https://attacker.example", "another"), (world.issuer.as_str(), "a state/+=&")]
    {
        let request = world.request(&client);
        let callback = world.go(&mut world.browser(), &request.url(), "alice").await;
        assert_eq!(query(&callback, "iss").as_deref(), Some(issuer));
        assert_eq!(query(&callback, "state").as_deref(), Some(state));
        assert!(query(&callback, "code").is_some());
    }
}

#[tokio::test]
async fn metadata_are_of_somebody_else_once() {
    let world = World::with(&ON).await;
    plan(&world, json!({ "fault": "wrong_issuer" })).await;
    let path = "/.well-known/oauth-authorization-server";
    let wrong = world.http.get(path).await.expect(200);
    wrong.expect_no_store();
    assert_eq!(wrong.json()["issuer"], "https://attacker.example");
    assert_eq!(world.http.get(path).await.expect(200).json()["issuer"], world.issuer);
}

#[tokio::test]
async fn a_refresh_is_refused_once_and_the_token_is_still_good() {
    let world = World::with(&ON).await;
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    plan(&world, json!([{ "fault": "invalid_grant" }, { "fault": "invalid_client", "skip": 0 }]))
        .await;
    let refresh = tokens.refresh.clone().unwrap();
    world.refresh(&client, &refresh).await.expect_oauth_error(400, "invalid_grant");
    world.refresh(&client, &refresh).await.expect_oauth_error(401, "invalid_client");
    let _ = world.refresh(&client, &refresh).await.expect(200);
}

#[tokio::test]
async fn keys_are_replaced_when_a_tester_says_so() {
    let world = World::with(&ON).await;
    let kid = async || world.http.get("/jwks").await.expect(200).json()["keys"][0]["kid"].clone();
    let first = kid().await;
    plan(&world, json!({ "fault": "rotate_keys" })).await;
    assert_ne!(kid().await, first);
}
