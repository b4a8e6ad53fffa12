//! Keys: which are used, which are left out, and for what.

use serde_json::json;

use super::*;

fn claims() -> Value {
    json!({
        "iss": "https://as.example", "aud": "https://mcp.example/mcp", "exp": at(300),
        "sub": "alice", "client_id": "c",
    })
}

fn strict() -> Policy {
    policy(&Env::from([
        ("AUTH_SERVER_URL", "https://as.example"),
        ("BASE_URI", "https://mcp.example"),
    ]))
}

#[test]
fn every_kind_of_key_signs_with_the_algorithms_that_fit_it() {
    let all = [Signer::rsa(), Signer::p256(), Signer::p384(), Signer::ed25519()];
    for signer in all {
        let header = json!({ "alg": format!("{:?}", signer.algorithm), "kid": signer.kid });
        let token = signer.token(&header, &claims());
        assert!(check(&token, &strict(), &keys()).is_ok(), "{header}");
    }
    let wide = Signer { algorithm: Algorithm::PS512, ..Signer::rsa() };
    let mut without = wide.jwk();
    without.as_object_mut().unwrap().remove("alg");
    let set = KeySet::parse(json!({ "keys": [without] }).to_string().as_bytes()).unwrap();
    let token = wide.token(&json!({ "alg": "PS512", "kid": "rsa" }), &claims());
    assert!(check(&token, &strict(), &set).is_ok());
}

#[test]
fn a_key_without_a_name_is_used_if_it_is_the_only_one_that_fits() {
    let token = Signer::p256().token(&json!({ "alg": "ES256" }), &claims());
    assert!(check(&token, &strict(), &keys()).is_ok());
    let mut twin = Signer::p256().jwk();
    twin["kid"] = json!("twin");
    let two = json!({ "keys": [Signer::p256().jwk(), twin] }).to_string();
    let two = KeySet::parse(two.as_bytes()).unwrap();
    assert_eq!(check(&token, &strict(), &two), Err(Inactive::Key));
}

#[test]
fn keys_for_other_uses_are_left_out_and_harm_nobody() {
    assert_eq!(keys().len(), 4);
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, "<html>"] {
        assert!(KeySet::parse(text.as_bytes()).is_none(), "{text}");
    }
    let many = vec![Signer::p256().jwk(); 1000];
    let many = KeySet::parse(json!({ "keys": many }).to_string().as_bytes()).unwrap();
    assert_eq!(many.len(), 64);
}

#[test]
fn a_set_that_does_not_know_a_name_may_be_an_old_one() {
    let policy = strict();
    let token = Signer::p256().token(&json!({ "alg": "ES256", "kid": "next" }), &claims());
    let jws = Jws::parse(&token, &policy).unwrap();
    assert_eq!(keys().check(&jws), Ok(Signed::UnknownKey));
}

#[test]
fn a_key_that_is_too_short_signs_nothing() {
    // 1024 bits; the signature is good and the claims are, so nothing else is wrong with it.
    let token = include_str!("../../../../tests/keys/weak.jwt").trim();
    let jws = Jws::parse(token, &strict()).unwrap();
    assert!(strict().judge(jws.claims(), Said::ByToken, NOW).is_ok());
    let set = format!(r#"{{"keys":[{}]}}"#, include_str!("../../../../tests/keys/weak.jwk"));
    let set = KeySet::parse(set.as_bytes()).unwrap();
    assert_eq!(check(token, &strict(), &set), Err(Inactive::Signature));
}
