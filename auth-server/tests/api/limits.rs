//! Who comes too often or guesses passwords. Requests come from other addresses by way of a proxy
//! that the server is told to trust; the test's own address is not counted.

use ambient::{Clock, Secret};
use http::Method;
use serde_json::{Value, json};
use store::{RedisOptions, Store};
use testkit::{
    browser::{Browser, Page},
    http::{Answer, Http},
    redis::RedisServer,
};

use crate::{
    provider::Provider,
    support::{CALLBACK, PASSWORD, RESOURCE_SERVER, World, approve, cookie_header, sign_in},
};

pub(crate) const PROXY: (&str, &str) = ("AUTH_TRUSTED_PROXIES", "127.0.0.0/8");

/// A request that comes from `address`.
pub(crate) async fn from(
    http: &Http,
    address: &str,
    method: Method,
    path: &str,
    form: &[(&str, &str)],
) -> Answer {
    let request = http.request(method, path).header("x-forwarded-for", address);
    http.send(if form.is_empty() { request } else { request.form(form) }).await
}

async fn register_from(http: &Http, address: &str) -> Answer {
    let metadata = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
    let request = http.request(Method::POST, "/register").header("x-forwarded-for", address);
    http.send(request.json(&metadata)).await
}

#[track_caller]
fn check(answer: &Answer, seconds: &str) {
    answer.expect_oauth_error(429, "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), Some(seconds));
}

async fn login_page(world: &World, browser: &mut Browser) -> Page {
    let client = world.app().await;
    let consent = browser.open(&world.request(&client).url()).await.page().expect(200);
    approve(browser, &consent).await.page().expect(200)
}

/// What a wrong password leads to.
async fn fail(world: &World, user: &str) -> Page {
    let mut browser = world.browser();
    let page = login_page(world, &mut browser).await;
    let form = page.form("Sign in").tamper("username", user).fill("password", "wrong");
    browser.submit(&page, form).await.page()
}

#[tokio::test]
async fn registrations_of_one_address_are_limited_and_the_limit_passes() {
    let world = World::with(&[PROXY, ("AUTH_LIMIT_REGISTER", "2/60")]).await;
    for _ in 0..2 {
        let _ = register_from(&world.http, "203.0.113.7").await.expect(201);
    }
    world.pass(15);
    check(&register_from(&world.http, "203.0.113.7").await, "45");
    let _ = register_from(&world.http, "203.0.113.8").await.expect(201);
    world.pass(45);
    let _ = register_from(&world.http, "203.0.113.7").await.expect(201);
}

#[tokio::test]
async fn an_address_that_nobody_vouches_for_changes_nothing() {
    let world = World::with(&[("AUTH_LIMIT_REGISTER", "1/60")]).await;
    for number in 0..3 {
        let _ = register_from(&world.http, &format!("203.0.113.{number}")).await.expect(201);
    }
    let world = World::with(&[PROXY, ("AUTH_LIMIT_REGISTER", "1/60")]).await;
    let _ = register_from(&world.http, "203.0.113.7").await.expect(201);
    // What stands left of the address that our proxy has seen was written by the caller.
    check(&register_from(&world.http, "198.51.100.1, 203.0.113.7").await, "60");
}

#[tokio::test]
async fn a_network_of_ipv6_is_one_caller() {
    let world = World::with(&[PROXY, ("AUTH_LIMIT_REGISTER", "1/60")]).await;
    let _ = register_from(&world.http, "2001:db8:0:1::1").await.expect(201);
    check(&register_from(&world.http, "2001:db8:0:1:ffff::1").await, "60");
    let _ = register_from(&world.http, "2001:db8:0:2::1").await.expect(201);
}

#[tokio::test]
async fn token_requests_of_one_address_are_limited() {
    let world = World::with(&[PROXY, ("AUTH_LIMIT_TOKEN", "2/60")]).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", "x")];
    for _ in 0..2 {
        let _ = from(&world.http, "203.0.113.7", Method::POST, "/token", &form).await.expect(401);
    }
    check(&from(&world.http, "203.0.113.7", Method::POST, "/token", &form).await, "60");
}

#[tokio::test]
async fn who_begins_too_many_authorizations_as_a_program_is_told_so_too() {
    for path in ["/par", "/device_authorization"] {
        let world = World::with(&[PROXY, ("AUTH_LIMIT_AUTHORIZE", "1/60")]).await;
        let id = world.app().await.id;
        let form = [("client_id", &*id)];
        let _ = from(&world.http, "203.0.113.7", Method::POST, path, &form).await.expect(400);
        check(&from(&world.http, "203.0.113.7", Method::POST, path, &form).await, "60");
    }
}

#[tokio::test]
async fn wrong_secrets_are_limited_where_authorizations_begin() {
    for path in ["/par", "/device_authorization"] {
        let world = World::with(&[PROXY, ("AUTH_LIMIT_REFUSED", "1/60")]).await;
        let id = world.confidential().await.id;
        let form = [("client_id", &*id), ("client_secret", "wrong")];
        let _ = from(&world.http, "203.0.113.7", Method::POST, path, &form).await.expect(401);
        check(&from(&world.http, "203.0.113.7", Method::POST, path, &form).await, "60");
    }
}

#[tokio::test]
async fn who_opens_too_many_authorizations_is_told_on_a_page() {
    let world = World::with(&[PROXY, ("AUTH_LIMIT_AUTHORIZE", "1/120")]).await;
    let path = world.request(&world.app().await).url();
    let _ = from(&world.http, "203.0.113.7", Method::GET, &path, &[]).await.expect(200);
    let page = from(&world.http, "203.0.113.7", Method::GET, &path, &[]).await.expect(429);
    assert_eq!(page.header("retry-after"), Some("120"));
    assert!(page.text().contains("Wait 2 minutes"), "{page}");
}

/// The same form from `address`, out of a browser that has come as far as its page.
async fn submit_from(
    world: &World,
    browser: &Browser,
    path: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let request = world.http.request(Method::POST, path).header("x-forwarded-for", "203.0.113.7");
    let request = request.header("cookie", cookie_header(browser));
    world.http.send(request.form(fields)).await
}

const LOGINS: [(&str, &str); 2] = [PROXY, ("AUTH_LIMIT_AUTHORIZE", "1/60")];

#[tokio::test]
async fn who_begins_too_many_logins_to_look_at_applications_is_told_so() {
    let world = World::with(&LOGINS).await;
    let _ = from(&world.http, "203.0.113.7", Method::GET, "/apps", &[]).await.expect(303);
    let page = from(&world.http, "203.0.113.7", Method::GET, "/apps", &[]).await.expect(429);
    assert!(page.text().contains("Too many requests"), "{page}");
    let _ = from(&world.http, "203.0.113.8", Method::GET, "/apps", &[]).await.expect(303);
}

#[tokio::test]
async fn who_agrees_again_and_again_is_told_so() {
    let world = World::with(&LOGINS).await;
    let (mut browser, client) = (world.browser(), world.app().await);
    let consent = browser.open(&world.request(&client).url()).await.page().expect(200);
    let form = consent.form("Approve");
    let fields = ["transaction", "token"].map(|name| (name, form.value(name).unwrap()));
    let fields = [&fields[..], &[("decision", "approve")]].concat();
    let _ = submit_from(&world, &browser, "/consent", &fields).await.expect(303);
    let _ = submit_from(&world, &browser, "/consent", &fields).await.expect(429);
}

#[tokio::test]
async fn who_chooses_a_provider_again_and_again_is_told_so() {
    let clock = World::clock();
    let provider = Provider::start(&clock).await;
    let settings = provider.settings();
    let settings = settings.iter().map(|(name, value)| (*name, &**value));
    let settings = settings.chain(LOGINS).chain([("AUTH_MOCK_IDP", "1")]).collect::<Vec<_>>();
    let world = World::by(clock, &settings).await;
    let mut browser = world.browser();
    let chooser = login_page(&world, &mut browser).await;
    let form = chooser.form("Demo users (mock)");
    let fields = ["transaction", "token", "goal"].map(|name| (name, form.value(name).unwrap()));
    let fields = [&fields[..], &[("upstream", "mock")]].concat();
    let _ = submit_from(&world, &browser, "/login", &fields).await.expect(303);
    let _ = submit_from(&world, &browser, "/login", &fields).await.expect(429);
}

#[tokio::test]
async fn wrong_credentials_are_limited_and_right_ones_are_not() {
    let world = World::with(&[PROXY, ("AUTH_LIMIT_REFUSED", "2/60")]).await;
    let ask = async |secret: &str| {
        let request = world.http.request(Method::POST, "/introspect");
        let request = request.header("x-forwarded-for", "203.0.113.7");
        let request = request.basic_auth(RESOURCE_SERVER.0, Some(secret));
        world.http.send(request.form(&[("token", "x")])).await
    };
    for _ in 0..2 {
        let _ = ask("wrong").await.expect(401);
    }
    check(&ask("wrong").await, "60");
    assert_eq!(ask(RESOURCE_SERVER.1).await.expect(200).json(), json!({ "active": false }));
    let form = [("token", "x"), ("client_id", "x")];
    check(&from(&world.http, "203.0.113.7", Method::POST, "/revoke", &form).await, "60");
}

#[tokio::test]
async fn a_limit_holds_over_two_instances() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let settings = [PROXY, ("AUTH_LIMIT_REGISTER", "3/60")];
    let world = World::on_with(store, Clock::system(), &settings).await;
    let other = world.another(&settings).await;
    let mut statuses = Vec::new();
    for number in 0..6 {
        let http = if number % 2 == 0 { &world.http } else { &other };
        statuses.push(register_from(http, "203.0.113.7").await.status.as_u16());
    }
    assert_eq!(statuses, [201, 201, 201, 429, 429, 429]);
}

#[tokio::test]
async fn after_seven_wrong_passwords_an_account_waits_and_so_does_a_name_that_is_none() {
    for user in ["alice", "nobody"] {
        let world = World::start().await;
        for _ in 0..7 {
            let _ = fail(&world, user).await.expect(403);
        }
        let page = fail(&world, user).await.expect(429);
        assert_eq!(page.header("retry-after"), Some("60"), "{user}");
        assert!(page.text().contains("Too many logins have failed"), "{page}");
        world.pass(60);
        let _ = fail(&world, user).await.expect(403);
    }
}

#[tokio::test]
async fn the_right_password_does_not_help_while_an_account_waits_and_others_are_free() {
    let world = World::start().await;
    for _ in 0..7 {
        let _ = fail(&world, "alice").await.expect(403);
    }
    let mut browser = world.browser();
    let page = login_page(&world, &mut browser).await;
    let _ = sign_in(&mut browser, &page, "alice", PASSWORD).await.page().expect(429);
    let request = world.request(&world.app().await);
    let _ = world.go(&mut world.browser(), &request.url(), "bob").await;
    world.pass(60);
    let _ = sign_in(&mut browser, &page, "alice", PASSWORD).await.callback();
}

/// A password tried from `address`, in a browser that has come as far as the login.
async fn guess(world: &World, http: &Http, address: &str, user: &str) -> Answer {
    let mut browser = world.browser();
    let page = login_page(world, &mut browser).await;
    let form = page.form("Sign in");
    let cookies = cookie_header(&browser);
    let hidden = ["state", "nonce", "code_challenge", "token"];
    let hidden = hidden.map(|name| (name, form.value(name).unwrap()));
    let fields = [&hidden[..], &[("username", user), ("password", "wrong")]].concat();
    let request = http.request(Method::POST, "/mock-upstream-idp/authorize");
    let request = request.header("x-forwarded-for", address).header("cookie", cookies);
    http.send(request.form(&fields)).await
}

#[tokio::test]
async fn who_tries_one_password_on_many_accounts_is_stopped_by_address() {
    let world = World::with(&[PROXY, ("AUTH_LADDER_ADDRESS", "4:60,6:600")]).await;
    for user in ["alice", "bob", "carol", "dave"] {
        let _ = guess(&world, &world.http, "203.0.113.7", user).await.expect(403);
    }
    let stopped = guess(&world, &world.http, "203.0.113.7", "erin").await.expect(429);
    assert_eq!(stopped.header("retry-after"), Some("60"));
    let _ = guess(&world, &world.http, "203.0.113.8", "erin").await.expect(403);
}

#[tokio::test]
async fn the_ladder_holds_over_two_instances_whoever_is_asked() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let settings = [PROXY, ("AUTH_LADDER_ACCOUNT", "4:600")];
    let world = World::on_with(store, Clock::system(), &settings).await;
    let other = world.another(&settings).await;
    let tries = (0..12).map(|number| {
        let http = if number % 2 == 0 { &world.http } else { &other };
        let (world, address) = (&world, format!("203.0.113.{number}"));
        async move { guess(world, http, &address, "alice").await.status.as_u16() }
    });
    let mut statuses = futures_util::future::join_all(tries).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[403; 4].as_slice(), &[429; 8]].concat());
}

#[tokio::test]
async fn a_store_that_is_away_lets_nobody_guess() {
    let mut server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let world = World::on_with(store, Clock::system(), &[PROXY]).await;
    let mut browser = world.browser();
    let page = login_page(&world, &mut browser).await;
    server.kill();
    let page = sign_in(&mut browser, &page, "alice", PASSWORD).await.page().expect(503);
    assert_eq!(page.header("retry-after"), Some("1"));
    let refused = register_from(&world.http, "203.0.113.7").await;
    refused.expect_oauth_error(503, "temporarily_unavailable");
    let form = [("token", "x"), ("client_id", "mcp-server"), ("client_secret", "wrong")];
    let refused = from(&world.http, "203.0.113.7", Method::POST, "/introspect", &form).await;
    refused.expect_oauth_error(503, "temporarily_unavailable");
}

#[tokio::test]
async fn documents_that_one_address_makes_us_fetch_are_limited() {
    let private = ("AUTH_CIMD_ALLOW_PRIVATE", "1");
    let world = World::with(&[PROXY, private, ("AUTH_LIMIT_DOCUMENTS", "1/60")]).await;
    let host = crate::client_documents::Host::start().await;
    let open = async |id: &str, address: &str| {
        let client = testkit::oauth::Client {
            id: id.to_owned(),
            secret: None,
            redirect_uri: CALLBACK.to_owned(),
            registration: Value::Null,
        };
        let url = world.request(&client).url();
        from(&world.http, address, Method::GET, &url, &[]).await.status.as_u16()
    };
    assert_eq!(open(&host.url, "203.0.113.7").await, 200);
    assert_eq!(open(&format!("{}/2", host.url), "203.0.113.7").await, 429);
    assert_eq!(open(&host.url, "203.0.113.7").await, 200, "that one is known already");
    assert_eq!(open(&format!("{}/2", host.url), "203.0.113.8").await, 400);
}
