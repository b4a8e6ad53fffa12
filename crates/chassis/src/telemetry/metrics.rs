//! Metrics: OpenTelemetry instruments, read as Prometheus text.
//!
//! Whoever measures gets a [`Meter`] as an argument. They are read when somebody asks: nothing is
//! sent, and nothing is done between two scrapes.

use std::fmt;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use opentelemetry::{InstrumentationScope, metrics::Meter, metrics::MeterProvider as _};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};
use prometheus::{Registry, TextEncoder};

use super::TelemetryError;

/// What the process measures. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    provider: SdkMeterProvider,
    registry: Registry,
}

impl Metrics {
    pub(super) fn new(resource: Resource) -> Result<Self, TelemetryError> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .build()
            .map_err(|error| TelemetryError::Exporter(error.to_string()))?;
        let provider =
            SdkMeterProvider::builder().with_reader(exporter).with_resource(resource).build();
        Ok(Self { provider, registry })
    }

    /// Where the instruments of one server come from. Its name is the label `otel_scope_name` of
    /// all that they measure, which tells two servers of one process apart.
    #[must_use]
    pub fn meter(&self, server: &'static str) -> Meter {
        self.provider.meter_with_scope(InstrumentationScope::builder(server).build())
    }

    /// Everything that has been measured, in the Prometheus text format 0.0.4.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // The families are made by the exporter, which keeps to the rules of the format.
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics cannot be written");
        }
        text
    }

    /// `GET /metrics`.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new().route("/metrics", get(answer)).with_state(self.clone())
    }
}

async fn answer(State(metrics): State<Metrics>) -> Response {
    let headers =
        [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::OK, headers, metrics.text()).into_response()
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
