//! Which doors there are: names, addresses, and ways in for clients that nobody knows.

use http::{Method, header};
use serde_json::json;
use tempfile::NamedTempFile;
use testkit::http::Answer;

use crate::support::{CALLBACK, World};

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A page of a name that somebody has pointed at this machine.
async fn as_named(world: &World, host: &str, path: &str) -> Answer {
    let request = world.http.request(Method::GET, path).header(header::HOST, host);
    world.http.send(request.header(header::ACCEPT, "text/html")).await
}

#[tokio::test]
async fn pages_of_a_server_on_this_computer_are_not_there_under_a_foreign_name() {
    let world = World::start().await;
    let request = world.request(&world.app().await).url();
    let path = request.strip_prefix(&world.issuer).unwrap();
    let refused = as_named(&world, "evil.example", path).await.expect(403);
    assert!(refused.text().contains("Open it as localhost"), "{refused}");
    for ours in ["localhost:1", "127.0.0.1:3001", "[::1]"] {
        drop(as_named(&world, ours, path).await.expect(200));
    }
    // Programs inside a network have names of their own for it.
    drop(as_named(&world, "auth-server:3001", "/jwks").await.expect(200));
}

#[tokio::test]
async fn an_address_longer_than_8_kib_is_refused_as_such() {
    let world = World::start().await;
    let long = "x".repeat(8 * 1024);
    let refused = world.http.get(&format!("/authorize?x={long}")).await;
    refused.expect_oauth_error(414, "invalid_request");
    assert!(refused.header("x-request-id").is_some());
    let page = world.http.request(Method::GET, &format!("/authorize?x={long}"));
    let page = world.http.send(page.header(header::ACCEPT, "text/html")).await.expect(414);
    assert!(page.text().contains("<html"), "{page}");
}

#[tokio::test]
async fn where_nobody_may_register_only_those_that_the_operator_knows_come_in() {
    let world = World::with(&[("AUTH_DCR", "0"), ("AUTH_CIMD", "0")]).await;
    let metadata = world.http.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(metadata.get("registration_endpoint"), None);
    assert_eq!(metadata["client_id_metadata_document_supported"], false);
    let app = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
    drop(world.http.post_json("/register", &app).await.expect(404));
    let open = World::start().await;
    let carried = open.register(&app).await.expect(201).json()["client_id"].clone();
    for name in [carried.as_str().unwrap(), "https://app.example/client.json"] {
        let path = format!("/authorize?response_type=code&client_id={name}");
        let page = world.http.get(&path).await.expect(400);
        assert!(page.text().contains("This application is not known here"), "{page}");
    }
    assert!(!world.http.get("/").await.text().contains("/register"));
    let pushed = [("client_id", "https://app.example/client.json"), ("response_type", "code")];
    world.http.post_form("/par", &pushed).await.expect_oauth_error(401, "invalid_client");
}

#[tokio::test]
async fn who_registers_the_same_within_the_hour_gets_the_same_name_in_memory_too() {
    let world = World::start().await;
    let app = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
    let name = async || world.register(&app).await.expect(201).json()["client_id"].clone();
    let first = name().await;
    world.pass(60);
    assert_eq!(name().await, first);
    world.pass(60 * 60);
    assert_ne!(name().await, first);
}

#[tokio::test]
async fn a_grant_that_is_not_there_is_not_promised() {
    let world = World::start().await;
    let assertions = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let metadata = json!({
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", assertions],
        "token_endpoint_auth_method": "client_secret_post",
    });
    let registered = world.register(&metadata).await.expect(201).json();
    assert_eq!(registered["grant_types"], json!(["authorization_code"]));
}

#[tokio::test]
async fn a_client_of_the_operator_may_run_on_devices() {
    let file = NamedTempFile::new().unwrap();
    let clients = json!({ "clients": [{ "client_id": "tv", "devices": true }] });
    std::fs::write(file.path(), clients.to_string()).unwrap();
    let world = World::with(&[("AUTH_CLIENTS_FILE", file.path().to_str().unwrap())]).await;
    let begun = world.http.post_form("/device_authorization", &[("client_id", "tv")]).await;
    let begun = begun.expect(200).json();
    let code = begun["device_code"].as_str().unwrap();
    let form = [("grant_type", DEVICE_GRANT), ("device_code", code), ("client_id", "tv")];
    world.token(&form).await.expect_oauth_error(400, "authorization_pending");
    let own = [("grant_type", "client_credentials"), ("client_id", "tv")];
    world.token(&own).await.expect_oauth_error(400, "unauthorized_client");
}
