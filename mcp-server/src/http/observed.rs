//! What is measured of answers as a whole: streams from their beginning to their end, and requests
//! that were refused before there was a call.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use ambient::Stopwatch;
use axum::{
    BoxError, Router,
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use chassis::{Around, AroundLayer, Begun, Lifecycle};
use futures_util::FutureExt as _;
use http::{HeaderValue, Method, StatusCode, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use shared::mcp::headers;

use super::Rejected;
use crate::{
    Server,
    config::SSE,
    flow::{Flow, Origin},
    metrics::McpMetrics,
};

/// Watches what comes out of `router`, if anything is measured or shown.
pub(super) fn around(router: Router<Server>, server: &Server) -> Router<Server> {
    if server.metrics().instruments().is_none() && !server.flow().is_on() {
        return router;
    }
    router.layer(AroundLayer(Observe(server.clone())))
}

/// Watches what comes out of one service.
#[derive(Clone)]
pub(super) struct Observe(pub(super) Server);

/// What is remembered of a request.
pub(super) struct Asked {
    server: Server,
    kind: &'static str,
    session: Option<HeaderValue>,
}

impl Around for Observe {
    type Kept = Asked;

    fn before(&self, request: &mut Request) -> Begun<Asked> {
        let is_shown = self.0.flow().is_on();
        let session =
            is_shown.then(|| request.headers().get(headers::SESSION_ID).cloned()).flatten();
        Begun::with(Asked { server: self.0.clone(), kind: kind(request), session })
    }

    fn after(asked: Asked, response: Response) -> Response {
        let Asked { server, kind, session } = asked;
        if let Some(Rejected(code)) = response.extensions().get() {
            server.metrics().rejected(reason(&response), code.0);
        }
        let streams = response.headers().get(header::CONTENT_TYPE)
            == Some(&HeaderValue::from_static("text/event-stream"));
        if !streams {
            let is_shown = server.flow().is_watched() && response.size_hint().exact().is_some();
            return if is_shown { shown(&server, session, response) } else { response };
        }
        let metrics = server.metrics().clone();
        metrics.stream_opened(kind);
        let watch = server.clock().stopwatch();
        let lifecycle = server.lifecycle().clone();
        let flow = server.flow().clone();
        let origin = if flow.is_on() { Origin::here() } else { Origin::default() };
        let shown = Shown { flow, session, origin };
        let end = "client";
        response
            .map(|body| Body::new(Watched { body, metrics, kind, watch, lifecycle, shown, end }))
    }
}

/// Shows an answer whose length is known to whoever watches. It is all there: nothing is waited for.
fn shown(server: &Server, session: Option<HeaderValue>, response: Response) -> Response {
    let (head, body) = response.into_parts();
    let Some(Ok(body)) = body.collect().now_or_never() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let body = body.to_bytes();
    let session = session.or_else(|| head.headers.get(headers::SESSION_ID).cloned());
    let session = session.as_ref().and_then(|session| session.to_str().ok());
    server.flow().answers(head.status, &body, session);
    Response::from_parts(head, Body::from(body))
}

/// Where messages to a client are shown, and of which session they are.
struct Shown {
    flow: Flow,
    session: Option<HeaderValue>,
    origin: Origin,
}

impl Shown {
    fn went(&self, message: &[u8]) {
        let session = self.session.as_ref().and_then(|session| session.to_str().ok());
        self.flow.went(message, session, &self.origin);
    }

    /// An event of a stream: its `data` is a message, or empty.
    fn event(&self, event: &[u8]) {
        let mut lines = event.split(|byte| *byte == b'\n');
        let data = lines.find_map(|line| line.strip_prefix(b"data: "));
        if let Some(message) = data.filter(|message| !message.is_empty()) {
            self.went(message);
        }
    }
}

/// Why a request was refused, in a word.
fn reason(response: &Response) -> &'static str {
    let challenged = response.headers().contains_key(header::WWW_AUTHENTICATE);
    match response.status() {
        StatusCode::FORBIDDEN if challenged => "scope",
        StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => "origin",
        StatusCode::NOT_FOUND => "unknown",
        StatusCode::METHOD_NOT_ALLOWED => "verb",
        StatusCode::NOT_ACCEPTABLE | StatusCode::UNSUPPORTED_MEDIA_TYPE => "media",
        StatusCode::PAYLOAD_TOO_LARGE => "body",
        StatusCode::TOO_MANY_REQUESTS => "rate",
        status if status.is_server_error() => "unavailable",
        _ => "message",
    }
}

/// What a stream is for.
fn kind(request: &Request) -> &'static str {
    if *request.method() == Method::POST {
        let method = request.headers().get(headers::METHOD);
        let listens = method.is_some_and(|method| method == "subscriptions/listen");
        return if listens { "listen" } else { "request" };
    }
    if request.uri().path() == SSE {
        "sse_2024"
    } else if request.headers().contains_key("last-event-id") {
        "resumed"
    } else {
        "standalone"
    }
}

/// The body of a stream. Dropped before its end, its client has gone.
struct Watched {
    body: Body,
    metrics: McpMetrics,
    kind: &'static str,
    watch: Stopwatch,
    lifecycle: Lifecycle,
    shown: Shown,
    end: &'static str,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            None => self.end = "complete",
            Some(Err(_)) => self.end = "error",
            Some(Ok(frame)) => {
                // Comments and hints of when to come back are no events.
                if frame.data_ref().is_some_and(|data| data.starts_with(b"event:")) {
                    self.metrics.event_sent(self.kind);
                }
                if self.shown.flow.is_watched()
                    && let Some(data) = frame.data_ref()
                {
                    self.shown.event(data);
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

impl Drop for Watched {
    fn drop(&mut self) {
        let reason = if self.lifecycle.is_stopping() { "drain" } else { self.end };
        self.metrics.stream_closed(self.kind, reason, self.watch.elapsed());
    }
}
