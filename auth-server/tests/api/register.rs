//! `POST /register`.

use http::Method;
use serde_json::json;

use crate::support::{CALLBACK, World, redemption};

#[tokio::test]
async fn a_public_client_gets_no_secret() {
    let world = World::start().await;
    let metadata = json!({
        "client_name": "Claude Code",
        "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
        "logo_uri": "https://a.example/logo.png",
        "contacts": 5,
    });
    let answer = world.register(&metadata).await.expect(201);
    answer.expect_no_store();
    let mut expected = metadata;
    let registered = answer.json();
    for name in ["logo_uri", "contacts"] {
        expected.as_object_mut().unwrap().remove(name);
    }
    expected["client_id"] = registered["client_id"].clone();
    expected["client_id_issued_at"] = json!(1_800_000_000);
    assert_eq!(registered, expected);
}

#[tokio::test]
async fn a_confidential_client_gets_a_secret_that_does_not_end() {
    let world = World::start().await;
    let registered = world.confidential().await.registration;
    assert!(registered["client_secret"].as_str().unwrap().starts_with("mcps_"));
    assert_eq!(registered["client_secret_expires_at"], 0);
    assert_eq!(registered["token_endpoint_auth_method"], "client_secret_basic");
}

#[tokio::test]
async fn what_cursor_sends_is_accepted_at_once() {
    let world = World::start().await;
    let uris = json!([
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "http://localhost:8787/callback",
    ]);
    let metadata = json!({"redirect_uris": uris, "token_endpoint_auth_method": "none"});
    assert_eq!(world.register(&metadata).await.expect(201).json()["redirect_uris"], uris);
}

#[tokio::test]
async fn redirect_uris_that_could_do_harm_are_refused() {
    let world = World::start().await;
    let bad = [
        "javascript:alert(1)",
        "data:text/html,x",
        "http://evil.example/callback",
        "https://good.example@evil.example/",
        "https://a.example/#fragment",
        "https://a.example/\r\nSet-Cookie: x=y",
        "https://a.example/\u{1F600}",
        "https://*.example/",
        "/relative",
        "",
    ];
    for uri in bad {
        let metadata = json!({"redirect_uris": ["https://a.example/", uri]});
        world.register(&metadata).await.expect_oauth_error(400, "invalid_redirect_uri");
    }
    world.register(&json!({})).await.expect_oauth_error(400, "invalid_redirect_uri");
}

#[tokio::test]
async fn metadata_that_cannot_be_honoured_is_refused() {
    let world = World::start().await;
    let bad = [
        json!({"token_endpoint_auth_method": "private_key_jwt"}),
        json!({"grant_types": ["implicit"]}),
        json!({"response_types": ["token"]}),
        json!({"client_name": 5}),
        json!({"client_name": "x".repeat(201)}),
        json!({"redirect_uris": "https://a.example/"}),
        json!({"scope": ["mcp"]}),
    ];
    for changes in bad {
        let mut metadata = json!({"redirect_uris": [CALLBACK]});
        metadata.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        world.register(&metadata).await.expect_oauth_error(400, "invalid_client_metadata");
    }
}

#[tokio::test]
async fn what_is_not_json_is_told_without_a_trace() {
    let world = World::start().await;
    for (kind, body) in [
        ("application/json", "{\"redirect_uris\": ["),
        ("application/json", "[]"),
        ("application/json", "[[\"https://a.example/\"]]"),
        ("application/json", ""),
        ("application/json", "{\"redirect_uris\": [], \"redirect_uris\": []}"),
        ("text/plain", "{}"),
    ] {
        let request = world.http.request(Method::POST, "/register").header("content-type", kind);
        let answer = world.http.send(request.body(body)).await;
        answer.expect_oauth_error(400, "invalid_client_metadata");
    }
}

#[tokio::test]
async fn a_body_beyond_64_kib_is_refused() {
    let world = World::start().await;
    let metadata = json!({"redirect_uris": [CALLBACK], "filler": "x".repeat(65 * 1024)});
    world.register(&metadata).await.expect_oauth_error(413, "invalid_request");
    let metadata = json!({"redirect_uris": [CALLBACK], "filler": "x".repeat(60 * 1024)});
    let _ = world.register(&metadata).await.expect(201);
}

#[tokio::test]
async fn a_client_that_nobody_uses_is_forgotten_after_a_day() {
    let world = World::start().await;
    let client = world.app().await;
    world.pass(24 * 3600);
    let page = world.browser().open(&world.request(&client).url()).await.page().expect(400);
    assert!(page.text().contains("not known here"), "{page}");
}

#[tokio::test]
async fn a_client_that_is_used_is_kept() {
    let world = World::start().await;
    let client = world.app().await;
    world.tokens(&client).await;
    world.pass(80 * 24 * 3600);
    let (request, code) = world.code(&client).await;
    let _ = world.token(&redemption(&client, &request, &code)).await.expect(200);
}

#[tokio::test]
async fn the_operator_can_say_where_answers_go() {
    let world = World::with(&[("AUTH_REDIRECT_HOSTS", "claude.ai, App.example")]).await;
    let register = async |uri: &str| {
        let metadata = json!({ "redirect_uris": [uri], "token_endpoint_auth_method": "none" });
        world.register(&metadata).await
    };
    for uri in ["https://claude.ai/api/mcp/auth_callback", "https://app.example:8443/cb", CALLBACK]
    {
        let _ = register(uri).await.expect(201);
    }
    for uri in ["https://evil.example/cb", "https://claude.ai.evil.example/cb"] {
        register(uri).await.expect_oauth_error(400, "invalid_redirect_uri");
    }
}

#[tokio::test]
async fn a_client_from_before_the_operator_said_so_is_not_answered_elsewhere() {
    let world = World::start().await;
    let uri = "https://elsewhere.example/cb";
    let metadata = json!({ "redirect_uris": [uri], "token_endpoint_auth_method": "none" });
    let registration = world.register(&metadata).await.expect(201).json();
    let id = registration["client_id"].as_str().unwrap();
    let http = world.another(&[("AUTH_REDIRECT_HOSTS", "claude.ai")]).await;
    let query = format!("client_id={id}&redirect_uri={uri}&response_type=code");
    let page = http.get(&format!("/authorize?{query}")).await.expect(400);
    assert!(page.text().contains("cannot be answered") && page.header("location").is_none());
}

#[tokio::test]
async fn keys_that_could_never_be_fetched_are_refused_at_once() {
    let metadata = json!({
        "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": "http://127.0.0.1:7/jwks",
    });
    let refused = World::start().await.register(&metadata).await;
    refused.expect_oauth_error(400, "invalid_client_metadata");
    assert!(refused.text().contains("jwks_uri must be an https URL"), "{refused}");
    let world = World::with(&[("AUTH_CIMD_ALLOW_PRIVATE", "1")]).await;
    let _ = world.register(&metadata).await.expect(201);
}

#[tokio::test]
async fn a_registration_of_more_addresses_than_any_client_needs_is_refused() {
    let world = World::start().await;
    let long = |number: usize| format!("https://a.example/{number}{}", "x".repeat(2000));
    let metadata = json!({
        "redirect_uris": [long(1), long(2), long(3)],
        "post_logout_redirect_uris": [long(4), long(5)],
    });
    let refused = world.register(&metadata).await;
    refused.expect_oauth_error(400, "invalid_client_metadata");
    assert!(refused.text().contains("at most 8192 characters together"), "{refused}");
}

#[tokio::test]
async fn a_member_that_is_there_twice_is_told_as_such() {
    let world = World::start().await;
    let register = async |body: &'static str| {
        let request = world.http.request(Method::POST, "/register");
        let request = request.header("content-type", "application/json").body(body);
        let answer = world.http.send(request).await;
        answer.expect_oauth_error(400, "invalid_client_metadata");
        answer.json()["error_description"].clone()
    };
    let twice = register(r#"{"client_name": "a", "redirect_uris": [], "client_name": "b"}"#).await;
    assert_eq!(twice, "a member of the metadata is there more than once");
    let wrong = register(r#"{"client_name": 7, "redirect_uris": []}"#).await;
    assert_eq!(wrong, "a member of the metadata is of the wrong type");
}
