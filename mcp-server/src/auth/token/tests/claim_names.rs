//! Claims that bear the names that an operator has set, and no others.

use serde_json::json;

use super::{super::Claims, *};

fn judged(setting: (&'static str, &'static str), changes: &Value) -> Result<Validated, Inactive> {
    let policy = policy(&Env::from([
        ("AUTH_SERVER_URL", "https://as.example"),
        ("BASE_URI", "https://mcp.example"),
        setting,
    ]));
    let mut claims = json!({
        "iss": "https://as.example", "aud": "https://mcp.example/mcp", "exp": at(300),
        "sub": "alice", "client_id": "usual", "username": "usual", "scope": "usual",
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let claims = Claims::of_token(claims.to_string().as_bytes()).unwrap();
    policy.judge(&claims, Said::ByToken, NOW)
}

#[test]
fn the_first_client_claim_that_is_there_names_the_client() {
    let setting = ("MCP_AUTH_CLIENT_CLAIMS", "app agent");
    let client = |changes| judged(setting, &changes).unwrap().principal.client.clone();
    assert_eq!(client(json!({ "app": "one", "agent": "two" })).as_deref(), Some("one"));
    assert_eq!(client(json!({ "agent": "two" })).as_deref(), Some("two"));
    assert_eq!(client(json!({})), None);
    assert_eq!(judged(setting, &json!({ "app": 7, "agent": "two" })), Err(Inactive::WrongType));
}

#[test]
fn the_first_username_claim_that_is_there_is_shown() {
    let setting = ("MCP_AUTH_USERNAME_CLAIMS", "nick shown");
    let username = |changes| judged(setting, &changes).unwrap().principal.username.clone();
    assert_eq!(username(json!({ "nick": "Al", "shown": "Alice" })).as_deref(), Some("Al"));
    assert_eq!(username(json!({ "shown": "Alice" })).as_deref(), Some("Alice"));
    assert_eq!(username(json!({})), None);
}

#[test]
fn every_scope_claim_is_read() {
    let setting = ("MCP_AUTH_SCOPE_CLAIMS", "perms resource.roles");
    let scopes = |changes| judged(setting, &changes).unwrap().principal.scopes.clone();
    let both = scopes(json!({ "perms": "mcp read", "resource": { "roles": ["write"] } }));
    assert!(both.iter().eq(["mcp", "read", "write"]), "{both:?}");
    assert!(scopes(json!({})).is_empty());
}
