//! What all pages promise.

use http::Method;
use testkit::browser::Page;

use crate::support::{World, approve};

fn check(page: &Page) {
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("form-action") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.select("script").is_empty() && page.select("h1").len() == 1, "{page}");
    assert!(!page.title().is_empty(), "{page}");
}

#[tokio::test]
async fn every_page_is_safe_to_show() {
    let world = World::start().await;
    let mut browser = world.browser();
    let request = world.request(&world.app().await);
    let consent = browser.open(&request.url()).await.page().expect(200);
    let login = approve(&mut browser, &consent).await.page().expect(200);
    let error = browser.open(&request.with("client_id", "x").url()).await.page().expect(400);
    let home = browser.open(&world.issuer).await.page().expect(200);
    let device = browser.open(&format!("{}/device", world.issuer)).await.page().expect(200);
    let id = error.header("x-request-id").unwrap();
    assert!(error.text().contains(&format!("Request id: {id}")), "{error}");
    for page in [consent, login, error, home, device] {
        check(&page);
    }
}

#[tokio::test]
async fn a_login_does_not_cut_the_tie_to_the_window_that_opened_it() {
    let world = World::start().await;
    let request = world.request(&world.app().await);
    for url in [request.url(), request.without("code_challenge").url()] {
        let answer = world.http.get(&url).await;
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("unsafe-none"), "{answer}");
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{answer}");
    }
}

#[tokio::test]
async fn cookies_are_for_this_server_and_no_script() {
    let world = World::start().await;
    let mut browser = world.browser();
    let consent = browser.open(&world.request(&world.app().await).url()).await.page();
    let _ = approve(&mut browser, &consent).await.page().expect(200);
    assert_eq!(browser.jar.iter().count(), 2);
    for cookie in browser.jar.iter() {
        assert!(cookie.http_only && cookie.same_site.as_deref() == Some("Lax"), "{cookie:?}");
        assert!(cookie.expires_at.is_some(), "{cookie:?}");
    }
}

#[tokio::test]
async fn the_cookies_go_when_the_login_has_ended() {
    let world = World::start().await;
    let mut browser = world.browser();
    let request = world.request(&world.app().await);
    world.go(&mut browser, &request.url(), "alice").await;
    let left: Vec<_> = browser.jar.iter().map(|cookie| &*cookie.name).collect();
    // Who has logged in is remembered, and nothing of how.
    assert!(matches!(&*left, [only] if only.starts_with("session-")), "{left:?}");
}

#[tokio::test]
async fn the_style_is_there() {
    let world = World::start().await;
    let styles = world.http.get("/styles.css").await.expect(200);
    assert_eq!(styles.header("content-type"), Some("text/css; charset=utf-8"));
    assert!(styles.text().contains("prefers-color-scheme: dark"));
}

#[tokio::test]
async fn a_person_who_takes_a_wrong_turn_reads_a_page_and_a_program_json() {
    let world = World::start().await;
    let browsers = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let ask = |method: &Method, path, accept| {
        let request = world.http.request(method.clone(), path).header("accept", accept);
        let body = if *method == Method::POST { "x".repeat(65 * 1024) } else { String::new() };
        world.http.send(request.body(body))
    };
    let table = [
        (Method::GET, "/consent", 405),
        (Method::GET, "/nowhere", 404),
        (Method::POST, "/device", 413),
        (Method::PUT, "/upstream/mock/callback", 405),
    ];
    for (method, path, status) in table {
        let page = ask(&method, path, browsers).await.expect(status);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        let named = format!("Request id: <code>{}</code>", page.header("x-request-id").unwrap());
        assert!(page.text().contains("<h1>") && page.text().contains(&named), "{page}");
        assert_eq!(page.header("allow").is_some(), status == 405, "{page}");
        let told = ask(&method, path, "*/*").await;
        told.expect_oauth_error(status, "invalid_request");
    }
    ask(&Method::POST, "/register", browsers).await.expect_oauth_error(413, "invalid_request");
}
