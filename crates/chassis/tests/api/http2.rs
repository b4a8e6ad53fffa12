//! The same promises on HTTP/2 with prior knowledge.

use std::{convert::Infallible, sync::Arc, time::Duration};

use ambient::Clock;
use axum::{
    Router,
    body::{Body, Bytes},
    routing::get,
};
use chassis::Limits;
use futures_util::stream;
use http::Request;
use http_body_util::BodyExt as _;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
};

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
    request_for("/")
}

fn request_for(path: &str) -> Request<Body> {
    Request::get(format!("http://test{path}")).body(Body::empty()).expect("a request")
}

type Chunks = mpsc::UnboundedReceiver<Bytes>;

/// An answer that has no end.
async fn endless() -> Body {
    let chunk = || Ok::<_, Infallible>(Bytes::from_static(&[0; 1024]));
    Body::from_stream(stream::repeat_with(chunk))
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
    let idle_timeout = Duration::from_millis(50);
    let server = Server::bare(router, Limits { idle_timeout, ..Limits::default() }).await;
    let (mut client, mut driving) = connect(&server).await;
    soon(client.send_request(request())).await.unwrap();
    soon(driving.join_next()).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_answers_pings_and_does_not_read_is_cut_off() {
    let router = Router::new().route("/", get(endless));
    let write_timeout = Duration::from_millis(100);
    let server = Server::bare(router, Limits { write_timeout, ..Limits::default() }).await;
    let (mut client, mut driving) = connect(&server).await;
    // What is not read leaves no room for more, and the connection itself goes on.
    let answer = soon(client.send_request(request())).await.unwrap();
    soon(driving.join_next()).await.unwrap().unwrap().unwrap_err();
    drop(answer);
}

#[tokio::test]
async fn an_answer_that_is_read_keeps_the_connection_for_one_that_is_not() {
    let (more, chunks) = mpsc::unbounded_channel();
    let chunks = Arc::new(std::sync::Mutex::new(Some(chunks)));
    let read = async move || {
        let chunks = chunks.lock().unwrap().take().expect("it is asked for once");
        Body::from_stream(stream::unfold(chunks, async |mut chunks: Chunks| {
            Some((Ok::<_, Infallible>(chunks.recv().await?), chunks))
        }))
    };
    let router = Router::new().route("/", get(endless)).route("/read", get(read));
    let write_timeout = Duration::from_millis(100);
    let server = Server::bare(router, Limits { write_timeout, ..Limits::default() }).await;
    let (mut client, mut driving) = connect(&server).await;
    let stalled = soon(client.send_request(request())).await.unwrap();
    let answer = soon(client.send_request(request_for("/read"))).await.unwrap();
    let (mut read, watch) = (answer.into_body(), Clock::system().stopwatch());
    while watch.elapsed() < 5 * write_timeout {
        more.send(Bytes::from_static(b"more")).unwrap();
        soon(read.frame()).await.expect("it goes on").expect("the connection is there");
    }
    // When nobody reads anything any more, it is cut.
    drop(read);
    soon(driving.join_next()).await.unwrap().unwrap().unwrap_err();
    drop(stalled);
}
