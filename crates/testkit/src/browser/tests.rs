//! The browser against written-down pages.

use super::{Browser, Visit};
use crate::played::{Played, answer, play};

const HTML: &str = "content-type: text/html; charset=utf-8\r\n";

fn redirect(status: u16, target: &str) -> String {
    answer(status, &format!("location: {target}\r\n"), "")
}

fn page(fields: &str, body: &str) -> String {
    answer(200, &format!("{HTML}{fields}"), &format!("<title>T</title><body>{body}"))
}

async fn browse(answers: impl IntoIterator<Item = String>) -> (Played, Browser) {
    let browser = Browser::default().with_callback("http://127.0.0.1:1/callback");
    (play(answers).await, browser)
}

#[tokio::test]
async fn a_person_logs_in_and_is_sent_back_to_the_client() {
    let form = "<form action='/in' method='post'><input name='user'><button>Log in</button></form>";
    let (played, mut browser) = browse([
        redirect(302, "/login"),
        page("set-cookie: s=1; HttpOnly; Path=/\r\n", form),
        redirect(303, "http://127.0.0.1:1/callback?code=c"),
    ])
    .await;
    let login = browser.open(&played.url("/authorize?x=1")).await.page().expect(200);
    assert_eq!((login.title(), login.hops.len()), ("T".into(), 2));
    let visit = browser.submit(&login, login.form("Log in").fill("user", "ann")).await;
    assert_eq!(visit.callback().as_str(), "http://127.0.0.1:1/callback?code=c");
    let requests = played.requests();
    assert!(requests[2].starts_with("POST /in ") && requests[2].ends_with("user=ann"));
    assert!(requests[2].contains("cookie: s=1\r\n"));
    assert!(requests[2].contains("sec-fetch-site: same-origin\r\n"));
}

#[tokio::test]
async fn a_link_is_followed_by_its_text() {
    let (played, mut browser) =
        browse([page("", "<p>Hello  you</p><a href='next'>Go <b>on</b></a>"), page("", "")]).await;
    let first = browser.open(&played.url("/a/b")).await.page();
    assert_eq!(first.text(), "Hello you Go on");
    assert!(!first.has_button("Go on"));
    let second = browser.click(&first, "Go on").await.page();
    assert_eq!(second.url.path(), "/a/next");
}

#[tokio::test]
async fn only_some_redirects_keep_the_method() {
    let form = || page("", "<form action='/x' method='post'><button>Go</button></form>");
    for (status, expected) in [(302, "GET "), (303, "GET "), (307, "POST "), (308, "POST ")] {
        let (played, mut browser) = browse([form(), redirect(status, "/y"), page("", "")]).await;
        let first = browser.open(&played.url("/")).await.page();
        let visit = browser.submit(&first, first.form("Go")).await;
        assert!(matches!(visit, Visit::Page(_)));
        assert!(played.requests()[2].starts_with(expected), "{status}");
    }
}

#[tokio::test]
#[should_panic(expected = "forbids a form to go to http://127.0.0.1:1/callback")]
async fn a_policy_that_keeps_the_person_from_the_client_is_found() {
    let policy = "content-security-policy: default-src 'none'; form-action 'self'\r\n";
    let form = "<form action='/x' method='post'><button>Allow</button></form>";
    let target = "http://127.0.0.1:1/callback";
    let (played, mut browser) = browse([page(policy, form), redirect(303, target)]).await;
    let consent = browser.open(&played.url("/")).await.page();
    let _ = browser.submit(&consent, consent.form("Allow")).await;
}

#[tokio::test]
#[should_panic(expected = "redirects go in circles")]
async fn circles_are_noticed() {
    let (played, mut browser) = browse((0..30).map(|_| redirect(302, "/"))).await;
    browser.open(&played.url("/")).await;
}
