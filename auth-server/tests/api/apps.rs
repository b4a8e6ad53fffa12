//! The applications that a user has let in, and the end of one.

use ambient::{Clock, Secret};
use serde_json::json;
use store::{RedisOptions, Store};
use testkit::{
    browser::{Browser, Page},
    oauth::{Client, Tokens, query},
    redis::RedisServer,
};

use crate::{
    log::Log,
    support::{PASSWORD, World, cookie_header, redemption, sign_in},
};

/// Lets a client in as `user`, in this browser.
async fn let_in(world: &World, browser: &mut Browser, client: &Client, user: &str) -> Tokens {
    let request = world.request(client).with("prompt", "login");
    let callback = world.go(browser, &request.url(), user).await;
    let code = query(&callback, "code").unwrap();
    Tokens::read(&world.token(&redemption(client, &request, &code)).await)
}

async fn apps(world: &World, browser: &mut Browser) -> Page {
    browser.open(&format!("{}/apps", world.issuer)).await.page().expect(200)
}

/// The page after the first application on it has been thrown out.
async fn throw_out(browser: &mut Browser, page: &Page) -> Page {
    let form = page.form("Remove access");
    browser.submit(page, form).await.page().expect(200)
}

#[tokio::test]
async fn a_user_sees_who_is_let_in_and_since_when() {
    let world = World::start().await;
    let (client, mut browser) = (world.app().await, world.browser());
    let tokens = let_in(&world, &mut browser, &client, "alice").await;
    world.pass(2 * 3600);
    let _ = world.refresh(&client, tokens.refresh.as_deref().unwrap()).await.expect(200);
    world.pass(60);
    let text = apps(&world, &mut browser).await.text();
    for part in [
        "You are Alice Adams",
        "Test client",
        &client.id,
        "mcp notes",
        "http://localhost:3232/mcp",
        "Let in 2 hours ago",
        "Last used 1 minute ago",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn several_logins_of_a_client_are_one_application() {
    let world = World::start().await;
    let (client, mut browser) = (world.app().await, world.browser());
    for _ in 0..3 {
        let_in(&world, &mut browser, &client, "alice").await;
    }
    assert_eq!(apps(&world, &mut browser).await.select(".apps > li").len(), 1);
}

#[tokio::test]
async fn who_is_thrown_out_has_nothing_left() {
    let world = World::start().await;
    let (client, mut browser) = (world.app().await, world.browser());
    let first = let_in(&world, &mut browser, &client, "alice").await;
    let second = let_in(&world, &mut browser, &client, "alice").await;
    let page = apps(&world, &mut browser).await;
    let page = throw_out(&mut browser, &page).await;
    assert!(page.text().contains("has no access any more"), "{page}");
    assert!(page.text().contains("No application has access"), "{page}");
    for tokens in [first, second] {
        assert!(!world.is_active(&tokens.access).await);
        let refused = world.refresh(&client, &tokens.refresh.unwrap()).await;
        refused.expect_oauth_error(400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_code_on_its_way_ends_too() {
    let (log, world) = (Log::keep(), World::start().await);
    let (client, mut browser) = (world.app().await, world.browser());
    let_in(&world, &mut browser, &client, "alice").await;
    let request = world.request(&client).with("prompt", "login");
    let callback = world.go(&mut browser, &request.url(), "alice").await;
    let page = apps(&world, &mut browser).await;
    let _ = throw_out(&mut browser, &page).await;
    let code = query(&callback, "code").unwrap();
    for _ in 0..2 {
        let refused = world.token(&redemption(&client, &request, &code)).await;
        refused.expect_oauth_error(400, "invalid_grant");
        assert!(refused.text().contains("the user has withdrawn"), "{refused}");
    }
    assert!(log.audit("code.replayed", Some(&client.id)).is_empty(), "nothing was stolen");
}

#[tokio::test]
async fn a_login_that_there_is_no_place_for_ends_instead_of_hiding() {
    let world = World::start().await;
    let (first, other) = (world.app().await, world.app().await);
    let mut browser = world.browser();
    let oldest = let_in(&world, &mut browser, &first, "alice").await;
    world.pass(1);
    let second = let_in(&world, &mut browser, &other, "alice").await;
    world.pass(1);
    for _ in 0..199 {
        let page = browser.open(&world.request(&other).url()).await.page().expect(200);
        let _ = crate::support::approve(&mut browser, &page).await.callback();
    }
    assert!(!world.is_active(&oldest.access).await);
    let refused = world.refresh(&first, &oldest.refresh.unwrap()).await;
    refused.expect_oauth_error(400, "invalid_grant");
    assert!(world.is_active(&second.access).await, "200 have a place");
    let page = apps(&world, &mut browser).await;
    assert!(page.text().contains(&other.id) && !page.text().contains(&first.id), "{page}");
}

#[tokio::test]
async fn nobody_else_suffers() {
    let world = World::start().await;
    let (one, mut alice) = (world.app().await, world.browser());
    let metadata = json!({"token_endpoint_auth_method": "none", "scope": "mcp"});
    let other = world.app_with(metadata).await;
    let mut bob = world.browser();
    let gone = let_in(&world, &mut alice, &one, "alice").await;
    let kept = [
        let_in(&world, &mut alice, &other, "alice").await,
        let_in(&world, &mut bob, &one, "bob").await,
    ];
    let page = apps(&world, &mut alice).await;
    let form = page.form("Remove access").tamper("client_id", &one.id);
    let page = alice.submit(&page, form).await.page().expect(200);
    assert!(page.text().contains(&other.id) && !page.text().contains(&one.id), "{page}");
    assert!(!world.is_active(&gone.access).await);
    for tokens in kept {
        assert!(world.is_active(&tokens.access).await);
    }
}

#[tokio::test]
async fn what_is_thrown_out_has_to_ask_again() {
    let web = "https://client.example/cb";
    let world = World::start().await;
    let mut browser = world.browser().with_callback(web);
    // With a secret, so that what was allowed before is remembered.
    let method = "client_secret_post";
    let metadata = json!({"redirect_uris": [web], "token_endpoint_auth_method": method});
    let registration = world.register(&metadata).await.expect(201).json();
    let text = |name: &str| registration[name].as_str().unwrap().to_owned();
    let (id, secret) = (text("client_id"), Some(text("client_secret")));
    let client = Client { id, secret, redirect_uri: web.to_owned(), registration };
    let request = world.request(&client);
    let callback = world.go(&mut browser, &request.url(), "alice").await;
    let mut form = redemption(&client, &request, "");
    form.retain(|(name, _)| !matches!(*name, "code" | "redirect_uri"));
    let code = query(&callback, "code").unwrap();
    form.extend([("code", &*code), ("redirect_uri", web)]);
    let _ = world.token(&form).await.expect(200);
    assert!(query(&browser.open(&request.url()).await.callback(), "code").is_some());
    let page = apps(&world, &mut browser).await;
    let _ = throw_out(&mut browser, &page).await;
    assert!(browser.open(&request.url()).await.page().expect(200).has_button("Approve"));
}

#[tokio::test]
async fn a_form_of_another_site_or_another_user_throws_nobody_out() {
    let world = World::start().await;
    let (client, mut alice, mut bob) = (world.app().await, world.browser(), world.browser());
    let tokens = let_in(&world, &mut alice, &client, "alice").await;
    let_in(&world, &mut bob, &client, "bob").await;
    let page = apps(&world, &mut alice).await;
    let form = || page.form("Remove access");
    let _ = alice.submit(&page, form().tamper("token", "x")).await.page().expect(403);
    let _ = bob.submit(&page, form()).await.page().expect(403);
    let _ = world.browser().submit(&page, form()).await.page().expect(403);
    let fields = ["client_id", "token"].map(|name| (name, form().value(name).unwrap().to_owned()));
    let request =
        world.http.request(http::Method::POST, "/apps").header("cookie", cookie_header(&alice));
    let request = request.header("sec-fetch-site", "cross-site").form(&fields);
    let _ = world.http.send(request).await.expect(403);
    assert!(world.is_active(&tokens.access).await);
}

#[tokio::test]
async fn who_is_not_logged_in_does_that_first() {
    let world = World::start().await;
    let mut browser = world.browser();
    let login = apps(&world, &mut browser).await;
    let page = sign_in(&mut browser, &login, "bob", PASSWORD).await.page().expect(200);
    assert!(page.url.path() == "/apps" && page.text().contains("You are Bob Brown"), "{page}");
    let mut other = world.browser();
    let login = apps(&world, &mut other).await;
    let cancelled = other.submit(&login, login.form("Cancel")).await.page().expect(403);
    assert!(cancelled.text().contains("You have not logged in"), "{cancelled}");
}

#[tokio::test]
async fn on_redis_the_end_is_the_end_on_every_instance() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let world = World::on(store, Clock::system()).await;
    let other = world.another(&[]).await;
    let (client, mut browser) = (world.app().await, world.browser());
    let tokens = let_in(&world, &mut browser, &client, "alice").await;
    let form = crate::support::refreshing(&client, tokens.refresh.as_deref().unwrap());
    let page = apps(&world, &mut browser).await;
    let _ = throw_out(&mut browser, &page).await;
    other.post_form("/token", &form).await.expect_oauth_error(400, "invalid_grant");
    assert!(!world.is_active(&tokens.access).await);
    assert_eq!(apps(&world, &mut browser).await.select(".apps > li").len(), 0);
}
