//! A bound listener in, a future out that ends when the last connection has.
//!
//! `axum::serve` sets no timer, so half a request header holds a connection for ever; it has no
//! connection limit, and its graceful end waits for open streams without end. This loop has all
//! three, on hyper-util's connection builder.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::rt::Timer as _;
use hyper_util::rt::TokioTimer;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::task::TaskTracker;

#[cfg(unix)]
use crate::open_files;
use crate::{App, Lifecycle, connection::Connections};

/// How long to wait when the process has run out of sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How much time and room a connection gets.
///
/// The times here run on the transport's timer, not on a [`Clock`](ambient::Clock): they are about
/// sockets of this machine, and a test that moves its clock by a day must not lose its connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From the first byte of a request header (on a new connection: from its start) to its end.
    pub header_timeout: Duration,
    /// From the end of a request header to the end of its body.
    pub body_timeout: Duration,
    /// How long a write may wait for a client that does not read. Bounds slow readers of streams.
    pub write_timeout: Duration,
    /// How long a kept-alive connection may wait for its next request.
    pub idle_timeout: Duration,
    /// Connections at one time. Further ones wait in the kernel's backlog, unaccepted, until one of
    /// these ends: they cost no memory here and are served late rather than refused.
    pub max_connections: usize,
    /// The kernel's send buffer of a connection (`SO_SNDBUF`), in bytes. Left alone it grows to
    /// megabytes, which a client that does not read can fill.
    pub send_buffer: usize,
    /// The longest request header, in bytes; an HTTP/1 request beyond it is answered 431.
    pub max_header_bytes: usize,
    /// Concurrent requests on one HTTP/2 connection.
    pub max_streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_mins(1),
            write_timeout: Duration::from_secs(30),
            // Longer than the 60 s of the usual load balancers, so that they close first.
            idle_timeout: Duration::from_mins(2),
            max_connections: 16_384,
            send_buffer: 128 * 1024,
            max_header_bytes: 32 * 1024,
            max_streams: 256,
        }
    }
}

/// Serves `app` on `listener` until `lifecycle` stops, and returns when no connection is left.
///
/// At the soft stop nothing more is accepted, idle connections close, busy ones close after their
/// current answer (HTTP/2: `GOAWAY`). At the hard stop what is left is dropped. An error of
/// `accept`, for example no file descriptor left, is logged and does not end the loop. The process's
/// soft limit of open files is raised to the hard one.
///
/// Handlers may extract [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo): the other end of
/// the connection, which behind a proxy is the proxy.
///
/// # Errors
/// When `listener` has no address: it was not bound.
pub async fn serve(
    listener: TcpListener,
    app: impl Into<App>,
    limits: Limits,
    lifecycle: &Lifecycle,
) -> io::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "listening");
    #[cfg(unix)]
    open_files::make_room(limits.max_connections);
    serve_from(listener, app.into(), limits, lifecycle).await;
    Ok(())
}

/// What connections come from: a listener, or in a test one that fails.
trait Accept {
    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        TcpListener::accept(self).await
    }
}

async fn serve_from(mut listener: impl Accept, app: App, limits: Limits, lifecycle: &Lifecycle) {
    let tracker = TaskTracker::new();
    let mut room = Room::new(limits.max_connections);
    let connections = Arc::new(Connections::new(app, limits, lifecycle, &tracker));
    loop {
        let (stream, peer, permit) = tokio::select! {
            biased;
            () = lifecycle.stopping() => break,
            next = next_connection(&mut listener, &mut room) => next,
        };
        tracker.spawn(Arc::clone(&connections).run(stream, peer, permit));
    }
    // Closing the socket lets a successor bind it and makes load balancers look elsewhere.
    drop(listener);
    tracing::debug!(open = tracker.len(), "no longer accepting");
    tracker.close();
    tracker.wait().await;
}

/// Room for connections.
struct Room {
    places: Arc<Semaphore>,
    most: usize,
    /// Whether it was said that there is none left.
    is_told: bool,
}

impl Room {
    fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(most)), most, is_told: false }
    }

    /// A place for one connection; waits for it. That there is none is said once, and again only after
    /// there was plenty: a server that is full stays so for a while, one connection more or less.
    async fn place(&mut self) -> OwnedSemaphorePermit {
        let free = self.places.available_permits();
        if free == 0 && !self.is_told {
            let most = self.most;
            tracing::warn!(most, "as many connections are open as may be: further ones wait");
            self.is_told = true;
        } else if free > self.most / 8 {
            self.is_told = false;
        }
        Arc::clone(&self.places).acquire_owned().await.expect("the semaphore is never closed")
    }
}

async fn next_connection(
    listener: &mut impl Accept,
    room: &mut Room,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let permit = room.place().await;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) if is_about_one_connection(&error) => {
                tracing::debug!(%error, "a connection ended before it was accepted");
            }
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again");
                TokioTimer::new().sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Such errors come from the client that has gone; the next accept may well succeed.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use ambient::Clock;
    use axum::Router;
    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Fails as the kernel does, and then works.
    struct Failing(Vec<io::Error>, TcpListener);

    impl Accept for Failing {
        async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
            match self.0.pop() {
                Some(error) => Err(error),
                None => Accept::accept(&mut self.1).await,
            }
        }
    }

    #[tokio::test]
    async fn that_there_is_no_room_is_said_once_until_there_was_plenty() {
        let mut room = Room::new(16);
        let mut open = Vec::new();
        for _ in 0..16 {
            open.push(room.place().await);
        }
        assert!(!room.is_told, "the last has a place");
        assert!(room.place().now_or_never().is_none() && room.is_told);
        open.pop();
        open.push(room.place().await);
        assert!(room.is_told, "it is as good as full");
        open.truncate(12);
        open.push(room.place().await);
        assert!(!room.is_told);
    }

    #[tokio::test]
    async fn errors_of_accept_do_not_end_the_loop() {
        const TOO_MANY_OPEN_FILES: i32 = 24;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let errors = vec![
            io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES),
            io::ErrorKind::ConnectionAborted.into(),
        ];
        let lifecycle = Lifecycle::new(Clock::system(), Duration::ZERO);
        let router = Router::new().route("/", axum::routing::get(async || "here"));
        let server =
            serve_from(Failing(errors, listener), router.into(), Limits::default(), &lifecycle);
        let client = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            lifecycle.stop();
            answer
        };
        let ((), answer) = tokio::join!(server, client);
        assert!(answer.ends_with("here"), "{answer}");
    }
}
