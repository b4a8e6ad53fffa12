//! Claims that must not be believed although their issuer has signed them.

use super::*;

pub(super) fn all() -> Vec<Forgery> {
    let tables = [issuers(), audiences(), missing(), times(), ends(), kinds(), people(), grants()];
    tables.into_iter().flatten().collect()
}

/// One forgery for each value of a claim.
fn each(claim_name: &str, why: Inactive, values: impl IntoIterator<Item = Value>) -> Vec<Forgery> {
    let one = |value: Value| {
        let mut shown = value.to_string();
        shown.truncate(60);
        forgery(format!("{claim_name}: {shown}"), why, claim(claim_name, value))
    };
    values.into_iter().map(one).collect()
}

fn issuers() -> Vec<Forgery> {
    let others = [
        json!("https://as.example/"),
        json!("https://AS.example"),
        json!("http://as.example"),
        json!("https://as.example:443"),
        json!("https://as.example.evil.example"),
        json!("https://as.example@evil.example"),
        json!("https://as.example\n"),
        json!(" https://as.example"),
        json!(""),
    ];
    let no_texts = [
        json!(["https://as.example"]),
        json!({ "x": "https://as.example" }),
        json!(null),
        json!(7),
    ];
    [each("iss", Inactive::Issuer, others), each("iss", Inactive::WrongType, no_texts)].concat()
}

fn audiences() -> Vec<Forgery> {
    let others = [
        json!("https://other.example/mcp"),
        json!("https://mcp.example"),
        json!("https://mcp.example/mcp/x"),
        json!("https://mcp.example/MCP"),
        json!("https://mcp.example/mcp//"),
        json!("https://mcp.example/mcp?x"),
        json!("https://mcp.example/mcp#x"),
        json!("https://mcp.example/mcp https://other.example"),
        json!("https://mcp.example:443/mcp"),
        json!("https://mcp.example@evil.example/mcp"),
        json!("https://mcp.example.evil.example/mcp"),
        json!("http://mcp.example/mcp"),
        json!("*"),
        json!([]),
        json!(""),
    ];
    let no_texts = [
        json!([["https://mcp.example/mcp"]]),
        json!(["https://mcp.example/mcp", 7]),
        json!({ "https://mcp.example/mcp": true }),
        json!(null),
        json!(true),
    ];
    [each("aud", Inactive::Audience, others), each("aud", Inactive::WrongType, no_texts)].concat()
}

fn missing() -> Vec<Forgery> {
    let reasons = [
        ("iss", Inactive::Issuer),
        ("aud", Inactive::Audience),
        ("exp", Inactive::NoExpiry),
        ("client_id", Inactive::Client),
        ("tenant", Inactive::RequiredClaim),
    ];
    reasons.map(|(name, why)| forgery(format!("no {name}"), why, without(name))).into()
}

/// What is no time is no time anywhere, and never an absence (CVE-2026-25537).
fn times() -> Vec<Forgery> {
    let no_times = || {
        [
            json!("soon"),
            json!(at(300).to_string()),
            json!(null),
            json!(true),
            json!([at(300)]),
            json!({}),
            json!(-1),
            json!(0),
            json!(1e300),
        ]
    };
    ["exp", "nbf", "iat"]
        .into_iter()
        .flat_map(|name| each(name, Inactive::WrongType, no_times()))
        .collect()
}

fn ends() -> Vec<Forgery> {
    let past = [-30, -31, -86_400].map(|seconds| json!(at(seconds)));
    // In milliseconds, as JavaScript counts; and longer than anything should live.
    let far = [json!(at(300) * 1000), json!(at(8 * 86_400))];
    [
        each("exp", Inactive::Expired, past),
        each("exp", Inactive::Expired, [json!(1)]),
        each("exp", Inactive::LivesTooLong, far),
        each("nbf", Inactive::NotYet, [json!(at(31))]),
        each("iat", Inactive::NotYet, [json!(at(31))]),
    ]
    .concat()
}

/// Tokens of the same issuer, under the same key, that are no access tokens.
fn kinds() -> Vec<Forgery> {
    let logout = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    let is_other = |name: &str, value: Value| each(name, Inactive::NotAccessToken, [value]);
    let kinds = ["ID", "id", "Refresh", "Logout", "Offline", "Serialized-ID"];
    [
        is_other("nonce", json!("n")),
        is_other("nonce", json!(null)),
        is_other("at_hash", json!("h")),
        is_other("c_hash", json!("h")),
        is_other("events", logout),
        is_other("token_use", json!("id")),
        each("typ", Inactive::NotAccessToken, kinds.map(|kind| json!(kind))),
        each("token_use", Inactive::RefreshToken, [json!("refresh"), json!("refresh_token")]),
        each("token_type", Inactive::RefreshToken, [json!("refresh_token")]),
        each("token_use", Inactive::WrongType, [json!(7), json!(null)]),
        each("typ", Inactive::WrongType, [json!(["Bearer"])]),
        each("cnf", Inactive::WrongType, [json!("x"), json!(null), json!([{ "jkt": "x" }])]),
    ]
    .concat()
}

fn people() -> Vec<Forgery> {
    let improper = [
        json!(""),
        json!("a\u{0}b"),
        json!("a\nb"),
        json!("a\u{7f}b"),
        json!("a\u{85}b"),
        json!("x".repeat(256)),
    ];
    let no_texts = || [json!(7), json!(null), json!(["alice"]), json!({ "name": "alice" })];
    [
        each("sub", Inactive::ImproperName, improper),
        each("sub", Inactive::WrongType, no_texts()),
        each("client_id", Inactive::WrongType, no_texts()),
        each("client_id", Inactive::Client, [json!("other"), json!(""), json!("C"), json!("c ")]),
        each("tenant", Inactive::RequiredClaim, [json!("T"), json!(["t"]), json!(null), json!("")]),
    ]
    .concat()
}

fn grants() -> Vec<Forgery> {
    let no_words = [json!(7), json!({}), json!(null), json!(true), json!([7]), json!([["mcp"]])];
    each("scope", Inactive::WrongType, no_words)
}

#[test]
fn who_names_neither_a_user_nor_a_client_is_nobody() {
    let open = policy(&Env::from([
        ("AUTH_SERVER_URL", "https://as.example"),
        ("BASE_URI", "https://mcp.example"),
    ]));
    let mut payload = payload();
    for name in ["sub", "client_id"] {
        payload.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(check(&signed(&payload), &open, &super::super::keys()), Err(Inactive::Nobody));
    payload["client_id"] = json!("a\u{0}b");
    let found = check(&signed(&payload), &open, &super::super::keys());
    assert_eq!(found, Err(Inactive::ImproperName));
}
