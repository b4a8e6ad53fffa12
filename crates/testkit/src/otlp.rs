//! A collector of spans and metrics: a few lines of server that read OTLP over HTTP.

use std::{
    collections::BTreeMap,
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
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value as Any},
    metrics::v1::{ResourceMetrics, metric::Data, number_data_point::Value as Number},
};
use prost::Message;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet};

use crate::fail::OrFail as _;

/// A collector, and what it has got.
pub struct Collector {
    url: String,
    collected: Collected,
    _serving: JoinSet<()>,
}

#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Got>>);

#[derive(Default)]
struct Got {
    spans: Vec<Span>,
    exports: Vec<Export>,
}

/// What one export of metrics has told.
#[derive(Clone, Debug)]
pub struct Export {
    /// What it says of the process.
    pub resource: BTreeMap<String, Value>,
    /// Every series.
    pub series: Vec<Series>,
}

/// One metric with one set of attributes.
#[derive(Clone, Debug)]
pub struct Series {
    /// The name of the metric.
    pub name: String,
    /// Its attributes.
    pub attributes: BTreeMap<String, Value>,
    /// How often it was measured, of a histogram; the value, of everything else.
    pub value: Value,
}

impl Collected {
    async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<Empty<Bytes>>, Infallible> {
        let status = match (request.method(), request.uri().path()) {
            (&Method::POST, "/v1/traces") => {
                self.take(request.into_body(), |got, request: ExportTraceServiceRequest| {
                    let resources = request.resource_spans.into_iter();
                    let scopes = resources.flat_map(|resource| resource.scope_spans);
                    got.spans.extend(scopes.flat_map(|scope| scope.spans));
                })
                .await
            }
            (&Method::POST, "/v1/metrics") => {
                self.take(request.into_body(), |got, request: ExportMetricsServiceRequest| {
                    got.exports.extend(request.resource_metrics.into_iter().map(Export::of));
                })
                .await
            }
            _ => StatusCode::NOT_FOUND,
        };
        let mut response = Response::new(Empty::new());
        *response.status_mut() = status;
        Ok(response)
    }

    async fn take<T: Message + Default>(
        &self,
        body: Incoming,
        keep: impl FnOnce(&mut Got, T),
    ) -> StatusCode {
        let Ok(body) = body.collect().await else { return StatusCode::BAD_REQUEST };
        let Ok(request) = T::decode(body.to_bytes()) else {
            return StatusCode::BAD_REQUEST;
        };
        keep(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), request);
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
        self.collected.0.lock().unwrap_or_else(PoisonError::into_inner).spans.clone()
    }

    /// All exports of metrics so far.
    #[must_use]
    pub fn exports(&self) -> Vec<Export> {
        self.collected.0.lock().unwrap_or_else(PoisonError::into_inner).exports.clone()
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

/// An attribute, of the type that it was sent with.
#[must_use]
pub fn attribute(span: &Span, name: &str) -> Option<Value> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    Some(value(found))
}

fn value(attribute: &KeyValue) -> Value {
    match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        None => Value::Null,
        Some(Any::StringValue(text)) => text.as_str().into(),
        Some(Any::IntValue(number)) => (*number).into(),
        Some(Any::DoubleValue(number)) => (*number).into(),
        Some(Any::BoolValue(flag)) => (*flag).into(),
        Some(other) => panic!("nothing of ours sends {other:?}"),
    }
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, Value> {
    pairs.iter().map(|pair| (pair.key.clone(), value(pair))).collect()
}

impl Export {
    fn of(metrics: ResourceMetrics) -> Self {
        let resource = metrics.resource.as_ref().map(|resource| attributes(&resource.attributes));
        let all = metrics.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
        let series = all.flat_map(|metric| {
            let points = metric.data.map(points).unwrap_or_default().into_iter();
            let name = metric.name;
            points.map(move |(attributes, value)| Series { name: name.clone(), attributes, value })
        });
        Self { resource: resource.unwrap_or_default(), series: series.collect() }
    }

    /// The series of a metric.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Series> {
        self.series.iter().filter(move |series| series.name == name)
    }
}

fn points(data: Data) -> Vec<(BTreeMap<String, Value>, Value)> {
    let numbers = match data {
        Data::Gauge(gauge) => gauge.data_points,
        Data::Sum(sum) => sum.data_points,
        Data::Histogram(histogram) => {
            let points = histogram.data_points.iter();
            return points
                .map(|point| (attributes(&point.attributes), point.count.into()))
                .collect();
        }
        other => panic!("nothing of ours sends {other:?}"),
    };
    let number = |value: Option<Number>| match value {
        Some(Number::AsInt(number)) => number.into(),
        Some(Number::AsDouble(number)) => number.into(),
        None => Value::Null,
    };
    numbers.iter().map(|point| (attributes(&point.attributes), number(point.value))).collect()
}
