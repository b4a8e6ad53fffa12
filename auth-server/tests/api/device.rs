//! Device authorization (RFC 8628): the device, its user, and those who guess or hurry.

use ambient::{Clock, Secret};
use http::Method;
use serde_json::{Value, json};
use store::{RedisOptions, Store};
use testkit::{
    browser::{Browser, Page, Visit},
    http::{Answer, Http},
    oauth::{Client, Tokens},
    redis::RedisServer,
};

use crate::{
    keys::read,
    limits::{PROXY, from},
    support::{CALLBACK, PASSWORD, RESOURCE, World, approve, sign_in},
};

pub(crate) const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A program that runs on devices only.
pub(crate) async fn program(world: &World) -> Client {
    program_called(world, "Headless tool").await
}

/// One with a name of its own: public clients that register the same are the same.
async fn program_called(world: &World, name: &str) -> Client {
    let metadata = json!({
        "client_name": name,
        "grant_types": [GRANT, "refresh_token"],
        "token_endpoint_auth_method": "none",
    });
    let registration = world.register(&metadata).await.expect(201).json();
    Client {
        id: registration["client_id"].as_str().unwrap().to_owned(),
        secret: None,
        redirect_uri: CALLBACK.to_owned(),
        registration,
    }
}

pub(crate) async fn begin(world: &World, client: &Client) -> Value {
    let form = [("client_id", &*client.id), ("scope", "mcp"), ("resource", RESOURCE)];
    let answer = world.http.post_form("/device_authorization", &form).await.expect(200);
    answer.expect_no_store();
    answer.json()
}

fn asking<'a>(client: &'a Client, begun: &'a Value) -> [(&'static str, &'a str); 3] {
    let code = begun["device_code"].as_str().unwrap();
    [("grant_type", GRANT), ("device_code", code), ("client_id", &client.id)]
}

pub(crate) async fn ask(world: &World, client: &Client, begun: &Value) -> Answer {
    world.token(&asking(client, begun)).await
}

pub(crate) fn text<'a>(begun: &'a Value, name: &str) -> &'a str {
    begun[name].as_str().unwrap()
}

/// Types a code; the page is what comes of it.
pub(crate) async fn enter(world: &World, browser: &mut Browser, code: &str) -> Page {
    let url = format!("{}/device", world.issuer);
    let page = browser.open(&url).await.page().expect(200);
    let form = page.form("Continue").fill("user_code", code);
    browser.submit(&page, form).await.page()
}

/// Goes from the code to the end.
pub(crate) async fn allow(world: &World, code: &str, user: &str) -> Visit {
    let mut browser = world.browser();
    let consent = enter(world, &mut browser, code).await.expect(200);
    let login = approve(&mut browser, &consent).await.page().expect(200);
    sign_in(&mut browser, &login, user, PASSWORD).await
}

#[tokio::test]
async fn a_device_gets_tokens_when_its_user_has_agreed() {
    let world = World::start().await;
    let client = program(&world).await;
    let begun = begin(&world, &client).await;
    assert_eq!((&begun["expires_in"], &begun["interval"]), (&json!(600), &json!(5)));
    ask(&world, &client, &begun).await.expect_oauth_error(400, "authorization_pending");
    let done = allow(&world, text(&begun, "user_code"), "alice").await.page().expect(200);
    assert!(done.text().contains("Device connected"), "{done}");
    let tokens = Tokens::read(&ask(&world, &client, &begun).await);
    let told = world.introspect(&tokens.access).await;
    assert_eq!((&told["sub"], &told["scope"]), (&json!("alice"), &json!("mcp")));
    assert_eq!((&told["aud"], &told["client_id"]), (&json!(RESOURCE), &json!(client.id)));
    let _ = world.refresh(&client, &tokens.refresh.unwrap()).await.expect(200);
}

#[tokio::test]
async fn a_device_code_is_redeemed_once() {
    let world = World::start().await;
    let client = program(&world).await;
    let begun = begin(&world, &client).await;
    let _ = allow(&world, text(&begun, "user_code"), "alice").await.page().expect(200);
    let tokens = Tokens::read(&ask(&world, &client, &begun).await);
    ask(&world, &client, &begun).await.expect_oauth_error(400, "invalid_grant");
    assert!(world.is_active(&tokens.access).await, "a device that asks again harms nobody");
}

#[tokio::test]
async fn of_many_who_redeem_it_on_two_instances_one_gets_tokens() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let world = World::on(store, Clock::system()).await;
    let other = world.another(&[]).await;
    let client = program(&world).await;
    let begun = begin(&world, &client).await;
    let _ = allow(&world, text(&begun, "user_code"), "alice").await.page().expect(200);
    let form = asking(&client, &begun);
    let here = (0..8).map(|_| world.http.post_form("/token", &form));
    let there = (0..8).map(|_| other.post_form("/token", &form));
    let answers = futures_util::future::join_all(here.chain(there)).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(good.len(), 1, "{answers:?}");
    for answer in bad {
        answer.expect_oauth_error(400, "invalid_grant");
    }
    assert!(world.is_active(&Tokens::read(good[0]).access).await);
}

#[tokio::test]
async fn a_device_that_asks_too_often_is_slowed_down_on_every_instance() {
    let world = World::start().await;
    let other = world.another(&[]).await;
    let client = program(&world).await;
    let begun = begin(&world, &client).await;
    ask(&world, &client, &begun).await.expect_oauth_error(400, "authorization_pending");
    let hasty = other.post_form("/token", &asking(&client, &begun)).await;
    hasty.expect_oauth_error(400, "slow_down");
    world.pass(5);
    ask(&world, &client, &begun).await.expect_oauth_error(400, "slow_down");
    world.pass(15);
    ask(&world, &client, &begun).await.expect_oauth_error(400, "authorization_pending");
}

#[tokio::test]
async fn a_user_who_says_no_is_heard() {
    let world = World::start().await;
    let client = program(&world).await;
    let begun = begin(&world, &client).await;
    let mut browser = world.browser();
    let consent = enter(&world, &mut browser, text(&begun, "user_code")).await.expect(200);
    let done = browser.submit(&consent, consent.form("Deny")).await.page().expect(200);
    assert!(done.text().contains("Access denied"), "{done}");
    ask(&world, &client, &begun).await.expect_oauth_error(400, "access_denied");
    let again = enter(&world, &mut browser, text(&begun, "user_code")).await;
    assert_eq!(again.status, 400, "the code is of no use any more");
}

#[tokio::test]
async fn a_device_that_waits_too_long_is_told_so() {
    let world = World::start().await;
    let client = program(&world).await;
    let begun = begin(&world, &client).await;
    world.pass(600);
    ask(&world, &client, &begun).await.expect_oauth_error(400, "expired_token");
    let late = enter(&world, &mut world.browser(), text(&begun, "user_code")).await.expect(400);
    assert!(late.text().contains("No device waits with this code"), "{late}");
    world.pass(3600);
    ask(&world, &client, &begun).await.expect_oauth_error(400, "expired_token");
}

#[tokio::test]
async fn a_link_with_the_code_asks_to_compare_it_and_decides_nothing() {
    let world = World::start().await;
    let client = program(&world).await;
    let begun = begin(&world, &client).await;
    let mut browser = world.browser();
    let page = browser.open(text(&begun, "verification_uri_complete")).await.page().expect(200);
    assert!(page.text().contains("Only continue if you have started this yourself"), "{page}");
    assert!(page.text().contains("Compare this code"), "{page}");
    ask(&world, &client, &begun).await.expect_oauth_error(400, "authorization_pending");
    let consent = browser.submit(&page, page.form("Continue")).await.page().expect(200);
    let shown = consent.text();
    assert!(shown.contains(text(&begun, "user_code")) && shown.contains("Headless tool"));
    assert!(shown.contains("only if you have just started this yourself"), "{consent}");
    assert!(!shown.contains("/device/done"), "{consent}");
}

#[tokio::test]
async fn a_code_may_be_typed_carelessly() {
    let world = World::start().await;
    let client = program(&world).await;
    let begun = begin(&world, &client).await;
    let typed = text(&begun, "user_code").to_lowercase().replace('-', " ");
    let done = allow(&world, &typed, "bob").await.page().expect(200);
    assert!(done.text().contains("Device connected"), "{done}");
}

#[tokio::test]
async fn codes_cannot_be_guessed_for_long() {
    let world = World::with(&[PROXY]).await;
    let other = world.another(&[PROXY]).await;
    let begun = begin(&world, &program(&world).await).await;
    let guess = async |http: &Http, address: &str, code: &str| {
        from(http, address, Method::POST, "/device", &[("user_code", code)]).await
    };
    for _ in 0..15 {
        let _ = guess(&world.http, "203.0.113.7", "BCDF-GHJK").await.expect(400);
        let _ = guess(&other, "203.0.113.7", "nonsense").await.expect(400);
    }
    let right = text(&begun, "user_code");
    let refused = guess(&world.http, "203.0.113.7", right).await.expect(429);
    assert_eq!(refused.header("retry-after"), Some("600"));
    assert!(refused.text().contains("Wait 10 minutes"), "{refused}");
    let _ = guess(&world.http, "203.0.113.8", right).await.expect(200);
    world.pass(600);
    let begun = begin(&world, &program(&world).await).await;
    let _ = guess(&other, "203.0.113.7", text(&begun, "user_code")).await.expect(200);
}

#[tokio::test]
async fn another_site_cannot_enter_a_code() {
    let world = World::start().await;
    let begun = begin(&world, &program(&world).await).await;
    let request = world.http.request(Method::POST, "/device");
    let request = request.header("sec-fetch-site", "cross-site");
    let form = [("user_code", text(&begun, "user_code"))];
    let _ = world.http.send(request.form(&form)).await.expect(403);
}

#[tokio::test]
async fn what_comes_back_from_a_login_counts_once_and_for_its_own_device() {
    let world = World::start().await;
    let client = program(&world).await;
    let (first, second) = (begin(&world, &client).await, begin(&world, &client).await);
    let visit = allow(&world, text(&first, "user_code"), "alice").await;
    let done = visit.hops().last().unwrap().url.clone();
    let again = world.http.get(done.as_str()).await.expect(400);
    assert!(again.text().contains("This request has ended"), "{again}");
    ask(&world, &client, &second).await.expect_oauth_error(400, "authorization_pending");
    let stray = format!("/device/done?state=x&iss={}&code=mcpc_x", world.issuer);
    let _ = world.http.get(&stray).await.expect(400);
}

#[tokio::test]
async fn a_device_code_is_its_clients_own() {
    let world = World::start().await;
    let (client, other) = (program(&world).await, program_called(&world, "Other tool").await);
    let begun = begin(&world, &client).await;
    ask(&world, &other, &begun).await.expect_oauth_error(400, "invalid_grant");
    let app = world.app().await;
    ask(&world, &app, &begun).await.expect_oauth_error(400, "unauthorized_client");
    let form = [("client_id", &*app.id)];
    let refused = world.http.post_form("/device_authorization", &form).await;
    refused.expect_oauth_error(400, "unauthorized_client");
}

#[tokio::test]
async fn what_a_device_may_not_ask_for_is_told_at_once() {
    let world = World::start().await;
    let client = program(&world).await;
    let table = [
        ("resource", "https://other.example/mcp", "invalid_target"),
        ("scope", "a\"b", "invalid_scope"),
        ("authorization_details", "[]", "invalid_authorization_details"),
    ];
    for (name, value, code) in table {
        let form = [("client_id", &*client.id), (name, value)];
        let refused = world.http.post_form("/device_authorization", &form).await;
        refused.expect_oauth_error(400, code);
    }
    let refused = world.http.post_form("/device_authorization", &[("client_id", "x")]).await;
    refused.expect_oauth_error(401, "invalid_client");
}

#[tokio::test]
async fn a_program_for_devices_cannot_be_asked_for_in_a_browser() {
    let world = World::start().await;
    let client = program(&world).await;
    let page = world.browser().open(&world.request(&client).url()).await.page().expect(400);
    assert!(page.text().contains("not registered"), "{page}");
}

#[tokio::test]
async fn a_device_learns_who_its_user_is_if_it_asks() {
    let world = World::start().await;
    let client = program(&world).await;
    let form = [("client_id", &*client.id), ("scope", "openid")];
    let begun = world.http.post_form("/device_authorization", &form).await.expect(200).json();
    let _ = allow(&world, text(&begun, "user_code"), "bob").await.page().expect(200);
    let tokens = ask(&world, &client, &begun).await.expect(200).json();
    let (_, claims) = read(&world.http, text(&tokens, "id_token")).await.unwrap();
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!("bob"), &json!(client.id)));
    assert_eq!(claims["auth_time"], json!(world.clock.now().as_secs()));
}
