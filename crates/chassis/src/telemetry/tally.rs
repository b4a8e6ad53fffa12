//! Numbers that every request changes: added to where they are, and told when somebody asks. An
//! instrument looks its labels up at every change, which costs more than all else about it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use opentelemetry::{KeyValue, metrics::Meter};

/// A number for each of a few values of a label that are known beforehand. Cheap to clone; clones
/// share the numbers.
#[derive(Clone, Debug)]
pub struct Tally(Arc<[Count]>);

#[derive(Debug)]
struct Count {
    value: &'static str,
    labels: Vec<KeyValue>,
    number: AtomicI64,
    is_told: AtomicBool,
}

impl Tally {
    /// A counter. All its values are told from the start: a rate needs a value before the first event.
    #[must_use]
    pub fn counter(
        meter: &Meter,
        name: &'static str,
        meaning: &'static str,
        (label, values): (&'static str, &[&'static str]),
    ) -> Self {
        let tally = Self::new(values, true, |value| vec![KeyValue::new(label, value)]);
        let told = tally.clone();
        let counter = meter.u64_observable_counter(name).with_description(meaning);
        let _ = counter
            .with_callback(move |counter| {
                told.tell(|number, labels| counter.observe(number.unsigned_abs(), labels));
            })
            .build();
        tally
    }

    /// A number that goes up and down. A value is told from its first change on.
    pub(crate) fn up_down(
        meter: &Meter,
        name: &'static str,
        meaning: &'static str,
        (labels, values): (impl Fn(&'static str) -> Vec<KeyValue>, &[&'static str]),
    ) -> Self {
        let tally = Self::new(values, false, labels);
        let told = tally.clone();
        let number = meter.i64_observable_up_down_counter(name).with_description(meaning);
        let _ = number
            .with_callback(move |instrument| {
                told.tell(|number, labels| instrument.observe(number, labels));
            })
            .build();
        tally
    }

    fn new(
        values: &[&'static str],
        is_told: bool,
        labels: impl Fn(&'static str) -> Vec<KeyValue>,
    ) -> Self {
        let count = |value: &&'static str| Count {
            value,
            labels: labels(value),
            number: AtomicI64::new(0),
            is_told: AtomicBool::new(is_told),
        };
        Self(values.iter().map(count).collect())
    }

    /// Changes the number of a value. One that was not named at the beginning has none.
    pub fn add(&self, value: &str, by: i64) {
        if let Some(count) = self.0.iter().find(|count| count.value == value) {
            count.number.fetch_add(by, Ordering::Relaxed);
            count.is_told.store(true, Ordering::Relaxed);
        }
    }

    fn tell(&self, tell: impl Fn(i64, &[KeyValue])) {
        for count in self.0.iter().filter(|count| count.is_told.load(Ordering::Relaxed)) {
            tell(count.number.load(Ordering::Relaxed), &count.labels);
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::Resource;

    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn a_counter_is_told_from_zero_and_a_number_that_goes_up_and_down_from_its_first_change() {
        let metrics = Metrics::new(Resource::builder_empty().build(), true, None).unwrap();
        let meter = metrics.meter("test");
        let looks = Tally::counter(&meter, "looks", "Looks", ("outcome", &["hit", "miss"]));
        let method = |method| vec![KeyValue::new("method", method)];
        let busy = Tally::up_down(&meter, "busy", "Busy", (method, &["GET", "POST"]));
        looks.add("hit", 1);
        busy.add("GET", 1);
        busy.clone().add("GET", -1);
        busy.add("PUT", 1);
        let text = metrics.text();
        for line in ["outcome=\"hit\"} 1", "outcome=\"miss\"} 0", "method=\"GET\"} 0"] {
            assert!(text.replace(",otel_scope_name=\"test\"", "").contains(line), "{text}");
        }
        assert!(!text.contains("method=\"P"), "{text}");
    }
}
