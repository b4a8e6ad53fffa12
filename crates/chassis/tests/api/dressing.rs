//! Request ids and security headers, on every kind of answer.

use ambient::{Clock, Entropy};
use axum::{
    Router,
    response::Html,
    routing::{get, post},
};
use chassis::{Dress, Limits, RequestId, dress};

use crate::support::{Answer, Server};

const PAGE_POLICY: &str = "default-src 'self'";

fn router() -> Router {
    Router::new()
        .route("/id", get(async |id: RequestId| id.to_string()))
        .route("/post", post(async || "posted"))
        .route("/panic", get(async || -> &'static str { panic!("expected in this test") }))
        .route("/page", get(async || ([("content-security-policy", PAGE_POLICY)], Html("<p>"))))
        .route("/bare-page", get(async || Html("<p>")))
}

#[tokio::test]
async fn a_clients_id_is_taken_and_echoed() {
    let server = Server::dressed(router()).await;
    for id in ["a", "A-z_0.9", &"x".repeat(128)] {
        let answer = server.get_with("/id", &format!("X-Request-Id: {id}\r\n")).await;
        assert_eq!(answer.header("x-request-id"), Some(id));
        assert_eq!(answer.body, id);
    }
}

#[tokio::test]
async fn an_id_that_could_do_harm_is_replaced() {
    let server = Server::dressed(router()).await;
    let long = "x".repeat(129);
    for id in ["", "two words", "a\"b", "é", "a\r\nX-Request-Id: b", &long] {
        let answer = server.get_with("/id", &format!("X-Request-Id: {id}\r\n")).await;
        assert_eq!(answer.status(), 200, "{id}");
        assert_eq!(answer.header("x-request-id"), Some(&*answer.body));
        assert_eq!(answer.body.len(), 32, "{id}");
        assert!(answer.body.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}

#[tokio::test]
async fn every_request_gets_an_id_of_its_own() {
    let server = Server::dressed(router()).await;
    assert_ne!(server.get("/id").await.body, server.get("/id").await.body);
}

#[tokio::test]
async fn every_kind_of_answer_has_an_id_and_the_security_headers() {
    let server = Server::dressed(router()).await;
    for (path, status) in [("/id", 200), ("/nowhere", 404), ("/post", 405), ("/panic", 500)] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), status);
        assert!(answer.header("x-request-id").is_some(), "{path}");
        assert_secure(&answer);
        assert_eq!(answer.header("strict-transport-security"), None);
    }
}

fn assert_secure(answer: &Answer) {
    let policy = "default-src 'none'; frame-ancestors 'none'";
    assert_eq!(answer.header("content-security-policy"), Some(policy));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
}

#[tokio::test]
async fn a_page_keeps_its_own_policy_and_one_without_gets_the_strict_one() {
    let server = Server::dressed(router()).await;
    let page = server.get("/page").await;
    assert_eq!(page.header("content-security-policy"), Some(PAGE_POLICY));
    assert_secure(&server.get("/bare-page").await);
}

#[tokio::test]
async fn https_is_insisted_on_only_when_the_public_url_has_it() {
    let options = Dress { https: true, ..Dress::new(Clock::system(), Entropy::seeded(1)) };
    let server = Server::bare(dress(router(), options), Limits::default()).await;
    let answer = server.get("/id").await;
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
}
