//! Spans: which are recorded, and how they get to a collector (OTLP over HTTP, protobuf).

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tokio::runtime::Handle;

use super::{
    TelemetryError,
    settings::{Otlp, Root, Sampling},
};
use crate::client::{Timeouts, http_client, read_capped};

/// The longest answer of a collector that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Sends spans to the collector that the settings name, in batches, from a thread of its own. What
/// does not fit its queue (2048 spans) is dropped: telemetry never holds up a request.
pub(super) fn provider(
    otlp: &Otlp,
    resource: Resource,
) -> Result<SdkTracerProvider, TelemetryError> {
    let wrong = |error: &dyn std::fmt::Display| TelemetryError::Exporter(error.to_string());
    let timeouts = Timeouts { total: otlp.timeout, ..Timeouts::default() };
    let client = http_client("opentelemetry", timeouts).map_err(|error| wrong(&error))?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector { client, runtime: Handle::current() })
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&otlp.endpoint)
        .with_timeout(otlp.timeout)
        .with_headers(headers(otlp))
        .build()
        .map_err(|error| wrong(&error))?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler(otlp.sampler))
        .with_resource(resource)
        .build())
}

fn headers(otlp: &Otlp) -> HashMap<String, String> {
    let text = otlp.headers.as_ref().map_or("", |headers| headers.expose());
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

fn sampler(sampling: Sampling) -> Sampler {
    let root = match sampling.root {
        Root::All => Sampler::AlwaysOn,
        Root::None => Sampler::AlwaysOff,
        Root::Share(share) => Sampler::TraceIdRatioBased(share),
    };
    if sampling.follows_parent { Sampler::ParentBased(Box::new(root)) } else { root }
}

/// Our own HTTP client as the exporter wants it. The exporter's thread is none of tokio's, so the
/// runtime is entered at every poll.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Collector {
    fn send_bytes<'a, 's>(&'a self, request: Request<Bytes>) -> Sending<'s>
    where
        'a: 's,
        Self: 's,
    {
        let client = self.client.clone();
        let sending = Box::pin(async move {
            let answer = client.execute(request.try_into()?).await?;
            let status = answer.status();
            let body = read_capped(answer, MAX_ANSWER).await?;
            Ok(Response::builder().status(status).body(body)?)
        });
        Box::pin(Within { runtime: self.runtime.clone(), sending })
    }
}

/// A future that runs within a runtime, whoever polls it.
struct Within<'a> {
    runtime: Handle,
    sending: Sending<'a>,
}

impl Future for Within<'_> {
    type Output = Result<Response<Bytes>, HttpError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let runtime = self.runtime.clone();
        let _entered = runtime.enter();
        self.sending.as_mut().poll(cx)
    }
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
