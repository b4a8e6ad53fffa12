//! One line per request when its answer begins, and one more when a stream ends.
//!
//! A line has the path without its query and no header: codes and tokens travel in those.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::{Context, Poll, ready},
};

use ambient::{Clock, Timestamp};
use axum::{
    BoxError,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri};
use http_body::{Body as _, Frame, SizeHint};
use opentelemetry::trace::SpanContext;
use sha2::{Digest as _, Sha256};
use tracing::Level;

use crate::{
    RequestId,
    around::{Around, Begun},
    telemetry::context,
};

/// Probes come every few seconds and say nothing.
const HEALTH_PATHS: [&str; 4] = ["/livez", "/readyz", "/health", "/metrics"];

/// Longer paths are cut in the log; none of ours is.
const MAX_PATH: usize = 200;

/// The layer that writes the lines.
#[derive(Clone)]
pub(crate) struct LogAccess {
    pub(crate) clock: Clock,
    pub(crate) session: Option<HeaderName>,
}

/// Who has made a request, as the log names him: told apart, and not told who. A server that knows
/// puts it into the extensions of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester {
    kind: &'static str,
    digest: [u8; 4],
}

impl Requester {
    /// A user, by his name at his provider.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self { kind: "user", digest: digest(name.as_bytes()) }
    }

    /// A client that acts for itself, by its id.
    #[must_use]
    pub fn client(id: &str) -> Self {
        Self { kind: "client", digest: digest(id.as_bytes()) }
    }
}

impl fmt::Display for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)?;
        f.write_str(":")?;
        f.write_str(const_hex::Buffer::<4>::new().format(&self.digest))
    }
}

/// The beginning of a hash: enough to tell things apart in a log.
fn digest(bytes: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(bytes));
    [a, b, c, d]
}

/// What a line says about the request.
pub(crate) struct Line {
    clock: Clock,
    began: Timestamp,
    method: Method,
    uri: Uri,
    id: Option<RequestId>,
    /// The header that names a session.
    session: Option<HeaderValue>,
    /// The other end of the connection.
    address: Option<IpAddr>,
    requester: Option<Requester>,
    /// Where in a trace: the end of a stream is written when nothing else of its request is left.
    span: SpanContext,
}

impl Around for LogAccess {
    type Kept = Line;

    fn before(&self, request: &mut Request) -> Begun<Line> {
        Begun::with(Line {
            began: self.clock.now(),
            clock: self.clock.clone(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            id: request.extensions().get().cloned(),
            session: self.session.as_ref().and_then(|name| request.headers().get(name).cloned()),
            address: address(request),
            requester: None,
            span: context::current_span(),
        })
    }

    fn after(mut line: Line, response: Response) -> Response {
        line.requester = response.extensions().get().copied();
        let status = response.status().as_u16();
        let bytes = response.size_hint().exact();
        let level = line.level(status);
        line.write(level, status, bytes);
        if bytes.is_some() {
            return response;
        }
        let line = line.apart();
        response.map(|body| Body::new(Stream { body, line, bytes: 0, end: "dropped" }))
    }
}

/// The other end of the connection, which is a proxy's where there is one.
#[must_use]
pub fn address(request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map(|ConnectInfo(peer)| peer.ip().to_canonical())
}

/// `tracing::event!` wants its level at compile time.
macro_rules! event_at {
    ($level:expr, $($fields:tt)+) => {
        match $level {
            Level::ERROR => tracing::error!($($fields)+),
            Level::WARN => tracing::warn!($($fields)+),
            Level::DEBUG => tracing::debug!($($fields)+),
            _ => tracing::info!($($fields)+),
        }
    };
}

impl Line {
    /// The same in memory of its own. Header and target are parts of the buffer that the request was
    /// read into, and a stream would keep all of that for a few bytes.
    fn apart(self) -> Self {
        let uri = self.path().parse().unwrap_or_default();
        let session = self.session.as_ref().map(HeaderValue::as_bytes);
        let session = session.and_then(|name| HeaderValue::from_bytes(name).ok());
        Self { uri, session, ..self }
    }

    fn level(&self, status: u16) -> Level {
        match status {
            _ if HEALTH_PATHS.contains(&self.path()) => Level::DEBUG,
            500.. => Level::ERROR,
            400.. => Level::WARN,
            _ => Level::INFO,
        }
    }

    fn write(&self, level: Level, status: u16, bytes: Option<u64>) {
        event_at!(
            level,
            request_id = self.id(),
            http.request.method = self.method.as_str(),
            url.path = self.path(),
            http.response.status_code = status,
            http.response.body.size = bytes,
            client.address = self.address.map(display),
            requester = self.requester.map(display),
            session = self.session(),
            duration_ms = self.duration(),
            "answered"
        );
    }

    fn write_end(&self, bytes: u64, end: &str) {
        let traced = self.span.is_valid();
        let trace = traced.then(|| self.span.trace_id().to_string());
        let span = traced.then(|| self.span.span_id().to_string());
        event_at!(
            self.level(200),
            request_id = self.id(),
            http.request.method = self.method.as_str(),
            url.path = self.path(),
            http.response.body.size = bytes,
            end,
            client.address = self.address.map(display),
            requester = self.requester.map(display),
            session = self.session(),
            trace_id = trace.as_deref(),
            span_id = span.as_deref(),
            duration_ms = self.duration(),
            "stream ended"
        );
    }

    fn path(&self) -> &str {
        let path = self.uri.path();
        &path[..path.floor_char_boundary(MAX_PATH)]
    }

    /// What tells sessions apart in a log and opens none: the beginning of the hash of the name.
    fn session(&self) -> Option<String> {
        Some(const_hex::encode(digest(self.session.as_ref()?.as_bytes())))
    }

    fn id(&self) -> Option<&str> {
        self.id.as_ref().map(RequestId::as_str)
    }

    fn duration(&self) -> u64 {
        let duration = self.clock.now().since(self.began);
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A body of unknown length that writes a line when it ends.
struct Stream {
    body: Body,
    line: Line,
    bytes: u64,
    end: &'static str,
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            None => self.end = "complete",
            Some(Err(_)) => self.end = "failed",
            Some(Ok(frame)) => {
                self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if self.body.is_end_stream() {
                    self.end = "complete";
                }
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.line.write_end(self.bytes, self.end);
    }
}
