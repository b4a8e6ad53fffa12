//! A server on a free port, and a client that speaks HTTP/1.1 by hand.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use ambient::{Clock, Entropy, Timestamp};
use axum::{
    Router,
    body::{Body, Bytes},
    routing::get,
};
use chassis::{Dress, Lifecycle, Limits, dress, serve};
use futures_util::{StreamExt as _, stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};

pub(crate) const GRACE: Duration = Duration::from_secs(25);

/// A running server with a clock that stands still.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) clock: Clock,
    running: JoinSet<io::Result<()>>,
}

impl Server {
    /// Serves `router` as it is.
    pub(crate) async fn bare(router: Router, limits: Limits) -> Self {
        Self::with(limits, |_, _| router).await
    }

    /// Serves `router` with all layers around it.
    pub(crate) async fn dressed(router: Router) -> Self {
        Self::with(Limits::default(), |_, clock| {
            dress(router, Dress::new(clock.clone(), Entropy::seeded(1)))
        })
        .await
    }

    /// Serves a router that needs to know the life it is in.
    pub(crate) async fn with(
        limits: Limits,
        router: impl FnOnce(&Lifecycle, &Clock) -> Router,
    ) -> Self {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let lifecycle = Lifecycle::new(clock.clone(), GRACE);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let router = router(&lifecycle, &clock);
        let life = lifecycle.clone();
        let mut running = JoinSet::new();
        running.spawn(async move { serve(listener, router, limits, &life).await });
        Self { address, lifecycle, clock, running }
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection(TcpStream::connect(self.address).await.expect("the server listens"))
    }

    /// Waits until `serve` has returned.
    pub(crate) async fn ended(&mut self) {
        let ended = soon(self.running.join_next()).await.expect("it was running");
        ended.expect("no panic").expect("no error");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.running.try_join_next().is_some()
    }

    /// The answer to one request on a connection of its own.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, "").await
    }

    /// The same with further header lines, each ended by `\r\n`.
    pub(crate) async fn get_with(&self, path: &str, lines: &str) -> Answer {
        let mut connection = self.connect().await;
        connection.send(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n{lines}\r\n")).await;
        connection.answer().await
    }
}

/// One connection of a client.
pub(crate) struct Connection(pub(crate) TcpStream);

impl Connection {
    pub(crate) async fn send(&mut self, text: &str) {
        soon(self.0.write_all(text.as_bytes())).await.expect("the server reads");
    }

    /// Everything up to the end, or to the reset, of the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        // A reset after the last byte is an end as well.
        let _ = soon(self.0.read_to_end(&mut bytes)).await;
        String::from_utf8(bytes).expect("text")
    }

    /// Up to and including `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end.as_bytes()) {
            bytes.push(soon(self.0.read_u8()).await.expect("more is coming"));
        }
        String::from_utf8(bytes).expect("text")
    }

    /// One answer with a `Content-Length`.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.until("\r\n\r\n").await;
        let mut answer = Answer { head, body: String::new() };
        let length =
            answer.header("content-length").map_or(0, |text| text.parse().expect("a number"));
        let mut body = vec![0; length];
        soon(self.0.read_exact(&mut body)).await.expect("the whole body");
        answer.body = String::from_utf8(body).expect("text");
        answer
    }
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head[9..12].parse().expect("a status line")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// Waits for what must come, but not for ever.
pub(crate) async fn soon<T>(event: impl Future<Output = T>) -> T {
    Clock::system().timeout(Duration::from_secs(20), event).await.expect("it comes in time")
}

/// A body without end that says `tick` once, and a future that resolves when it is dropped.
pub(crate) fn endless() -> (Body, oneshot::Receiver<()>) {
    let (held, dropped) = oneshot::channel::<()>();
    let first = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"tick"))]);
    let body = first.chain(stream::pending()).inspect(move |_| {
        let _held = &held;
    });
    (Body::from_stream(body), dropped)
}

/// A router whose only answer is `body`, once.
pub(crate) fn once(body: Body) -> Router {
    let body = given_once(body);
    Router::new().route("/", get(async move || body()))
}

/// Gives `body` the first time, and an empty one after that.
pub(crate) fn given_once(body: Body) -> impl Fn() -> Body + Clone + Send + Sync {
    let body = Arc::new(Mutex::new(Some(body)));
    move || body.lock().expect("nobody panics with it").take().unwrap_or_default()
}
