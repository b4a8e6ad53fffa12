//! What is measured, read as Prometheus reads it: from a socket.

use std::time::Duration;

use serde_json::json;
use shared::mcp::{Revision, keys};
use testkit::http::Http;

use crate::world::{World, instance, still};

async fn world() -> World {
    let (store, clock) = still();
    instance(&store, clock, &[("MCP_AUTH", "none"), ("METRICS_ON_MAIN_PORT", "1")]).await
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

#[tokio::test]
async fn names_that_a_client_makes_up_make_no_labels() {
    let world = world().await;
    for name in ["x1", "x2"] {
        world.modern().tool(name, json!({})).await;
    }
    let other = [r#"gen_ai_tool_name="_OTHER""#, r#"rpc_response_status_code="-32602""#];
    let lines = world.scraped("mcp_server_operation_duration_seconds_count", &other).await;
    assert_eq!(lines.len(), 1);
    assert!(lines[0].ends_with(" 2") && !lines[0].contains("error_type"), "{}", lines[0]);
    assert!(world.scraped("", &["x1"]).await.is_empty());
}

#[tokio::test]
async fn a_tool_that_breaks_is_told_from_a_caller_that_errs() {
    let world = world().await;
    let session = world.session().await;
    session.tool("crash", json!({})).await;
    session.tool("echo", json!({ "message": 5 })).await;
    let name = "mcp_server_operation_duration_seconds_count";
    let broken = world.scraped(name, &[r#"error_type="-32603""#, r#""crash""#]).await;
    assert_eq!(broken.len(), 1, "{broken:?}");
    let echo = world.scraped(name, &[r#""echo""#]).await;
    assert!(
        echo.len() == 1 && echo[0].contains(r#"mcp_protocol_version="2025-11-25""#),
        "{echo:?}"
    );
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_the_callers_fault_and_told_so() {
    let world = world().await;
    world.modern().tool("echo", json!({ "message": 5 })).await;
    world.modern().tool("crash", json!({})).await;
    let name = "mcp_server_operation_duration_seconds_count";
    let misfit = world.scraped(name, &[r#""echo""#, r#"error_type="tool_error""#]).await;
    assert!(misfit.len() == 1 && misfit[0].contains(r#"mcp_fault="caller""#), "{misfit:?}");
    let crash = world.scraped(name, &[r#""crash""#]).await;
    assert!(crash.len() == 1 && !crash[0].contains("mcp_fault"), "{crash:?}");
}

#[tokio::test]
async fn an_opened_session_is_measured_by_the_revision_that_was_agreed_on() {
    let world = world().await;
    let name = "mcp_server_operation_duration_seconds_count";
    for revision in [Revision::V2025_06_18, Revision::V2025_11_25] {
        world.opening().revision(revision).open().await;
        let label = format!(r#"mcp_protocol_version="{}""#, revision.as_str());
        let opened = world.scraped(name, &[r#""initialize""#, &label]).await;
        assert!(opened.len() == 1 && opened[0].ends_with(" 1"), "{opened:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_refused_before_its_call_is_measured_as_well() {
    let world = world().await;
    let modern = world.modern();
    modern.call("no/such", json!({})).await;
    let draft = modern.draft("tools/list", json!({}));
    let _ = modern.send(draft.without_header("mcp-method")).await.expect_error(400, -32020);
    let name = "mcp_server_operation_duration_seconds_count";
    let unknown = world.scraped(name, &[r#""_OTHER""#, r#""-32601""#]).await;
    assert!(unknown.len() == 1 && !unknown[0].contains("error_type"), "{unknown:?}");
    let labels = [r#""tools/list""#, r#"error_type="-32020""#, r#"mcp_fault="caller""#];
    let refused = world.scraped(name, &labels).await;
    assert!(refused.len() == 1 && refused[0].ends_with(" 1"), "{refused:?}");
}

#[tokio::test]
async fn a_message_that_is_none_or_of_no_revision_is_measured_as_well() {
    let world = world().await;
    let modern = world.modern();
    let list = || modern.draft("tools/list", json!({}));
    let _ = modern.send(list().raw("{")).await.expect_error(400, -32700);
    let _ = modern.send(list().raw("{}")).await.expect_error(400, -32600);
    let other = list().meta(keys::PROTOCOL_VERSION, "2030-01-01");
    let other = other.header("mcp-protocol-version", "2030-01-01");
    let _ = modern.send(other).await.expect_error(400, -32022);
    let homeless = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let homeless = list().message(homeless).header("mcp-protocol-version", "2025-11-25");
    let _ = modern.send(homeless.malformed()).await.expect_error(400, -32600);
    let name = "mcp_server_operation_duration_seconds_count";
    for (method, code) in [("_OTHER", "-32700"), ("_OTHER", "-32600"), ("ping", "-32600")] {
        let labels = [format!("\"{method}\""), format!("rpc_response_status_code=\"{code}\"")];
        let refused = world.scraped(name, &labels.each_ref().map(|label| &**label)).await;
        assert!(refused.len() == 1 && refused[0].ends_with(" 1"), "{refused:?}");
        assert!(!refused[0].contains("error_type"), "{refused:?}");
    }
    let labels = [r#""tools/list""#, r#"error_type="-32022""#, r#"mcp_fault="caller""#];
    let refused = world.scraped(name, &labels).await;
    assert!(refused.len() == 1 && refused[0].ends_with(" 1"), "{refused:?}");
}

#[tokio::test]
async fn readiness_and_the_greatest_number_of_sessions_are_told() {
    let world = world().await;
    let ready = world.scraped("server_ready", &[]).await;
    assert!(ready[0].ends_with(" 1"), "{ready:?}");
    let limit = world.scraped("mcp_sessions_limit", &[]).await;
    assert!(limit[0].ends_with(" 10000"), "{limit:?}");
}

#[tokio::test]
async fn sessions_and_streams_are_counted_from_their_beginning_to_their_end() {
    let world = world().await;
    let session = world.session().await;
    let mut stream = session.listen(None).await;
    stream.next_event().await;
    let standalone = [r#"kind="standalone""#];
    let open = world.scraped("mcp_sse_streams_active", &standalone).await;
    assert!(open[0].ends_with(" 1"), "{open:?}");
    world.clock.advance(Duration::from_secs(2));
    session.end().await;
    while stream.next_event().await.is_some() {}
    let open = world.scraped("mcp_sse_streams_active", &standalone).await;
    assert!(open[0].ends_with(" 0"), "{open:?}");
    let closed = world.scraped("mcp_sse_streams_closed_total", &[r#"reason="complete""#]).await;
    assert!(closed[0].ends_with(" 1"), "{closed:?}");
    for name in ["mcp_sessions_created_total", "mcp_sessions_ended_total"] {
        assert!(world.scraped(name, &[]).await[0].ends_with(" 1"), "{name}");
    }
}

#[tokio::test]
async fn a_session_that_nobody_uses_is_counted_by_one_of_the_instances() {
    let (store, clock) = still();
    let measured = [("MCP_AUTH", "none"), ("METRICS_ON_MAIN_PORT", "1")];
    let here = instance(&store, clock.clone(), &measured).await;
    let there = instance(&store, clock.clone(), &measured).await;
    let ended = here.session().await;
    let _left = (here.session().await, there.session().await);
    drop(ended.end().await.expect(204));
    let count = async |reason: &str| {
        let label = format!("reason=\"{reason}\"");
        let mut sum = 0;
        for world in [&here, &there] {
            let lines = world.scraped("mcp_sessions_ended_total", &[&label]).await;
            sum += lines[0].rsplit(' ').next().unwrap().parse::<u32>().unwrap();
        }
        sum
    };
    assert_eq!((count("delete").await, count("expired").await), (1, 0));
    clock.advance(Duration::from_mins(5));
    let until = async |most: u32| {
        testkit::eventually(testkit::PATIENCE, || async {
            clock.advance(Duration::from_secs(5));
            (count("expired").await >= most).then_some(())
        })
        .await;
    };
    until(2).await;
    // When one that was opened later is counted, both instances have asked again.
    let _later = here.session().await;
    clock.advance(Duration::from_mins(5));
    until(3).await;
    assert_eq!((count("delete").await, count("expired").await), (1, 3));
}

#[tokio::test]
async fn a_session_on_a_pipe_ends_with_the_pipe() {
    let world = world().await;
    let (mut pipe, mut serving) = crate::stdio::pipe_to(&world);
    drop(pipe.initialize(Revision::V2025_06_18, json!({})).await);
    drop(pipe);
    testkit::within(testkit::PATIENCE, serving.join_next()).await.unwrap().unwrap().unwrap();
    let ended = world.scraped("mcp_sessions_ended_total", &[r#"reason="stream""#]).await;
    assert!(ended[0].ends_with(" 1"), "{ended:?}");
    let labels = [r#"network_transport="pipe""#, r#""2025-06-18""#];
    let lasted = world.scraped("mcp_server_session_duration_seconds_count", &labels).await;
    assert!(lasted.len() == 1 && lasted[0].ends_with(" 1"), "{lasted:?}");
}

#[tokio::test]
async fn a_request_is_measured_by_its_route_and_refusals_by_their_code() {
    let world = world().await;
    let modern = world.modern();
    let draft = modern.draft("tools/list", json!({}));
    let _ = modern.send(draft.without_header("mcp-method")).await.expect_error(400, -32020);
    let labels = [r#"http_route="/mcp""#, r#"http_response_status_code="400""#];
    let counted = world.scraped("http_server_request_duration_seconds_count", &labels).await;
    assert!(counted[0].ends_with(" 1"), "{counted:?}");
    let refused = world.scraped("mcp_rejected_total", &[r#""-32020""#]).await;
    assert!(refused[0].ends_with(" 1"), "{refused:?}");
}

#[tokio::test]
async fn metrics_are_not_on_the_main_port_unless_they_are_asked_for() {
    let world = crate::world::world().await;
    let _ = Http::new(&world.base).get("/metrics").await.expect(404);
}

#[tokio::test]
async fn version_says_what_runs_and_what_it_speaks() {
    let world = crate::world::world().await;
    let answer = Http::new(&world.base).get("/version").await.expect(200);
    let document = answer.json();
    assert_eq!(document["name"], "mcp-server");
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["protocolVersions"][0], "2026-07-28");
}
