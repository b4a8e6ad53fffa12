//! Answers that last: taken out of hyper, and for a client as before.

use std::{io, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    routing::get,
};
use chassis::{Lasting, Limits};
use futures_util::stream;
use http::StatusCode;
use tokio::sync::{mpsc, oneshot};

use crate::support::{Server, endless, given_once, soon};

const GET: &str = "GET /lasting HTTP/1.1\r\nHost: test\r\n\r\n";
const SHORT: Duration = Duration::from_millis(50);

/// `/lasting` is `body`, once; `/other` is as short as answers are.
fn router(body: Body) -> Router {
    let body = given_once(body);
    Router::new()
        .route("/lasting", get(async move || (Extension(Lasting), [("x-own", "here")], body())))
        .route("/other", get(async || "other"))
}

/// A body that says what it is told.
fn told() -> (mpsc::Sender<&'static str>, Body) {
    let (say, said) = mpsc::channel(8);
    let texts = stream::unfold(said, async |mut said: mpsc::Receiver<&'static str>| {
        let text = Bytes::from_static(said.recv().await?.as_bytes());
        Some((Ok::<_, io::Error>(text), said))
    });
    (say, Body::from_stream(texts))
}

#[tokio::test]
async fn it_comes_in_chunks_as_it_is_said_and_ends_its_connection() {
    let (say, body) = told();
    let server = Server::bare(router(body), Limits::default()).await;
    let mut connection = server.connect().await;
    connection.send(GET).await;
    let answer = connection.answer().await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.header("x-own"), Some("here"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.header("date"), Some("Fri, 15 Jan 2027 08:00:00 GMT"));
    say.send("0123456789").await.unwrap();
    assert_eq!(connection.until("9\r\n").await, "a\r\n0123456789\r\n");
    say.send("").await.unwrap();
    say.send("end").await.unwrap();
    assert_eq!(connection.until("end\r\n").await, "3\r\nend\r\n");
    drop(say);
    assert_eq!(connection.rest().await, "0\r\n\r\n");
}

#[tokio::test]
async fn a_client_that_goes_ends_it_whatever_it_has_said_meanwhile() {
    let (body, dropped) = endless();
    let server = Server::bare(router(body), Limits::default()).await;
    let mut connection = server.connect().await;
    connection.send(GET).await;
    connection.until("tick\r\n").await;
    connection.send("GET /other HTTP/1.1\r\nHost: test\r\n\r\n").await;
    drop(connection);
    assert!(soon(dropped).await.is_err());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let (held, dropped) = oneshot::channel::<()>();
    let body = Body::from_stream(stream::repeat_with(move || {
        let _held = &held;
        Ok::<_, io::Error>(Bytes::from_static(&[b'x'; 16 * 1024]))
    }));
    let limits = Limits { write_timeout: SHORT, ..Limits::default() };
    let mut server = Server::bare(router(body), limits).await;
    let mut connection = server.connect().await;
    connection.send(GET).await;
    connection.until("\r\n\r\n").await;
    server.lifecycle.stop();
    server.ended().await;
    assert!(soon(dropped).await.is_err());
}

#[tokio::test]
async fn a_soft_stop_waits_for_it_and_a_hard_one_does_not() {
    let (say, body) = told();
    let mut server = Server::bare(router(body), Limits::default()).await;
    let mut connection = server.connect().await;
    connection.send(GET).await;
    connection.answer().await;
    server.lifecycle.stop();
    say.send("still").await.unwrap();
    connection.until("still\r\n").await;
    assert!(!server.has_ended());
    server.lifecycle.abort();
    server.ended().await;
    assert_eq!(connection.rest().await, "");
}

#[tokio::test]
async fn it_counts_as_a_connection_until_it_ends() {
    let (say, body) = told();
    let limits = Limits { max_connections: 1, ..Limits::default() };
    let server = Server::bare(router(body), limits).await;
    let mut connection = server.connect().await;
    connection.send(GET).await;
    connection.answer().await;
    let mut second = server.connect().await;
    second.send("GET /other HTTP/1.1\r\nHost: test\r\n\r\n").await;
    say.send("still").await.unwrap();
    connection.until("still\r\n").await;
    drop(say);
    assert_eq!(second.answer().await.body, "other");
}

#[tokio::test]
async fn what_was_asked_before_is_answered_before() {
    let (say, body) = told();
    let large = Router::new().route("/large", get(async || "x".repeat(8 << 20)));
    let server = Server::bare(router(body).merge(large), Limits::default()).await;
    let mut connection = server.connect().await;
    let before =
        "GET /other HTTP/1.1\r\nHost: test\r\n\r\nGET /large HTTP/1.1\r\nHost: test\r\n\r\n";
    connection.send(&format!("{before}{GET}")).await;
    // More than the socket holds: the answer that lasts is there before this one has been written.
    drop(say);
    assert_eq!(connection.answer().await.body, "other");
    assert_eq!(connection.answer().await.body.len(), 8 << 20);
    assert_eq!(connection.answer().await.header("x-own"), Some("here"));
    assert_eq!(connection.rest().await, "0\r\n\r\n");
}

#[tokio::test]
async fn a_client_of_http_1_0_knows_no_chunks() {
    let (say, body) = told();
    let server = Server::bare(router(body), Limits::default()).await;
    let mut connection = server.connect().await;
    connection.send("GET /lasting HTTP/1.0\r\nHost: test\r\n\r\n").await;
    say.send("plain").await.unwrap();
    drop(say);
    let answer = connection.rest().await;
    assert!(answer.ends_with("\r\n\r\nplain") && !answer.contains("chunked"), "{answer}");
}

#[tokio::test]
async fn an_error_of_its_body_is_no_end() {
    let broken = Err::<Bytes, _>(io::Error::other("broken"));
    let body = Body::from_stream(stream::iter([broken]));
    let server = Server::bare(router(body), Limits::default()).await;
    let mut connection = server.connect().await;
    connection.send(GET).await;
    connection.answer().await;
    assert_eq!(connection.rest().await, "");
}
