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
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use bytes::Bytes;
use chassis::Lifecycle;
use http::{HeaderValue, Method, header};
use http_body::{Frame, SizeHint};

use super::Rejected;
use crate::{Server, metrics::McpMetrics};

/// Watches what comes out of `router`, if anything is measured.
pub(super) fn around(router: Router<Server>, server: &Server) -> Router<Server> {
    if server.metrics().instruments().is_none() {
        return router;
    }
    router.layer(middleware::from_fn_with_state(server.clone(), observe))
}

async fn observe(State(server): State<Server>, request: Request, next: Next) -> Response {
    let kind = kind(&request);
    let response = next.run(request).await;
    if let Some(Rejected(code)) = response.extensions().get() {
        server.metrics().rejected(code.0);
    }
    let streams = response.headers().get(header::CONTENT_TYPE)
        == Some(&HeaderValue::from_static("text/event-stream"));
    if !streams {
        return response;
    }
    let metrics = server.metrics().clone();
    metrics.stream_opened(kind);
    let watch = server.clock().stopwatch();
    let lifecycle = server.lifecycle().clone();
    response.map(|body| Body::new(Watched { body, metrics, kind, watch, lifecycle, end: "client" }))
}

/// What a stream is for.
fn kind(request: &Request) -> &'static str {
    let method = request.headers().get(shared::mcp::headers::METHOD);
    if *request.method() == Method::GET {
        "standalone"
    } else if method.is_some_and(|method| method == "subscriptions/listen") {
        "listen"
    } else {
        "request"
    }
}

/// The body of a stream. Dropped before its end, its client has gone.
struct Watched {
    body: Body,
    metrics: McpMetrics,
    kind: &'static str,
    watch: Stopwatch,
    lifecycle: Lifecycle,
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
            Some(Ok(_)) => {}
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
