//! The flow page: messages on their way, live, as a stream of events and a page that draws them.

use std::collections::VecDeque;

use ambient::Timestamp;
use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::{future::BoxFuture, stream};
use http::{HeaderValue, StatusCode, header};
use shared::mcp::ErrorCode;
use store::Delivery;

use super::{Rejection, reply, splash};
use crate::{
    Server, TraceAddress,
    flow::{CannotWatch, STAY, Viewer},
};

/// Our own script and styles, and our own stream.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The files of the page: name, type and text.
const FILES: [(&str, &str, &str); 2] = [
    ("flow.js", "text/javascript; charset=utf-8", include_str!("../../templates/flow/flow.js")),
    ("flow.css", "text/css; charset=utf-8", include_str!("../../templates/flow/flow.css")),
];

#[derive(Template)]
#[template(path = "flow.html")]
struct Page<'a> {
    title: &'a str,
    is_shared: bool,
    /// Where clients send their messages.
    endpoint: &'a str,
    /// Where a trace is shown.
    traces: Option<&'a TraceAddress>,
}

/// The page, its files and its stream.
pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/flow", get(page))
        .route("/flow/events", get(events))
        .route("/flow/{file}", get(file))
}

async fn page(State(server): State<Server>) -> Response {
    let info = server.features().implementation();
    let title = info.title.as_deref().unwrap_or(&info.name);
    let endpoint = server.config().resource();
    let traces = server.config().pages.traces.as_ref();
    let is_shared = server.store().is_shared();
    splash::rendered(&Page { title, is_shared, endpoint: &endpoint, traces }, POLICY)
}

async fn file(Path(name): Path<String>) -> Response {
    let Some((_, kind, text)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "no-cache")], *text).into_response()
}

/// What all instances note, from now on, until the viewer goes away.
async fn events(State(server): State<Server>) -> Result<Response, Rejection> {
    let viewer = server.flow().watch().await.map_err(|why| match why {
        CannotWatch::Off => {
            unavailable(StatusCode::NOT_FOUND, "The flow page is off; see MCP_FLOW")
        }
        CannotWatch::Full => {
            unavailable(StatusCode::SERVICE_UNAVAILABLE, "As many watch here as may; close a page")
        }
        CannotWatch::Store(error) => Rejection::from(error),
    })?;
    let now = server.clock().now();
    let watching = Watching {
        stay_at: now + STAY,
        stopping: Box::pin(server.lifecycle().stopping()),
        // At once, so that the page knows that it is connected.
        ready: VecDeque::from([reply::comment()]),
        server,
        viewer,
    };
    Ok(reply::lasting(reply::event_stream(stream::unfold(watching, |mut watching| async move {
        let event = watching.next().await?;
        Some((event, watching))
    }))))
}

fn unavailable(status: StatusCode, message: &'static str) -> Rejection {
    Rejection::new(status, ErrorCode::UNAVAILABLE, message)
}

struct Watching {
    server: Server,
    viewer: Viewer,
    stay_at: Timestamp,
    stopping: BoxFuture<'static, ()>,
    ready: VecDeque<Bytes>,
}

impl Watching {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(event) = self.ready.pop_front() {
            return Some(event);
        }
        tokio::select! {
            biased;
            () = &mut self.stopping => None,
            () = self.server.clock().sleep_until(self.stay_at) => {
                self.stay_at = self.server.clock().now() + STAY;
                self.server.flow().stay().await;
                Some(reply::comment())
            }
            delivery = self.viewer.hops.next() => Some(match delivery? {
                Delivery::Message(batch) => Bytes::from(format!("data: {batch}\n\n")),
                Delivery::Gap => Bytes::from_static(b"event: gap\ndata: {}\n\n"),
            }),
        }
    }
}
