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

use axum::{body::Body, extract::ConnectInfo};
use futures_util::FutureExt as _;
use http::{HeaderValue, Request, Version, header};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use pin_project_lite::pin_project;
use socket2::{SockRef, TcpKeepalive};
use tokio::{net::TcpStream, sync::OwnedSemaphorePermit};
use tokio_util::task::TaskTracker;

use crate::{
    App, Lasting, Lifecycle, Limits, app,
    lasting::{self, Answer, Exit},
    preface::is_http2,
    pulse::{Busy, Held, Overdue, Pulse, Watched},
    request_body::TimedBody,
};

/// After this much silence the kernel asks whether the other side is still there.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// What all connections of one server share.
pub(crate) struct Connections {
    app: App,
    limits: Limits,
    lifecycle: Lifecycle,
    tracker: TaskTracker,
    http1: http1::Builder,
    http2: http2::Builder<Tracked>,
}

impl Connections {
    pub(crate) fn new(
        app: App,
        limits: Limits,
        lifecycle: &Lifecycle,
        tracker: &TaskTracker,
    ) -> Self {
        Self {
            http1: http1_builder(&limits),
            http2: http2_builder(&limits, Tracked(tracker.clone())),
            app,
            limits,
            lifecycle: lifecycle.clone(),
            tracker: tracker.clone(),
        }
    }

    /// Serves one connection to its end, which comes at the latest with the hard stop, and drops
    /// `room` then.
    pub(crate) async fn run(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        room: OwnedSemaphorePermit,
    ) {
        if let Err(error) = tune(&stream, self.limits.send_buffer) {
            tracing::debug!(%error, "socket options were refused");
        }
        let pulse = Arc::new(Pulse::new());
        match self.version(&stream, &pulse).await {
            Some(Version::HTTP_2) => Box::pin(self.run_http2(stream, peer, pulse)).await,
            Some(_) => self.run_http1(stream, peer, pulse, room).await,
            None => {}
        }
    }

    /// What the client speaks; nothing if it does not say so in time, or the server stops before.
    async fn version(&self, stream: &TcpStream, pulse: &Pulse) -> Option<Version> {
        tokio::select! {
            biased;
            () = self.lifecycle.stopping() => None,
            is_http2 = is_http2(stream) => {
                is_http2.ok().map(|is| if is { Version::HTTP_2 } else { Version::HTTP_11 })
            }
            reason = pulse.overdue(&self.limits) => {
                tracing::debug!(?reason, "connection is out of time");
                None
            }
        }
    }

    async fn run_http1(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        pulse: Arc<Pulse>,
        room: OwnedSemaphorePermit,
    ) {
        let exit = Arc::new(Exit::default());
        let entrance = self.entrance(peer, &pulse, Some(&exit));
        let io = Watched::new(TokioIo::new(stream), Arc::clone(&pulse));
        let mut connection = self.http1.serve_connection(io, entrance);
        let ended = async {
            let mut connection =
                Leaving { connection: &mut connection, exit: &exit, pulse: &pulse };
            self.drive(Pin::new(&mut connection), &pulse).await
        };
        if let Some(Some(answer)) = ended.await {
            let stream = connection.into_parts().io.into_inner().into_inner();
            let patience = self.limits.write_timeout;
            let sent = lasting::send(stream, answer, patience, &self.lifecycle);
            // A task of its own is as small as what is left to do.
            self.tracker.spawn(sent.map(|()| drop(room)));
        }
    }

    async fn run_http2(&self, stream: TcpStream, peer: SocketAddr, pulse: Arc<Pulse>) {
        let entrance = self.entrance(peer, &pulse, None);
        let io = Watched::new(TokioIo::new(stream), Arc::clone(&pulse));
        let connection = pin!(self.http2.serve_connection(io, entrance));
        self.drive(connection, &pulse).await;
    }

    fn entrance(&self, peer: SocketAddr, pulse: &Arc<Pulse>, exit: Option<&Arc<Exit>>) -> Entrance {
        Entrance {
            app: self.app.clone(),
            peer,
            pulse: Arc::clone(pulse),
            exit: exit.cloned(),
            body_timeout: self.limits.body_timeout,
        }
    }

    /// Polls a connection until it ends by itself, runs out of time or is dropped by the hard stop.
    async fn drive<C: Graceful>(
        &self,
        mut connection: Pin<&mut C>,
        pulse: &Pulse,
    ) -> Option<C::End> {
        let mut overdue = pin!(pulse.overdue(&self.limits));
        tokio::select! {
            // In this order: an answer that is ready when the stop begins says `Connection: close`.
            biased;
            () = self.lifecycle.stopping() => {}
            ended = connection.as_mut() => return at_end(ended),
            reason = overdue.as_mut() => {
                tracing::debug!(?reason, "connection is out of time");
                if reason != Overdue::Idle {
                    return None;
                }
                pulse.begin_to_close();
                overdue.set(pulse.overdue(&self.limits));
            }
        }
        // An idle HTTP/1 connection closes now, a busy one after its answer; HTTP/2 says GOAWAY.
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            ended = connection => return at_end(ended),
            () = self.lifecycle.aborted() => tracing::debug!("connection dropped at the hard stop"),
            reason = overdue => tracing::debug!(?reason, "closing connection is out of time"),
        }
        None
    }
}

type Io = Watched<TokioIo<TcpStream>>;
type Http1 = http1::Connection<Io, Entrance>;
type Http2 = http2::Connection<Io, Entrance, Tracked>;

/// A connection that can be asked to end after what it is doing.
trait Graceful: Future<Output = hyper::Result<Self::End>> {
    /// What it leaves.
    type End;

    fn graceful_shutdown(self: Pin<&mut Self>);
}

impl Graceful for Http2 {
    type End = ();

    fn graceful_shutdown(self: Pin<&mut Self>) {
        Http2::graceful_shutdown(self);
    }
}

/// An HTTP/1 connection that ends, for hyper, when an answer is to be taken out of it.
struct Leaving<'a> {
    connection: &'a mut Http1,
    exit: &'a Exit,
    pulse: &'a Pulse,
}

impl Future for Leaving<'_> {
    type Output = hyper::Result<Option<Answer>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(ended) = Pin::new(&mut *self.connection).poll(cx) {
            return Poll::Ready(ended.map(|()| None));
        }
        // Not while hyper has something to write: earlier answers come before this one.
        if self.pulse.is_held_up() {
            return Poll::Pending;
        }
        self.exit.take().map_or(Poll::Pending, |answer| Poll::Ready(Ok(Some(answer))))
    }
}

impl Graceful for Leaving<'_> {
    type End = Option<Answer>;

    fn graceful_shutdown(mut self: Pin<&mut Self>) {
        Pin::new(&mut *self.connection).graceful_shutdown();
    }
}

fn at_end<T>(ended: hyper::Result<T>) -> Option<T> {
    ended.inspect_err(|error| tracing::debug!(%error, "connection ended with an error")).ok()
}

fn http1_builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // `Pulse` measures this: hyper would also count the time between two requests.
        .header_read_timeout(None)
        .max_header_size(limits.max_header_bytes)
        // Also how much of an answer waits for a slow reader. hyper panics below its own minimum.
        .max_buf_size(limits.max_header_bytes.max(8192));
    builder
}

fn http2_builder(limits: &Limits, executor: Tracked) -> http2::Builder<Tracked> {
    let mut builder = http2::Builder::new(executor);
    builder
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

/// The application as hyper wants it: it counts what is in progress and times the bodies.
struct Entrance {
    app: App,
    peer: SocketAddr,
    pulse: Arc<Pulse>,
    /// Where answers that last leave hyper: HTTP/1.
    exit: Option<Arc<Exit>>,
    body_timeout: Duration,
}

impl hyper::service::Service<Request<Incoming>> for Entrance {
    type Response = Answer;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        let is_http2 = request.version() == Version::HTTP_2;
        let busy = self.pulse.begin(is_http2);
        let exit = self.exit.clone().filter(|_| lasting::can_last(&request));
        let mut request =
            request.map(|body| TimedBody::wrap(body, self.body_timeout, Arc::clone(&self.pulse)));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let answer = self.app.answer(request.map(Body::new));
        let closing = (!is_http2).then(|| Arc::clone(&self.pulse));
        Answering { answer, closing, exit, is_offered: false, busy: Some(busy) }
    }
}

pin_project! {
    /// An answer in the making; its body keeps the connection busy until it has been sent.
    struct Answering {
        #[pin]
        answer: app::Answering,
        // Where the end of a connection is announced: HTTP/1.
        closing: Option<Arc<Pulse>>,
        exit: Option<Arc<Exit>>,
        is_offered: bool,
        busy: Option<Busy>,
    }
}

impl Future for Answering {
    type Output = Result<Answer, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if *this.is_offered {
            // It was not taken: something else has still to be written.
            let answer = this.exit.as_ref().and_then(|exit| exit.take());
            return answer.map_or(Poll::Pending, |answer| Poll::Ready(Ok(answer)));
        }
        let mut response = ready!(this.answer.poll(cx))?;
        // The rest of a body that nobody reads is in the way of the next request, and hyper may close
        // behind the answer. A client that is not told sends its next request into that (RFC 9112,
        // section 9.6).
        let is_unread = this.closing.as_ref().is_some_and(|pulse| pulse.lingers());
        if is_unread {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let lasts = response.extensions().get::<Lasting>().is_some();
        let busy = this.busy.take();
        let response = response.map(|body| Held::new(body, busy));
        match this.exit {
            Some(exit) if lasts && !is_unread => {
                exit.offer(response);
                *this.is_offered = true;
                Poll::Pending
            }
            _ => Poll::Ready(Ok(response)),
        }
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
