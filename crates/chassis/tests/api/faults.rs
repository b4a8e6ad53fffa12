//! Failures inside: the client learns an id and nothing else, the process goes on.

use std::io;

use axum::{Router, extract::Request, routing::get};
use chassis::{Fault, Limits, RequestId};
use serde_json::json;

use crate::support::Server;

fn router() -> Router {
    Router::new()
        .route("/", get(async || "alive"))
        .route("/panic", get(async || -> &'static str { panic!("expected in this test") }))
        .route("/fault", get(fault))
}

async fn fault() -> Result<&'static str, Fault> {
    Err(io::Error::other("password=hunter2"))?
}

#[tokio::test]
async fn a_panic_is_answered_and_survived() {
    let server = Server::dressed(router()).await;
    let mut connection = server.connect().await;
    connection.send("GET /panic HTTP/1.1\r\nHost: test\r\nX-Request-Id: r-1\r\n\r\n").await;
    let answer = connection.answer().await;
    assert_eq!(answer.status(), 500);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), json!({ "error": "internal_error", "request_id": "r-1" }));
    // Not even the connection is lost.
    connection.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert_eq!(connection.answer().await.body, "alive");
}

#[tokio::test]
async fn a_panic_before_the_first_poll_is_answered_too() {
    let service = tower::service_fn(|request: Request| {
        assert_ne!(request.uri().path(), "/", "expected in this test");
        std::future::ready(Ok::<_, std::convert::Infallible>(()))
    });
    let server = Server::dressed(Router::new().route_service("/", service)).await;
    assert_eq!(server.get("/").await.json()["error"], "internal_error");
}

#[tokio::test]
async fn a_fault_says_nothing_of_its_cause() {
    let server = Server::dressed(router()).await;
    let answer = server.get_with("/fault", "X-Request-Id: r-2\r\n").await;
    assert_eq!(answer.status(), 500);
    assert_eq!(answer.json(), json!({ "error": "internal_error", "request_id": "r-2" }));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn an_undressed_router_still_answers_a_fault() {
    let router = Router::new().route("/", get(async |id: RequestId| id.to_string()));
    let server = Server::bare(router, Limits::default()).await;
    let answer = server.get("/").await;
    assert_eq!((answer.status(), answer.json()), (500, json!({ "error": "internal_error" })));
}
