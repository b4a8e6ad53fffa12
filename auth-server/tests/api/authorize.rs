//! `GET /authorize`.

use http::Method;
use serde_json::json;
use testkit::oauth::{Authorization, Client, query};
use url::Url;

use crate::support::{CALLBACK, PASSWORD, RESOURCE, World, approve, sign_in};

/// What is redirected where, for a request that no page is shown for.
async fn redirected(world: &World, request: &Authorization) -> Url {
    world.browser().open(&request.url()).await.callback()
}

async fn client_at(world: &World, redirect_uris: &[&str]) -> Client {
    let metadata = json!({"redirect_uris": redirect_uris, "token_endpoint_auth_method": "none"});
    let registration = world.register(&metadata).await.expect(201).json();
    let id = registration["client_id"].as_str().unwrap().to_owned();
    Client { id, secret: None, redirect_uri: redirect_uris[0].to_owned(), registration }
}

#[tokio::test]
async fn the_user_is_shown_who_asks_for_what_and_who_gets_the_answer() {
    let world = World::start().await;
    let client = client_at(&world, &["https://claude.ai/api/mcp/auth_callback"]).await;
    let page = world.browser().open(&world.request(&client).url()).await.page().expect(200);
    let text = page.text();
    for part in
        ["claude.ai wants access", RESOURCE, &client.id, &client.redirect_uri, "mcp", "notes"]
    {
        assert!(text.contains(part), "{part}: {page}");
    }
    assert!(page.has_button("Approve") && page.has_button("Deny"));
}

#[tokio::test]
async fn a_clients_name_is_text() {
    let world = World::start().await;
    let evil = "<script>alert(1)</script>";
    let metadata = json!({"redirect_uris": [CALLBACK], "client_name": evil, "token_endpoint_auth_method": "none"});
    let id = world.register(&metadata).await.expect(201).json()["client_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let url = world.request(&world.app().await).with("client_id", &id).url();
    let page = world.browser().open(&url).await.page().expect(200);
    assert!(page.text().contains(evil), "{page}");
    assert!(page.select("script").is_empty(), "{page}");
}

#[tokio::test]
async fn an_unknown_client_is_told_to_the_user_and_nobody_is_redirected() {
    let world = World::start().await;
    let request = world.request(&world.app().await);
    for request in [
        request.clone().with("client_id", "unknown"),
        request.clone().with("client_id", &"0".repeat(32)),
        request.clone().without("client_id"),
    ] {
        let page = world.browser().open(&request.url()).await.page().expect(400);
        assert!(page.select("h1").len() == 1 && page.header("location").is_none(), "{page}");
    }
}

#[tokio::test]
async fn redirect_uris_that_almost_match_get_nothing() {
    let world = World::start().await;
    let registered = ["https://client.example/callback", "http://localhost/callback"];
    let request = world.request(&client_at(&world, &registered).await);
    let almost = [
        "https://client.example/callback/",
        "https://client.example/callback?x=1",
        "https://client.example/callback#x",
        "https://client.example:8443/callback",
        "https://CLIENT.example/callback",
        "https://client.example/%63allback",
        "https://client.example/../callback",
        "https://client.example@evil.example/callback",
        "https://client.example.evil.example/callback",
        "http://client.example/callback",
        "http://127.0.0.1/callback",
        "http://localhost:5/other",
        "http://localhost:5@evil.example/callback",
        "http://localhost.evil.example/callback",
        "https://localhost/callback",
        "javascript:alert(1)",
        "//client.example/callback",
    ];
    for uri in almost {
        let request = request.clone().with("redirect_uri", uri);
        let page = world.browser().open(&request.url()).await.page().expect(400);
        assert!(page.text().contains("cannot be answered"), "{uri}: {page}");
    }
}

#[tokio::test]
async fn a_native_app_may_listen_on_any_port() {
    let world = World::start().await;
    let registered = ["http://localhost/callback", "http://127.0.0.1:33418/", "http://[::1]:1/cb"];
    let request = world.request(&client_at(&world, &registered).await);
    for uri in ["http://localhost:51234/callback", "http://127.0.0.1:9/", "http://[::1]:65535/cb"] {
        let request = request.clone().with("redirect_uri", uri);
        let page = world.browser().open(&request.url()).await.page().expect(200);
        assert!(page.text().contains("A program on this computer"), "{uri}: {page}");
    }
}

#[tokio::test]
async fn the_only_redirect_uri_need_not_be_named() {
    let world = World::start().await;
    let only = world.request(&client_at(&world, &[CALLBACK]).await).without("redirect_uri");
    let _ = world.browser().open(&only.url()).await.page().expect(200);
    let several = client_at(&world, &[CALLBACK, "https://a.example/"]).await;
    let several = world.request(&several).without("redirect_uri");
    let _ = world.browser().open(&several.url()).await.page().expect(400);
}

#[tokio::test]
async fn every_other_mistake_goes_to_the_client_with_state_and_issuer() {
    let world = World::start().await;
    let request = world.request(&world.app().await);
    let table = [
        (request.clone().without("response_type"), "invalid_request"),
        (request.clone().with("response_type", "token"), "unsupported_response_type"),
        (request.clone().with("response_mode", "fragment"), "invalid_request"),
        (request.clone().without("code_challenge"), "invalid_request"),
        (request.clone().with("code_challenge", "too-short"), "invalid_request"),
        (request.clone().with("code_challenge_method", "plain"), "invalid_request"),
        (request.clone().without("code_challenge_method"), "invalid_request"),
        (request.clone().with("resource", "https://other.example/mcp"), "invalid_target"),
        (request.clone().with("scope", "\"quoted\""), "invalid_scope"),
        (request.clone().with("request_uri", "https://a.example/"), "request_uri_not_supported"),
        (request.clone().with("request", "eyJ"), "request_not_supported"),
        (request.clone().with("prompt", "none"), "login_required"),
    ];
    for (request, error) in table {
        let callback = redirected(&world, &request).await;
        assert_eq!(query(&callback, "error").as_deref(), Some(error), "{callback}");
        assert_eq!(query(&callback, "state").as_deref(), Some(&*request.state), "{callback}");
        assert_eq!(query(&callback, "iss").as_deref(), Some(&*world.issuer), "{callback}");
        assert_eq!(query(&callback, "code"), None, "{callback}");
    }
}

#[tokio::test]
async fn a_parameter_given_twice_is_refused() {
    let world = World::start().await;
    let request = world.request(&world.app().await);
    let twice = |name: &str| {
        let value = request.query.iter().find(|(given, _)| given == name).unwrap().1.clone();
        let mut request = request.clone();
        request.query.push((name.to_owned(), value));
        request
    };
    for name in ["client_id", "redirect_uri"] {
        let _ = world.browser().open(&twice(name).url()).await.page().expect(400);
    }
    for name in ["response_type", "code_challenge", "resource", "state"] {
        let callback = redirected(&world, &twice(name)).await;
        assert_eq!(query(&callback, "error").as_deref(), Some("invalid_request"), "{callback}");
    }
}

#[tokio::test]
async fn the_resource_is_known_by_its_usual_names() {
    let world = World::start().await;
    let request = world.request(&world.app().await);
    let origin = RESOURCE.strip_suffix("/mcp").unwrap();
    let sse = format!("{origin}/sse");
    for name in [RESOURCE, &format!("{RESOURCE}/"), &sse, origin, &format!("{origin}/")] {
        let request = request.clone().with("resource", name);
        let page = world.browser().open(&request.url()).await.page().expect(200);
        assert!(page.text().contains(RESOURCE), "{name}: {page}");
    }
}

#[tokio::test]
async fn a_second_tab_does_not_spoil_the_first() {
    let world = World::start().await;
    let request = world.request(&world.app().await);
    let mut browser = world.browser();
    let first = browser.open(&request.url()).await.page();
    let second = browser.open(&request.url()).await.page();
    for consent in [first, second] {
        let login = approve(&mut browser, &consent).await.page().expect(200);
        let callback = sign_in(&mut browser, &login, "bob", PASSWORD).await.callback();
        assert!(query(&callback, "code").is_some(), "{callback}");
    }
}

#[tokio::test]
async fn a_redirect_uri_keeps_its_query() {
    let world = World::start().await;
    let uri = format!("{CALLBACK}?tenant=a%20b");
    let client = client_at(&world, &[&uri]).await;
    let callback = redirected(&world, &world.request(&client).without("code_challenge")).await;
    assert!(callback.as_str().starts_with(&format!("{uri}&error=invalid_request")), "{callback}");
}

/// Anybody can register an address of his own, and a link that begins with ours looks trustworthy.
#[tokio::test]
async fn nobody_is_led_to_a_strangers_address_without_a_click() {
    let world = World::start().await;
    let client = client_at(&world, &["https://evil.example/phish"]).await;
    let request = world.request(&client);
    for (name, value) in [("response_type", "x"), ("prompt", "none"), ("scope", "\"")] {
        let url = request.clone().with(name, value).url();
        let page = world.browser().open(&url).await.page().expect(400);
        assert!(page.text().contains("not know who runs evil.example"), "{name}: {page}");
        let link = page.link("Go on to evil.example");
        assert_eq!(query(&link, "state").as_deref(), Some(&*request.state), "{link}");
        assert_eq!(query(&link, "iss").as_deref(), Some(&*world.issuer), "{link}");
        assert!(query(&link, "error").is_some() && link.path() == "/phish", "{link}");
        let framed = world.http.request(Method::GET, &url).header("sec-fetch-dest", "iframe");
        let _ = world.http.send(framed).await.expect(303);
    }
}

#[tokio::test]
async fn whoever_is_logged_in_or_vouched_for_is_answered_at_once() {
    let world = World::start().await;
    let web = "https://app.example/cb";
    let request = world.request(&client_at(&world, &[web]).await).with("response_type", "x");
    let mut browser = world.browser();
    world.go(&mut browser, &world.request(&world.app().await).url(), "alice").await;
    let mut browser = browser.with_callback(web);
    let callback = browser.open(&request.url()).await.callback();
    assert_eq!(query(&callback, "error").as_deref(), Some("unsupported_response_type"));
    let app = "app.example:/cb";
    let request = world.request(&client_at(&world, &[app]).await).with("response_type", "x");
    let mut browser = browser.with_callback(app);
    let callback = browser.open(&request.url()).await.callback();
    assert_eq!(query(&callback, "error").as_deref(), Some("unsupported_response_type"));
    let world = World::with(&[("AUTH_REDIRECT_HOSTS", "app.example")]).await;
    let request = world.request(&client_at(&world, &[web]).await).with("response_type", "x");
    let _ = world.http.get(&request.url()).await.expect(303);
}

#[tokio::test]
async fn no_program_is_opened_without_a_click_and_an_approval_is_one() {
    for app in ["cursor://anysphere.cursor-mcp/oauth/callback", "vscode://x/cb"] {
        let world = World::start().await;
        let request = world.request(&client_at(&world, &[app]).await);
        let url = request.clone().with("response_type", "x").url();
        let page = world.browser().open(&url).await.page().expect(400);
        let scheme = app.split_once(':').unwrap().0;
        let link = page.link(&format!("Open {scheme}:"));
        assert_eq!(query(&link, "state").as_deref(), Some(&*request.state), "{link}");
        assert_eq!(query(&link, "error").as_deref(), Some("unsupported_response_type"), "{link}");
        let framed = world.http.request(Method::GET, &url).header("sec-fetch-dest", "iframe");
        let _ = world.http.send(framed).await.expect(400);
        let mut browser = world.browser().with_callback(app);
        let callback = world.go(&mut browser, &request.url(), "alice").await;
        assert!(query(&callback, "code").is_some(), "{callback}");
        let mut browser = world.browser().with_callback(app);
        let consent = browser.open(&request.url()).await.page().expect(200);
        let denied = browser.submit(&consent, consent.form("Deny")).await.callback();
        assert_eq!(query(&denied, "error").as_deref(), Some("access_denied"), "{denied}");
    }
}

#[tokio::test]
async fn a_request_may_be_in_a_form() {
    let world = World::start().await;
    let request = world.request(&world.app().await);
    let send = |request: &Authorization| {
        let form = world.http.request(Method::POST, "/authorize").form(&request.query);
        world.http.send(form)
    };
    let page = send(&request).await.expect(200);
    assert!(page.text().contains("wants access"), "{page}");
    let refused = send(&request.clone().without("code_challenge")).await.expect(303);
    assert!(refused.header("location").unwrap().starts_with(CALLBACK), "{refused}");
    let _ = send(&request.with("redirect_uri", "https://evil.example/")).await.expect(400);
}

#[tokio::test]
async fn a_state_comes_back_as_it_was_sent_or_the_client_is_told_that_it_is_none() {
    let world = World::start().await;
    let request = world.request(&world.app().await).with("response_type", "x").without("state");
    let answer = async |state: &str| {
        let url = format!("{}&state={state}", request.url());
        world.browser().open(&url).await.callback()
    };
    let strange = answer("%EF%BF%BD%00%20").await;
    assert_eq!(query(&strange, "state").as_deref(), Some("\u{FFFD}\0 "), "{strange}");
    let broken = answer("%C3%28").await;
    assert_eq!(query(&broken, "error").as_deref(), Some("invalid_request"));
    let why = query(&broken, "error_description");
    assert_eq!((why.as_deref(), query(&broken, "state")), (Some("state is not UTF-8"), None));
}
