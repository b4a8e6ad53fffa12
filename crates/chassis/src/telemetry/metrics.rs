//! Metrics: OpenTelemetry instruments, read as Prometheus text, or sent to a collector.
//!
//! Whoever measures gets a [`Meter`] as an argument. They are read when somebody asks, or when it is
//! time to send them, and nothing is done in between.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::future::{BoxFuture, join_all};
use http::{StatusCode, header};
use opentelemetry::{InstrumentationScope, metrics::Meter, metrics::MeterProvider as _};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};
use prometheus::{Registry, TextEncoder};

use super::{TelemetryError, collector::wrong, push::Push};

/// What the process measures. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    provider: SdkMeterProvider,
    registry: Registry,
    looks: Arc<Mutex<Vec<Look>>>,
}

/// Finds out what is to be told.
type Look = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

impl Metrics {
    /// Metrics that can be asked for, if they are `offered`, and that `push` sends, if it is there.
    pub(super) fn new(
        resource: Resource,
        offered: bool,
        push: Option<Push>,
    ) -> Result<Self, TelemetryError> {
        let registry = Registry::new();
        let mut provider = SdkMeterProvider::builder().with_resource(resource);
        if offered {
            let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone());
            provider = provider.with_reader(exporter.build().map_err(|error| wrong(&error))?);
        }
        if let Some(push) = push {
            provider = provider.with_reader(push);
        }
        Ok(Self { provider: provider.build(), registry, looks: Arc::default() })
    }

    /// Where the instruments of one server come from. Its name is the label `otel_scope_name` of
    /// all that they measure, which tells two servers of one process apart.
    #[must_use]
    pub fn meter(&self, server: &'static str) -> Meter {
        self.provider.meter_with_scope(InstrumentationScope::builder(server).build())
    }

    /// Runs `look` before every scrape and export: for what is not counted here, such as numbers of all
    /// instances. It must end soon; who reads waits.
    pub fn before_scrape(&self, look: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(look));
    }

    pub(super) async fn look(&self) {
        let looking: Vec<_> = {
            let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
            looks.iter().map(|look| look()).collect()
        };
        join_all(looking).await;
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
    metrics.look().await;
    let headers =
        [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::OK, headers, metrics.text()).into_response()
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
