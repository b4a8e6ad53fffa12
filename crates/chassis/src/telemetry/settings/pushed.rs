//! What is sent to a collector: traces, and metrics where that is asked for.

use std::time::Duration;

use ambient::{Reader, Secret, values::List};

/// A collector, as OTLP over HTTP reaches it.
#[derive(Clone, Debug)]
pub struct Otlp {
    /// The whole URL that is posted to.
    pub endpoint: String,
    /// Headers, such as an API key: `name=value`, comma separated.
    pub headers: Option<Secret>,
    /// How long an export may take.
    pub timeout: Duration,
}

/// Where traces go, and which of them.
#[derive(Clone, Debug)]
pub struct PushedTraces {
    /// Where they go.
    pub to: Otlp,
    /// Which are recorded.
    pub sampler: Sampling,
}

/// Where metrics go, and how often.
#[derive(Clone, Debug)]
pub struct PushedMetrics {
    /// Where they go.
    pub to: Otlp,
    /// How long it is from one export to the next.
    pub interval: Duration,
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

/// What is sent, and whether metrics are offered to whoever asks.
pub(super) struct Pushed {
    pub(super) traces: Option<PushedTraces>,
    pub(super) metrics: Option<PushedMetrics>,
    pub(super) pulls: bool,
}

/// Reads it. Traces are sent when somebody has said where to, metrics when somebody has said so.
pub(super) fn pushed(read: &mut Reader<'_>) -> Pushed {
    let traces = sends_traces(read);
    let metrics = MetricsExporters::read(read);
    let collector = Collector::read(read);
    let own =
        |read: &mut Reader<'_>, name, meaning: &'static str| -> Option<(&'static str, String)> {
            read.setting(name, meaning).optional().map(|endpoint| (name, endpoint))
        };
    let traces_at =
        own(read, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "Where traces go instead, with the path.");
    let metrics_at = own(
        read,
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        "Where metrics go instead, with the path.",
    );
    let sampler = Sampling::read(read);
    let interval = read
        .setting(
            "OTEL_METRIC_EXPORT_INTERVAL",
            "Milliseconds from one export of metrics to the next.",
        )
        .within(100..=86_400_000, 60_000_u64);
    let traces_at = traces_at.or_else(|| collector.signal("traces")).filter(|_| traces);
    let metrics_at = metrics_at.or_else(|| collector.signal("metrics"));
    let metrics_at = metrics_at.unwrap_or_else(|| (BASE, format!("{USUAL}/v1/metrics")));
    let metrics_at = Some(metrics_at).filter(|_| metrics.pushes);
    if traces_at.is_some() || metrics_at.is_some() {
        collector.check_protocol(read);
    }
    let interval = Duration::from_millis(interval);
    let traces = traces_at.and_then(|at| collector.at(read, at));
    Pushed {
        traces: traces.map(|to| PushedTraces { to, sampler }),
        metrics: metrics_at
            .and_then(|at| collector.at(read, at))
            .map(|to| PushedMetrics { to, interval }),
        pulls: metrics.pulls,
    }
}

const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";

/// Where a collector is that nobody has named, by the specification of OTLP.
const USUAL: &str = "http://localhost:4318";

fn sends_traces(read: &mut Reader<'_>) -> bool {
    const NAME: &str = "OTEL_TRACES_EXPORTER";
    let meaning = "none for no traces; otlp when not set.";
    match read.setting(NAME, meaning).or("otlp".to_owned()).as_str() {
        "otlp" => true,
        "none" => false,
        _ => {
            read.mistake(NAME, "is neither `otlp` nor `none`");
            false
        }
    }
}

/// Which ways metrics go.
struct MetricsExporters {
    pulls: bool,
    pushes: bool,
}

impl MetricsExporters {
    fn read(read: &mut Reader<'_>) -> Self {
        const NAME: &str = "OTEL_METRICS_EXPORTER";
        let meaning = "How metrics leave, comma separated: prometheus offers them at METRICS_ADDR \
                       and METRICS_ON_MAIN_PORT, otlp sends them to a collector; none for no metrics.";
        let List(names) = read.setting(NAME, meaning).or(List(vec!["prometheus".to_owned()]));
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        let known = |name: &String| matches!(name.as_str(), "prometheus" | "otlp" | "none");
        if !names.iter().all(known) {
            read.mistake(NAME, "has a name that is none of `prometheus`, `otlp` and `none`");
        } else if has("none") && names.len() > 1 {
            read.mistake(NAME, "has `none` and more; write `none` alone");
        }
        Self { pulls: has("prometheus"), pushes: has("otlp") }
    }
}

/// What is said of a collector for all that it gets.
struct Collector {
    base: Option<String>,
    headers: Option<Secret>,
    protocol: String,
    timeout: Duration,
}

impl Collector {
    fn read(read: &mut Reader<'_>) -> Self {
        let base = read
            .setting(
                BASE,
                "URL of an OpenTelemetry collector, as http://localhost:4318 is; no traces if not set.",
            )
            .optional();
        let headers = read
            .setting(
                "OTEL_EXPORTER_OTLP_HEADERS",
                "Headers for the collector: name=value,name=value.",
            )
            .secret();
        let protocol = read
            .setting(PROTOCOL, "How spans and metrics are sent; http/protobuf is served.")
            .or("http/protobuf".to_owned());
        let timeout = read
            .setting("OTEL_EXPORTER_OTLP_TIMEOUT", "Milliseconds that an export may take.")
            .within(1..=600_000, 10_000_u64);
        Self { base, headers, protocol, timeout: Duration::from_millis(timeout) }
    }

    /// Where a signal goes that has no URL of its own, and the setting that says so.
    fn signal(&self, signal: &str) -> Option<(&'static str, String)> {
        let base = self.base.as_ref()?;
        Some((BASE, format!("{}/v1/{signal}", base.trim_end_matches('/'))))
    }

    fn check_protocol(&self, read: &mut Reader<'_>) {
        if self.protocol != "http/protobuf" {
            let mend =
                "is not served here; set it to http/protobuf and give the collector's HTTP port";
            read.mistake(PROTOCOL, mend);
        }
    }

    fn at(&self, read: &mut Reader<'_>, (name, endpoint): (&str, String)) -> Option<Otlp> {
        let is_url = |uri: http::Uri| uri.scheme().is_some() && uri.host().is_some();
        if endpoint.parse().is_ok_and(is_url) {
            let (headers, timeout) = (self.headers.clone(), self.timeout);
            return Some(Otlp { endpoint, headers, timeout });
        }
        read.mistake(
            name,
            "is not a URL; write http://localhost:4318, with a path where it is for one signal",
        );
        None
    }
}

#[cfg(test)]
mod tests {
    use ambient::{Env, Mistakes};

    use super::*;
    use crate::telemetry::TelemetrySettings;

    fn read<const N: usize>(pairs: [(&str, &str); N]) -> Result<TelemetrySettings, Mistakes> {
        Env::from(pairs).read(TelemetrySettings::read).0
    }

    #[test]
    fn an_endpoint_gets_the_path_of_traces_unless_it_is_for_traces() {
        let endpoint = |pairs| read::<2>(pairs).unwrap().traces.unwrap().to.endpoint;
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/");
        assert_eq!(endpoint([base, ("OTEL_TRACES_EXPORTER", "otlp")]), "http://c:4318/v1/traces");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://d/in");
        assert_eq!(endpoint([base, own]), "http://d/in");
        assert!(read([base, ("OTEL_TRACES_EXPORTER", "none")]).unwrap().traces.is_none());
    }

    #[test]
    fn metrics_are_sent_where_that_is_asked_for() {
        let pushed = |pairs| read::<2>(pairs).unwrap().pushed_metrics.unwrap();
        let (otlp, base) =
            (("OTEL_METRICS_EXPORTER", "otlp"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"));
        assert_eq!(pushed([otlp, base]).to.endpoint, "http://c:4318/v1/metrics");
        assert_eq!(pushed([otlp, base]).interval, Duration::from_mins(1));
        let own = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://d/in");
        assert_eq!(pushed([otlp, own]).to.endpoint, "http://d/in");
        let often = ("OTEL_METRIC_EXPORT_INTERVAL", "5000");
        assert_eq!(pushed([otlp, often]).interval, Duration::from_secs(5));
        assert_eq!(pushed([otlp, often]).to.endpoint, "http://localhost:4318/v1/metrics");
        // An endpoint alone is for traces: metrics are pulled.
        assert!(read([base, own]).unwrap().pushed_metrics.is_none());
    }

    #[test]
    fn metrics_leave_by_the_ways_that_are_named() {
        for (names, offers, sends) in [
            ("prometheus", true, false),
            ("otlp", false, true),
            ("otlp, prometheus", true, true),
            ("none", false, false),
        ] {
            let settings = read([
                ("OTEL_METRICS_EXPORTER", names),
                ("METRICS_ADDR", "127.0.0.1:1"),
                ("METRICS_ON_MAIN_PORT", "1"),
            ]);
            let settings = settings.unwrap();
            assert_eq!(settings.offers_metrics(), offers, "{names}");
            assert_eq!(settings.metrics_on_main_port, offers, "{names}");
            assert_eq!(settings.pushed_metrics.is_some(), sends, "{names}");
            assert_eq!(settings.has_metrics(), offers || sends, "{names}");
        }
    }

    #[test]
    fn an_endpoint_that_is_none_is_told_by_its_own_name() {
        let own = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
        let wrong = read([("OTEL_METRICS_EXPORTER", "otlp"), (own, "collector")]).unwrap_err();
        assert!(wrong.to_string().contains(own), "{wrong}");
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
