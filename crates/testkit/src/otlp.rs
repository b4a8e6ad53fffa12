//! A collector of spans: a few lines of server that read OTLP over HTTP.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
pub use opentelemetry_proto::tonic::trace::v1::{
    Span, span::SpanKind, status::StatusCode as SpanStatus,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Any,
};
use prost::Message as _;
use tokio::{net::TcpListener, task::JoinSet};

use crate::fail::OrFail as _;

/// A collector, and what it has got.
pub struct Collector {
    url: String,
    collected: Collected,
    _serving: JoinSet<()>,
}

#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<Span>>>);

async fn collect(State(collected): State<Collected>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    let mut spans = collected.0.lock().unwrap_or_else(PoisonError::into_inner);
    spans.extend(scopes.flat_map(|scope| scope.spans));
    StatusCode::OK
}

impl Collector {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.or_fail("a port is free");
        let address = listener.local_addr().or_fail("it has an address");
        let collected = Collected::default();
        let router = Router::new().route("/v1/traces", post(collect)).with_state(collected.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.or_fail("it serves") });
        Self { url: format!("http://{address}"), collected, _serving: serving }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All spans so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.collected.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The first span of a name.
#[must_use]
pub fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    spans.iter().find(|span| span.name == name).or_fail(format!("{name} in {names:?}"))
}

/// An id as `traceparent` writes it.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// An attribute as text.
#[must_use]
pub fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.clone()?.value? {
        Any::StringValue(text) => Some(text),
        Any::IntValue(number) => Some(number.to_string()),
        Any::BoolValue(flag) => Some(flag.to_string()),
        other => Some(format!("{other:?}")),
    }
}
