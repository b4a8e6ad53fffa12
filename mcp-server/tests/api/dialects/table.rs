//! What every provider says, as its documents and sources have it.

use serde_json::{Value, json};

use super::RESOURCE;
use crate::provider::NOW;

/// What a provider says of Alice, and what must be wrong to her disadvantage.
#[derive(Default)]
pub(super) struct Dialect {
    /// The file of settings.
    pub(super) name: &'static str,
    /// What is set beside it, or otherwise.
    pub(super) more: Vec<(&'static str, &'static str)>,
    /// The header of the token; none for an introspection answer.
    pub(super) header: Option<Value>,
    /// What a signed token says of itself that is asked about all the same.
    pub(super) own: Option<Value>,
    pub(super) claims: Value,
    pub(super) user: &'static str,
    pub(super) client: &'static str,
    /// One of the scopes, in our words.
    pub(super) scope: Option<&'static str>,
    /// Facts of its own; the ones that all have are tried with all.
    pub(super) wrong: Vec<(&'static str, Value)>,
    /// The same in the header; null takes a member away.
    pub(super) wrong_header: Vec<(&'static str, Value)>,
}

/// Seconds before (or after) now, as a claim says it.
pub(super) fn at(seconds: i64) -> i64 {
    i64::try_from(NOW).unwrap() + seconds
}

impl Dialect {
    /// The facts that every provider must get right, and those of this one.
    pub(super) fn wrong_facts(&self) -> Vec<(&'static str, Value)> {
        let mut facts = self.wrong.clone();
        facts.extend([
            ("exp", json!(at(-31))),
            ("exp", json!(at(300).to_string())),
            ("nbf", json!(at(3600))),
            ("cnf", json!("bound")),
            ("token_use", json!("id")),
            ("nonce", json!("n")),
        ]);
        let issuer = self.claims.get("iss").and_then(Value::as_str);
        if let Some(issuer) = issuer {
            let other =
                issuer.strip_suffix('/').map_or_else(|| format!("{issuer}/"), str::to_owned);
            facts.extend([("iss", json!(other)), ("iss", json!("https://evil.example"))]);
        }
        if self.claims.get("aud").is_some() {
            let others = [json!("https://other.example/mcp"), json!([]), Value::Null];
            facts.extend(others.map(|other| ("aud", other)));
        }
        if self.header.is_none() {
            facts.extend([json!(false), json!("true"), json!(1)].map(|no| ("active", no)));
            facts.push(("token_type", json!("refresh_token")));
        }
        facts
    }

    /// What no header may say, and what the header of this one may not.
    pub(super) fn wrong_headers(&self) -> Vec<(&'static str, Value)> {
        let mut headers = self.wrong_header.clone();
        headers.extend(["none", "HS256", "ES512", ""].map(|alg| ("alg", json!(alg))));
        headers.extend([Value::Null, json!(7)].map(|alg| ("alg", alg)));
        headers.extend([json!("another"), json!(7)].map(|kid| ("kid", kid)));
        headers.extend([json!("logout+jwt"), json!("dpop+jwt"), json!(7)].map(|typ| ("typ", typ)));
        headers.extend([("crit", json!(["exp"])), ("b64", json!(false))]);
        headers
    }
}

pub(super) fn all() -> Vec<Dialect> {
    [signed(), american(), asked(), trusted(), own()].into_iter().flatten().collect()
}

/// Providers that issue JWTs and cannot be asked.
fn signed() -> Vec<Dialect> {
    let auth0 = "https://tenant.eu.auth0.com/";
    vec![
        Dialect {
            name: "auth0",
            header: Some(json!({ "alg": "RS256", "typ": "JWT" })),
            claims: json!({
                "iss": auth0, "sub": "auth0|alice", "azp": "client1", "iat": at(-1), "exp": at(86_400),
                "aud": [RESOURCE, format!("{auth0}userinfo")], "scope": "openid profile",
                "permissions": ["mcp"],
            }),
            user: "auth0|alice",
            client: "client1",
            scope: Some("mcp"),
            wrong: vec![("aud", json!([format!("{auth0}userinfo")]))],
            wrong_header: vec![("typ", Value::Null)],
            ..Dialect::default()
        },
        Dialect {
            name: "cognito",
            header: Some(json!({ "alg": "RS256" })),
            claims: json!({
                "iss": COGNITO, "sub": "uuid", "username": "alice", "client_id": "1example23456789",
                "token_use": "access", "scope": format!("openid {RESOURCE}/mcp"), "jti": "j",
                "exp": at(3600), "iat": at(-1), "aud": RESOURCE, "version": 2,
            }),
            user: "uuid",
            client: "1example23456789",
            scope: Some("mcp"),
            wrong: vec![("token_use", Value::Null)],
            wrong_header: vec![("typ", json!("JWT"))],
            ..Dialect::default()
        },
        Dialect {
            name: "cognito-clients",
            header: Some(json!({ "alg": "RS256" })),
            claims: json!({
                "iss": COGNITO, "sub": "uuid", "username": "alice", "client_id": "1example23456789",
                "token_use": "access", "scope": format!("{RESOURCE}/mcp"), "exp": at(3600),
            }),
            user: "uuid",
            client: "1example23456789",
            scope: Some("mcp"),
            wrong: vec![("client_id", json!("another")), ("client_id", Value::Null)],
            ..Dialect::default()
        },
        Dialect {
            name: "descope",
            header: Some(json!({ "alg": "RS256", "typ": "JWT" })),
            claims: json!({
                "iss": "https://api.descope.com/v1/apps/agentic/P2abc/M2def", "sub": "U2alice",
                "aud": ["P2abc", RESOURCE], "azp": "app", "scope": "mcp", "exp": at(600),
            }),
            user: "U2alice",
            client: "app",
            scope: Some("mcp"),
            wrong: vec![("iss", json!("https://api.descope.com/v1/apps/agentic/P2abc/OTHER"))],
            ..Dialect::default()
        },
    ]
}

const COGNITO: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf123";

/// Entra ID in both versions, and Okta.
fn american() -> Vec<Dialect> {
    let tid = "11111111-2222-3333-4444-555555555555";
    let app = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
    let entra = |claims: Value| Dialect {
        name: "entra",
        header: Some(json!({ "alg": "RS256", "typ": "JWT", "x5t": "x" })),
        claims,
        user: "object-id",
        client: "client1",
        scope: Some("access_as_user"),
        wrong: vec![
            ("tid", json!("99999999-2222-3333-4444-555555555555")),
            ("tid", Value::Null),
            ("iss", json!("https://login.microsoftonline.com/common/v2.0")),
            ("iss", json!("https://sts.windows.net/99999999-2222-3333-4444-555555555555/")),
        ],
        ..Dialect::default()
    };
    vec![
        entra(json!({
            "iss": format!("https://login.microsoftonline.com/{tid}/v2.0"), "tid": tid, "ver": "2.0",
            "aud": app, "oid": "object-id", "sub": "pairwise", "azp": "client1", "azpacr": "0",
            "scp": "access_as_user other", "exp": at(3600), "nbf": at(-300), "uti": "u",
            "preferred_username": "alice@example.com",
        })),
        entra(json!({
            "iss": format!("https://sts.windows.net/{tid}/"), "tid": tid, "ver": "1.0",
            "aud": format!("api://{app}"), "oid": "object-id", "sub": "pairwise", "appid": "client1",
            "scp": "access_as_user", "exp": at(3600), "upn": "alice@example.com",
        })),
        Dialect {
            name: "okta",
            header: Some(json!({ "alg": "RS256" })),
            claims: json!({
                "iss": "https://org.okta.com/oauth2/default", "aud": "api://mcp", "cid": "0oaclient",
                "uid": "00ualice", "sub": "alice@example.com", "scp": ["mcp", "openid"],
                "exp": at(3600), "iat": at(-1), "ver": 1, "jti": "AT.x",
            }),
            user: "00ualice",
            client: "0oaclient",
            scope: Some("mcp"),
            wrong: vec![("scp", json!({ "mcp": true }))],
            ..Dialect::default()
        },
        Dialect {
            name: "okta",
            header: None,
            claims: json!({
                "active": true, "scope": "mcp", "username": "alice@example.com", "exp": at(3600),
                "iat": at(-1), "sub": "alice@example.com", "aud": "api://mcp", "jti": "AT.x",
                "iss": "https://org.okta.com/oauth2/default", "token_type": "Bearer",
                "client_id": "0oaclient", "uid": "00ualice", "device_id": "d",
            }),
            user: "00ualice",
            client: "0oaclient",
            scope: Some("mcp"),
            wrong: vec![],
            ..Dialect::default()
        },
    ]
}

/// Providers that are asked, and some of their JWTs.
fn asked() -> Vec<Dialect> {
    let keycloak = json!({
        "iss": "https://keycloak.example.com/realms/mcp", "aud": ["mcp-server", "account"],
        "sub": "uuid", "typ": "Bearer", "azp": "app", "preferred_username": "alice",
        "scope": "openid mcp", "exp": at(300), "iat": at(-1), "jti": "j", "acr": "1",
        "realm_access": { "roles": ["user"] },
    });
    let mut keycloak_answer = keycloak.clone();
    for (name, value) in [("active", json!(true)), ("client_id", json!("app"))] {
        keycloak_answer[name] = value;
    }
    let keycloak_wrong = vec![("typ", json!("ID")), ("aud", json!("account"))];
    let op = json!({
        "iss": "https://op.example.com", "aud": RESOURCE, "sub": "alice", "client_id": "app",
        "scope": "mcp", "exp": at(3600), "iat": at(-1), "jti": "j",
    });
    let mut op_answer = op.clone();
    (op_answer["active"], op_answer["token_type"]) = (json!(true), json!("Bearer"));
    let of = |name, header, claims, user, wrong| Dialect {
        name,
        header,
        claims,
        user,
        client: "app",
        scope: Some("mcp"),
        wrong,
        ..Dialect::default()
    };
    let jwt = json!({ "alg": "RS256", "typ": "JWT" });
    vec![
        of("keycloak", Some(jwt), keycloak, "uuid", keycloak_wrong.clone()),
        of("keycloak", None, keycloak_answer, "uuid", keycloak_wrong),
        of("oidc-provider", Some(json!({ "alg": "ES256", "typ": "at+jwt" })), op, "alice", vec![]),
        of("oidc-provider", None, op_answer, "alice", vec![]),
        of("rauthy", None, rauthy(), "alice-id", vec![("aud", json!("app"))]),
        of(
            "rauthy",
            Some(json!({ "alg": "EdDSA", "typ": "JWT" })),
            rauthy_jwt(),
            "alice-id",
            vec![("typ", json!("Id")), ("azp", json!(7))],
        ),
        of(
            "ours",
            None,
            json!({
                "active": true, "iss": "https://auth.example.com", "aud": RESOURCE, "sub": "alice",
                "client_id": "app", "scope": "mcp", "exp": at(900), "iat": at(-1), "jti": "j",
                "username": "Alice", "token_type": "Bearer",
            }),
            "alice",
            vec![],
        ),
    ]
}

fn rauthy() -> Value {
    json!({
        "active": true, "sub": "alice-id", "scope": "openid mcp", "client_id": "app",
        "aud": ["app", RESOURCE], "iat": at(-1), "nbf": at(-1), "exp": at(1800),
    })
}

fn rauthy_jwt() -> Value {
    json!({
        "iss": "https://rauthy.example.com/auth/v1/", "sub": "alice-id", "scope": "openid mcp",
        "azp": "app", "typ": "Bearer", "aud": ["app", RESOURCE], "iat": at(-1), "exp": at(1800),
    })
}

/// What Hydra answers, wherever it runs.
fn hydra(name: &'static str, issuer: &str) -> Dialect {
    Dialect {
        name,
        header: None,
        claims: json!({
            "active": true, "scope": "mcp", "client_id": "app", "sub": "alice", "exp": at(3600),
            "iat": at(-1), "nbf": at(-1), "aud": [RESOURCE], "iss": issuer, "token_type": "Bearer",
            "token_use": "access_token", "ext": {},
        }),
        user: "alice",
        client: "app",
        scope: Some("mcp"),
        wrong: vec![("token_use", json!("refresh_token"))],
        ..Dialect::default()
    }
}

/// Providers whose answers are short, or whose audience is not the resource.
fn trusted() -> Vec<Dialect> {
    vec![
        hydra("hydra", "https://hydra.example.com/"),
        hydra("ory-network", "https://slug.projects.oryapis.com"),
        Dialect {
            name: "workos",
            header: None,
            claims: json!({
                "active": true, "client_id": "client_01APP", "iss": "https://example.authkit.app",
                "aud": "client_01ENVIRONMENT", "sub": "user_01ALICE", "org_id": "org", "sid": "s",
                "jti": "j", "exp": at(300), "iat": at(-1), "token_type": "access_token",
            }),
            user: "user_01ALICE",
            client: "client_01APP",
            scope: None,
            wrong: vec![("aud", json!("client_01APP"))],
            ..Dialect::default()
        },
        Dialect {
            name: "stytch",
            claims: json!({
                "active": true, "aud": ["project-live-1"], "client_id": "app", "exp": at(3600),
                "iat": at(-1), "iss": "https://project.customers.stytch.com", "nbf": at(-1),
                "scope": "openid mcp", "sub": "user-1", "token_type": "access_token",
                "status_code": 200,
            }),
            user: "user-1",
            wrong: vec![("aud", json!(["project-live-2"]))],
            ..hydra("stytch", "")
        },
    ]
}

/// Servers that somebody hosts for himself.
fn own() -> Vec<Dialect> {
    vec![
        Dialect {
            claims: json!({
                "active": true, "scope": "urn:example:mcp openid", "client_id": "01APP", "jti": "j",
                "username": "alice", "token_type": "access_token", "exp": at(300), "iat": at(-1),
                "sub": "01ALICE",
            }),
            user: "01ALICE",
            client: "01APP",
            scope: Some("urn:example:mcp"),
            ..hydra("mas", "")
        },
        Dialect {
            claims: json!({
                "active": true, "client_id": "app", "username": "Alice A.", "scope": "openid",
                "token_type": "Bearer", "sub": "alice", "aud": ["app", "mcp-server"],
                "iss": "https://canaille.example.com", "exp": 1_800_003_600.25,
                "iat": 1_799_999_999.75,
            }),
            scope: None,
            wrong: vec![("aud", json!(["app"]))],
            ..hydra("canaille", "")
        },
        Dialect {
            claims: json!({
                "active": true, "scope": "mcp", "exp": at(36_000), "client_id": "app",
                "username": "alice", "aud": [RESOURCE],
            }),
            wrong: vec![("username", json!("")), ("username", json!(7))],
            ..hydra("django-oauth-toolkit", "")
        },
    ]
}
