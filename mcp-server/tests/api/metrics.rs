//! What is measured, read as Prometheus reads it: from a socket.

use ambient::{Clock, Timestamp};
use serde_json::json;
use store::Store;
use testkit::http::Http;

use crate::world::{World, instance};

fn now() -> Clock {
    Clock::manual(Timestamp::from_secs(1_800_000_000))
}

async fn world() -> World {
    let clock = now();
    let settings = [("MCP_AUTH", "none"), ("METRICS_ON_MAIN_PORT", "1")];
    instance(&Store::memory(clock.clone()), clock, &settings).await
}

impl World {
    /// The lines of a scrape that begin with a name and have all these labels.
    async fn scraped(&self, name: &str, labels: &[&str]) -> Vec<String> {
        let answer = Http::new(&self.base).get("/metrics").await.expect(200);
        let text = answer.text();
        let lines = text.lines().filter(|line| line.starts_with(name));
        let lines = lines.filter(|line| labels.iter().all(|label| line.contains(label)));
        lines.map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn a_tool_call_is_measured_by_the_names_of_the_conventions() {
    let world = world().await;
    world.modern().tool("echo", json!({ "message": "hi" })).await;
    let labels = [
        r#"mcp_method_name="tools/call""#,
        r#"gen_ai_tool_name="echo""#,
        r#"gen_ai_operation_name="execute_tool""#,
        r#"mcp_protocol_version="2026-07-28""#,
        r#"network_transport="tcp""#,
    ];
    let count = world.scraped("mcp_server_operation_duration_seconds_count", &labels).await;
    assert_eq!(count.len(), 1);
    assert!(count[0].ends_with(" 1") && !count[0].contains("error_type"), "{}", count[0]);
    let buckets = world.scraped("mcp_server_operation_duration_seconds_bucket", &labels).await;
    assert_eq!(buckets.len(), 15);
}
