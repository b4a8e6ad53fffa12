//! The outgoing client: what it does not follow, wait for or read.

use std::{future::pending, time::Duration};

use axum::{Router, body::Body, response::Redirect, routing::get};
use chassis::{
    Limits,
    client::{ReadError, Timeouts, http_client, read_capped},
};

use crate::support::Server;

async fn server() -> Server {
    let stream = || futures_util::stream::iter(["12345", "67890"].map(Ok::<_, std::io::Error>));
    let router = Router::new()
        .route("/ten", get(async || "1234567890"))
        .route("/ten-in-chunks", get(async move || Body::from_stream(stream())))
        .route("/elsewhere", get(async || Redirect::to("/ten")))
        .route("/never", get(async || pending::<&str>().await))
        .route(
            "/agent",
            get(async |headers: http::HeaderMap| {
                headers["user-agent"].to_str().unwrap_or_default().to_owned()
            }),
        );
    Server::bare(router, Limits::default()).await
}

async fn fetch(server: &Server, path: &str) -> reqwest::Result<reqwest::Response> {
    let client = http_client("chassis-test/1", Timeouts::default())?;
    client.get(format!("http://{}{path}", server.address)).send().await
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_limit_and_no_further() {
    let server = server().await;
    for path in ["/ten", "/ten-in-chunks"] {
        let read = read_capped(fetch(&server, path).await.unwrap(), 10).await;
        assert_eq!(read.unwrap(), "1234567890");
        let read = read_capped(fetch(&server, path).await.unwrap(), 9).await;
        assert!(matches!(read, Err(ReadError::TooLarge { limit: 9 })), "{read:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let server = server().await;
    assert_eq!(fetch(&server, "/elsewhere").await.unwrap().status(), 303);
}

#[tokio::test]
async fn the_caller_is_named() {
    let server = server().await;
    assert_eq!(fetch(&server, "/agent").await.unwrap().text().await.unwrap(), "chassis-test/1");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let server = server().await;
    let total = Duration::from_millis(50);
    let client = http_client("test", Timeouts { total, ..Timeouts::default() }).unwrap();
    let outcome = client.get(format!("http://{}/never", server.address)).send().await;
    assert!(outcome.unwrap_err().is_timeout());
}
