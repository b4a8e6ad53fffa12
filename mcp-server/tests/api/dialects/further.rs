//! What providers say in their other ways: signed where they are usually asked, asked where their
//! tokens say little, and under another of their issuers.

use serde_json::{Value, json};

use super::{
    RESOURCE,
    table::{Dialect, at},
};

const RS256: &str = "RS256";

pub(super) fn all() -> Vec<Dialect> {
    [signed(), renamed(), asked(), by_the_book()].into_iter().flatten().collect()
}

/// Checked by their signatures.
fn signed() -> Vec<Dialect> {
    let by_signature = ("MCP_AUTH_VALIDATION", "jwt");
    vec![
        hydra(&json!({ "scp": ["openid", "mcp"] })),
        hydra(&json!({ "scp": ["openid", "mcp"], "scope": "openid mcp" })),
        Dialect {
            name: "workos",
            more: vec![by_signature],
            header: Some(json!({ "alg": RS256 })),
            claims: json!({
                "iss": "https://example.authkit.app", "aud": "client_01ENVIRONMENT",
                "sub": "user_01ALICE", "client_id": "client_01APP", "org_id": "org", "sid": "s",
                "scope": "openid mcp", "jti": "j", "exp": at(300), "iat": at(-1),
            }),
            user: "user_01ALICE",
            client: "client_01APP",
            scope: Some("mcp"),
            wrong: vec![("aud", json!("client_01APP"))],
            ..Dialect::default()
        },
        Dialect {
            name: "stytch",
            more: vec![by_signature],
            header: Some(json!({ "alg": RS256, "typ": "JWT" })),
            claims: json!({
                "iss": "https://project.customers.stytch.com", "sub": "user-1", "jti": "j",
                "aud": ["project-live-1"], "client_id": "app", "scope": "openid mcp",
                "exp": at(3600), "iat": at(-1), "nbf": at(-1),
            }),
            user: "user-1",
            client: "app",
            scope: Some("mcp"),
            // What an ID token of the same user has.
            wrong: vec![("aud", json!(["app"])), ("aud", json!(["project-live-2"]))],
            ..Dialect::default()
        },
    ]
}

/// With other names in the token, or another issuer.
fn renamed() -> Vec<Dialect> {
    let auth0 = "https://tenant.eu.auth0.com/";
    vec![
        Dialect {
            name: "auth0",
            header: Some(json!({ "alg": RS256, "typ": "at+jwt" })),
            claims: json!({
                "iss": auth0, "sub": "auth0|alice", "client_id": "client1", "iat": at(-1),
                "exp": at(86_400), "aud": [RESOURCE, format!("{auth0}userinfo")], "jti": "j",
                "scope": "openid profile", "permissions": ["mcp"],
            }),
            user: "auth0|alice",
            client: "client1",
            scope: Some("mcp"),
            wrong_header: vec![("typ", Value::Null), ("typ", json!("id_token+jwt"))],
            ..Dialect::default()
        },
        Dialect {
            name: "descope",
            header: Some(json!({ "alg": RS256, "typ": "JWT" })),
            claims: json!({
                "iss": "https://api.descope.com/v1/apps/P2abc", "sub": "U2alice", "azp": "app",
                "aud": ["P2abc", RESOURCE], "permissions": ["mcp"], "exp": at(600), "iat": at(-1),
            }),
            user: "U2alice",
            client: "app",
            scope: Some("mcp"),
            wrong: vec![("iss", json!("https://api.descope.com/v1/apps/P2abd"))],
            wrong_header: vec![("typ", json!("at+jwt")), ("typ", Value::Null)],
            ..Dialect::default()
        },
    ]
}

/// Hydra with `strategies.access_token: jwt`, which has the scopes where `strategies.jwt` says.
fn hydra(scopes: &Value) -> Dialect {
    let mut claims = json!({
        "iss": "https://hydra.example.com/", "sub": "alice", "client_id": "app", "ext": {},
        "aud": [RESOURCE], "jti": "j", "exp": at(3600), "iat": at(-1), "nbf": at(-1),
    });
    claims.as_object_mut().unwrap().extend(scopes.as_object().unwrap().clone());
    Dialect {
        name: "hydra",
        more: vec![("MCP_AUTH_VALIDATION", "jwt")],
        header: Some(json!({ "alg": RS256, "typ": "JWT" })),
        claims,
        user: "alice",
        client: "app",
        scope: Some("mcp"),
        wrong: vec![("scp", json!({ "mcp": true })), ("scp", json!([7]))],
        ..Dialect::default()
    }
}

/// Asked about, because nothing else can be done.
fn asked() -> Vec<Dialect> {
    let keycloak = "https://keycloak.example.com/realms/mcp";
    vec![
        // Its tokens look signed, and their keys are nobody's business.
        Dialect {
            name: "okta",
            more: vec![
                ("AUTH_SERVER_URL", "https://org.okta.com"),
                ("MCP_AUTH_AUDIENCE", "https://org.okta.com"),
                ("MCP_AUTH_VALIDATION", "introspection"),
            ],
            claims: json!({
                "active": true, "scope": "openid mcp", "username": "alice@example.com", "jti": "AT.x",
                "exp": at(3600), "iat": at(-1), "sub": "alice@example.com", "uid": "00ualice",
                "aud": "https://org.okta.com", "iss": "https://org.okta.com",
                "token_type": "Bearer", "client_id": "0oaclient",
            }),
            user: "00ualice",
            client: "0oaclient",
            scope: Some("mcp"),
            wrong: vec![("uid", json!(7))],
            ..Dialect::default()
        },
        // A lightweight token: the answer says what the token does not.
        Dialect {
            name: "keycloak",
            header: Some(json!({ "alg": RS256, "typ": "JWT" })),
            own: Some(json!({
                "iss": keycloak, "typ": "Bearer", "azp": "app", "exp": at(300), "iat": at(-1),
                "sid": "s",
            })),
            claims: json!({
                "active": true, "iss": keycloak, "aud": ["mcp-server", "account"], "sub": "uuid",
                "typ": "Bearer", "azp": "app", "client_id": "app", "username": "alice",
                "preferred_username": "alice", "scope": "openid mcp", "exp": at(300),
                "iat": at(-1), "token_type": "Bearer",
            }),
            user: "uuid",
            client: "app",
            scope: Some("mcp"),
            wrong: vec![("typ", json!("ID")), ("aud", json!("account"))],
            ..Dialect::default()
        },
    ]
}

/// Those that need no file of their own.
fn by_the_book() -> Vec<Dialect> {
    let issuer = "https://as.example.com";
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/rsa.pem");
    vec![
        // PingFederate, Connect2id and their like.
        Dialect {
            name: "standard",
            claims: json!({
                "active": true, "scope": "openid mcp", "client_id": "app", "token_type": "Bearer",
                "exp": at(600), "iat": at(-1), "sub": "alice", "username": "alice", "jti": "j",
                "aud": [RESOURCE], "iss": issuer,
            }),
            user: "alice",
            client: "app",
            scope: Some("mcp"),
            wrong: vec![("sub", json!(7)), ("username", json!({}))],
            ..Dialect::default()
        },
        // Logto, for a resource.
        Dialect {
            name: "standard",
            more: vec![("MCP_AUTH_VALIDATION", "jwt")],
            header: Some(json!({ "alg": RS256, "typ": "at+jwt" })),
            claims: json!({
                "iss": issuer, "sub": "alice", "client_id": "app", "aud": RESOURCE, "jti": "j",
                "scope": "mcp", "exp": at(3600), "iat": at(-1),
            }),
            user: "alice",
            client: "app",
            scope: Some("mcp"),
            wrong: vec![("client_id", json!(7))],
            wrong_header: vec![("typ", json!("id_token+jwt"))],
            ..Dialect::default()
        },
        // ZITADEL: its audiences are clients and projects, its scopes are its own.
        Dialect {
            name: "standard",
            more: vec![
                ("MCP_AUTH_CLIENT_AUTH", "private_key_jwt"),
                ("MCP_AUTH_CLIENT_KEY_FILE", key),
                ("MCP_AUTH_CLIENT_SECRET", ""),
                ("MCP_AUTH_AUDIENCE", "277700000000000001"),
                ("MCP_AUTH_REQUIRED_SCOPES", "-"),
            ],
            claims: json!({
                "active": true, "scope": "openid profile", "client_id": "277711111111111111@mcp",
                "token_type": "Bearer", "exp": at(43_199), "iat": at(-1), "nbf": at(-1),
                "auth_time": at(-1), "sub": "277722222222222222", "jti": "j", "iss": issuer,
                "aud": ["277711111111111111@mcp", "277700000000000001"],
                "username": "alice@example.com", "name": "Alice", "amr": ["pwd"],
            }),
            user: "277722222222222222",
            client: "277711111111111111@mcp",
            scope: Some("profile"),
            wrong: vec![("aud", json!(["277711111111111111@mcp"]))],
            ..Dialect::default()
        },
    ]
}
