//! Who is logged in in a browser, and what that saves.

use testkit::{
    browser::{Browser, Page},
    oauth::query,
};

use crate::support::{PASSWORD, World, approve, cookie_header, sign_in};

/// The consent page of a new request.
async fn consent(world: &World, browser: &mut Browser) -> Page {
    let request = world.request(&world.app().await);
    browser.open(&request.url()).await.page().expect(200)
}

/// A browser in which somebody has logged in.
async fn logged_in(world: &World, user: &str) -> Browser {
    let mut browser = world.browser();
    world.go(&mut browser, &world.request(&world.app().await).url(), user).await;
    browser
}

fn is_known(page: &Page) -> bool {
    page.has_button("Use another account")
}

#[tokio::test]
async fn who_is_logged_in_agrees_with_one_click() {
    let world = World::start().await;
    let mut browser = logged_in(&world, "carol").await;
    let page = consent(&world, &mut browser).await;
    assert!(page.text().contains("You are Carol Clark"), "{page}");
    let callback = approve(&mut browser, &page).await.callback();
    assert!(query(&callback, "code").is_some(), "{callback}");
    let other = approve(&mut browser, &page).await.page().expect(400);
    assert!(other.text().contains("has ended"), "{other}");
}

#[tokio::test]
async fn another_browser_knows_nobody() {
    let world = World::start().await;
    let _browser = logged_in(&world, "alice").await;
    let mut other = world.browser();
    let page = consent(&world, &mut other).await;
    assert!(!is_known(&page), "{page}");
    assert!(approve(&mut other, &page).await.page().expect(200).has_button("Sign in"));
}

#[tokio::test]
async fn somebody_else_can_log_in() {
    let world = World::start().await;
    let mut browser = logged_in(&world, "alice").await;
    let page = consent(&world, &mut browser).await;
    let page = browser.submit(&page, page.form("Use another account")).await.page().expect(200);
    assert!(!is_known(&page) && !page.text().contains("Alice"), "{page}");
    let login = approve(&mut browser, &page).await.page().expect(200);
    let callback = sign_in(&mut browser, &login, "bob", PASSWORD).await.callback();
    assert!(query(&callback, "code").is_some());
    assert!(consent(&world, &mut browser).await.text().contains("You are Bob Brown"));
}

#[tokio::test]
async fn a_page_that_was_shown_to_one_user_is_not_answered_by_another() {
    let world = World::start().await;
    let mut browser = logged_in(&world, "alice").await;
    let shown_to_alice = consent(&world, &mut browser).await;
    let other_tab = consent(&world, &mut browser).await;
    let form = other_tab.form("Use another account");
    let other_tab = browser.submit(&other_tab, form).await.page().expect(200);
    let login = approve(&mut browser, &other_tab).await.page().expect(200);
    let _ = sign_in(&mut browser, &login, "bob", PASSWORD).await.callback();
    let asked = approve(&mut browser, &shown_to_alice).await.page().expect(200);
    assert!(asked.has_button("Sign in"), "{asked}");
}

#[tokio::test]
async fn a_browser_stays_logged_in_for_a_while() {
    let world = World::start().await;
    let mut browser = logged_in(&world, "alice").await;
    world.pass(8 * 3600 - 1);
    assert!(is_known(&consent(&world, &mut browser).await));
    world.pass(1);
    assert!(!is_known(&consent(&world, &mut browser).await));
    let world = World::with(&[("AUTH_SESSION_TTL", "0")]).await;
    let mut browser = logged_in(&world, "alice").await;
    assert!(!is_known(&consent(&world, &mut browser).await));
    assert_eq!(browser.jar.iter().count(), 1);
}

#[tokio::test]
async fn a_client_can_have_its_user_log_in_again() {
    let world = World::start().await;
    let mut browser = logged_in(&world, "alice").await;
    let client = world.app().await;
    world.pass(61);
    for (name, value) in [("prompt", "login"), ("prompt", "select_account"), ("max_age", "60")] {
        let request = world.request(&client).with(name, value);
        let page = browser.open(&request.url()).await.page().expect(200);
        assert!(!is_known(&page), "{name}={value}: {page}");
        let login = approve(&mut browser, &page).await.page().expect(200);
        assert!(login.has_button("Sign in"), "{name}={value}: {login}");
    }
    let request = world.request(&client).with("max_age", "62");
    assert!(is_known(&browser.open(&request.url()).await.page().expect(200)));
}

#[tokio::test]
async fn a_session_key_is_new_at_every_login() {
    let world = World::start().await;
    let mut browser = logged_in(&world, "alice").await;
    let name = browser.jar.iter().next().unwrap().name.clone();
    let before = browser.jar.get(&name).unwrap().value.clone();
    let request = world.request(&world.app().await).with("prompt", "login");
    world.go(&mut browser, &request.url(), "alice").await;
    let after = browser.jar.get(&name).unwrap().value.clone();
    assert_ne!(before, after);
    browser.jar.forge(&name, &before);
    assert!(!is_known(&consent(&world, &mut browser).await));
}

#[tokio::test]
async fn logging_out_is_asked_for_and_forgets_the_user() {
    let world = World::start().await;
    let mut browser = logged_in(&world, "alice").await;
    let url = format!("{}/logout", world.issuer);
    let page = browser.open(&url).await.page().expect(200);
    assert!(is_known(&consent(&world, &mut browser).await));
    let forged = page.form("Log out").tamper("token", "x");
    let _ = browser.submit(&page, forged).await.page().expect(403);
    let name = browser.jar.iter().find(|cookie| cookie.name.starts_with("session-")).unwrap();
    let (name, value) = (name.name.clone(), name.value.clone());
    let out = browser.submit(&page, page.form("Log out")).await.page().expect(200);
    assert!(out.text().contains("You are logged out"), "{out}");
    assert!(browser.jar.get(&name).is_none());
    let old = world.http.request(http::Method::GET, "/logout");
    let old = world.http.send(old.header("cookie", format!("{name}={value}"))).await.expect(200);
    assert!(!old.text().contains("Alice"), "{old}");
    let again = browser.open(&url).await.page().expect(200);
    assert!(!again.has_button("Log out"), "{again}");
}

#[tokio::test]
async fn no_other_site_logs_anybody_out() {
    let world = World::start().await;
    let mut browser = logged_in(&world, "alice").await;
    let page = browser.open(&format!("{}/logout", world.issuer)).await.page().expect(200);
    let cookies = cookie_header(&browser);
    let token = page.form("Log out").value("token").unwrap().to_owned();
    for header in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let request = world.http.request(http::Method::POST, "/logout");
        let request = request.header("cookie", &cookies).header(header.0, header.1);
        let _ = world.http.send(request.form(&[("token", &token)])).await.expect(403);
    }
    assert!(is_known(&consent(&world, &mut browser).await));
}
