//! Metrics on a socket of their own, and what they say of a process.

use std::{
    io,
    sync::{Arc, Mutex},
};

use ambient::{Clock, Entropy};
use chassis::{
    Lifecycle,
    client::{Timeouts, http_client},
    telemetry::{LogFormat, MetricsAddr, Service, Telemetry, TelemetryError, TelemetrySettings},
};

const SERVICE: Service = Service { name: "test", version: "1.2.3" };

fn telemetry(metrics: MetricsAddr) -> Telemetry {
    let settings = TelemetrySettings { metrics, ..TelemetrySettings::off() };
    Telemetry::new(SERVICE, &settings, &Entropy::seeded(1)).expect("it can be made")
}

fn anywhere() -> MetricsAddr {
    "127.0.0.1:0".parse().expect("an address")
}

fn lifecycle() -> Lifecycle {
    Lifecycle::new(Clock::system(), std::time::Duration::from_secs(1))
}

#[tokio::test]
async fn a_scrape_says_what_runs_and_what_it_takes() {
    let (telemetry, life) = (telemetry(anywhere()), lifecycle());
    let address = telemetry.offer_metrics(anywhere(), &life).await.unwrap().unwrap();
    let client = http_client("test", Timeouts::default()).unwrap();
    let answer = client.get(format!("http://{address}/metrics")).send().await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let text = answer.text().await.unwrap();
    for wanted in [
        "build_info{",
        r#"version="1.2.3""#,
        "target_info{",
        r#"service_name="test""#,
        "tokio_workers",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    life.stop();
    life.finished().await;
}

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        let bytes = self.0.lock().expect("nobody panics with it").clone();
        String::from_utf8(bytes).expect("text")
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics with it").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Text and status of an answer about what is logged.
async fn told(request: reqwest::RequestBuilder) -> (u16, String) {
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

#[tokio::test]
async fn what_is_logged_is_changed_while_the_process_runs() {
    let (telemetry, life) = (telemetry(anywhere()), lifecycle());
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = telemetry.subscriber(LogFormat::Json, "info", move || writer.clone()).unwrap();
    let _listening = tracing::subscriber::set_default(subscriber);
    let address = telemetry.offer_metrics(anywhere(), &life).await.unwrap().unwrap();
    let client = http_client("test", Timeouts::default()).unwrap();
    let url = format!("http://{address}/log");
    let speak = || tracing::debug!("spoken");
    let heard = || lines.text().matches("spoken").count();
    assert_eq!(told(client.get(&url)).await, (200, "info\n".to_owned()));
    speak();
    assert_eq!(heard(), 0);
    let changed = told(client.put(&url).body("info,api::metrics=debug\n")).await;
    assert_eq!(changed, (200, "info,api::metrics=debug\n".to_owned()));
    assert!(lines.text().contains("what is logged is changed"));
    speak();
    assert_eq!(heard(), 1);
    for wrong in ["api=loud", "inof", "", &"x".repeat(5000)] {
        let (status, problem) = told(client.put(&url).body(wrong.to_owned())).await;
        assert!(status == 400 || (status == 413 && wrong.len() > 4096), "{status} {problem}");
    }
    assert_eq!(told(client.get(&url)).await.1, "info,api::metrics=debug\n");
    speak();
    assert_eq!(heard(), 2);
    assert_eq!(told(client.delete(&url)).await, (200, "info\n".to_owned()));
    speak();
    assert_eq!(heard(), 2);
    life.stop();
    life.finished().await;
}

#[tokio::test]
async fn no_filter_brings_what_is_for_traces_into_the_log() {
    let (telemetry, lines) = (telemetry(anywhere()), Lines::default());
    let writer = lines.clone();
    let filter = "info,[mcp]=trace,[{mcp.session.id}]=trace,otel::span=trace";
    let subscriber = telemetry.subscriber(LogFormat::Json, filter, move || writer.clone()).unwrap();
    let _listening = tracing::subscriber::set_default(subscriber);
    let span = tracing::info_span!(target: "otel::span", "mcp", mcp.session.id = "hush");
    span.in_scope(|| tracing::info!("spoken"));
    assert!(lines.text().contains("spoken") && !lines.text().contains("hush"), "{}", lines.text());
}

#[tokio::test]
async fn what_is_logged_is_changed_by_no_page_and_under_no_other_name() {
    let (telemetry, life) = (telemetry(anywhere()), lifecycle());
    let _kept = telemetry.subscriber(LogFormat::Json, "info", std::io::sink).unwrap();
    let address = telemetry.offer_metrics(anywhere(), &life).await.unwrap().unwrap();
    let client = http_client("test", Timeouts::default()).unwrap();
    let change = || client.put(format!("http://{address}/log")).body("trace");
    assert_eq!(told(change().header("origin", "http://localhost:6274")).await.0, 403);
    assert_eq!(told(change().header("host", "evil.example")).await.0, 403);
    let now = told(client.get(format!("http://{address}/log"))).await;
    assert_eq!(now, (200, "info\n".to_owned()));
    life.stop();
    life.finished().await;
}

#[tokio::test]
async fn what_is_logged_is_not_changed_where_others_reach_the_metrics() {
    let (telemetry, life) = (telemetry(anywhere()), lifecycle());
    let _kept = telemetry.subscriber(LogFormat::Json, "info", std::io::sink).unwrap();
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let address = telemetry.offer_metrics(everywhere, &life).await.unwrap().unwrap();
    let client = http_client("test", Timeouts::default()).unwrap();
    let at = |path| format!("http://127.0.0.1:{}{path}", address.port());
    assert_eq!(told(client.get(at("/metrics"))).await.0, 200);
    assert_eq!(told(client.put(at("/log")).body("trace")).await.0, 404);
    life.stop();
    life.finished().await;
}

#[tokio::test]
async fn an_address_that_is_set_and_taken_stops_the_start() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = MetricsAddr::At(taken.local_addr().unwrap());
    let error = telemetry(address).offer_metrics(address, &lifecycle()).await.unwrap_err();
    assert!(matches!(error, TelemetryError::Listen { .. }));
    assert!(error.to_string().contains("METRICS_ADDR"), "{error}");
}

#[tokio::test]
async fn nothing_listens_where_nothing_is_measured() {
    let offered = telemetry(MetricsAddr::Off).offer_metrics(anywhere(), &lifecycle()).await;
    assert_eq!(offered.unwrap(), None);
}
