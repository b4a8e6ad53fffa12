//! The access log: what a line says and what it never says.

use std::{
    io,
    sync::{Arc, Mutex},
};

use ambient::{Clock, Entropy};
use axum::{Router, body::Body, routing::get};
use chassis::{Dress, Fault, Limits};
use http::HeaderName;
use serde_json::Value;
use tracing::subscriber::DefaultGuard;

use crate::support::{Server, endless, once, soon};

/// Everything that is logged on this thread while it lives.
struct Log {
    buffer: Arc<Mutex<Vec<u8>>>,
    _listening: DefaultGuard,
}

impl Log {
    fn start() -> Self {
        let buffer = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&buffer);
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || Writer(Arc::clone(&writer)))
            .finish();
        Self { buffer, _listening: tracing::subscriber::set_default(subscriber) }
    }

    fn text(&self) -> String {
        let bytes = self.buffer.lock().expect("nobody panics with it").clone();
        String::from_utf8(bytes).expect("text")
    }

    /// The lines of the chassis with this message.
    fn lines(&self, message: &str) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        lines.filter(|line: &Value| line["message"] == message).collect()
    }
}

struct Writer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics with it").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn fault() -> Result<(), Fault> {
    Err(io::Error::other("the cause"))?
}

#[tokio::test]
async fn a_line_names_the_request_at_the_level_of_its_status() {
    let log = Log::start();
    let router = Router::new().route("/here", get(async || "hello")).route("/fault", get(fault));
    let server = Server::dressed(router).await;
    for path in ["/here", "/nowhere", "/fault"] {
        server.get_with(path, "X-Request-Id: r-1\r\n").await;
    }
    let lines = log.lines("answered");
    let seen: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["level"].as_str(),
                line["url.path"].as_str(),
                line["http.response.status_code"].as_u64(),
            )
        })
        .collect();
    let expected = [("INFO", "/here", 200), ("WARN", "/nowhere", 404), ("ERROR", "/fault", 500)];
    assert_eq!(seen, expected.map(|(a, b, c)| (Some(a), Some(b), Some(c))));
    assert!(
        lines
            .iter()
            .all(|line| line["request_id"] == "r-1" && line["http.request.method"] == "GET")
    );
    assert_eq!(lines[0]["http.response.body.size"], 5);
    assert_eq!(lines[0]["duration_ms"], 0);
}

#[tokio::test]
async fn queries_and_headers_are_never_logged_not_even_at_trace() {
    let log = Log::start();
    let server = Server::dressed(Router::new().route("/", get(async || "hello"))).await;
    let headers = "Authorization: Bearer s3cret\r\nCookie: s3cret\r\nReferer: s3cret\r\n";
    server.get_with("/?code=s3cret", headers).await;
    assert_eq!(log.lines("answered").len(), 1);
    assert!(!log.text().contains("s3cret"), "{}", log.text());
}

#[tokio::test]
async fn a_fault_is_logged_once_with_its_causes_and_its_request() {
    let log = Log::start();
    let server = Server::dressed(Router::new().route("/", get(fault))).await;
    server.get_with("/", "X-Request-Id: r-1\r\n").await;
    let lines = log.lines("unexpected failure");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["error"], "the cause");
    assert_eq!(lines[0]["request_id"], "r-1");
    assert!(lines[0]["place"].as_str().unwrap().contains("logs.rs"), "{}", lines[0]);
}

#[tokio::test]
async fn probes_are_logged_at_debug() {
    let log = Log::start();
    let router = Router::new().route("/health", get(async || "fine"));
    Server::dressed(router).await.get("/health").await;
    assert_eq!(log.lines("answered")[0]["level"], "DEBUG");
}

#[tokio::test]
async fn a_stream_has_a_second_line_when_it_ends() {
    let log = Log::start();
    let (body, dropped) = endless();
    let server = Server::dressed(once(body)).await;
    let mut connection = server.connect().await;
    connection.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    connection.until("tick\r\n").await;
    assert_eq!(log.lines("answered").len(), 1);
    assert_eq!(log.lines("stream ended").len(), 0);
    drop(connection);
    assert!(soon(dropped).await.is_err());
    let ends = log.lines("stream ended");
    assert_eq!(
        (&ends[0]["end"], &ends[0]["http.response.body.size"]),
        (&"dropped".into(), &4.into())
    );
}

#[tokio::test]
async fn a_stream_that_ends_by_itself_is_complete() {
    let log = Log::start();
    let chunks = || futures_util::stream::iter(["a", "b"].map(Ok::<_, io::Error>));
    let router = Router::new().route("/", get(async move || Body::from_stream(chunks())));
    let server = Server::dressed(router).await;
    let mut connection = server.connect().await;
    connection.send("GET / HTTP/1.0\r\n\r\n").await;
    assert!(connection.rest().await.ends_with("ab"));
    let ends = log.lines("stream ended");
    assert_eq!(
        (&ends[0]["end"], &ends[0]["http.response.body.size"]),
        (&"complete".into(), &2.into())
    );
}

#[tokio::test]
async fn a_line_has_the_hash_of_the_session_and_never_its_name() {
    let log = Log::start();
    let router = Router::new().route("/", get(async || "hello"));
    let dress = Dress {
        session: Some(HeaderName::from_static("session-id")),
        ..Dress::new(Clock::system(), Entropy::system())
    };
    let server = Server::bare(chassis::dress(router, dress), Limits::default()).await;
    server.get_with("/", "Session-Id: s3cret\r\n").await;
    // The first digits of `printf s3cret | sha256sum`.
    assert_eq!(log.lines("answered")[0]["session"], "1ec1c26b");
    assert!(!log.text().contains("s3cret"), "{}", log.text());
}
