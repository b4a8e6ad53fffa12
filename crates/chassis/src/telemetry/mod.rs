//! What a process tells about itself: logs, metrics and traces.
//!
//! Logs go to standard error (standard output is the wire in stdio mode). Metrics are offered to
//! Prometheus or sent to an OpenTelemetry collector, as traces are; both are handed to whoever
//! measures, and cost nothing where they are off.

mod asking;
pub mod baggage;
mod collector;
pub mod context;
mod db;
mod filter;
pub mod http;
mod json;
mod lines;
mod metrics;
mod process;
mod push;
mod settings;
mod start;
mod tally;
mod traces;
mod usual;
mod verbosity;

use std::{
    fmt,
    io::{self, IsTerminal as _},
    net::SocketAddr,
    str::FromStr,
};

use tracing_subscriber::{EnvFilter, Layer, Registry, fmt as format};

pub(crate) use self::lines::flush;
pub use self::{
    asking::Asking,
    db::DbMetrics,
    filter::LogFilter,
    metrics::Metrics,
    settings::{MetricsAddr, Otlp, PushedMetrics, PushedTraces, Root, Sampling, TelemetrySettings},
    start::{Service, Telemetry},
    tally::Tally,
    usual::Usual,
};

/// The commit that this was built from, if the build knew: see `build.rs`.
pub const REVISION: Option<&str> = option_env!("BUILD_REVISION");

/// The target of the spans that are recorded for traces and nothing else: the log never has them.
pub const SPANS: &str = "otel::span";

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Several coloured lines per event, for reading along.
    Pretty,
    /// One line per event, for narrow terminals.
    Compact,
    /// One JSON object per line, for collectors.
    Json,
}

impl Default for LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    fn default() -> Self {
        if io::stderr().is_terminal() { Self::Pretty } else { Self::Json }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pretty => "pretty",
            Self::Compact => "compact",
            Self::Json => "json",
        })
    }
}

/// The text names none of the formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use pretty, compact or json")]
pub struct UnknownFormat;

impl FromStr for LogFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "compact" => Ok(Self::Compact),
            "json" => Ok(Self::Json),
            _ => Err(UnknownFormat),
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error(
        "RUST_LOG: `{filter}` is not a filter ({problem}); write for example `info` or `info,mcp_server=debug`"
    )]
    Filter {
        /// The text that was given.
        filter: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Logging has been set up before in this process.
    #[error("logging was set up twice")]
    Twice,
    /// The SDK refuses what it was told.
    #[error("telemetry cannot be set up ({0}); set OTEL_SDK_DISABLED=true to go on without it")]
    Exporter(String),
    /// The address of the metrics could not be listened on.
    #[error("cannot listen on {address}; set METRICS_ADDR to an address that is free, or to off")]
    Listen {
        /// Where it should have listened.
        address: SocketAddr,
        /// Why it cannot.
        source: io::Error,
    },
}

fn parse(filter: &str) -> Result<EnvFilter, TelemetryError> {
    let wrong = |problem: String| TelemetryError::Filter { filter: filter.to_owned(), problem };
    EnvFilter::builder().parse(filter).map_err(|error| wrong(error.to_string()))
}

fn layer<W>(
    log: LogFormat,
    process: json::Process,
    writer: W,
) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'w> format::MakeWriter<'w> + Send + Sync + 'static,
{
    // Colours are for people: in a file they are noise.
    let layer = format::layer().with_writer(writer).with_ansi(io::stderr().is_terminal());
    match log {
        LogFormat::Pretty => layer.pretty().boxed(),
        LogFormat::Compact => layer.compact().boxed(),
        LogFormat::Json => {
            layer.fmt_fields(json::Fields).event_format(json::FlatJson::new(process)).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ambient::{Clock, Entropy};
    use axum::{Router, body::Body, extract::Request, routing::get};
    use futures_util::FutureExt as _;
    use serde_json::Value;
    use tower::ServiceExt as _;
    use tracing_log::log;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// What `log` writes in `format`.
    fn written(log_format: LogFormat, log: impl FnOnce()) -> String {
        filtered(log_format, "trace", log)
    }

    /// What passes the filter of it.
    fn filtered(log_format: LogFormat, filter: &str, log: impl FnOnce()) -> String {
        let buffer = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&buffer);
        let process = json::Process::default();
        let layer = layer(log_format, process, move || Shared(Arc::clone(&writer)));
        let layer = layer.with_filter(parse(filter).unwrap());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, log);
        let bytes = buffer.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_format_is_read_as_it_is_shown() {
        for format in [LogFormat::Pretty, LogFormat::Compact, LogFormat::Json] {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!(
            "xml".parse::<LogFormat>().unwrap_err().to_string(),
            "use pretty, compact or json"
        );
    }

    #[test]
    fn json_is_one_flat_object_per_line() {
        let text = written(LogFormat::Json, || {
            let _span = tracing::info_span!("request", request_id = "r-1").entered();
            tracing::info!(status = 200, "two\nlines");
            tracing::warn!(request_id = "r-2", "again");
        });
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"], "two\nlines");
        assert_eq!(lines[0]["request_id"], "r-1");
        assert_eq!(lines[0]["status"], 200);
        assert_eq!(lines[0]["level"], "INFO");
        assert_eq!(lines[1]["request_id"], "r-2");
        assert!(text.starts_with("{\"timestamp\":\"20"), "{text}");
    }

    #[test]
    fn work_that_outlives_its_request_logs_with_its_id() {
        let (leave, left) = std::sync::mpsc::channel();
        let work = move || {
            leave.send(crate::RequestId::keep(async { tracing::info!("later") }).boxed()).unwrap();
            std::future::ready("")
        };
        let app = Router::new().route("/", get(work));
        let app = crate::dress(app, crate::Dress::new(Clock::system(), Entropy::seeded(1)));
        let request = Request::get("/").header("x-request-id", "r-1");
        let text = written(LogFormat::Json, || {
            let answer = app.oneshot(request.body(Body::empty()).unwrap()).now_or_never();
            assert!(answer.is_some());
            left.recv().unwrap().now_or_never().unwrap();
        });
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((&last["message"], &last["request_id"]), (&"later".into(), &"r-1".into()));
    }

    /// What a library says that knows `log` and not `tracing`.
    fn record(target: &str, level: log::Level) {
        let mut record = log::Record::builder();
        let place = record.target(target).level(level).module_path(Some("library::inside"));
        let place = place.file(Some("/elsewhere/library/inside.rs")).line(Some(7));
        tracing_log::format_trace(&place.args(format_args!("said")).build()).unwrap();
    }

    #[test]
    fn records_of_libraries_have_their_own_names_and_no_paths_of_the_machine_that_built_them() {
        // Pretty lines tell places of the source code, for who has it.
        for format in [LogFormat::Compact, LogFormat::Json] {
            let text = written(format, || {
                record("library", log::Level::Info);
                // A name twice: the members of the line are gathered.
                let _span = tracing::info_span!("one", request_id = "r").entered();
                let _span = tracing::info_span!("two", request_id = "s").entered();
                record("library", log::Level::Info);
            });
            assert_eq!(text.matches("library").count(), 2, "{text}");
            assert!(!text.contains("/elsewhere") && !text.contains("log."), "{text}");
            if format == LogFormat::Json {
                let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
                for line in lines {
                    assert_eq!(
                        (&line["target"], &line["message"]),
                        (&"library".into(), &"said".into())
                    );
                }
            }
        }
    }

    #[test]
    fn a_filter_counts_for_records_of_libraries() {
        let text = filtered(LogFormat::Json, "warn,noisy=off,asked=debug", || {
            record("noisy", log::Level::Error);
            record("asked", log::Level::Debug);
            record("other", log::Level::Info);
            record("other", log::Level::Warn);
        });
        let targets: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["target"].clone())
            .collect();
        assert_eq!(targets, ["asked", "other"], "{text}");
    }

    #[test]
    fn compact_is_one_line_per_event() {
        let text = written(LogFormat::Compact, || tracing::info!(status = 200, "answered"));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("answered"), "{text}");
    }

    #[test]
    fn a_wrong_filter_is_refused_by_the_name_of_its_setting() {
        let error = parse("info,chassis=loud").unwrap_err().to_string();
        assert!(error.starts_with("RUST_LOG: `info,chassis=loud`"), "{error}");
        assert!(parse("warn,chassis=debug").is_ok());
    }
}
