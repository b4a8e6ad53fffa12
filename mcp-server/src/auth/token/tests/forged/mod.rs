//! Every forgery that somebody has tried on somebody, in one table: each has a name, and each is
//! refused for the reason that is its own.

mod answers;
mod claims;
mod keys;
mod structure;

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

const HEADER: &str = r#"{"alg":"ES256","kid":"p256","typ":"at+jwt"}"#;

/// What is wrong with a token, why it is refused, and the token.
type Forgery = (String, Inactive, String);

fn forgery(name: impl Into<String>, why: Inactive, token: impl Into<String>) -> Forgery {
    (name.into(), why, token.into())
}

fn strict() -> Policy {
    policy(&Env::from([
        ("AUTH_SERVER_URL", "https://as.example"),
        ("BASE_URI", "https://mcp.example"),
        ("MCP_AUTH_ALLOWED_CLIENTS", "c"),
        ("MCP_AUTH_REQUIRED_CLAIMS", "tenant=t"),
    ]))
}

fn payload() -> Value {
    json!({
        "iss": "https://as.example", "aud": "https://mcp.example/mcp", "exp": at(300), "iat": at(-1),
        "sub": "alice", "client_id": "c", "scope": "mcp", "jti": "j", "tenant": "t",
    })
}

/// A token of the issuer, signed as it should be, with this payload.
fn signed(payload: &Value) -> String {
    Signer::p256().sign(HEADER.as_bytes(), payload.to_string().as_bytes())
}

/// A token of the issuer, all of it right but one claim.
fn claim(name: &str, value: Value) -> String {
    let mut payload = payload();
    payload[name] = value;
    signed(&payload)
}

fn without(name: &str) -> String {
    let mut payload = payload();
    payload.as_object_mut().unwrap().remove(name);
    signed(&payload)
}

/// A token of the issuer under another header.
fn header(header: &Value) -> String {
    Signer::p256().token(header, &payload())
}

fn good() -> String {
    signed(&payload())
}

fn parts(token: &str) -> Vec<&str> {
    token.split('.').collect()
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn all() -> Vec<Forgery> {
    [structure::all(), keys::all(), claims::all()].into_iter().flatten().collect()
}

#[test]
fn the_token_that_all_others_are_made_of_is_good() {
    let validated = check(&good(), &strict(), &super::keys()).unwrap();
    assert_eq!(validated.principal.user.as_deref(), Some("alice"));
    assert_eq!(validated.expires_at, NOW + std::time::Duration::from_secs(330));
}

#[test]
fn every_forged_token_is_refused_for_what_is_wrong_with_it() {
    let (policy, keys) = (strict(), super::keys());
    let wrong: Vec<_> = all()
        .into_iter()
        .filter_map(|(name, why, token)| {
            let found = check(&token, &policy, &keys);
            (found != Err(why)).then(|| format!("{name}: {found:?}, not {why:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn there_are_many_kinds_of_forgery_and_each_has_a_name() {
    let all = all();
    let names: BTreeSet<_> = all.iter().map(|(name, ..)| name).collect();
    assert_eq!(names.len(), all.len(), "two have one name");
    assert!(all.len() >= 180, "{}", all.len());
    let reasons = all.iter().map(|(_, why, _)| format!("{why:?}")).collect::<BTreeSet<_>>();
    assert!(reasons.len() >= 18, "{reasons:?}");
}

#[test]
fn a_forged_token_is_refused_whatever_else_is_accepted() {
    // Nothing that an operator can allow makes a good token of one that is none.
    let mut wide = policy(&Env::from([
        ("AUTH_SERVER_URL", "https://as.example"),
        ("BASE_URI", "https://mcp.example"),
        ("MCP_AUTH_TOKEN_TYPES", "- jwt at+jwt"),
        ("MCP_AUTH_CLOCK_SKEW", "120"),
        ("MCP_AUTH_USER_CLAIM", "uid oid sub"),
    ]));
    // Settings refuse these, and what checks tokens does so for itself.
    wide.token_types.extend(["dpop+jwt", "logout+jwt", "secevent+jwt"].map(str::to_owned));
    let keys = super::keys();
    for (name, why, token) in [structure::all(), keys::all()].into_iter().flatten() {
        assert!(check(&token, &wide, &keys).is_err(), "{name}, which is {why:?} elsewhere");
    }
}

#[test]
fn a_token_that_is_bound_to_a_key_says_so() {
    let token = claim("cnf", json!({ "jkt": "thumbprint" }));
    let validated = check(&token, &strict(), &super::keys()).unwrap();
    assert_eq!(validated.confirmation.as_deref(), Some(&json!({ "jkt": "thumbprint" })));
}

#[test]
fn an_encrypted_token_is_told_from_an_opaque_one_with_dots() {
    let header = encode(r#"{"alg":"dir","enc":"A256GCM"}"#);
    assert!(super::super::looks_encrypted(&format!("{header}..iv.text.tag")));
    assert!(!super::super::looks_encrypted("a.b.c.d.e"));
    assert!(super::super::looks_signed(&good()));
    assert!(!super::super::looks_signed("a.b.c"));
}
