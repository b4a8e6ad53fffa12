//! Spans: which are recorded, and how they get to a collector.

use std::sync::Arc;

use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};

use super::{
    PushedTraces, Root, Sampling, TelemetryError,
    collector::{reaching, wrong},
};

/// Sends spans to the collector that the settings name, in batches, from a thread of its own. What
/// does not fit its queue (2048 spans) is dropped: telemetry never holds up a request.
pub(super) fn provider(
    traces: &PushedTraces,
    resource: Resource,
) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = reaching(SpanExporter::builder().with_http(), &traces.to)?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter.build().map_err(|error| wrong(&error))?)
        .with_sampler(sampler(traces.sampler))
        .with_resource(resource)
        .build())
}

fn sampler(sampling: Sampling) -> Sampler {
    let root = match sampling.root {
        Root::All => Sampler::AlwaysOn,
        Root::None => Sampler::AlwaysOff,
        Root::Share(share) => Sampler::TraceIdRatioBased(share),
    };
    if sampling.follows_parent { Sampler::ParentBased(Box::new(root)) } else { root }
}

/// Sends what is left, and ends. It waits for the exporter's thread, which waits for this runtime:
/// so it must not take a thread of it away.
pub(super) async fn shut_down(provider: Arc<SdkTracerProvider>) {
    match tokio::task::spawn_blocking(move || provider.shutdown()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the last spans could not be sent"),
        Err(error) => tracing::warn!(%error, "the last spans could not be sent"),
    }
}
