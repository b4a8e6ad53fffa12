//! The same promises on HTTP/2 with prior knowledge.

use std::sync::Arc;

use axum::{Router, body::Body, routing::get};
use chassis::Limits;
use http::Request;
use http_body_util::BodyExt as _;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{sync::Notify, task::JoinSet};

use crate::support::{Server, soon};

/// A client connection, and the task that drives it.
async fn connect(server: &Server) -> (http2::SendRequest<Body>, JoinSet<hyper::Result<()>>) {
    let io = TokioIo::new(server.connect().await.0);
    let (client, connection) =
        http2::handshake(TokioExecutor::new(), io).await.expect("HTTP/2 is spoken");
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    (client, driving)
}

fn request() -> Request<Body> {
    Request::get("http://test/").body(Body::empty()).expect("a request")
}

#[tokio::test]
async fn requests_are_answered_and_a_soft_stop_says_goodbye() {
    let router = Router::new().route("/", get(async || "hello"));
    let mut server = Server::bare(router, Limits::default()).await;
    let (mut client, mut driving) = connect(&server).await;
    let answer = soon(client.send_request(request())).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");
    server.lifecycle.stop();
    soon(driving.join_next()).await.unwrap().unwrap().unwrap();
    server.ended().await;
}

#[tokio::test]
async fn a_hard_stop_drops_streams_in_progress() {
    let arrived = Arc::new(Notify::new());
    let here = Arc::clone(&arrived);
    let router = Router::new().route(
        "/",
        get(async move || {
            here.notify_one();
            std::future::pending::<()>().await;
        }),
    );
    let mut server = Server::bare(router, Limits::default()).await;
    let (mut client, _driving) = connect(&server).await;
    let answer = client.send_request(request());
    soon(arrived.notified()).await;
    server.lifecycle.abort();
    server.ended().await;
    assert!(soon(answer).await.is_err());
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let router = Router::new().route("/", get(async || "hello"));
    let idle_timeout = std::time::Duration::from_millis(50);
    let server = Server::bare(router, Limits { idle_timeout, ..Limits::default() }).await;
    let (mut client, mut driving) = connect(&server).await;
    soon(client.send_request(request())).await.unwrap();
    soon(driving.join_next()).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_answers_pings_and_does_not_read_is_cut_off() {
    let chunk = || Ok::<_, std::convert::Infallible>(axum::body::Bytes::from_static(&[0; 1024]));
    let router = Router::new()
        .route("/", get(async move || Body::from_stream(futures_util::stream::repeat_with(chunk))));
    let write_timeout = std::time::Duration::from_millis(100);
    let server = Server::bare(router, Limits { write_timeout, ..Limits::default() }).await;
    let (mut client, mut driving) = connect(&server).await;
    // What is not read leaves no room for more, and the connection itself goes on.
    let answer = soon(client.send_request(request())).await.unwrap();
    soon(driving.join_next()).await.unwrap().unwrap().unwrap_err();
    drop(answer);
}
