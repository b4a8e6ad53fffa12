//! Consent that is remembered: silent where it is safe, and nowhere else.

use std::io::Write as _;

use serde_json::json;
use tempfile::NamedTempFile;
use testkit::{
    browser::{Browser, Visit},
    oauth::{Authorization, Client, query},
};

use crate::{
    provider::Provider,
    support::{CALLBACK, World, approve, cookie_header},
};

/// Where the client of these tests is answered.
const WEB: &str = "https://client.example/cb";

fn browser(world: &World) -> Browser {
    world.browser().with_callback(WEB)
}

/// A client of its own: nobody else has its name, because it has a secret.
async fn client(world: &World, name: &str) -> Client {
    register(world, name, "client_secret_basic").await
}

async fn register(world: &World, name: &str, method: &str) -> Client {
    let uris = [WEB, "https://client.example/other"];
    let metadata = json!({
        "redirect_uris": uris, "client_name": name, "token_endpoint_auth_method": method,
    });
    let registration = world.register(&metadata).await.expect(201).json();
    let id = registration["client_id"].as_str().unwrap().to_owned();
    let secret = registration["client_secret"].as_str().map(str::to_owned);
    Client { id, secret, redirect_uri: WEB.to_owned(), registration }
}

/// A browser whose user has agreed to a request of a client before.
async fn agreed(world: &World) -> (Browser, Authorization) {
    let (mut browser, client) = (browser(world), client(world, "one").await);
    let request = world.request(&client);
    world.go(&mut browser, &request.url(), "alice").await;
    (browser, world.request(&client))
}

fn is_silent(visit: &Visit) -> bool {
    matches!(visit, Visit::Left { callback, .. } if query(callback, "code").is_some())
}

#[tokio::test]
async fn who_comes_alone_is_not_asked_the_same_again() {
    let world = World::start().await;
    let (mut browser, request) = agreed(&world).await;
    assert!(is_silent(&browser.open(&request.url()).await));
}

#[tokio::test]
async fn a_registration_that_others_share_is_asked_about_every_time() {
    let world = World::start().await;
    let mut browser = browser(&world);
    let client = register(&world, "one", "none").await;
    world.go(&mut browser, &world.request(&client).url(), "alice").await;
    assert_eq!(register(&world, "one", "none").await.id, client.id);
    assert!(!is_silent(&browser.open(&world.request(&client).url()).await));
}

#[tokio::test]
async fn who_is_sent_by_another_site_is_asked_again() {
    let world = World::start().await;
    let (mut browser, request) = agreed(&world).await;
    let evil = Provider::start(&world.clock).await;
    let page = browser.open(&evil.link_to(&request.url())).await.page().expect(200);
    let visit = browser.click(&page, "Go").await;
    assert!(visit.page().expect(200).has_button("Approve"));
}

#[tokio::test]
async fn a_browser_that_does_not_say_where_it_comes_from_is_asked_again() {
    const NONE: (&str, &str) = ("sec-fetch-site", "none");
    let world = World::start().await;
    let (browser, request) = agreed(&world).await;
    let cookies = cookie_header(&browser);
    let ask = |headers: &'static [(&str, &str)]| {
        let http = &world.http;
        let plain = http.request(http::Method::GET, &request.url()).header("cookie", &cookies);
        http.send(headers.iter().fold(plain, |plain, (name, value)| plain.header(*name, *value)))
    };
    let _ = ask(&[]).await.expect(200);
    let _ = ask(&[NONE, ("sec-fetch-dest", "iframe")]).await.expect(200);
    let _ = ask(&[("sec-fetch-site", "same-site")]).await.expect(200);
    assert!(ask(&[NONE]).await.expect(303).header("location").unwrap().starts_with(WEB));
}

#[tokio::test]
async fn another_question_is_asked() {
    let world = World::start().await;
    let (mut browser, request) = agreed(&world).await;
    for (name, value) in [
        ("scope", "notes"),
        ("redirect_uri", "https://client.example/other"),
        ("prompt", "consent"),
        ("prompt", "login"),
        ("max_age", "0"),
    ] {
        world.pass(1);
        let other = request.clone().with(name, value);
        let visit = browser.open(&other.url()).await;
        assert!(!is_silent(&visit), "{name}={value}");
    }
    let other = client(&world, "two").await;
    assert!(!is_silent(&browser.open(&world.request(&other).url()).await));
}

#[tokio::test]
async fn nobody_else_is_taken_for_the_one_who_agreed() {
    let world = World::start().await;
    let (_, request) = agreed(&world).await;
    let mut browser = browser(&world);
    world.go(&mut browser, &world.request(&client(&world, "two").await).url(), "bob").await;
    assert!(!is_silent(&browser.open(&request.url()).await));
    assert!(!is_silent(&self::browser(&world).open(&request.url()).await));
}

#[tokio::test]
async fn a_program_on_this_computer_is_asked_about_every_time() {
    let world = World::start().await;
    let mut browser = browser(&world);
    let client = world.app().await;
    assert_eq!(client.redirect_uri, CALLBACK);
    world.go(&mut browser, &world.request(&client).url(), "alice").await;
    assert!(!is_silent(&browser.open(&world.request(&client).url()).await));
}

#[tokio::test]
async fn a_client_of_the_operator_need_not_come_alone() {
    let mut file = NamedTempFile::new().unwrap();
    let clients = json!({"clients": [{"client_id": "portal", "redirect_uris": [CALLBACK]}]});
    write!(file, "{clients}").unwrap();
    let world = World::with(&[("AUTH_CLIENTS_FILE", file.path().to_str().unwrap())]).await;
    let (mut browser, registration) = (world.browser(), json!({}));
    let (id, redirect_uri) = ("portal".to_owned(), CALLBACK.to_owned());
    let client = Client { id, secret: None, redirect_uri, registration };
    world.go(&mut browser, &world.request(&client).url(), "alice").await;
    let evil = Provider::start(&world.clock).await;
    let link = evil.link_to(&world.request(&client).url());
    let page = browser.open(&link).await.page().expect(200);
    assert!(is_silent(&browser.click(&page, "Go").await));
}

#[tokio::test]
async fn where_no_page_may_be_shown_the_client_is_told_what_is_missing() {
    let world = World::start().await;
    let (mut browser, request) = agreed(&world).await;
    let silent = request.clone().with("prompt", "none");
    assert!(is_silent(&browser.open(&silent.url()).await));
    let error = |visit: Visit| query(&visit.callback(), "error").unwrap();
    let other = silent.clone().with("scope", "notes");
    assert_eq!(error(browser.open(&other.url()).await), "consent_required");
    let old = silent.clone().with("max_age", "0");
    world.pass(1);
    assert_eq!(error(browser.open(&old.url()).await), "login_required");
    let nobody = self::browser(&world).open(&silent.url()).await.page().expect(400);
    assert!(nobody.text().contains("login_required"), "{nobody}");
    let both = request.with("prompt", "none consent");
    assert_eq!(error(browser.open(&both.url()).await), "invalid_request");
}

#[tokio::test]
async fn a_no_is_not_remembered_and_takes_nothing_back() {
    let world = World::start().await;
    let (mut browser, request) = agreed(&world).await;
    let again = request.clone().with("prompt", "consent");
    let page = browser.open(&again.url()).await.page().expect(200);
    let callback = browser.submit(&page, page.form("Deny")).await.callback();
    assert_eq!(query(&callback, "error").as_deref(), Some("access_denied"));
    assert!(is_silent(&browser.open(&request.url()).await));
    let page = browser.open(&again.url()).await.page().expect(200);
    assert!(query(&approve(&mut browser, &page).await.callback(), "code").is_some());
}
