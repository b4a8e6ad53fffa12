//! One connection, from accepted socket to close.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{BoxError, Router, body::Body, extract::ConnectInfo, routing::future::RouteFuture};
use http::{HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use pin_project_lite::pin_project;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use crate::{
    Lifecycle, Limits,
    pulse::{Busy, Held, Overdue, Pulse, Watched},
    request_body::TimedBody,
};

/// After this much silence the kernel asks whether the other side is still there.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// What all connections of one server share.
pub(crate) struct Connections {
    router: Router,
    limits: Arc<Limits>,
    lifecycle: Lifecycle,
    builder: auto::Builder<Tracked>,
}

impl Connections {
    pub(crate) fn new(
        router: Router,
        limits: Limits,
        lifecycle: &Lifecycle,
        tracker: &TaskTracker,
    ) -> Self {
        Self {
            builder: builder(&limits, Tracked(tracker.clone())),
            router,
            limits: Arc::new(limits),
            lifecycle: lifecycle.clone(),
        }
    }

    /// Serves one connection to its end, which comes at the latest with the hard stop.
    pub(crate) fn run(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl Future<Output = ()> + Send + 'static {
        if let Err(error) = tune(&stream, self.limits.send_buffer) {
            tracing::debug!(%error, "socket options were refused");
        }
        let pulse = Arc::new(Pulse::new());
        let service = Entrance {
            router: self.router.clone(),
            peer,
            pulse: Arc::clone(&pulse),
            body_timeout: self.limits.body_timeout,
        };
        let io = Watched::new(TokioIo::new(stream), Arc::clone(&pulse));
        let connection = self.builder.serve_connection(io, service).into_owned();
        drive(connection, pulse, Arc::clone(&self.limits), self.lifecycle.clone())
    }
}

type Connection = auto::Connection<'static, Watched<TokioIo<TcpStream>>, Entrance, Tracked>;

/// Polls a connection until it ends by itself, runs out of time or is dropped by the hard stop.
async fn drive(
    connection: Connection,
    pulse: Arc<Pulse>,
    limits: Arc<Limits>,
    lifecycle: Lifecycle,
) {
    let mut connection = pin!(connection);
    let mut overdue = pin!(pulse.overdue(&limits));
    tokio::select! {
        // In this order: an answer that is ready when the stop begins says `Connection: close`.
        biased;
        () = lifecycle.stopping() => {}
        ended = connection.as_mut() => return log_end(ended),
        reason = overdue.as_mut() => {
            tracing::debug!(?reason, "connection is out of time");
            if reason != Overdue::Idle {
                return;
            }
            pulse.begin_to_close();
            overdue.set(pulse.overdue(&limits));
        }
    }
    // An idle HTTP/1 connection closes now, a busy one after its answer; HTTP/2 says GOAWAY.
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        ended = connection => log_end(ended),
        () = lifecycle.aborted() => tracing::debug!("connection dropped at the hard stop"),
        reason = overdue => tracing::debug!(?reason, "closing connection is out of time"),
    }
}

fn log_end(ended: Result<(), BoxError>) {
    if let Err(error) = ended {
        tracing::debug!(error = &*error, "connection ended with an error");
    }
}

fn builder(limits: &Limits, executor: Tracked) -> auto::Builder<Tracked> {
    let mut builder = auto::Builder::new(executor);
    builder
        .http1()
        .timer(TokioTimer::new())
        // `Pulse` measures this: hyper would also count the time between two requests.
        .header_read_timeout(None)
        // Also how much of an answer waits for a slow reader. hyper panics below its own minimum.
        .max_buf_size(limits.max_header_bytes.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(limits.max_streams)
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX));
    builder
}

fn tune(stream: &TcpStream, send_buffer: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_send_buffer_size(send_buffer)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEPALIVE))
}

/// Runs the streams of HTTP/2 connections as tasks that the server waits for. They end with their
/// connection.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.spawn(stream);
    }
}

/// The router as hyper wants it: it counts what is in progress and times the bodies.
struct Entrance {
    router: Router,
    peer: SocketAddr,
    pulse: Arc<Pulse>,
    body_timeout: Duration,
}

impl hyper::service::Service<Request<Incoming>> for Entrance {
    type Response = Response<Held<Body>>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        let is_http2 = request.version() == Version::HTTP_2;
        let busy = self.pulse.begin(is_http2);
        let mut request =
            request.map(|body| TimedBody::wrap(body, self.body_timeout, Arc::clone(&self.pulse)));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let answer = self.router.clone().call(request);
        let closing = (!is_http2).then(|| Arc::clone(&self.pulse));
        Answering { answer, closing, busy: Some(busy) }
    }
}

pin_project! {
    /// An answer in the making; its body keeps the connection busy until it has been sent.
    struct Answering {
        #[pin]
        answer: RouteFuture<Infallible>,
        // Where the end of a connection is announced: HTTP/1.
        closing: Option<Arc<Pulse>>,
        busy: Option<Busy>,
    }
}

impl Future for Answering {
    type Output = Result<Response<Held<Body>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.answer.poll(cx))?;
        // The rest of a body that nobody reads is in the way of the next request, and hyper may close
        // behind the answer. A client that is not told sends its next request into that (RFC 9112,
        // section 9.6).
        if this.closing.as_ref().is_some_and(|pulse| pulse.lingers()) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let busy = this.busy.take();
        Poll::Ready(Ok(response.map(|body| Held::new(body, busy))))
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn accepted_sockets_send_at_once_and_buffer_little() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        tune(&stream, 64 * 1024).unwrap();
        assert!(stream.nodelay().unwrap());
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        // Linux books twice what was asked for, as room for its own records.
        assert!(socket.send_buffer_size().unwrap() <= 2 * 64 * 1024);
    }
}
