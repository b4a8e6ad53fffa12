//! Tokens that are bound to a key of the client (RFC 9449).

use ambient::{Clock, Secret};
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use store::{RedisOptions, Store};
use testkit::{
    dpop::ProofKey,
    http::{Answer, Http},
    oauth::query,
    redis::RedisServer,
};

use crate::{
    client_documents::Host,
    keys::read,
    log::Log,
    signer::Signer,
    support::{CALLBACK, World, redemption, refreshing},
};

fn proof(world: &World, key: &ProofKey, path: &str) -> String {
    key.proof("POST", &format!("{}{path}", world.issuer), world.clock.now())
}

pub(crate) async fn post(http: &Http, path: &str, form: &[(&str, &str)], proof: &str) -> Answer {
    http.send(http.request(Method::POST, path).header("dpop", proof).form(form)).await
}

/// A token request with a fresh proof.
async fn token(world: &World, form: &[(&str, &str)], key: &ProofKey) -> Answer {
    post(&world.http, "/token", form, &proof(world, key, "/token")).await
}

#[track_caller]
pub(crate) fn bound(answer: &Answer) -> Value {
    let tokens = answer.clone().expect(200).json();
    assert_eq!(tokens["token_type"], "DPoP", "{answer}");
    tokens
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

#[tokio::test]
async fn a_token_is_bound_to_the_key_that_was_shown() {
    let world = World::start().await;
    let (client, key) = (world.app().await, ProofKey::p256());
    let (request, code) = world.code(&client).await;
    let tokens = bound(&token(&world, &redemption(&client, &request, &code), &key).await);
    let told = world.introspect(text(&tokens, "access_token")).await;
    assert_eq!(told["cnf"], json!({ "jkt": key.thumbprint() }));
    assert_eq!(told["token_type"], "DPoP");
    let plain = world.tokens(&client).await;
    assert_eq!(world.introspect(&plain.access).await.get("cnf"), None);
}

/// RFC 9449 section 5: what a public client is given for a proof is bound to its key, the refresh token as
/// well, though it had none before.
#[tokio::test]
async fn a_public_client_that_shows_a_key_later_is_bound_to_it_from_then_on() {
    let world = World::start().await;
    let client = world.app().await;
    let unbound = world.tokens(&client).await.refresh.unwrap();
    let (key, form) = (ProofKey::p256(), refreshing(&client, &unbound));
    let first = bound(&token(&world, &form, &key).await);
    let refresh = refreshing(&client, text(&first, "refresh_token"));
    for form in [&refresh, &form] {
        world.token(form).await.expect_oauth_error(400, "invalid_grant");
        let other = token(&world, form, &ProofKey::p256()).await;
        other.expect_oauth_error(400, "invalid_grant");
    }
    // An answer that was lost comes again, to who has the key.
    assert_eq!(bound(&token(&world, &form, &key).await), first);
    bound(&token(&world, &refresh, &key).await);
}

#[tokio::test]
async fn a_public_client_refreshes_with_its_key_only() {
    let world = World::start().await;
    let (client, key) = (world.app().await, ProofKey::p256());
    let (request, code) = world.code(&client).await;
    let tokens = bound(&token(&world, &redemption(&client, &request, &code), &key).await);
    let refresh = refreshing(&client, text(&tokens, "refresh_token"));
    world.token(&refresh).await.expect_oauth_error(400, "invalid_grant");
    let thief = token(&world, &refresh, &ProofKey::p256()).await;
    thief.expect_oauth_error(400, "invalid_grant");
    let next = bound(&token(&world, &refresh, &key).await);
    let again = bound(&token(&world, &refresh, &key).await);
    assert_eq!(next["access_token"], again["access_token"], "within the grace");
    assert!(world.is_active(text(&next, "access_token")).await);
}

/// It is worth nothing to whoever has found it, so it says nothing about the login either.
#[tokio::test]
async fn a_used_token_without_its_key_ends_nothing_and_with_it_ends_the_login() {
    let (log, world) = (Log::keep(), World::start().await);
    let (client, key) = (world.app().await, ProofKey::p256());
    let (request, code) = world.code(&client).await;
    let tokens = bound(&token(&world, &redemption(&client, &request, &code), &key).await);
    let used = refreshing(&client, text(&tokens, "refresh_token"));
    let next = bound(&token(&world, &used, &key).await);
    world.pass(61);
    world.token(&used).await.expect_oauth_error(400, "invalid_grant");
    let thief = token(&world, &used, &ProofKey::p256()).await;
    thief.expect_oauth_error(400, "invalid_grant");
    assert!(world.is_active(text(&next, "access_token")).await);
    let told = |event| log.audit(event, Some(&client.id)).len();
    assert_eq!((told("token.foreign"), told("refresh.reused")), (2, 0));
    token(&world, &used, &key).await.expect_oauth_error(400, "invalid_grant");
    assert!(!world.is_active(text(&next, "access_token")).await);
    assert_eq!(told("refresh.reused"), 1);
}

#[tokio::test]
async fn a_client_with_a_secret_may_change_its_key() {
    let world = World::start().await;
    let client = world.confidential().await;
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    let tokens = bound(&token(&world, &form, &ProofKey::p256()).await);
    let other = ProofKey::ed25519();
    let refresh = refreshing(&client, text(&tokens, "refresh_token"));
    let next = bound(&token(&world, &refresh, &other).await);
    let told = world.introspect(text(&next, "access_token")).await;
    assert_eq!(told["cnf"]["jkt"], json!(other.thumbprint()));
}

#[tokio::test]
async fn a_proof_is_used_once_on_all_instances() {
    let world = World::start().await;
    let other = world.another(&[]).await;
    let (client, key) = (world.app().await, ProofKey::p256());
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    let proof = proof(&world, &key, "/token");
    bound(&post(&world.http, "/token", &form, &proof).await);
    let replayed = post(&other, "/token", &form, &proof).await;
    replayed.expect_oauth_error(400, "invalid_dpop_proof");
}

#[tokio::test]
async fn on_redis_one_instance_of_several_takes_a_proof() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let world = World::on(store, Clock::system()).await;
    let other = world.another(&[]).await;
    let (client, key) = (world.confidential().await, ProofKey::p256());
    let tokens = world.tokens(&client).await;
    let form = refreshing(&client, tokens.refresh.as_deref().unwrap());
    let proof = proof(&world, &key, "/token");
    let crowd = (0..16).map(|n| if n % 2 == 0 { &world.http } else { &other });
    let answers = join_all(crowd.map(|http| post(http, "/token", &form, &proof))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|it| it.status == 200);
    assert_eq!((taken.len(), refused.len()), (1, 15));
    for answer in refused {
        answer.expect_oauth_error(400, "invalid_dpop_proof");
    }
}

#[tokio::test]
async fn a_proof_that_does_not_hold_spends_nothing() {
    let world = World::start().await;
    let (client, key) = (world.app().await, ProofKey::p256());
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    let url = format!("{}/token", world.issuer);
    let draft = || key.draft("POST", &url, world.clock.now());
    let wrong = [
        draft().claim("htu", json!("https://evil.example/token")).sign(),
        draft().claim("htm", json!("GET")).sign(),
        draft().claim("iat", json!(1_700_000_000)).sign(),
        draft().header("alg", json!("none")).sign(),
        "nonsense".to_owned(),
    ];
    for proof in wrong {
        let refused = post(&world.http, "/token", &form, &proof).await;
        refused.expect_oauth_error(400, "invalid_dpop_proof");
    }
    let twice = world.http.request(Method::POST, "/token").header("dpop", draft().sign());
    let twice = world.http.send(twice.header("dpop", draft().sign()).form(&form)).await;
    twice.expect_oauth_error(400, "invalid_dpop_proof");
    bound(&token(&world, &form, &key).await);
}

#[tokio::test]
async fn a_code_can_be_bound_to_the_key_beforehand() {
    let world = World::start().await;
    let (client, key) = (world.app().await, ProofKey::p256());
    let request = world.request(&client).with("dpop_jkt", &key.thumbprint());
    let callback = world.go(&mut world.browser(), &request.url(), "alice").await;
    let code = query(&callback, "code").unwrap();
    let form = redemption(&client, &request, &code);
    world.token(&form).await.expect_oauth_error(400, "invalid_grant");
    let thief = token(&world, &form, &ProofKey::p256()).await;
    thief.expect_oauth_error(400, "invalid_grant");
    bound(&token(&world, &form, &key).await);
}

#[tokio::test]
async fn a_proof_beside_a_pushed_request_binds_its_code() {
    let world = World::start().await;
    let (client, key) = (world.app().await, ProofKey::p256());
    let request = world.request(&client);
    let form: Vec<_> = request.query.iter().map(|(name, value)| (&**name, &**value)).collect();
    let taken = post(&world.http, "/par", &form, &proof(&world, &key, "/par")).await;
    let uri = text(&taken.expect(201).json(), "request_uri").to_owned();
    let url = format!("{}/authorize?client_id={}&request_uri={uri}", world.issuer, client.id);
    let callback = world.go(&mut world.browser(), &url, "alice").await;
    let code = query(&callback, "code").unwrap();
    let form = redemption(&client, &request, &code);
    world.token(&form).await.expect_oauth_error(400, "invalid_grant");
    bound(&token(&world, &form, &key).await);
    let other = request.with("dpop_jkt", &ProofKey::p256().thumbprint());
    let form: Vec<_> = other.query.iter().map(|(name, value)| (&**name, &**value)).collect();
    let refused = post(&world.http, "/par", &form, &proof(&world, &key, "/par")).await;
    refused.expect_oauth_error(400, "invalid_request");
}

#[tokio::test]
async fn a_signed_token_says_which_key_it_is_bound_to() {
    let world = World::with(&[("AUTH_TOKEN_FORMAT", "jwt")]).await;
    let (client, key) = (world.app().await, ProofKey::p256());
    let (request, code) = world.code(&client).await;
    let tokens = bound(&token(&world, &redemption(&client, &request, &code), &key).await);
    let (_, claims) = read(&world.http, text(&tokens, "access_token")).await.unwrap();
    assert_eq!(claims["cnf"], json!({ "jkt": key.thumbprint() }));
    let (_, plain) = read(&world.http, &world.tokens(&client).await.access).await.unwrap();
    assert_eq!(plain.get("cnf"), None);
}

#[tokio::test]
async fn a_bound_token_is_no_bearer_token_at_userinfo() {
    let world = World::start().await;
    let (client, key) = (world.app().await, ProofKey::p256());
    let request = world.request(&client).with("scope", "openid");
    let callback = world.go(&mut world.browser(), &request.url(), "alice").await;
    let code = query(&callback, "code").unwrap();
    let tokens = bound(&token(&world, &redemption(&client, &request, &code), &key).await);
    let access = text(&tokens, "access_token");
    let url = format!("{}/userinfo", world.issuer);
    let by = |key: &ProofKey| key.draft("GET", &url, world.clock.now()).token(access).sign();
    let good = by(&key);
    let table = [
        ("Bearer", Some(good.clone()), 401),
        ("DPoP", None, 401),
        ("DPoP", Some(by(&ProofKey::p256())), 401),
        ("DPoP", Some(key.proof("GET", &url, world.clock.now())), 401),
        ("DPoP", Some(good.clone()), 200),
        ("DPoP", Some(good), 401),
    ];
    for (scheme, proof, status) in table {
        let answer = userinfo(&world, &format!("{scheme} {access}"), proof.as_deref()).await;
        assert_eq!(answer.status, status, "{scheme} {answer}");
        let challenge = answer.header("www-authenticate").unwrap_or("DPoP algs=");
        assert!(challenge.starts_with("DPoP algs="), "{challenge}");
    }
    let (request, code) = world.code(&client).await;
    let tokens = bound(&token(&world, &redemption(&client, &request, &code), &key).await);
    let access = text(&tokens, "access_token");
    let proof = key.draft("GET", &url, world.clock.now()).token(access).sign();
    let lacking = userinfo(&world, &format!("DPoP {access}"), Some(&proof)).await.expect(403);
    let challenge = lacking.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("DPoP algs=") && challenge.contains("insufficient_scope"));
}

pub(crate) async fn userinfo(world: &World, credentials: &str, proof: Option<&str>) -> Answer {
    let request = world.http.request(Method::GET, "/userinfo").header("authorization", credentials);
    world.http.send(proof.into_iter().fold(request, |request, it| request.header("dpop", it))).await
}

#[tokio::test]
async fn a_token_without_a_key_is_no_bound_token() {
    let world = World::start().await;
    let plain = world.tokens(&world.app().await).await.access;
    let answer = userinfo(&world, &format!("DPoP {plain}"), None).await.expect(401);
    assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer "), "{answer}");
    // Who speaks of a key is answered in the same words (RFC 9449 section 7.1).
    let answer = userinfo(&world, &format!("DPoP {}", "x".repeat(plain.len())), None).await;
    assert!(answer.expect(401).header("www-authenticate").unwrap().starts_with("DPoP algs="));
}

/// Its signature would tell the client from a thief, but it need not come with one.
#[tokio::test]
async fn a_client_that_may_leave_its_signature_away_refreshes_with_its_key_only() {
    let world = World::with(&[("AUTH_CIMD_ALLOW_PRIVATE", "1")]).await;
    let (host, key) = (Host::start().await, ProofKey::p256());
    let document = json!({
        "client_id": host.url, "client_name": "A", "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": Signer::new("a").set(),
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
    });
    host.set(200, &document);
    let client = host.client();
    let (request, code) = world.code(&client).await;
    let tokens = bound(&token(&world, &redemption(&client, &request, &code), &key).await);
    let refresh = refreshing(&client, text(&tokens, "refresh_token"));
    world.token(&refresh).await.expect_oauth_error(400, "invalid_grant");
    bound(&token(&world, &refresh, &key).await);
}

#[tokio::test]
async fn a_client_that_is_registered_for_it_always_shows_its_key() {
    let world = World::start().await;
    let metadata =
        json!({ "token_endpoint_auth_method": "none", "dpop_bound_access_tokens": true });
    let (client, key) = (world.app_with(metadata).await, ProofKey::p256());
    assert_eq!(client.registration["dpop_bound_access_tokens"], true);
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    world.token(&form).await.expect_oauth_error(400, "invalid_dpop_proof");
    bound(&token(&world, &form, &key).await);
}
