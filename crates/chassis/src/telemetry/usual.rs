//! A histogram with the labels that almost every measurement of a kind has: they are looked up once.

use std::sync::OnceLock;

use opentelemetry::{
    KeyValue,
    metrics::{BoundHistogram, Histogram},
};

/// Where measurements of one kind go, found at the first of them. An instrument looks for it at every
/// measurement, by a hash of all labels, which costs more than all else about it (decision 0035).
#[derive(Debug, Default)]
pub struct Usual(OnceLock<BoundHistogram<f64>>);

impl Usual {
    /// Measures. The instrument and its labels are the same every time; only the first is looked at.
    pub fn record(
        &self,
        histogram: &Histogram<f64>,
        value: f64,
        labels: impl FnOnce() -> Vec<KeyValue>,
    ) {
        self.0.get_or_init(|| histogram.bind(&labels())).record(value);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::Resource;

    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn it_measures_where_the_instrument_does() {
        let metrics = Metrics::new(Resource::builder_empty().build(), true, None).unwrap();
        let took = metrics.meter("test").f64_histogram("took").with_boundaries(vec![1.0]).build();
        let (usual, labels) = (Usual::default(), || vec![KeyValue::new("way", "usual")]);
        assert!(!metrics.text().contains("took"), "nothing is told of what has not happened");
        usual.record(&took, 0.5, labels);
        usual.record(&took, 0.5, || panic!("labels are made once"));
        took.record(2.0, &labels());
        let text = metrics.text().replace(",otel_scope_name=\"test\"", "");
        for line in ["took_bucket{way=\"usual\",le=\"1\"} 2", "took_count{way=\"usual\"} 3"] {
            assert!(text.contains(line), "{text}");
        }
    }
}
