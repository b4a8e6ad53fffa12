//! Every request, measured and traced by the HTTP conventions of OpenTelemetry.
//!
//! A stream is measured to its first byte: how long a client listens is not how fast a server is.

use std::{borrow::Cow, net::SocketAddr, sync::Arc};

use ambient::{Clock, Stopwatch};
use axum::{
    extract::{ConnectInfo, MatchedPath, Request},
    response::Response,
};
use http::{Method, Version};
use opentelemetry::{
    KeyValue,
    metrics::{Histogram, Meter},
};
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{Tally, Usual, context};
use crate::{
    RequestId,
    access_log::address,
    around::{Around, Begun},
};

/// The buckets that the conventions advise for HTTP, in seconds.
const BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The instruments of one HTTP server.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    duration: Histogram<f64>,
    active: Tally,
    scheme: &'static str,
    clock: Clock,
}

impl HttpMetrics {
    /// Makes them. `https` is whether the public URL is that, `clock` measures durations.
    #[must_use]
    pub fn new(meter: &Meter, https: bool, clock: Clock) -> Self {
        let scheme = scheme(https);
        let active = |method| {
            vec![KeyValue::new("http.request.method", method), KeyValue::new("url.scheme", scheme)]
        };
        Self {
            duration: meter
                .f64_histogram("http.server.request.duration")
                .with_unit("s")
                .with_description("Duration of HTTP server requests, to the start of the answer")
                .with_boundaries(BUCKETS.to_vec())
                .build(),
            active: Tally::up_down(
                meter,
                "http.server.active_requests",
                "HTTP server requests that are being answered",
                (active, &METHODS),
            ),
            scheme,
            clock,
        }
    }
}

/// The layer that measures, if there is something to measure with.
#[derive(Clone)]
pub(crate) struct MeasureHttp {
    pub(crate) metrics: Option<HttpMetrics>,
    /// The route, where no router finds it.
    pub(crate) route: Option<&'static str>,
    /// Requests by that route which are answered as almost all are.
    pub(crate) usual: Arc<Usual>,
}

/// What a request was for, as its path is named and not as it was written.
#[derive(Clone)]
enum Route {
    Known(&'static str),
    Matched(MatchedPath),
}

impl Route {
    fn of(request: &Request, known: Option<&'static str>) -> Option<Self> {
        let matched = || request.extensions().get().cloned().map(Self::Matched);
        known.map(Self::Known).or_else(matched)
    }

    fn label(&self) -> KeyValue {
        match self {
            Self::Known(route) => KeyValue::new("http.route", *route),
            Self::Matched(route) => KeyValue::new("http.route", route.as_str().to_owned()),
        }
    }
}

/// A request that is being measured. Dropped before its end, it is still no longer active.
pub(crate) struct Measured {
    metrics: HttpMetrics,
    watch: Stopwatch,
    method: &'static str,
    route: Option<Route>,
    version: &'static str,
    usual: Arc<Usual>,
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.metrics.active.add(self.method, -1);
    }
}

impl Around for MeasureHttp {
    type Kept = Option<Measured>;

    fn before(&self, request: &mut Request) -> Begun<Option<Measured>> {
        let measured = self.metrics.as_ref().map(|metrics| {
            let method = method(request.method());
            metrics.active.add(method, 1);
            Measured {
                watch: metrics.clock.stopwatch(),
                route: Route::of(request, self.route),
                version: version(request.version()),
                metrics: metrics.clone(),
                method,
                usual: Arc::clone(&self.usual),
            }
        });
        Begun::with(measured)
    }

    fn after(measured: Option<Measured>, response: Response) -> Response {
        if let Some(measured) = measured {
            measured.record(response.status().as_u16());
        }
        response
    }
}

impl Measured {
    fn record(&self, status: u16) {
        let (to, took) = (&self.metrics.duration, self.watch.elapsed().as_secs_f64());
        if self.is_usual(status) {
            self.usual.record(to, took, || self.attributes(status));
        } else {
            to.record(took, &self.attributes(status));
        }
    }

    /// Whether its labels are those of almost every request by a route that is known beforehand.
    fn is_usual(&self, status: u16) -> bool {
        matches!(self.route, Some(Route::Known(_)))
            && (self.method, self.version, status) == ("POST", "1.1", 200)
    }

    fn attributes(&self, status: u16) -> Vec<KeyValue> {
        let mut attributes = vec![
            KeyValue::new("http.request.method", self.method),
            KeyValue::new("url.scheme", self.metrics.scheme),
            KeyValue::new("http.response.status_code", i64::from(status)),
            KeyValue::new("network.protocol.version", self.version),
        ];
        attributes.extend(self.route.as_ref().map(Route::label));
        if status >= 500 {
            attributes.push(KeyValue::new("error.type", status.to_string()));
        }
        attributes
    }
}

/// The methods that are told apart, and what the others are called.
const METHODS: [&str; 10] =
    ["POST", "GET", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH", "CONNECT", "TRACE", OTHER];
const OTHER: &str = "_OTHER";

/// The method, or `_OTHER`: a client that makes methods up must not make labels.
fn method(method: &Method) -> &'static str {
    METHODS.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER)
}

const fn scheme(https: bool) -> &'static str {
    if https { "https" } else { "http" }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

/// The layer that opens the span of a request, if spans are recorded.
#[derive(Clone)]
pub(crate) struct TraceHttp {
    pub(crate) https: bool,
    /// The route, where no router finds it.
    pub(crate) route: Option<&'static str>,
}

/// Probes come every few seconds and are worth no trace.
const UNTRACED: [&str; 5] = ["/livez", "/readyz", "/health", "/metrics", "/version"];

/// Documents about a server, for everybody: other servers look every few seconds whether they have
/// changed. Within a trace they are part of it.
const DOCUMENTS: &str = "/.well-known/";

impl Around for TraceHttp {
    type Kept = Span;

    fn before(&self, request: &mut Request) -> Begun<Span> {
        let path = request.uri().path();
        let is_lookup = || path.starts_with(DOCUMENTS) && !context::has_place(request.headers());
        let span = if UNTRACED.contains(&path) || is_lookup() {
            Span::none()
        } else {
            span(request, self)
        };
        // Where nothing is recorded, headers are not even read.
        if !span.is_disabled() {
            let parent = context::of_headers(request.headers()).unwrap_or_default();
            let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
            let other_end = context::OtherEnd {
                address: peer.map(|ConnectInfo(address)| *address),
                version: version(request.version()),
            };
            // Fails only where no spans are recorded.
            let _ = span.set_parent(parent.with_value(other_end));
        }
        Begun::with_span(span.clone(), span)
    }

    fn after(span: Span, response: Response) -> Response {
        let status = response.status().as_u16();
        // As `u16` it would be recorded as text: the bridge knows signed integers only.
        span.record("http.response.status_code", i64::from(status));
        if status >= 500 {
            span.record("error.type", status.to_string());
            span.record("otel.status_code", "ERROR");
        }
        response
    }
}

/// The path is told, never the query: codes travel in it.
fn span(request: &Request, layer: &TraceHttp) -> Span {
    let matched = || request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let route = layer.route.or_else(matched);
    let name = || match route {
        Some(route) => Cow::Owned(format!("{} {route}", method(request.method()))),
        None => Cow::Borrowed(method(request.method())),
    };
    let id = request.extensions().get::<RequestId>().map(RequestId::as_str);
    tracing::trace_span!(
        target: "otel::span",
        parent: None,
        "http",
        otel.name = %name(),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method(request.method()),
        http.route = route,
        url.path = request.uri().path(),
        url.scheme = scheme(layer.https),
        network.protocol.version = version(request.version()),
        client.address = address(request).map(display),
        request_id = id,
        http.response.status_code = Empty,
        error.type = Empty,
    )
}
