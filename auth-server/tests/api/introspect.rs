//! `POST /introspect`.

use http::Method;
use serde_json::json;

use crate::support::{RESOURCE, RESOURCE_SERVER, World};

#[tokio::test]
async fn a_good_token_is_described_in_full() {
    let world = World::start().await;
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    let mut found = world.introspect(&tokens.access).await;
    let jti = found.as_object_mut().unwrap().remove("jti").unwrap();
    assert!(!tokens.access.contains(jti.as_str().unwrap()));
    let expected = json!({
        "active": true,
        "scope": "mcp notes",
        "client_id": client.id,
        "username": "Alice Adams",
        "token_type": "Bearer",
        "exp": 1_800_000_900,
        "iat": 1_800_000_000,
        "nbf": 1_800_000_000,
        "sub": "alice",
        "aud": RESOURCE,
        "iss": world.issuer,
    });
    assert_eq!(found, expected);
}

#[tokio::test]
async fn every_no_is_the_same() {
    let world = World::start().await;
    let tokens = world.tokens(&world.app().await).await;
    let good = &tokens.access;
    let last = if good.ends_with('0') { '1' } else { '0' };
    let forged = format!("{}{last}", &good[..good.len() - 1]);
    let unknown = format!("mcpa_{}", "0".repeat(49));
    for token in ["garbage", &forged, &unknown, tokens.refresh.as_deref().unwrap(), "' OR 1=1", "*"]
    {
        assert_eq!(world.introspect(token).await, json!({"active": false}), "{token}");
    }
    world.pass(900);
    assert_eq!(world.introspect(good).await, json!({"active": false}));
}

#[tokio::test]
async fn two_secrets_are_good_while_one_is_changed() {
    let previous = "the secret that was good until today";
    let world = World::with(&[("AUTH_INTROSPECTION_SECRET_PREVIOUS", previous)]).await;
    let (id, secret) = RESOURCE_SERVER;
    for (secret, status) in
        [(secret, 200), (previous, 200), ("the secret of last year, or so", 401)]
    {
        let form = [("client_id", id), ("client_secret", secret), ("token", "x")];
        drop(world.http.post_form("/introspect", &form).await.expect(status));
    }
}

#[tokio::test]
async fn whoever_asks_says_who_he_is() {
    let world = World::start().await;
    let tokens = world.tokens(&world.app().await).await;
    let client = world.confidential().await;
    let (id, _) = RESOURCE_SERVER;
    let callers = [
        (None, None),
        (Some(id), None),
        (Some(id), Some("wrong")),
        (Some("other"), Some(RESOURCE_SERVER.1)),
        (Some(&*client.id), client.secret.as_deref()),
    ];
    for (id, secret) in callers {
        let mut form = vec![("token", &*tokens.access)];
        form.extend(id.map(|id| ("client_id", id)));
        form.extend(secret.map(|secret| ("client_secret", secret)));
        let answer = world.http.post_form("/introspect", &form).await;
        answer.expect_oauth_error(401, "invalid_client");
    }
}

#[tokio::test]
async fn the_secret_may_travel_in_the_form() {
    let world = World::start().await;
    let tokens = world.tokens(&world.app().await).await;
    let (id, secret) = RESOURCE_SERVER;
    let form = [("token", &*tokens.access), ("client_id", id), ("client_secret", secret)];
    let answer = world.http.post_form("/introspect", &form).await.expect(200);
    assert_eq!(answer.json()["active"], true);
}

#[tokio::test]
async fn a_question_without_a_token_is_malformed() {
    let world = World::start().await;
    let request = world.http.request(Method::POST, "/introspect");
    let request = request.basic_auth(RESOURCE_SERVER.0, Some(RESOURCE_SERVER.1));
    let answer = world.http.send(request.form(&[("token_type_hint", "access_token")])).await;
    answer.expect_oauth_error(400, "invalid_request");
}

#[tokio::test]
async fn a_token_for_another_resource_is_none_of_the_callers_business() {
    let world = World::start().await;
    let tokens = world.tokens(&world.app().await).await;
    let other = world.another(&[("BASE_URI", "http://localhost:9999")]).await;
    let request = other.request(Method::POST, "/introspect");
    let request = request.basic_auth(RESOURCE_SERVER.0, Some(RESOURCE_SERVER.1));
    let answer = other.send(request.form(&[("token", &tokens.access)])).await.expect(200);
    assert_eq!(answer.json(), json!({"active": false}));
    assert!(world.is_active(&tokens.access).await);
}
