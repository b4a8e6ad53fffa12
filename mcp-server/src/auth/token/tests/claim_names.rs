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

#[test]
fn a_user_whom_none_of_the_claims_names_does_not_become_the_client() {
    let setting = ("MCP_AUTH_USER_CLAIM", "email oid");
    let who = |changes| {
        let principal = judged(setting, &changes)?.principal;
        Ok((principal.user.clone(), principal.client.clone()))
    };
    let user = |name: &str| Ok((Some(name.to_owned()), Some("usual".to_owned())));
    let client = Ok((None, Some("usual".to_owned())));
    assert_eq!(who(json!({ "email": "a@b.example" })), user("a@b.example"));
    assert_eq!(who(json!({ "oid": "o" })), user("o"));
    for nobody in [json!({}), json!({ "sub": "bob" }), json!({ "sub": "" })] {
        assert_eq!(who(nobody.clone()), Err(Inactive::UserClaim), "{nobody}");
    }
    // The client for itself, as its subject or by a mark says.
    for own in [
        json!({ "sub": "usual" }),
        json!({ "sub": "usual@clients" }),
        json!({ "gty": "client-credentials" }),
        json!({ "idtyp": "app" }),
        json!({ "sub": "usual", "email": "a@b.example" }),
    ] {
        assert_eq!(who(own.clone()), client, "{own}");
    }
    for other in [json!({ "sub": "other@clients" }), json!({ "sub": "usual@clients.example" })] {
        assert_eq!(who(other.clone()), Err(Inactive::UserClaim), "{other}");
    }
}

#[test]
fn a_user_whom_an_answer_without_subject_names_does_not_become_the_client() {
    let policy = policy(&Env::from([
        ("AUTH_SERVER_URL", "https://as.example"),
        ("BASE_URI", "https://mcp.example"),
        ("MCP_AUTH_USER_CLAIM", "email"),
    ]));
    let said = |more: &str| {
        let audience = r#""aud":"https://mcp.example/mcp""#;
        let answer = format!(r#"{{"active":true,"client_id":"c",{audience}{more}}}"#);
        policy.judge(&Claims::of_answer(answer.as_bytes()).unwrap(), Said::ByServer, NOW)
    };
    assert_eq!(said(r#","username":"alice""#), Err(Inactive::UserClaim));
    for nobody in [
        "",
        r#","sub":null,"username":null"#,
        r#","sub":"c","username":"App""#,
        r#","username":"c""#,
    ] {
        assert_eq!(said(nobody).unwrap().principal.user, None, "{nobody}");
    }
}
