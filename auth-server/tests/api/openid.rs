//! Identity tokens and `/userinfo`.

use http::Method;
use serde_json::json;
use testkit::{http::Answer, oauth::query};

use crate::{
    keys::read,
    support::{World, redemption, refreshing, with, without},
};

/// What Alice's client gets for a request with this scope.
async fn asked(world: &World, scope: &str) -> Answer {
    let client = world.app().await;
    let request = world.request(&client).without("resource").with("scope", scope);
    let request = request.with("nonce", "a nonce/+=");
    let callback = world.go(&mut world.browser(), &request.url(), "alice").await;
    let code = query(&callback, "code").unwrap();
    let form = without(redemption(&client, &request, &code), "resource");
    world.token(&form).await.expect(200)
}

async fn userinfo(world: &World, token: &str) -> Answer {
    let request = world.http.request(Method::GET, "/userinfo").bearer_auth(token);
    world.http.send(request).await
}

#[tokio::test]
async fn a_client_that_asks_learns_who_has_logged_in() {
    let world = World::start().await;
    let answer = asked(&world, "openid").await.json();
    assert_eq!(answer["scope"], "openid");
    let (header, claims) = read(&world.http, answer["id_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(header["typ"], "JWT");
    let client = &claims["aud"];
    let expected = json!({
        "iss": world.issuer, "sub": "alice", "aud": client, "nonce": "a nonce/+=",
        "iat": 1_800_000_000, "exp": 1_800_000_900, "auth_time": 1_800_000_000,
    });
    assert_eq!(claims, expected);
    assert_eq!(
        world.introspect(answer["access_token"].as_str().unwrap()).await["client_id"],
        *client
    );
}

#[tokio::test]
async fn who_does_not_ask_gets_no_identity() {
    let world = World::start().await;
    for scope in ["mcp", "mcp profile email"] {
        let answer = asked(&world, scope).await.json();
        assert_eq!((answer.get("id_token"), &answer["scope"]), (None, &json!("mcp")));
    }
}

#[tokio::test]
async fn userinfo_tells_what_the_scopes_allow() {
    let world = World::start().await;
    let table = [
        ("openid", json!({"sub": "alice"})),
        ("openid profile", json!({"sub": "alice", "name": "Alice Adams"})),
        (
            "openid email mcp",
            json!({"sub": "alice", "email": "alice@example.com", "email_verified": false}),
        ),
    ];
    for (scope, told) in table {
        let token = asked(&world, scope).await.json()["access_token"].clone();
        let answer = userinfo(&world, token.as_str().unwrap()).await.expect(200);
        answer.expect_no_store();
        assert_eq!(answer.json(), told, "{scope}");
    }
}

#[tokio::test]
async fn userinfo_needs_a_good_token_in_the_header() {
    let world = World::start().await;
    let none = world.http.get("/userinfo").await.expect(401);
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));
    let token = asked(&world, "openid").await.json()["access_token"].clone();
    let token = token.as_str().unwrap();
    let _ = world.http.get(&format!("/userinfo?access_token={token}")).await.expect(401);
    let other = world.tokens(&world.app().await).await.access;
    let scope = userinfo(&world, &other).await.expect(403);
    assert!(scope.header("www-authenticate").unwrap().contains("insufficient_scope"));
    world.pass(900);
    for bad in [token, "x"] {
        let answer = userinfo(&world, bad).await.expect(401);
        assert!(answer.header("www-authenticate").unwrap().contains("invalid_token"));
    }
}

#[tokio::test]
async fn the_scope_of_an_identity_stays_through_a_refresh() {
    let world = World::start().await;
    let client = world.app().await;
    let request = world.request(&client).with("scope", "openid mcp");
    let callback = world.go(&mut world.browser(), &request.url(), "alice").await;
    let code = query(&callback, "code").unwrap();
    let first = world.token(&redemption(&client, &request, &code)).await.expect(200).json();
    let refresh = first["refresh_token"].as_str().unwrap();
    let next = world.token(&refreshing(&client, refresh)).await.expect(200).json();
    assert_eq!(next["scope"], "mcp openid");
    let _ = userinfo(&world, next["access_token"].as_str().unwrap()).await.expect(200);
    let narrowed =
        with(refreshing(&client, next["refresh_token"].as_str().unwrap()), "scope", "mcp");
    let narrowed = world.token(&narrowed).await.expect(200).json();
    let _ = userinfo(&world, narrowed["access_token"].as_str().unwrap()).await.expect(403);
}
