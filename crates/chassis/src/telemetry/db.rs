//! The database convention of OpenTelemetry: how long commands to Redis take, and which fail.

use std::time::Duration;

use opentelemetry::{KeyValue, metrics::Histogram};

use super::Metrics;

/// The buckets that the conventions advise for databases, in seconds.
const BUCKETS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// The instrument.
#[derive(Clone, Debug)]
pub struct DbMetrics(Histogram<f64>);

impl DbMetrics {
    /// Makes it.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let meter = metrics.meter("store");
        let duration = meter.f64_histogram("db.client.operation.duration").with_unit("s");
        let duration = duration.with_description("Duration of commands to Redis");
        Self(duration.with_boundaries(BUCKETS.to_vec()).build())
    }

    /// A command is over. `failure` is its kind, if it failed.
    pub fn ran(&self, command: &'static str, took: Duration, failure: Option<&'static str>) {
        let system = KeyValue::new("db.system.name", "redis");
        let command = KeyValue::new("db.operation.name", command);
        let took = took.as_secs_f64();
        match failure {
            None => self.0.record(took, &[system, command]),
            Some(kind) => {
                self.0.record(took, &[system, command, KeyValue::new("error.type", kind)]);
            }
        }
    }
}
