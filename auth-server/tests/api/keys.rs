//! `/jwks`, and access tokens that are signed.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::http::Http;

use crate::support::{RESOURCE, World, refreshing};

/// What a stranger reads in a signed token, with the public keys alone; none if it is not ours.
pub(crate) async fn read(http: &Http, token: &str) -> Option<(Value, Value)> {
    read_at(http, "/jwks", token).await
}

/// The same, with the keys at this address.
pub(crate) async fn read_at(http: &Http, jwks: &str, token: &str) -> Option<(Value, Value)> {
    let set = http.get(jwks).await.expect(200).json();
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(set).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(set.find(header.kid.as_ref()?)?).unwrap();
    let mut validation = jsonwebtoken::Validation::new(header.alg);
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let claims = jsonwebtoken::decode(token, &key, &validation).ok()?.claims;
    Some((json!(header), claims))
}

async fn signing() -> World {
    World::with(&[("AUTH_TOKEN_FORMAT", "jwt")]).await
}

#[tokio::test]
async fn the_keys_may_be_kept_until_the_next_one_signs_and_have_no_private_part() {
    let world = World::start().await;
    let answer = world.http.get("/jwks").await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=290"));
    let key = answer.json()["keys"][0].clone();
    let names: BTreeSet<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["alg", "crv", "kid", "kty", "use", "x", "y"]));
    assert_eq!((&key["alg"], &key["use"]), (&json!("ES256"), &json!("sig")));
}

#[tokio::test]
async fn two_instances_have_one_key() {
    let world = World::start().await;
    let other = world.another(&[]).await;
    let (one, two) = tokio::join!(world.http.get("/jwks"), other.get("/jwks"));
    assert_eq!(one.json(), two.json());
}

#[tokio::test]
async fn a_signed_token_says_what_rfc_9068_demands() {
    let world = signing().await;
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    let (header, claims) = read(&world.http, &tokens.access).await.unwrap();
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
    let told = world.introspect(&tokens.access).await;
    let expected = json!({
        "iss": world.issuer, "sub": "alice", "aud": RESOURCE, "client_id": client.id,
        "iat": 1_800_000_000, "exp": 1_800_000_900, "auth_time": 1_800_000_000,
        "scope": "mcp notes", "jti": told["jti"],
    });
    assert_eq!(claims, expected);
    for name in ["iss", "sub", "aud", "client_id", "iat", "exp", "scope"] {
        assert_eq!(told[name], claims[name], "{name}");
    }
}

#[tokio::test]
async fn a_signed_token_is_revoked_and_ends_like_any_other() {
    let world = signing().await;
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    let refresh = tokens.refresh.clone().unwrap();
    let next = world.token(&refreshing(&client, &refresh)).await.expect(200).json();
    let next = next["access_token"].as_str().unwrap();
    let form = [("token", &*tokens.access), ("client_id", &client.id)];
    let _ = world.http.post_form("/revoke", &form).await.expect(200);
    assert!(!world.is_active(&tokens.access).await && world.is_active(next).await);
    world.pass(900);
    assert!(!world.is_active(next).await);
}

#[tokio::test]
async fn a_signed_token_that_was_changed_is_none_of_ours() {
    let world = signing().await;
    let access = world.tokens(&world.app().await).await.access;
    let (front, signature) = access.rsplit_once('.').unwrap();
    let (head, claims) = front.split_once('.').unwrap();
    // {"alg":"none"} and the same claims.
    for forged in [format!("eyJhbGciOiJub25lIn0.{claims}."), format!("{head}.{claims}.AAAA")] {
        assert!(!world.is_active(&forged).await, "{forged}");
    }
    assert!(!world.is_active(&format!("{head}.e30.{signature}")).await);
    assert!(world.is_active(&access).await);
}

#[tokio::test]
async fn who_has_another_secret_tells_the_same_keys() {
    let world = signing().await;
    let access = world.tokens(&world.app().await).await.access;
    let other = world.another(&[("AUTH_SECRET", "another secret of at least 32 letters")]).await;
    assert_eq!(other.get("/jwks").await.json(), world.http.get("/jwks").await.json());
    assert!(read(&other, &access).await.is_some());
}
