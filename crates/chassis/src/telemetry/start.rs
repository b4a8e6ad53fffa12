//! From settings to telemetry that runs, and to its end.

use std::{fmt, net::SocketAddr, sync::Arc};

use ambient::Entropy;
use axum::Router;
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::net::TcpListener;
use tracing::Metadata;
use tracing_subscriber::{
    Layer, Registry,
    filter::{FilterExt as _, LevelFilter, filter_fn},
    fmt::MakeWriter,
    layer::{Layered, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

use super::{
    LogFormat, Metrics, MetricsAddr, SPANS, TelemetryError, TelemetrySettings, json, layer, lines,
    process, push::Push, traces, verbosity::Verbosity,
};
use crate::{Lifecycle, Limits, serve};

/// Which program this is.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Its name, as `mcp-server` is.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// What the process tells about itself. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Telemetry(Arc<Inner>);

struct Inner {
    metrics: Option<Metrics>,
    push: Option<Push>,
    on_main_port: bool,
    tracer: Option<Arc<SdkTracerProvider>>,
    process: json::Process,
    verbosity: Verbosity,
}

/// Layers of different types, all of them or none.
type Layers = Vec<Box<dyn Layer<Registry> + Send + Sync>>;

impl Telemetry {
    /// Nothing but logs.
    #[must_use]
    pub fn off() -> Self {
        let process = json::Process::default();
        let (metrics, push, tracer) = (None, None, None);
        let verbosity = Verbosity::default();
        Self(Arc::new(Inner { metrics, push, on_main_port: false, tracer, process, verbosity }))
    }

    /// Prepares what the settings ask for. `entropy` names this instance. Spans are recorded where
    /// [`subscriber`](Self::subscriber) listens.
    ///
    /// # Errors
    /// [`TelemetryError::Exporter`].
    pub fn new(
        service: Service,
        settings: &TelemetrySettings,
        entropy: &Entropy,
    ) -> Result<Self, TelemetryError> {
        let name = settings.service_name.clone().unwrap_or_else(|| service.name.to_owned());
        let process = vec![
            ("service.name", name),
            ("service.version", service.version.to_owned()),
            ("service.instance.id", entropy.hex::<8>()),
        ];
        let resource = resource(&process, settings);
        let push = settings.pushed_metrics.as_ref().map(Push::new).transpose()?;
        let measures = || Metrics::new(resource.clone(), settings.offers_metrics(), push.clone());
        let metrics = settings.has_metrics().then(measures).transpose()?;
        if let Some(metrics) = &metrics {
            process::observe(&metrics.meter("process"), &service);
        }
        let tracer = settings.traces.as_ref().map(|pushed| traces::provider(pushed, resource));
        Ok(Self(Arc::new(Inner {
            metrics,
            push,
            on_main_port: settings.metrics_on_main_port,
            tracer: tracer.transpose()?.map(Arc::new),
            process: json::Process(process),
            verbosity: Verbosity::default(),
        })))
    }

    /// Sends the events of this process that pass `filter` (`RUST_LOG` syntax) to standard error,
    /// and its spans to the collector, if there is one. Panics are logged from then on.
    ///
    /// # Errors
    /// [`TelemetryError::Filter`], or [`TelemetryError::Twice`] at a second call.
    pub fn install(&self, format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
        let subscriber = self.subscriber(format, filter, lines::stderr())?;
        subscriber.try_init().map_err(|_| TelemetryError::Twice)?;
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            tracing::error!(place, message = panic.payload_as_str(), "panic");
            lines::flush();
        }));
        Ok(())
    }

    /// What listens to events and spans: for [`install`](Self::install), and for tests, which
    /// listen on their own thread. Its filter can be changed at `/log`, beside the metrics.
    ///
    /// # Errors
    /// [`TelemetryError::Filter`].
    pub fn subscriber<W>(
        &self,
        format: LogFormat,
        filter: &str,
        writer: W,
    ) -> Result<Layered<Layers, Registry>, TelemetryError>
    where
        W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    {
        // They name sessions and addresses, which are for traces only. No directive undoes this: one
        // that names a span counts for more than those that name targets.
        let is_for_the_log = filter_fn(|metadata| metadata.target() != SPANS)
            // Without a word about levels, those that nobody wants would be looked at one by one.
            .with_max_level_hint(LevelFilter::TRACE);
        let log = layer(format, self.0.process.clone(), writer)
            .with_filter(self.0.verbosity.begin(filter)?.and(is_for_the_log));
        let mut layers: Layers = vec![log.boxed()];
        if let Some(provider) = &self.0.tracer {
            let tracer = provider.tracer("chassis");
            let layer = tracing_opentelemetry::layer()
                .with_tracer(tracer)
                .with_location(false)
                .with_threads(false)
                .with_target(false)
                .with_tracked_inactivity(false);
            layers.push(layer.with_filter(filter_fn(is_recorded)).boxed());
        }
        Ok(tracing_subscriber::registry().with(layers))
    }

    /// What is measured, if anything is.
    #[must_use]
    pub fn metrics(&self) -> Option<&Metrics> {
        self.0.metrics.as_ref()
    }

    /// `/metrics` for the port of the server, empty unless the settings ask for it.
    pub fn main_port<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        match &self.0.metrics {
            Some(metrics) if self.0.on_main_port => metrics.router(),
            _ => Router::new(),
        }
    }

    /// Listens on the address of the metrics, and answers until `lifecycle` stops; until then they
    /// are also sent to a collector, if there is one. Tells where it listens, if anywhere. Where only
    /// this machine can reach it, what is logged can be changed there.
    ///
    /// # Errors
    /// [`TelemetryError::Listen`] when the settings name an address and it is taken.
    pub async fn offer_metrics(
        &self,
        address: MetricsAddr,
        lifecycle: &Lifecycle,
    ) -> Result<Option<SocketAddr>, TelemetryError> {
        let Some(metrics) = &self.0.metrics else { return Ok(None) };
        if let Some(push) = &self.0.push {
            push.begin(metrics, lifecycle);
        }
        let wanted = match address {
            MetricsAddr::Off => return Ok(None),
            MetricsAddr::Default => MetricsAddr::USUAL,
            MetricsAddr::At(address) => address,
        };
        let listener = match TcpListener::bind(wanted).await {
            Ok(listener) => listener,
            Err(error) if address == MetricsAddr::Default => {
                tracing::warn!(address = %wanted, %error, "no metrics: set METRICS_ADDR, or to off");
                return Ok(None);
            }
            Err(source) => return Err(TelemetryError::Listen { address: wanted, source }),
        };
        let listens = listener.local_addr().unwrap_or(wanted);
        tracing::info!("metrics for Prometheus: http://{listens}/metrics");
        let mut router = metrics.router();
        if listens.ip().is_loopback() {
            router = router.merge(self.0.verbosity.router());
        }
        let (limits, life) = (Limits::default(), lifecycle.clone());
        lifecycle.spawn(async move {
            if let Err(error) = serve(listener, router, limits, &life).await {
                tracing::error!(%error, "metrics are no longer offered");
            }
        });
        Ok(Some(listens))
    }

    /// Sends what has not been sent. Nothing is recorded afterwards.
    pub async fn shut_down(&self) {
        // Without a look at what all instances share: the store may be closed by now.
        if let Some(push) = &self.0.push {
            push.send().await;
        }
        if let Some(provider) = &self.0.tracer {
            traces::shut_down(Arc::clone(provider)).await;
        }
        lines::flush();
    }
}

/// Spans that were made for traces, and those of `info` and above that a feature makes. Not the
/// spans that name request and caller to the log: the one of HTTP says the same.
fn is_recorded(metadata: &Metadata<'_>) -> bool {
    let made_for_it = metadata.target() == SPANS;
    let told = *metadata.level() <= tracing::Level::INFO;
    let for_the_log = metadata.target().starts_with("chassis") || metadata.target() == "audit";
    metadata.is_span() && (made_for_it || (told && !for_the_log))
}

fn resource(process: &[(&'static str, String)], settings: &TelemetrySettings) -> Resource {
    let own = process.iter().map(|(name, value)| KeyValue::new(*name, value.clone()));
    let given = settings.attributes.iter();
    let given = given.map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty().with_attributes(given.chain(own)).build()
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("metrics", &self.0.metrics.is_some())
            .field("push", &self.0.push)
            .field("traces", &self.0.tracer.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use tracing::Subscriber as _;

    use super::*;

    /// The level up to which somebody may want to see a line, as `tracing` asks for it: what is above
    /// costs nothing but a comparison.
    fn level(filter: &str) -> Option<LevelFilter> {
        let telemetry = Telemetry::off();
        telemetry.subscriber(LogFormat::Json, filter, std::io::sink).unwrap().max_level_hint()
    }

    #[test]
    fn levels_that_nobody_wants_are_off_before_a_line_is_made() {
        assert_eq!(level("info"), Some(LevelFilter::INFO));
        assert_eq!(level("warn,mcp_server::session=debug"), Some(LevelFilter::DEBUG));
        assert_eq!(level("off"), Some(LevelFilter::OFF));
    }

    #[test]
    fn a_level_that_is_wanted_later_is_on() {
        let telemetry = Telemetry::off();
        let subscriber = telemetry.subscriber(LogFormat::Json, "info", std::io::sink).unwrap();
        telemetry.0.verbosity.change(Some("trace")).unwrap();
        assert_eq!(subscriber.max_level_hint(), Some(LevelFilter::TRACE));
    }
}
