//! `POST /consent`.

use http::Method;
use testkit::{browser::Page, oauth::query};

use crate::support::{CALLBACK, PASSWORD, World, approve, cookie_header, sign_in};

async fn consent(world: &World, browser: &mut testkit::browser::Browser) -> Page {
    let client = world.app().await;
    browser.open(&world.request(&client).url()).await.page().expect(200)
}

/// The form as a program would send it, and the answer's status.
async fn post(world: &World, page: &Page, headers: &[(&str, &str)]) -> u16 {
    let form = page.form("Approve");
    let fields = ["transaction", "token", "decision"].map(|name| (name, form.value(name).unwrap()));
    let request = world.http.request(Method::POST, "/consent").form(&fields);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    world.http.send(request).await.status.as_u16()
}

#[tokio::test]
async fn who_says_no_is_believed() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = consent(&world, &mut browser).await;
    let callback = browser.submit(&page, page.form("Deny")).await.callback();
    assert_eq!(query(&callback, "error").as_deref(), Some("access_denied"));
    assert_eq!(query(&callback, "iss").as_deref(), Some(&*world.issuer));
    assert_eq!(query(&callback, "state").as_deref(), Some("a state/+=&"));
    let again = approve(&mut browser, &page).await.page().expect(400);
    assert!(again.text().contains("has ended"), "{again}");
}

#[tokio::test]
async fn nothing_is_handed_out_before_the_login() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = consent(&world, &mut browser).await;
    let login = approve(&mut browser, &page).await.page().expect(200);
    let shown = format!("{}{}{}{}", page.html, page.url, login.html, login.url);
    assert!(!shown.contains("mcpc_"), "{shown}");
}

#[tokio::test]
async fn a_form_without_the_cookie_does_not_count() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = consent(&world, &mut browser).await;
    assert_eq!(post(&world, &page, &[]).await, 403);
    assert_eq!(post(&world, &page, &[("cookie", &cookie_header(&browser))]).await, 303);
}

#[tokio::test]
async fn a_form_of_another_site_does_not_count() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = consent(&world, &mut browser).await;
    let cookie = cookie_header(&browser);
    for header in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        assert_eq!(post(&world, &page, &[("cookie", &cookie), header]).await, 403, "{header:?}");
    }
}

#[tokio::test]
async fn a_form_with_another_token_does_not_count() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = consent(&world, &mut browser).await;
    let other = consent(&world, &mut browser).await;
    let token = other.form("Approve").value("token").unwrap().to_owned();
    let form = page.form("Approve").tamper("token", &token);
    let _ = browser.submit(&page, form).await.page().expect(403);
}

#[tokio::test]
async fn another_browser_cannot_agree() {
    let world = World::start().await;
    let page = consent(&world, &mut world.browser()).await;
    let answer = approve(&mut world.browser(), &page).await.page().expect(403);
    assert!(answer.text().contains("does not belong to this browser"), "{answer}");
}

#[tokio::test]
async fn who_takes_too_long_starts_again() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = consent(&world, &mut browser).await;
    world.pass(600);
    let answer = approve(&mut browser, &page).await.page().expect(400);
    assert!(answer.text().contains("took too long"), "{answer}");
}

#[tokio::test]
async fn who_goes_back_and_agrees_again_can_still_log_in() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = consent(&world, &mut browser).await;
    let abandoned = approve(&mut browser, &page).await.page().expect(200);
    let login = approve(&mut browser, &page).await.page().expect(200);
    let late = sign_in(&mut browser, &abandoned, "alice", PASSWORD).await.page().expect(400);
    assert!(late.text().contains("has ended"), "{late}");
    let callback = sign_in(&mut browser, &login, "alice", PASSWORD).await.callback();
    assert!(callback.as_str().starts_with(CALLBACK) && query(&callback, "code").is_some());
}

#[tokio::test]
async fn a_form_that_is_none_is_told() {
    let world = World::start().await;
    for form in [vec![], vec![("transaction", "x"), ("token", "x"), ("decision", "perhaps")]] {
        let _ = world.http.post_form("/consent", &form).await.expect(400);
    }
    let large = world.http.post_form("/consent", &[("token", &*"x".repeat(17 * 1024))]).await;
    assert_eq!(large.status, 413, "{large}");
    assert_eq!(large.header("content-type"), Some("text/html; charset=utf-8"));
}
