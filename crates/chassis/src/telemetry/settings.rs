//! What an operator decides about telemetry: the standard `OTEL_*` variables, and where metrics are
//! offered.
//!
//! They are read as all settings are, so `.env` and the documentation know them, and handed to the
//! SDK as arguments.

use std::{fmt, net::SocketAddr, str::FromStr, time::Duration};

use ambient::{
    Reader, Secret,
    values::{List, Switch},
};

/// What an operator decides about telemetry.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// Where metrics are offered on a socket of their own.
    pub metrics: MetricsAddr,
    /// Whether the port of the server has `/metrics` as well.
    pub metrics_on_main_port: bool,
    /// Where traces go; nowhere if not set.
    pub traces: Option<Otlp>,
    /// What the process is called instead of its own name.
    pub service_name: Option<String>,
    /// What else is told about the process, as pairs.
    pub attributes: Vec<(String, String)>,
}

/// Where traces go, over OTLP.
#[derive(Clone, Debug)]
pub struct Otlp {
    /// The whole URL that spans are posted to.
    pub endpoint: String,
    /// Headers, such as an API key: `name=value`, comma separated.
    pub headers: Option<Secret>,
    /// How long an export may take.
    pub timeout: Duration,
    /// Which traces are recorded.
    pub sampler: Sampling,
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

/// Which traces are recorded: the samplers of `OTEL_TRACES_SAMPLER`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// What decides about a trace that begins here.
    pub root: Root,
    /// Whether a caller that has decided is followed.
    pub follows_parent: bool,
}

/// What decides about a trace that begins here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Root {
    /// All are recorded.
    All,
    /// None is.
    None,
    /// This share, from 0 to 1.
    Share(f64),
}

impl Sampling {
    fn read(read: &mut Reader<'_>) -> Self {
        const NAME: &str = "OTEL_TRACES_SAMPLER";
        let name = read
            .setting(
                NAME,
                "Which traces are recorded: always_on, always_off or traceidratio, or one of these \
                 after `parentbased_`, which follows callers that have decided.",
            )
            .or("parentbased_always_on".to_owned());
        let share = read
            .setting("OTEL_TRACES_SAMPLER_ARG", "The share that traceidratio records, 0 to 1.")
            .or(1.0_f64);
        let (root, follows_parent) = match name.strip_prefix("parentbased_") {
            Some(root) => (root, true),
            None => (name.as_str(), false),
        };
        let root = match root {
            "always_on" => Root::All,
            "always_off" => Root::None,
            "traceidratio" if (0.0..=1.0).contains(&share) => Root::Share(share),
            "traceidratio" => {
                read.mistake("OTEL_TRACES_SAMPLER_ARG", "is not between 0 and 1");
                Root::None
            }
            _ => {
                read.mistake(NAME, "is none of the samplers; parentbased_always_on is usual");
                Root::None
            }
        };
        Self { root, follows_parent }
    }
}

impl TelemetrySettings {
    /// Nothing is measured, nothing is sent.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            metrics: MetricsAddr::Off,
            metrics_on_main_port: false,
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
        let settings = Self {
            metrics,
            metrics_on_main_port: metrics_on_main_port.0,
            traces: traces(read),
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

    /// Whether anything measures.
    #[must_use]
    pub fn has_metrics(&self) -> bool {
        self.metrics != MetricsAddr::Off || self.metrics_on_main_port
    }
}

/// Traces are sent when somebody has said where to.
fn traces(read: &mut Reader<'_>) -> Option<Otlp> {
    let exporter = read
        .setting("OTEL_TRACES_EXPORTER", "none for no traces; otlp when not set.")
        .or("otlp".to_owned());
    let all: Option<String> = read
        .setting(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "URL of an OpenTelemetry collector, as http://localhost:4318 is; no traces if not set.",
        )
        .optional();
    let own: Option<String> = read
        .setting("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "The same for traces, with its path.")
        .optional();
    let headers = read
        .setting("OTEL_EXPORTER_OTLP_HEADERS", "Headers for the collector: name=value,name=value.")
        .secret();
    let protocol = read
        .setting("OTEL_EXPORTER_OTLP_PROTOCOL", "How spans are sent; http/protobuf is served.")
        .or("http/protobuf".to_owned());
    let timeout = read
        .setting("OTEL_EXPORTER_OTLP_TIMEOUT", "Milliseconds that an export may take.")
        .within(1..=600_000, 10_000_u64);
    let sampler = Sampling::read(read);
    let base = all.map(|base| format!("{}/v1/traces", base.trim_end_matches('/')));
    let endpoint = own.or(base)?;
    match exporter.as_str() {
        "otlp" => {}
        "none" => return None,
        _ => read.mistake("OTEL_TRACES_EXPORTER", "is neither `otlp` nor `none`"),
    }
    if protocol != "http/protobuf" {
        let mend = "is not served here; set it to http/protobuf and give the collector's HTTP port";
        read.mistake("OTEL_EXPORTER_OTLP_PROTOCOL", mend);
    }
    if endpoint.parse::<http::Uri>().is_ok_and(|uri| uri.host().is_some()) {
        return Some(Otlp { endpoint, headers, timeout: Duration::from_millis(timeout), sampler });
    }
    read.mistake("OTEL_EXPORTER_OTLP_ENDPOINT", "is not a URL; write http://localhost:4318");
    None
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
            ("METRICS_ADDR", "127.0.0.1:1"),
            ("METRICS_ON_MAIN_PORT", "1"),
        ])
        .unwrap();
        assert!(!settings.has_metrics() && settings.traces.is_none());
        assert!(!read([("METRICS_ADDR", "off")]).unwrap().has_metrics());
    }

    #[test]
    fn an_endpoint_gets_the_path_of_traces_unless_it_is_for_traces() {
        let endpoint = |pairs| read::<2>(pairs).unwrap().traces.unwrap().endpoint;
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/");
        assert_eq!(endpoint([base, ("OTEL_TRACES_EXPORTER", "otlp")]), "http://c:4318/v1/traces");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://d/in");
        assert_eq!(endpoint([base, own]), "http://d/in");
        assert!(read([base, ("OTEL_TRACES_EXPORTER", "none")]).unwrap().traces.is_none());
    }

    #[test]
    fn what_cannot_be_done_is_a_mistake_with_its_mend() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317");
        for (name, value, mend) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
            ("OTEL_TRACES_SAMPLER", "sometimes", "parentbased_always_on"),
            ("OTEL_TRACES_EXPORTER", "jaeger", "`otlp`"),
            ("OTEL_RESOURCE_ATTRIBUTES", "team", "name=value"),
            ("METRICS_ADDR", "9464", "127.0.0.1:9464"),
        ] {
            let text = read([endpoint, (name, value)]).unwrap_err().to_string();
            assert!(text.contains(name) && text.contains(mend), "{text}");
        }
    }

    #[test]
    fn samplers_have_their_standard_names() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
        let sampler = |name| {
            let share = ("OTEL_TRACES_SAMPLER_ARG", "0.25");
            let settings = read([endpoint, ("OTEL_TRACES_SAMPLER", name), share]).unwrap();
            settings.traces.unwrap().sampler
        };
        let quarter = Root::Share(0.25);
        assert_eq!(sampler("traceidratio"), Sampling { root: quarter, follows_parent: false });
        let parent = Sampling { root: quarter, follows_parent: true };
        assert_eq!(sampler("parentbased_traceidratio"), parent);
        assert_eq!(sampler("always_off"), Sampling { root: Root::None, follows_parent: false });
    }

    #[test]
    fn headers_for_the_collector_are_not_shown() {
        let settings = read([
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2"),
        ]);
        assert!(!format!("{:?}", settings.unwrap()).contains("hunter2"));
    }
}
