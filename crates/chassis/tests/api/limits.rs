//! Clients that say too little, too slowly or too much.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::{get, post},
};
use chassis::Limits;
use futures_util::{StreamExt as _, stream};
use tokio::sync::oneshot;

use crate::support::{Server, once, soon};

const SHORT: Duration = Duration::from_millis(50);

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

#[tokio::test]
async fn half_a_request_header_is_cut() {
    let limits = Limits { header_timeout: SHORT, ..Limits::default() };
    let server = Server::bare(hello(), limits).await;
    let mut connection = server.connect().await;
    connection.send("GET / HTTP/1.1\r\nHost: te").await;
    assert_eq!(connection.rest().await, "");
}

#[tokio::test]
async fn half_a_second_header_is_cut_as_well() {
    // Long enough for the first request to come in time on a busy machine.
    let limits = Limits { header_timeout: 20 * SHORT, ..Limits::default() };
    let server = Server::bare(hello(), limits).await;
    let mut connection = server.connect().await;
    connection.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert_eq!(connection.answer().await.body, "hello");
    connection.send("GET / HT").await;
    assert_eq!(connection.rest().await, "");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_cut() {
    let limits = Limits { header_timeout: SHORT, ..Limits::default() };
    let server = Server::bare(hello(), limits).await;
    assert_eq!(server.connect().await.rest().await, "");
}

#[tokio::test]
async fn half_an_http2_preface_is_cut() {
    let limits = Limits { header_timeout: SHORT, ..Limits::default() };
    let server = Server::bare(hello(), limits).await;
    let mut connection = server.connect().await;
    connection.send("PRI * HTTP/2.0\r\n").await;
    assert_eq!(connection.rest().await, "");
}

#[tokio::test]
async fn a_connection_without_a_next_request_is_closed() {
    let limits = Limits { idle_timeout: SHORT, ..Limits::default() };
    let server = Server::bare(hello(), limits).await;
    let mut connection = server.connect().await;
    connection.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert_eq!(connection.answer().await.body, "hello");
    assert_eq!(connection.rest().await, "");
}

#[tokio::test]
async fn a_stream_outlives_the_limits_of_idle_connections() {
    let (go_on, gate) = oneshot::channel::<()>();
    let ticks = stream::iter([Ok::<_, std::io::Error>("tick")]);
    let body = Body::from_stream(ticks.chain(stream::pending()).take_until(gate));
    let limits = Limits { idle_timeout: SHORT, ..Limits::default() };
    let server = Server::bare(once(body).route("/idle", get(async || "hello")), limits).await;
    let (mut streaming, mut idle) = (server.connect().await, server.connect().await);
    streaming.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    streaming.until("tick\r\n").await;
    idle.send("GET /idle HTTP/1.1\r\nHost: test\r\n\r\n").await;
    idle.answer().await;
    // Closed for being idle, and later than the stream would have been.
    assert_eq!(idle.rest().await, "");
    // The stream can end, and its connection goes on with the next request, sent ahead.
    streaming.send("GET /idle HTTP/1.1\r\nHost: test\r\n\r\n").await;
    go_on.send(()).unwrap();
    assert_eq!(streaming.until("\r\n\r\n").await, "0\r\n\r\n");
    assert_eq!(streaming.answer().await.body, "hello");
}

#[tokio::test]
async fn a_body_that_does_not_end_is_refused() {
    let limits = Limits { body_timeout: SHORT, ..Limits::default() };
    let router = Router::new().route("/", post(async |_: Bytes| "read"));
    let server = Server::bare(router, limits).await;
    let mut connection = server.connect().await;
    connection.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf").await;
    assert_eq!(connection.answer().await.status(), 400);
}

#[tokio::test]
async fn whoever_is_answered_before_its_body_is_read_is_told_that_the_connection_ends() {
    let router = Router::new().route("/", post(async || "unread"));
    let server = Server::bare(router, Limits::default()).await;
    let mut connection = server.connect().await;
    // As some clients do: the header first, the body when the answer is already on its way.
    connection.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n").await;
    let answer = connection.answer().await;
    assert_eq!((answer.body.as_str(), answer.header("connection")), ("unread", Some("close")));
    connection.send("late").await;
    assert_eq!(connection.rest().await, "");
}

#[tokio::test]
async fn a_body_that_is_read_leaves_the_connection_open() {
    let router = Router::new().route("/", post(async |_: Bytes| "read"));
    let server = Server::bare(router, Limits::default()).await;
    let mut connection = server.connect().await;
    for _ in 0..2 {
        connection.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody").await;
        let answer = connection.answer().await;
        assert_eq!((answer.body.as_str(), answer.header("connection")), ("read", None));
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let (held, dropped) = oneshot::channel::<()>();
    let body = Body::from_stream(stream::repeat_with(move || {
        let _held = &held;
        Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 16 * 1024]))
    }));
    let limits = Limits { write_timeout: SHORT, ..Limits::default() };
    let server = Server::bare(once(body), limits).await;
    let mut connection = server.connect().await;
    connection.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(soon(dropped).await.is_err());
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let router = Router::new()
        .route("/", get(async || "hello"))
        .route("/count", get(async move || counted.fetch_add(1, Ordering::SeqCst).to_string()));
    let limits = Limits { max_connections: 1, ..Limits::default() };
    let server = Server::bare(router, limits).await;
    let mut first = server.connect().await;
    first.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    first.answer().await;
    let mut second = server.connect().await;
    second.send("GET /count HTTP/1.1\r\nHost: test\r\n\r\n").await;
    first.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    first.answer().await;
    assert_eq!(count.load(Ordering::SeqCst), 0);
    drop(first);
    assert_eq!(second.answer().await.body, "0");
}

#[tokio::test]
async fn a_header_that_is_too_long_is_answered_431() {
    let server = Server::bare(hello(), Limits::default()).await;
    let long = format!("X-Long: {}\r\n", "x".repeat(40 * 1024));
    assert_eq!(server.get_with("/", &long).await.status(), 431);
    assert_eq!(server.get("/").await.status(), 200);
}
