//! What is true of all instances together. It is asked for when somebody scrapes; every instance
//! tells the same, so take the largest, not the sum.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use chassis::telemetry::Metrics;
use mcp_core::{Metered, StateStore, Vitals};
use opentelemetry::KeyValue;
use store::Bus;

use super::SCOPE;

/// Observes sessions and how many of them there may be, what features count, and the traffic of this instance on the bus.
pub(crate) fn observe_fleet(
    metrics: Option<&Metrics>,
    (vitals, state, most_sessions): (Arc<dyn Vitals>, Arc<dyn StateStore>, u32),
    metered: &[Metered],
    bus: &Bus,
) {
    let Some(metrics) = metrics else { return };
    sessions(metrics, vitals);
    metrics
        .meter(SCOPE)
        .u64_observable_gauge("mcp.sessions.limit")
        .with_description("Sessions that there may be at one time, on all instances")
        .with_callback(move |gauge| gauge.observe(most_sessions.into(), &[]))
        .build();
    for each in metered {
        tally(metrics, Arc::clone(&state), each.clone());
    }
    traffic(metrics, bus);
}

/// What the last look has found; nothing while the store is away.
type Found<T> = Arc<Mutex<Option<T>>>;

fn put<T>(found: &Found<T>, value: Option<T>) {
    *found.lock().unwrap_or_else(PoisonError::into_inner) = value;
}

/// Two names for one number: that of our other metrics, and that of the calculator which this server
/// takes the place of.
fn sessions(metrics: &Metrics, vitals: Arc<dyn Vitals>) {
    let found = Found::<u64>::default();
    let meter = metrics.meter(SCOPE);
    for name in ["mcp.sessions.active", "mcp.active_sessions"] {
        let found = Arc::clone(&found);
        meter
            .u64_observable_gauge(name)
            .with_description("Sessions that are in use, on all instances")
            .with_callback(move |gauge| {
                if let Some(count) = *found.lock().unwrap_or_else(PoisonError::into_inner) {
                    gauge.observe(count, &[]);
                }
            })
            .build();
    }
    metrics.before_scrape(move || {
        let (vitals, found) = (Arc::clone(&vitals), Arc::clone(&found));
        Box::pin(async move {
            put(&found, vitals.snapshot().await.ok().map(|snapshot| snapshot.sessions));
        })
    });
}

fn tally(metrics: &Metrics, state: Arc<dyn StateStore>, metered: Metered) {
    let found = Found::<BTreeMap<String, u64>>::default();
    let Metered { tally, metric, meaning, label, values } = metered;
    let told = Arc::clone(&found);
    metrics
        .meter(SCOPE)
        .u64_observable_counter(metric)
        .with_description(meaning)
        .with_callback(move |counter| {
            let found = told.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(counts) = &*found else { return };
            for value in &values {
                let count = counts.get(*value).copied().unwrap_or_default();
                counter.observe(count, &[KeyValue::new(label, *value)]);
            }
        })
        .build();
    metrics.before_scrape(move || {
        let (state, found) = (Arc::clone(&state), Arc::clone(&found));
        Box::pin(async move { put(&found, state.counts(tally).await.ok()) })
    });
}

/// Each instance tells its own; these are to be summed up.
fn traffic(metrics: &Metrics, bus: &Bus) {
    let meter = metrics.meter(SCOPE);
    let observe = |name, meaning, read: fn(&Bus) -> u64| {
        let bus = bus.clone();
        let counter = meter.u64_observable_counter(name).with_description(meaning);
        counter.with_callback(move |counter| counter.observe(read(&bus), &[])).build()
    };
    observe("mcp.bus.publish", "Messages to other instances", |bus| bus.traffic().sent);
    observe("mcp.bus.receive", "Messages of any instance that were heard here", |bus| {
        bus.traffic().received
    });
    observe("mcp.bus.gap", "How often messages may have been missed here", |bus| {
        bus.traffic().gaps
    });
    let lost = "How often events of a stream were gone before they were read here";
    observe("mcp.log.gap", lost, |bus| bus.traffic().lost);
}
