//! Metrics, as a collector gets them.

use std::time::Duration;

use chassis::telemetry::MetricsAddr;
use serde_json::json;
use testkit::{
    http::Http,
    otlp::{Collector, Export},
};

use crate::world::{World, instance, still};

/// A server that sends its metrics to the collector every ten seconds of its clock.
async fn world_of(collector: &Collector, more: &[(&str, &str)]) -> World {
    let (store, clock) = still();
    let settings = [
        ("MCP_AUTH", "none"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "10000"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=tools"),
    ];
    let settings: Vec<_> = settings.iter().chain(more).copied().collect();
    let world = instance(&store, clock, &settings).await;
    let offered = world.telemetry.offer_metrics(MetricsAddr::Off, &world.lifecycle).await;
    assert_eq!(offered.unwrap(), None);
    world
}

/// The next export, once the interval is over.
async fn next(collector: &Collector, world: &World) -> Export {
    let before = collector.exports().len();
    testkit::eventually(testkit::PATIENCE, || async {
        world.clock.advance(Duration::from_secs(10));
        collector.exports().into_iter().nth(before)
    })
    .await
}

/// How often a tool was called, as an export tells it.
fn calls(export: &Export, tool: &str) -> Option<u64> {
    let mut durations = export.named("mcp.server.operation.duration");
    let found =
        durations.find(|series| series.attributes.get("gen_ai.tool.name") == Some(&json!(tool)));
    found.and_then(|series| series.value.as_u64())
}

async fn echo(world: &World) {
    world.modern().tool("echo", json!({ "message": "hi" })).await;
}

#[tokio::test]
async fn a_collector_gets_what_is_measured_every_so_often() {
    let collector = Collector::start().await;
    let world = world_of(&collector, &[]).await;
    assert!(collector.exports().is_empty(), "it is not time yet");
    world.session().await;
    echo(&world).await;
    let first = next(&collector, &world).await;
    assert_eq!(calls(&first, "echo"), Some(1));
    assert_eq!(first.resource["service.name"], "mcp-server");
    assert_eq!(first.resource["team"], "tools");
    let sessions = first.named("mcp.sessions.active").next();
    let sessions = sessions.expect("what is true of all instances is asked for before");
    assert_eq!(sessions.value, 1);
    let sent = first.named("mcp.sessions.created").next().unwrap();
    assert_eq!(sent.attributes["mcp.protocol.version"], "2025-11-25");
    assert!(first.named("build_info").next().is_some());
    echo(&world).await;
    assert_eq!(calls(&next(&collector, &world).await, "echo"), Some(2), "they add up");
}

#[tokio::test]
async fn what_was_measured_last_is_sent_at_the_end() {
    let collector = Collector::start().await;
    let world = world_of(&collector, &[]).await;
    echo(&world).await;
    testkit::within(testkit::PATIENCE, world.telemetry.shut_down()).await;
    let exports = collector.exports();
    assert_eq!(exports.iter().map(|export| calls(export, "echo")).collect::<Vec<_>>(), [Some(1)]);
}

#[tokio::test]
async fn metrics_may_be_pulled_and_pushed() {
    let collector = Collector::start().await;
    let both = [("OTEL_METRICS_EXPORTER", "otlp,prometheus"), ("METRICS_ON_MAIN_PORT", "1")];
    let world = world_of(&collector, &both).await;
    echo(&world).await;
    assert_eq!(calls(&next(&collector, &world).await, "echo"), Some(1));
    let scrape = Http::new(&world.base).get("/metrics").await.expect(200);
    assert!(scrape.text().contains(r#"gen_ai_tool_name="echo""#));
}

#[tokio::test]
async fn nothing_is_sent_that_is_switched_off() {
    let collector = Collector::start().await;
    for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_METRICS_EXPORTER", "prometheus")] {
        let world = world_of(&collector, &[off]).await;
        echo(&world).await;
        testkit::within(testkit::PATIENCE, world.telemetry.shut_down()).await;
    }
    assert!(collector.exports().is_empty());
}

#[tokio::test]
async fn a_collector_that_is_away_holds_nothing_up() {
    let collector = Collector::start().await;
    let away = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:9/v1/metrics");
    let world = world_of(&collector, &[away]).await;
    echo(&world).await;
    testkit::within(testkit::PATIENCE, world.telemetry.shut_down()).await;
    assert!(collector.exports().is_empty());
}
