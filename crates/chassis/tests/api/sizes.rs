//! Bodies that are too large, announced or not.

use ambient::{Clock, Entropy};
use axum::{
    Json, Router,
    body::Bytes,
    response::{IntoResponse as _, Response},
    routing::post,
};
use chassis::{Dress, Limits, RequestId, dress};
use http::StatusCode;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::support::{Server, soon};

async fn server(too_large: Option<fn(&RequestId) -> Response>) -> Server {
    let router = Router::new()
        .route("/", post(async |body: Bytes| body.len().to_string()))
        .route("/own", post(async || (StatusCode::PAYLOAD_TOO_LARGE, Json("mine"))));
    let defaults = Dress::new(Clock::system(), Entropy::seeded(1));
    let too_large = too_large.unwrap_or(defaults.too_large);
    let options = Dress { max_body: 1024, too_large, ..defaults };
    Server::bare(dress(router, options), Limits::default()).await
}

#[tokio::test]
async fn a_body_of_the_limit_is_read_and_one_byte_more_is_refused() {
    let server = server(None).await;
    for (length, status) in [(1024, 200), (1025, 413)] {
        let mut connection = server.connect().await;
        let body = "x".repeat(length);
        connection
            .send(&format!(
                "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}"
            ))
            .await;
        assert_eq!(connection.answer().await.status(), status);
    }
}

#[tokio::test]
async fn an_announced_length_is_refused_before_the_body_comes() {
    let server = server(None).await;
    let mut connection = server.connect().await;
    connection
        .send(
            "POST / HTTP/1.1\r\nHost: test\r\nX-Request-Id: r-1\r\nContent-Length: 9999999\r\n\r\n",
        )
        .await;
    let answer = connection.answer().await;
    assert_eq!(answer.json(), json!({ "error": "request_too_large", "request_id": "r-1" }));
    assert_eq!(answer.header("x-request-id"), Some("r-1"));
}

#[tokio::test]
async fn an_unannounced_length_is_refused_in_the_same_words() {
    let server = server(None).await;
    let mut connection = server.connect().await;
    let chunk = "x".repeat(2048);
    connection
        .send(&format!(
            "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n{chunk}\r\n"
        ))
        .await;
    let answer = connection.answer().await;
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.json()["error"], "request_too_large");
}

#[tokio::test]
async fn a_server_can_answer_in_its_own_words() {
    let server = server(Some(|id| {
        (StatusCode::PAYLOAD_TOO_LARGE, format!("too much, {id}")).into_response()
    }))
    .await;
    let request = "HTTP/1.1\r\nHost: test\r\nX-Request-Id: r-1\r\nContent-Length: 2000\r\n\r\n";
    let mut connection = server.connect().await;
    connection.send(&format!("POST / {request}")).await;
    assert_eq!(connection.answer().await.body, "too much, r-1");
}

#[tokio::test]
async fn a_handlers_own_413_is_kept() {
    let server = server(None).await;
    let mut connection = server.connect().await;
    connection.send("POST /own HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(connection.answer().await.body, "\"mine\"");
}

#[tokio::test]
async fn a_client_that_sends_on_still_gets_its_answer() {
    const LENGTH: usize = 8 * 1024 * 1024;
    let server = server(None).await;
    let mut connection = server.connect().await;
    connection
        .send(&format!("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {LENGTH}\r\n\r\n"))
        .await;
    // Far more than the sockets buffer: without somebody reading it, this fails with a reset.
    soon(connection.0.write_all(&vec![b'x'; LENGTH])).await.unwrap();
    assert_eq!(connection.answer().await.status(), 413);
}
