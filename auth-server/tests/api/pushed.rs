//! Authorization requests that are handed in ahead of the browser (RFC 9126).

use http::Method;
use serde_json::json;
use testkit::{
    http::Answer,
    oauth::{Authorization, Client, Tokens, query},
};

use crate::support::{World, redemption};

/// The parameters of a request, with the secret of its client.
fn form<'a>(client: &'a Client, request: &'a Authorization) -> Vec<(&'a str, &'a str)> {
    let query = request.query.iter().map(|(name, value)| (&**name, &**value));
    query.chain(client.secret.as_deref().map(|secret| ("client_secret", secret))).collect()
}

async fn push(world: &World, client: &Client, request: &Authorization) -> Answer {
    world.http.post_form("/par", &form(client, request)).await
}

/// Hands a request in; the address to open.
async fn pushed(world: &World, client: &Client, request: &Authorization) -> String {
    let answer = push(world, client, request).await.expect(201);
    answer.expect_no_store();
    let taken = answer.json();
    assert_eq!(taken["expires_in"], 60);
    at(world, &client.id, taken["request_uri"].as_str().unwrap())
}

fn at(world: &World, client_id: &str, request_uri: &str) -> String {
    let url = format!("{}/authorize", world.issuer);
    let parameters = [("client_id", client_id), ("request_uri", request_uri)];
    url::Url::parse_with_params(&url, parameters).unwrap().into()
}

#[tokio::test]
async fn a_request_that_was_handed_in_goes_the_usual_way() {
    let world = World::start().await;
    for client in [world.app().await, world.confidential().await] {
        let request = world.request(&client);
        let url = pushed(&world, &client, &request).await;
        let callback = world.go(&mut world.browser(), &url, "alice").await;
        assert_eq!(query(&callback, "state").as_deref(), Some(&*request.state));
        let code = query(&callback, "code").unwrap();
        let tokens = Tokens::read(&world.token(&redemption(&client, &request, &code)).await);
        assert!(world.is_active(&tokens.access).await);
    }
}

#[tokio::test]
async fn it_is_opened_once_and_within_a_minute() {
    let world = World::start().await;
    let other = world.another(&[]).await;
    let client = world.app().await;
    let url = pushed(&world, &client, &world.request(&client)).await;
    let path = url.strip_prefix(&world.issuer).unwrap();
    let _ = other.get(path).await.expect(200);
    let again = world.http.get(&url).await.expect(400);
    assert!(again.text().contains("This request has ended"), "{again}");
    let url = pushed(&world, &client, &world.request(&client)).await;
    world.pass(60);
    let _ = world.http.get(&url).await.expect(400);
}

/// A scanner of links in mail looks whether an address is there.
#[tokio::test]
async fn who_only_looks_whether_it_is_there_does_not_open_it() {
    let world = World::start().await;
    let client = world.app().await;
    let url = pushed(&world, &client, &world.request(&client)).await;
    let looked = world.http.send(world.http.request(Method::HEAD, &url)).await.expect(405);
    assert_eq!(looked.header("allow"), Some("GET, POST"));
    let _ = world.http.get(&url).await.expect(200);
    for (path, allowed) in [
        ("/apps", "GET, POST"),
        ("/logout", "GET, POST"),
        ("/upstream/mock/callback", "GET"),
        ("/device/done", "GET"),
    ] {
        for method in [Method::HEAD, Method::PUT] {
            let wrong = world.http.send(world.http.request(method, path)).await.expect(405);
            assert_eq!(wrong.header("allow"), Some(allowed), "{path}");
        }
    }
    for path in ["/", "/login", "/device"] {
        let looked = world.http.send(world.http.request(Method::HEAD, path)).await;
        assert_ne!(looked.status, 405, "{path}");
    }
}

#[tokio::test]
async fn another_client_neither_opens_nor_spends_it() {
    let world = World::start().await;
    let (client, other) = (world.app().await, world.app().await);
    let url = pushed(&world, &client, &world.request(&client)).await;
    let _ = world.http.get(&url.replace(&client.id, &other.id)).await.expect(400);
    let _ = world.http.get(&url).await.expect(200);
}

#[tokio::test]
async fn what_comes_beside_its_name_does_not_count() {
    let world = World::start().await;
    let client = world.app().await;
    let request = world.request(&client);
    let url = pushed(&world, &client, &request).await;
    let url = format!("{url}&state=evil&redirect_uri=https%3A%2F%2Fevil.example%2F");
    let callback = world.go(&mut world.browser(), &url, "alice").await;
    assert_eq!(query(&callback, "state").as_deref(), Some(&*request.state));
}

#[tokio::test]
async fn its_mistakes_are_told_at_once_and_as_json() {
    let world = World::start().await;
    let client = world.app().await;
    let good = world.request(&client);
    let table = [
        (good.clone().with("redirect_uri", "https://evil.example/"), "invalid_request"),
        (good.clone().with("code_challenge_method", "plain"), "invalid_request"),
        (good.clone().with("resource", "https://evil.example/mcp"), "invalid_target"),
        (good.clone().with("response_type", "token"), "unsupported_response_type"),
        (good.clone().with("request", "x"), "request_not_supported"),
        (good.clone().with("request_uri", "https://x.example/"), "invalid_request"),
        (good.with("authorization_details", "[]"), "invalid_authorization_details"),
    ];
    for (request, code) in table {
        push(&world, &client, &request).await.expect_oauth_error(400, code);
    }
}

#[tokio::test]
async fn who_hands_in_says_who_he_is() {
    let world = World::start().await;
    let client = world.confidential().await;
    let request = world.request(&client);
    let thief = Client { secret: None, ..client.clone() };
    push(&world, &thief, &request).await.expect_oauth_error(401, "invalid_client");
    let unknown = request.with("client_id", "nobody");
    push(&world, &thief, &unknown).await.expect_oauth_error(401, "invalid_client");
}

#[tokio::test]
async fn a_client_that_nobody_has_met_is_looked_at_when_the_browser_comes() {
    let world = World::with(&[("AUTH_CIMD_HOSTS", "other.example")]).await;
    let id = "https://client.example/oauth.json";
    let client = Client { id: id.to_owned(), ..world.app().await };
    let url = pushed(&world, &client, &world.request(&client)).await;
    let page = world.http.get(&url).await.expect(400);
    assert!(page.text().contains("This application does not say what it is"), "{page}");
    let wrong = Client { id: "https://client.example/../x".to_owned(), ..client };
    let request = world.request(&wrong);
    push(&world, &wrong, &request).await.expect_oauth_error(401, "invalid_client");
}

#[tokio::test]
async fn a_server_can_insist() {
    let world = World::with(&[("AUTH_REQUIRE_PAR", "1")]).await;
    let client = world.app().await;
    let request = world.request(&client);
    let callback = world.browser().open(&request.url()).await.callback();
    assert_eq!(query(&callback, "error").as_deref(), Some("invalid_request"), "{callback}");
    let url = pushed(&world, &client, &request).await;
    let callback = world.go(&mut world.browser(), &url, "alice").await;
    assert!(query(&callback, "code").is_some(), "{callback}");
    let document = world.http.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(document["require_pushed_authorization_requests"], json!(true));
}
