//! Nonces in proofs of possession (RFC 9449 section 8), where the operator wants them.

use serde_json::json;
use testkit::{dpop::ProofKey, http::Answer, oauth::query};

use crate::{
    dpop::{bound, post, userinfo},
    support::{World, redemption, refreshing},
};

const SETTING: (&str, &str) = ("AUTH_DPOP_NONCE", "1");

fn proof(world: &World, key: &ProofKey, path: &str, nonce: Option<&str>) -> String {
    let draft = key.draft("POST", &format!("{}{path}", world.issuer), world.clock.now());
    nonce.into_iter().fold(draft, |draft, nonce| draft.claim("nonce", json!(nonce))).sign()
}

/// The nonce that comes with a refusal for want of one.
#[track_caller]
fn told(answer: &Answer) -> String {
    answer.expect_oauth_error(400, "use_dpop_nonce");
    answer.header("dpop-nonce").expect("a nonce").to_owned()
}

#[tokio::test]
async fn a_proof_without_a_nonce_is_told_one_and_spends_nothing() {
    let world = World::with(&[SETTING]).await;
    let (client, key) = (world.app().await, ProofKey::p256());
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    let nonce =
        told(&post(&world.http, "/token", &form, &proof(&world, &key, "/token", None)).await);
    let proof = proof(&world, &key, "/token", Some(&nonce));
    let answer = post(&world.http, "/token", &form, &proof).await;
    bound(&answer);
    assert_eq!(answer.header("dpop-nonce"), Some(&*nonce));
}

#[tokio::test]
async fn the_nonce_of_one_instance_counts_at_the_other_until_it_is_old() {
    let world = World::with(&[SETTING]).await;
    let other = world.another(&[SETTING]).await;
    let (client, key) = (world.confidential().await, ProofKey::p256());
    let refresh = world.tokens(&client).await.refresh.unwrap();
    let form = refreshing(&client, &refresh);
    let nonce =
        told(&post(&world.http, "/token", &form, &proof(&world, &key, "/token", None)).await);
    for (seconds, counts) in [(0, true), (120, true), (120, false)] {
        world.pass(seconds);
        let proof = proof(&world, &key, "/token", Some(&nonce));
        let answer = post(&other, "/token", &form, &proof).await;
        if counts {
            // The grace for a token that was redeemed has passed by the second time.
            assert_ne!(answer.json()["error"], "use_dpop_nonce", "{answer}");
        } else {
            assert_ne!(told(&answer), nonce);
        }
    }
}

#[tokio::test]
async fn a_nonce_of_nobody_counts_nowhere() {
    let world = World::with(&[SETTING]).await;
    let (client, key) = (world.app().await, ProofKey::p256());
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    for nonce in ["", "0", "00000000000000000000000000000000"] {
        let proof = proof(&world, &key, "/token", Some(nonce));
        told(&post(&world.http, "/token", &form, &proof).await);
    }
    let form: Vec<_> = request.query.iter().map(|(name, value)| (&**name, &**value)).collect();
    let nonce = told(&post(&world.http, "/par", &form, &proof(&world, &key, "/par", None)).await);
    let proof = proof(&world, &key, "/par", Some(&nonce));
    let _ = post(&world.http, "/par", &form, &proof).await.expect(201);
}

#[tokio::test]
async fn at_userinfo_the_challenge_asks_for_it() {
    let world = World::with(&[SETTING]).await;
    let (client, key) = (world.app().await, ProofKey::p256());
    let request = world.request(&client).with("scope", "openid");
    let callback = world.go(&mut world.browser(), &request.url(), "alice").await;
    let code = query(&callback, "code").unwrap();
    let form = redemption(&client, &request, &code);
    let nonce =
        told(&post(&world.http, "/token", &form, &proof(&world, &key, "/token", None)).await);
    let proof = proof(&world, &key, "/token", Some(&nonce));
    let tokens = bound(&post(&world.http, "/token", &form, &proof).await);
    let access = tokens["access_token"].as_str().unwrap();
    let url = format!("{}/userinfo", world.issuer);
    let draft = || key.draft("GET", &url, world.clock.now()).token(access);
    let ask = async |proof: String| userinfo(&world, &format!("DPoP {access}"), Some(&proof)).await;
    let refused = ask(draft().sign()).await.expect(401);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"use_dpop_nonce\""), "{challenge}");
    let nonce = json!(refused.header("dpop-nonce").unwrap());
    let _ = ask(draft().claim("nonce", nonce).sign()).await.expect(200);
}
