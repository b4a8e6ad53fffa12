//! The way to a collector: OTLP over HTTP, as protobuf, with the one HTTP client.

use std::{
    collections::HashMap,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use tokio::runtime::Handle;

use super::{TelemetryError, settings::Otlp};
use crate::client::{Timeouts, http_client, read_capped};

/// The longest answer of a collector that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// An exporter that is being made, told where the collector is and how it is reached.
pub(super) fn reaching<B>(builder: B, otlp: &Otlp) -> Result<B, TelemetryError>
where
    B: WithHttpConfig + WithExportConfig,
{
    let timeouts = Timeouts { total: otlp.timeout, ..Timeouts::default() };
    let client = http_client("opentelemetry", timeouts).map_err(|error| wrong(&error))?;
    Ok(builder
        .with_http_client(Collector { client, runtime: Handle::current() })
        .with_headers(headers(otlp))
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&otlp.endpoint)
        .with_timeout(otlp.timeout))
}

pub(super) fn wrong(error: &dyn std::fmt::Display) -> TelemetryError {
    TelemetryError::Exporter(error.to_string())
}

fn headers(otlp: &Otlp) -> HashMap<String, String> {
    let text = otlp.headers.as_ref().map_or("", |headers| headers.expose());
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// Our own HTTP client as the exporters want it. The thread that sends spans is none of tokio's, so
/// the runtime is entered at every poll.
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
