//! Requests of ours to other servers, measured and traced by the HTTP conventions of OpenTelemetry.

use ambient::Clock;
use opentelemetry::{
    KeyValue,
    metrics::{Histogram, Meter},
};
use reqwest::{Request, RequestBuilder, Response};
use tracing::{Instrument as _, Span, field::Empty};

use super::context;

/// The buckets that the conventions advise for HTTP, in seconds.
const BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Sends requests to servers that an operator has chosen, and tells them where in a trace they
/// belong. Without instruments it only does the latter. Not for addresses that somebody else
/// chooses: they would become labels.
#[derive(Clone, Debug, Default)]
pub struct Asking(Option<(Histogram<f64>, Clock)>);

impl Asking {
    /// Makes the instrument. `clock` measures durations.
    #[must_use]
    pub fn new(meter: &Meter, clock: Clock) -> Self {
        let duration = meter
            .f64_histogram("http.client.request.duration")
            .with_unit("s")
            .with_description(
                "Duration of HTTP requests to other servers, to the start of an answer",
            )
            .with_boundaries(BUCKETS.to_vec())
            .build();
        Self(Some((duration, clock)))
    }

    /// Sends `request`.
    ///
    /// # Errors
    /// Those of the client.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, reqwest::Error> {
        let (client, request) = request.build_split();
        let mut request = request?;
        // What nobody has asked for, such as a look every few seconds whether a server is still there,
        // is measured and worth no trace of its own.
        let is_part = context::current_span().is_valid();
        let span = if is_part { span(&request) } else { Span::none() };
        let labels = self.0.as_ref().map(|_| labels(&request));
        let watch = self.0.as_ref().map(|(_, clock)| clock.stopwatch());
        let sending = async {
            request.headers_mut().extend(context::outgoing());
            client.execute(request).await
        };
        let answer = sending.instrument(span.clone()).await;
        let failure = failure(&answer);
        if let Ok(answer) = &answer {
            // As `u16` it would be recorded as text: the bridge knows signed integers only.
            span.record("http.response.status_code", i64::from(answer.status().as_u16()));
        }
        if let Some(kind) = &failure {
            span.record("error.type", &**kind);
            span.record("otel.status_code", "ERROR");
        }
        if let Some((((duration, _), mut labels), watch)) = self.0.as_ref().zip(labels).zip(watch) {
            let status = answer.as_ref().ok().map(|answer| i64::from(answer.status().as_u16()));
            labels.extend(status.map(|code| KeyValue::new("http.response.status_code", code)));
            labels.extend(failure.map(|kind| KeyValue::new("error.type", kind)));
            duration.record(watch.elapsed().as_secs_f64(), &labels);
        }
        answer
    }
}

/// Of an answer the status, of none the kind of failure.
fn failure(answer: &Result<Response, reqwest::Error>) -> Option<String> {
    match answer {
        Ok(answer) if answer.status().is_client_error() || answer.status().is_server_error() => {
            Some(answer.status().as_u16().to_string())
        }
        Ok(_) => None,
        Err(error) if error.is_timeout() => Some("timeout".to_owned()),
        Err(error) if error.is_connect() => Some("connect".to_owned()),
        Err(_) => Some("_OTHER".to_owned()),
    }
}

fn labels(request: &Request) -> Vec<KeyValue> {
    let url = request.url();
    let mut labels = vec![
        KeyValue::new("http.request.method", request.method().to_string()),
        KeyValue::new("server.address", url.host_str().unwrap_or_default().to_owned()),
    ];
    let port = url.port_or_known_default();
    labels.extend(port.map(|port| KeyValue::new("server.port", i64::from(port))));
    labels
}

/// The path is told, never the query.
fn span(request: &Request) -> Span {
    let url = request.url();
    tracing::trace_span!(
        target: "otel::span",
        "asking",
        otel.name = request.method().as_str(),
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = request.method().as_str(),
        server.address = url.host_str(),
        server.port = url.port_or_known_default().map(i64::from),
        url.path = url.path(),
        http.response.status_code = Empty,
        error.type = Empty,
    )
}
