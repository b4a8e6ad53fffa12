//! A collector of spans: a few lines of server that read OTLP over HTTP.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
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

impl Collected {
    async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<Empty<Bytes>>, Infallible> {
        let status = if (request.method(), request.uri().path()) == (&Method::POST, "/v1/traces") {
            self.take(request.into_body()).await
        } else {
            StatusCode::NOT_FOUND
        };
        let mut response = Response::new(Empty::new());
        *response.status_mut() = status;
        Ok(response)
    }

    async fn take(&self, body: Incoming) -> StatusCode {
        let Ok(body) = body.collect().await else { return StatusCode::BAD_REQUEST };
        let Ok(request) = ExportTraceServiceRequest::decode(body.to_bytes()) else {
            return StatusCode::BAD_REQUEST;
        };
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spans.extend(scopes.flat_map(|scope| scope.spans));
        StatusCode::OK
    }

    async fn serve(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            let (socket, _) = listener.accept().await.or_fail("a connection");
            let collected = self.clone();
            let service = service_fn(move |request| collected.clone().answer(request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
            // One that is cut off is its client's matter.
            connections.spawn(async move { drop(connection.await) });
        }
    }
}

impl Collector {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.or_fail("a port is free");
        let address = listener.local_addr().or_fail("it has an address");
        let collected = Collected::default();
        let mut serving = JoinSet::new();
        serving.spawn(collected.clone().serve(listener));
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
    const_hex::encode(bytes)
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
