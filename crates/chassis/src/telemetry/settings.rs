//! What an operator decides about telemetry: the standard `OTEL_*` variables, and where metrics are
//! offered.
//!
//! They are read as all settings are, so `.env` and the documentation know them, and handed to the
//! SDK as arguments.

mod pushed;

use std::{fmt, net::SocketAddr, str::FromStr};

use ambient::{
    Reader,
    values::{List, Switch},
};

pub use self::pushed::{Otlp, PushedMetrics, PushedTraces, Root, Sampling};
use self::pushed::{Pushed, pushed};

/// What an operator decides about telemetry.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// Where metrics are offered on a socket of their own.
    pub metrics: MetricsAddr,
    /// Whether the port of the server has `/metrics` as well.
    pub metrics_on_main_port: bool,
    /// Where metrics are sent besides; nowhere if not set.
    pub pushed_metrics: Option<PushedMetrics>,
    /// Where traces go; nowhere if not set.
    pub traces: Option<PushedTraces>,
    /// What the process is called instead of its own name.
    pub service_name: Option<String>,
    /// What else is told about the process, as pairs.
    pub attributes: Vec<(String, String)>,
}

/// Where metrics are offered on a socket of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsAddr {
    /// Nowhere.
    Off,
    /// At the usual address, if nobody else is there: two servers of one machine both default to it.
    Default,
    /// Here, or the start fails.
    At(SocketAddr),
}

impl MetricsAddr {
    /// The port that Prometheus exporters of OpenTelemetry use, on loopback.
    pub(super) const USUAL: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9464);
}

impl MetricsAddr {
    /// Nowhere unless an operator has chosen the address: for programs of which many run on one
    /// machine, such as those that a client starts.
    #[must_use]
    pub const fn if_chosen(self) -> Self {
        match self {
            Self::Default => Self::Off,
            chosen => chosen,
        }
    }
}

impl fmt::Display for MetricsAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Default => Self::USUAL.fmt(f),
            Self::At(address) => address.fmt(f),
        }
    }
}

impl FromStr for MetricsAddr {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" | "0" | "false" => Ok(Self::Off),
            address => {
                let wrong = "it is neither `off` nor an address with a port, as 127.0.0.1:9464 is";
                address.parse().map(Self::At).map_err(|_| wrong)
            }
        }
    }
}

impl TelemetrySettings {
    /// Nothing is measured, nothing is sent.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            metrics: MetricsAddr::Off,
            metrics_on_main_port: false,
            pushed_metrics: None,
            traces: None,
            service_name: None,
            attributes: Vec::new(),
        }
    }

    /// Reads them.
    pub fn read(read: &mut Reader<'_>) -> Self {
        let metrics = read
            .setting(
                "METRICS_ADDR",
                "Address of the Prometheus metrics, at /metrics; off for none. When it is not set \
                 and the usual address is taken, a server goes on without.",
            )
            .or(MetricsAddr::Default);
        let metrics_on_main_port = read
            .setting("METRICS_ON_MAIN_PORT", "1 to offer /metrics to every caller of the server.")
            .or(Switch(false));
        let disabled = read
            .setting("OTEL_SDK_DISABLED", "true for no telemetry at all, metrics included.")
            .or(Switch(false));
        let Pushed { traces, metrics: pushed_metrics, pulls } = pushed(read);
        let settings = Self {
            metrics: if pulls { metrics } else { MetricsAddr::Off },
            metrics_on_main_port: metrics_on_main_port.0 && pulls,
            pushed_metrics,
            traces,
            service_name: read
                .setting(
                    "OTEL_SERVICE_NAME",
                    "Name of the process in telemetry; its own if not set.",
                )
                .optional(),
            attributes: attributes(read),
        };
        if disabled.0 { Self::off() } else { settings }
    }

    /// Whether metrics are offered to whoever asks.
    pub(super) fn offers_metrics(&self) -> bool {
        self.metrics != MetricsAddr::Off || self.metrics_on_main_port
    }

    /// Whether anything measures.
    #[must_use]
    pub fn has_metrics(&self) -> bool {
        self.offers_metrics() || self.pushed_metrics.is_some()
    }
}

fn attributes(read: &mut Reader<'_>) -> Vec<(String, String)> {
    const NAME: &str = "OTEL_RESOURCE_ATTRIBUTES";
    let meaning = "More about the process, in telemetry: name=value, comma separated.";
    let List(pairs) = read.setting(NAME, meaning).or(List(Vec::new()));
    let mut attributes = Vec::new();
    for pair in pairs {
        match pair.split_once('=') {
            Some((name, value)) => attributes.push((name.trim().into(), value.trim().into())),
            None => read.mistake(NAME, format!("`{pair}` is not name=value")),
        }
    }
    attributes
}

#[cfg(test)]
mod tests {
    use ambient::{Env, Mistakes};

    use super::*;

    fn read<const N: usize>(pairs: [(&str, &str); N]) -> Result<TelemetrySettings, Mistakes> {
        Env::from(pairs).read(TelemetrySettings::read).0
    }

    #[test]
    fn without_settings_there_are_metrics_on_loopback_and_no_traces() {
        let settings = read([]).unwrap();
        assert_eq!(settings.metrics, MetricsAddr::Default);
        assert!(MetricsAddr::USUAL.ip().is_loopback());
        assert!(settings.traces.is_none() && !settings.metrics_on_main_port);
    }

    #[test]
    fn the_off_switch_wins_over_everything() {
        let settings = read([
            ("OTEL_SDK_DISABLED", "true"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"),
            ("OTEL_METRICS_EXPORTER", "otlp,prometheus"),
            ("METRICS_ADDR", "127.0.0.1:1"),
            ("METRICS_ON_MAIN_PORT", "1"),
        ])
        .unwrap();
        assert!(!settings.has_metrics() && settings.traces.is_none());
        assert!(!read([("METRICS_ADDR", "off")]).unwrap().has_metrics());
    }

    #[test]
    fn what_cannot_be_done_is_a_mistake_with_its_mend() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317");
        for (name, value, mend) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
            ("OTEL_TRACES_SAMPLER", "sometimes", "parentbased_always_on"),
            ("OTEL_TRACES_EXPORTER", "jaeger", "`otlp`"),
            ("OTEL_METRICS_EXPORTER", "otlp,console", "`prometheus`"),
            ("OTEL_METRICS_EXPORTER", "none,otlp", "alone"),
            ("OTEL_RESOURCE_ATTRIBUTES", "team", "name=value"),
            ("METRICS_ADDR", "9464", "127.0.0.1:9464"),
        ] {
            let text = read([endpoint, (name, value)]).unwrap_err().to_string();
            assert!(text.contains(name) && text.contains(mend), "{text}");
        }
    }
}
