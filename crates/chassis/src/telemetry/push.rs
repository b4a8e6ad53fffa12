//! Metrics that are sent to a collector: read every so often, and once more at the end.
//!
//! The SDK has a reader that does this from a thread of its own, by the machine's clock. What is true
//! of all instances has to be asked for before metrics are read ([`Metrics::before_scrape`]), which
//! takes a task, and tests move the clock: so the task is ours, and the SDK's reader is read by hand.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{
        InstrumentKind, ManualReader, Pipeline, Temporality, data::ResourceMetrics,
        exporter::PushMetricExporter as _, reader::MetricReader,
    },
};

use super::{
    Metrics, PushedMetrics, TelemetryError,
    collector::{reaching, wrong},
};
use crate::Lifecycle;

/// What sends metrics. Cheap to clone.
#[derive(Clone)]
pub(super) struct Push(Arc<Inner>);

struct Inner {
    reader: ManualReader,
    exporter: MetricExporter,
    interval: Duration,
    /// A collector that is away is told of once.
    fails: AtomicBool,
}

impl Push {
    pub(super) fn new(settings: &PushedMetrics) -> Result<Self, TelemetryError> {
        let exporter = reaching(MetricExporter::builder().with_http(), &settings.to)?;
        Ok(Self(Arc::new(Inner {
            reader: ManualReader::default(),
            exporter: exporter
                .with_temporality(Temporality::Cumulative)
                .build()
                .map_err(|error| wrong(&error))?,
            interval: settings.interval,
            fails: AtomicBool::new(false),
        })))
    }

    /// Sends `metrics` every so often, until `lifecycle` stops.
    pub(super) fn begin(&self, metrics: &Metrics, lifecycle: &Lifecycle) {
        let (push, metrics, life) = (self.clone(), metrics.clone(), lifecycle.clone());
        lifecycle.spawn(async move {
            let clock = life.clock();
            while life.unless_stopping(clock.sleep(push.0.interval)).await.is_some() {
                metrics.look().await;
                push.send().await;
            }
        });
    }

    /// Sends what is measured now.
    pub(super) async fn send(&self) {
        let mut read = ResourceMetrics::default();
        let sent = match self.0.reader.collect(&mut read) {
            Ok(()) => self.0.exporter.export(&read).await,
            Err(error) => Err(error),
        };
        let failed = self.0.fails.swap(sent.is_err(), Ordering::Relaxed);
        match sent {
            Ok(()) if failed => tracing::info!("metrics are sent again"),
            Err(error) if !failed => {
                tracing::warn!(%error, "metrics cannot be sent; it is tried again every time");
            }
            _ => {}
        }
    }
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Push")
    }
}

/// As the SDK wants a reader: it keeps it for itself.
impl MetricReader for Push {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.reader.register_pipeline(pipeline);
    }

    fn collect(&self, read: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.reader.collect(read)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.reader.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.reader.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.reader.temporality(kind)
    }
}
