//! The end of a server: what is finished, what is dropped, and that it comes.

use std::sync::Arc;

use axum::{Router, body::Body, routing::get};
use chassis::{Lifecycle, Limits};
use futures_util::{StreamExt as _, stream};
use tokio::{
    net::TcpStream,
    sync::{Notify, oneshot},
};

use crate::support::{GRACE, Server, endless, once, soon};

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

#[tokio::test]
async fn an_idle_connection_does_not_delay_the_end() {
    let router = Router::new().route("/", get(async || "hello"));
    let mut server = Server::bare(router, Limits::default()).await;
    let mut connection = server.connect().await;
    connection.send(GET).await;
    connection.answer().await;
    server.lifecycle.stop();
    server.ended().await;
    assert_eq!(connection.rest().await, "");
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_request_in_progress_is_answered_and_its_connection_closed() {
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (here, gate) = (Arc::clone(&arrived), Arc::clone(&go_on));
    let router = Router::new().route(
        "/",
        get(async move || {
            here.notify_one();
            gate.notified().await;
            "finished"
        }),
    );
    let mut server = Server::bare(router, Limits::default()).await;
    let mut connection = server.connect().await;
    connection.send(GET).await;
    soon(arrived.notified()).await;
    server.lifecycle.stop();
    go_on.notify_one();
    let answer = connection.answer().await;
    assert_eq!(answer.body, "finished");
    assert_eq!(answer.header("connection"), Some("close"));
    server.ended().await;
}

#[tokio::test]
async fn a_stream_that_listens_ends_in_order() {
    fn body(lifecycle: &Lifecycle) -> Body {
        let tick = stream::iter(["tick"]).chain(stream::pending());
        let bye = stream::iter(["bye"]);
        Body::from_stream(
            tick.take_until(lifecycle.stopping()).chain(bye).map(Ok::<_, std::io::Error>),
        )
    }
    let mut server = Server::with(Limits::default(), |life, _| once(body(life))).await;
    let mut connection = server.connect().await;
    connection.send(GET).await;
    connection.until("tick\r\n").await;
    server.lifecycle.stop();
    assert_eq!(connection.rest().await, "3\r\nbye\r\n0\r\n\r\n");
    server.ended().await;
}

#[tokio::test]
async fn a_stream_that_does_not_listen_is_dropped_when_the_grace_is_over() {
    let (body, mut dropped) = endless();
    let mut server = Server::bare(once(body), Limits::default()).await;
    let mut connection = server.connect().await;
    connection.send(GET).await;
    connection.until("tick\r\n").await;
    server.lifecycle.stop();
    // The listener is closed, so the loop has seen the stop; the stream is still there.
    while TcpStream::connect(server.address).await.is_ok() {}
    assert!(!server.has_ended());
    assert!(dropped.try_recv() == Err(oneshot::error::TryRecvError::Empty));
    server.clock.advance(GRACE);
    server.ended().await;
    assert!(soon(dropped).await.is_err());
}

#[tokio::test]
async fn a_hard_stop_drops_handlers_and_half_headers() {
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
    let (mut waiting, mut half) = (server.connect().await, server.connect().await);
    half.send("GET / HT").await;
    waiting.send(GET).await;
    soon(arrived.notified()).await;
    server.lifecycle.abort();
    server.ended().await;
    assert_eq!(waiting.rest().await, "");
    assert_eq!(half.rest().await, "");
}

#[tokio::test]
async fn the_handler_of_a_client_that_vanishes_is_dropped() {
    let (arrived, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (here, gone) = (Arc::clone(&arrived), Arc::clone(&dropped));
    let router = Router::new().route(
        "/",
        get(async move || {
            let _guard = NotifyOnDrop(Arc::clone(&gone));
            here.notify_one();
            std::future::pending::<()>().await;
        }),
    );
    let server = Server::bare(router, Limits::default()).await;
    let mut connection = server.connect().await;
    connection.send(GET).await;
    soon(arrived.notified()).await;
    drop(connection);
    soon(dropped.notified()).await;
}

struct NotifyOnDrop(Arc<Notify>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
