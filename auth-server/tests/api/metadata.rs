//! What the server says of itself, and who may read it.

use http::Method;
use serde_json::json;

use crate::support::World;

const METADATA: &str = "/.well-known/oauth-authorization-server";

/// How clients can authenticate.
const METHODS: [&str; 4] = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"];

/// How they can sign.
const ALGORITHMS: [&str; 9] =
    ["ES256", "ES384", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

#[tokio::test]
async fn the_document_says_what_there_is_and_nothing_else() {
    let world = World::start().await;
    let at = |path: &str| format!("{}{path}", world.issuer);
    let expected = json!({
        "issuer": world.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"),
        "registration_endpoint": at("/register"),
        "revocation_endpoint": at("/revoke"),
        "introspection_endpoint": at("/introspect"),
        "device_authorization_endpoint": at("/device_authorization"),
        "end_session_endpoint": at("/logout"),
        "pushed_authorization_request_endpoint": at("/par"),
        "dpop_signing_alg_values_supported": ["ES256", "ES384", "EdDSA", "RS256", "PS256"],
        "scopes_supported": ["mcp", "notes", "email", "openid", "profile"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "userinfo_endpoint": at("/userinfo"),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "service_documentation": at("/"),
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "name", "email",
            "email_verified",
        ],
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": true,
    });
    for path in [METADATA, "/.well-known/openid-configuration"] {
        assert_eq!(world.http.get(path).await.expect(200).json(), expected, "{path}");
    }
}

#[tokio::test]
async fn every_endpoint_in_it_answers() {
    let world = World::start().await;
    let document = world.http.get(METADATA).await.json();
    let endpoints =
        document.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint"));
    let mut count = 0;
    for (name, url) in endpoints {
        let method = if name == "authorization_endpoint" { Method::GET } else { Method::POST };
        let request = world.http.request(method, url.as_str().unwrap());
        let status = world.http.send(request).await.status.as_u16();
        assert!(matches!(status, 400 | 401), "{name}: {status}");
        count += 1;
    }
    assert_eq!(count, 9);
}

#[tokio::test]
async fn programs_in_browsers_may_use_what_needs_no_cookie() {
    let world = World::start().await;
    let open = [
        (METADATA, "GET"),
        ("/.well-known/openid-configuration", "GET"),
        ("/jwks", "GET"),
        ("/userinfo", "GET"),
        ("/token", "POST"),
        ("/register", "POST"),
        ("/revoke", "POST"),
        ("/device_authorization", "POST"),
        ("/par", "POST"),
    ];
    for (path, method) in open {
        let preflight = world.http.request(Method::OPTIONS, path);
        let preflight = preflight
            .header("origin", "https://inspector.example")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "authorization, mcp-protocol-version");
        let answer = world.http.send(preflight).await.expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
        let allowed = answer.header("access-control-allow-headers");
        assert_eq!(allowed, Some("authorization, mcp-protocol-version"), "{path}");
        assert_eq!(answer.header("access-control-max-age"), Some("7200"), "{path}");
    }
}

#[tokio::test]
async fn no_other_origin_may_read_pages_or_ask_about_tokens() {
    let world = World::start().await;
    let pages = [
        "/authorize",
        "/consent",
        "/upstream/mock/callback",
        "/login",
        "/device",
        "/consent",
        "/mock-upstream-idp/authorize",
        "/introspect",
        "/",
    ];
    for path in pages {
        for method in [Method::GET, Method::OPTIONS] {
            let request = world.http.request(method, path).header("origin", "https://evil.example");
            let request = request.header("access-control-request-method", "POST");
            let answer = world.http.send(request).await;
            assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        }
    }
}

#[tokio::test]
async fn health_has_the_shape_of_the_original() {
    let world = World::start().await;
    let health = world.http.get("/health").await.expect(200).json();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["mode"], "authorization-server");
    for name in ["metadata", "authorize", "token", "register", "introspect"] {
        let url = health["endpoints"][name].as_str().unwrap();
        assert!(url.starts_with(&world.issuer), "{name}: {url}");
    }
    assert_eq!(world.http.get("/livez").await.expect(200).json()["status"], "alive");
    assert_eq!(world.http.get("/readyz").await.expect(200).json()["status"], "ready");
}

#[tokio::test]
async fn what_is_not_there_is_told_in_json() {
    let world = World::start().await;
    world.http.get("/nothing").await.expect_oauth_error(404, "invalid_request");
    let answer = world.http.get("/token").await;
    answer.expect_oauth_error(405, "invalid_request");
    assert_eq!(answer.header("allow"), Some("POST"));
}
