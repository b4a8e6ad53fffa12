//! Metrics on a socket of their own, and what they say of a process.

use ambient::{Clock, Entropy};
use chassis::{
    Lifecycle,
    client::{Timeouts, http_client},
    telemetry::{MetricsAddr, Service, Telemetry, TelemetryError, TelemetrySettings},
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
