//! Spans, as a collector gets them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chassis::telemetry::LogFormat;
use serde_json::{Value, json};
use shared::mcp::{Revision, keys};
use testkit::{
    http::Http,
    otlp::{Collector, Span, SpanKind, SpanStatus as StatusCode, attribute, hex, named},
    rpc::Script,
};
use tracing::subscriber::DefaultGuard;

use crate::{
    authorization::scene_with,
    world::{World, instance, still},
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A server that sends its spans to the collector.
async fn world_of(collector: &Collector) -> (World, DefaultGuard) {
    let (store, clock) = still();
    let traces = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let world = instance(&store, clock, &[("MCP_AUTH", "none"), traces]).await;
    let listening = listen(&world);
    (world, listening)
}

/// Everything, once the server has sent it.
async fn spans_of(collector: &Collector, world: &World) -> Vec<Span> {
    testkit::within(testkit::PATIENCE, world.telemetry.shut_down()).await;
    collector.spans()
}

/// Spans of this thread, on which the server runs as well, are those of the world.
fn listen(world: &World) -> DefaultGuard {
    let subscriber = world.telemetry.subscriber(LogFormat::Json, "off", std::io::sink).unwrap();
    tracing::subscriber::set_default(subscriber)
}

async fn call(world: &World, name: &str, arguments: Value, parent: &str) {
    let modern = world.modern();
    let draft = modern.draft("tools/call", json!({ "name": name, "arguments": arguments }));
    modern.send(draft.id(7).meta("traceparent", parent)).await;
}

#[tokio::test]
async fn a_call_belongs_to_the_trace_of_its_message_and_links_to_its_request() {
    let collector = Collector::start().await;
    let (world, _listening) = world_of(&collector).await;
    call(&world, "echo", json!({ "message": "hi" }), PARENT).await;
    let spans = spans_of(&collector, &world).await;
    assert_eq!(spans.len(), 2, "{spans:?}");
    let (call, http) = (named(&spans, "tools/call echo"), named(&spans, "POST /mcp"));
    assert_eq!(hex(&call.trace_id), TRACE);
    assert_eq!(hex(&call.parent_span_id), "b7ad6b7169203331");
    assert_eq!((call.links[0].span_id.clone(), call.links.len()), (http.span_id.clone(), 1));
    assert!(http.parent_span_id.is_empty() && http.trace_id != call.trace_id);
    assert!([call, http].iter().all(|span| span.kind == SpanKind::Server as i32));
    assert_eq!(attribute(http, "http.response.status_code"), Some(json!(200)));
    assert!(call.status.clone().is_none_or(|status| status.code == StatusCode::Unset as i32));
}

#[tokio::test]
async fn the_attributes_are_those_of_the_conventions() {
    let collector = Collector::start().await;
    let (world, _listening) = world_of(&collector).await;
    call(&world, "echo", json!({ "message": "hi" }), PARENT).await;
    let spans = spans_of(&collector, &world).await;
    let call = named(&spans, "tools/call echo");
    for (name, value) in [
        ("mcp.method.name", "tools/call"),
        ("mcp.protocol.version", "2026-07-28"),
        ("gen_ai.tool.name", "echo"),
        ("gen_ai.operation.name", "execute_tool"),
        ("jsonrpc.request.id", "7"),
        ("network.transport", "tcp"),
        ("network.protocol.name", "http"),
        ("network.protocol.version", "1.1"),
        ("client.address", "127.0.0.1"),
    ] {
        assert_eq!(attribute(call, name), Some(json!(value)), "{name}");
    }
    assert!(attribute(call, "client.port").unwrap().is_i64());
    for absent in ["error.type", "mcp.session.id", "gen_ai.prompt.name", "mcp.resource.uri"] {
        assert_eq!(attribute(call, absent), None, "{absent}");
    }
}

#[tokio::test]
async fn without_a_parent_in_its_message_a_call_belongs_to_its_request() {
    let collector = Collector::start().await;
    let (world, _listening) = world_of(&collector).await;
    for parent in ["", "00-nonsense"] {
        call(&world, "echo", json!({ "message": "hi" }), parent).await;
    }
    let spans = spans_of(&collector, &world).await;
    let calls = spans.iter().filter(|span| span.name == "tools/call echo");
    for call in calls {
        let http = spans.iter().find(|span| span.span_id == call.parent_span_id).unwrap();
        assert_eq!((http.name.as_str(), &http.trace_id), ("POST /mcp", &call.trace_id));
        assert!(call.links.is_empty());
    }
    assert_eq!(spans.len(), 4);
}

#[tokio::test]
async fn a_tool_that_fails_is_an_error_and_a_caller_that_errs_is_not() {
    let collector = Collector::start().await;
    let (world, _listening) = world_of(&collector).await;
    call(&world, "crash", json!({}), PARENT).await;
    call(&world, "no such tool", json!({}), PARENT).await;
    let spans = spans_of(&collector, &world).await;
    let crash = named(&spans, "tools/call crash");
    assert_eq!(crash.status.clone().unwrap().code, StatusCode::Error as i32);
    assert_eq!(attribute(crash, "error.type"), Some(json!("-32603")));
    let unknown = named(&spans, "tools/call _OTHER");
    assert_eq!(attribute(unknown, "rpc.response.status_code"), Some(json!("-32602")));
    assert_eq!(attribute(unknown, "error.type"), None);
    let text = format!("{spans:?}");
    assert!(!text.contains("no such tool"), "a name of the client's making is nobody's label");
}

#[tokio::test]
async fn a_message_that_is_refused_has_a_span_with_its_code() {
    let collector = Collector::start().await;
    let (world, _listening) = world_of(&collector).await;
    let modern = world.modern();
    let list = || modern.draft("tools/list", json!({}));
    let _ = modern.send(list().raw("{")).await.expect_error(400, -32700);
    let other = list().meta(keys::PROTOCOL_VERSION, "2030-01-01").meta("traceparent", PARENT);
    let other = other.header("mcp-protocol-version", "2030-01-01");
    let _ = modern.send(other).await.expect_error(400, -32022);
    let spans = spans_of(&collector, &world).await;
    let unread = named(&spans, "_OTHER");
    assert_eq!(attribute(unread, "rpc.response.status_code"), Some(json!("-32700")));
    assert_eq!(attribute(unread, "error.type"), None);
    let unspoken = named(&spans, "tools/list");
    assert_eq!(attribute(unspoken, "error.type"), Some(json!("-32022")));
    assert_eq!(hex(&unspoken.trace_id), TRACE);
}

#[tokio::test]
async fn a_question_has_a_span_and_tells_the_client_where_it_belongs() {
    let collector = Collector::start().await;
    let (world, _listening) = world_of(&collector).await;
    let seen = Arc::new(Mutex::new(Value::Null));
    let told = seen.clone();
    let alice = Script::default().on("elicitation/create", move |params| {
        *told.lock().unwrap() = params["_meta"]["traceparent"].clone();
        json!({ "action": "accept", "content": { "name": "Alice" } })
    });
    let opening = world.opening().capabilities(json!({ "elicitation": {} })).script(alice);
    let session = opening.open().await;
    let draft = session.draft("tools/call", json!({ "name": "ask", "arguments": {} }));
    let reply = session.send(draft.meta("traceparent", PARENT)).await;
    assert_eq!(reply.content_text(), "Hello, Alice!");
    let spans = spans_of(&collector, &world).await;
    let (call, question) = (named(&spans, "tools/call ask"), named(&spans, "elicitation/create"));
    assert_eq!(question.parent_span_id, call.span_id);
    assert_eq!(question.kind, SpanKind::Client as i32);
    let expected = format!("00-{TRACE}-{}-01", hex(&question.span_id));
    assert_eq!(*seen.lock().unwrap(), expected);
    assert!(attribute(call, "mcp.session.id").is_some());
    assert_eq!(attribute(question, "mcp.session.id"), attribute(call, "mcp.session.id"));
    for (name, value) in [
        ("mcp.method.name", "elicitation/create"),
        ("mcp.protocol.version", "2025-11-25"),
        ("network.transport", "tcp"),
        ("network.protocol.name", "http"),
    ] {
        assert_eq!(attribute(question, name), Some(json!(value)), "{name}");
    }
    let id = attribute(question, "jsonrpc.request.id").unwrap();
    assert!(id.as_str().unwrap().starts_with("ask-"), "{id}");
}

#[tokio::test]
async fn a_question_that_is_refused_says_by_what() {
    let collector = Collector::start().await;
    let (world, _listening) = world_of(&collector).await;
    let alice = Script::default().refuse("elicitation/create", -32601, "Nobody is here");
    let opening = world.opening().capabilities(json!({ "elicitation": {} })).script(alice);
    opening.open().await.call("tools/call", json!({ "name": "ask", "arguments": {} })).await;
    let spans = spans_of(&collector, &world).await;
    let question = named(&spans, "elicitation/create");
    let status = question.status.clone().unwrap();
    assert_eq!((status.code, &*status.message), (StatusCode::Error as i32, "Nobody is here"));
    for name in ["error.type", "rpc.response.status_code"] {
        assert_eq!(attribute(question, name), Some(json!("-32601")), "{name}");
    }
}

#[tokio::test]
async fn a_question_on_a_pipe_says_that_it_is_one() {
    let collector = Collector::start().await;
    let (world, _listening) = world_of(&collector).await;
    let (mut pipe, _serving) = crate::stdio::pipe_to(&world);
    drop(pipe.initialize(Revision::V2025_06_18, json!({ "elicitation": {} })).await);
    pipe.request(1, "tools/call", json!({ "name": "ask", "arguments": {} })).await;
    let question = pipe.next().await.unwrap();
    let content = json!({ "action": "accept", "content": { "name": "Alice" } });
    pipe.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": content })).await;
    assert_eq!(pipe.next().await.unwrap()["id"], 1);
    let spans = spans_of(&collector, &world).await;
    let question = named(&spans, "elicitation/create");
    assert_eq!(attribute(question, "network.transport"), Some(json!("pipe")));
    assert_eq!(attribute(question, "network.protocol.name"), None);
    let opened = named(&spans, "initialize");
    assert_eq!(attribute(opened, "mcp.protocol.version"), Some(json!("2025-06-18")));
    assert_eq!(attribute(opened, "client.address"), None);
}

#[tokio::test]
async fn the_check_of_a_token_is_part_of_the_trace_and_its_secret_is_not() {
    let collector = Collector::start().await;
    let scene = scene_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())]).await;
    let _listening = listen(&scene.world);
    let modern = scene.world.modern().bearer("alice.mcp");
    let _ = modern.tool("echo", json!({ "message": "hi" })).await.expect(200);
    let spans = spans_of(&collector, &scene.world).await;
    let (http, check) = (named(&spans, "POST /mcp"), named(&spans, "POST"));
    assert_eq!(check.parent_span_id, http.span_id);
    assert_eq!(attribute(check, "url.path"), Some(json!("/introspect")));
    assert!(attribute(check, "server.port").unwrap().is_i64(), "a port is a number");
    assert_eq!(attribute(check, "http.response.status_code"), Some(json!(200)));
    let traceparent = scene.last_traceparent().unwrap();
    assert_eq!(traceparent, format!("00-{}-{}-01", hex(&check.trace_id), hex(&check.span_id)));
    assert!(!format!("{spans:?}").contains("alice.mcp"));
}

#[tokio::test]
async fn looks_at_metadata_make_no_traces_of_their_own() {
    let collector = Collector::start().await;
    let scene = scene_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())]).await;
    let _listening = listen(&scene.world);
    let before = scene.looks();
    testkit::eventually(testkit::PATIENCE, || async {
        scene.world.clock.advance(Duration::from_secs(10));
        (scene.looks() > before).then_some(())
    })
    .await;
    let http = Http::new(&scene.world.base);
    let document = "/.well-known/oauth-protected-resource";
    let _ = http.get(document).await.expect(200);
    let part = http.request(http::Method::GET, document).header("traceparent", PARENT);
    let _ = http.send(part).await.expect(200);
    let spans = spans_of(&collector, &scene.world).await;
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(hex(&spans[0].trace_id), TRACE);
}

#[tokio::test]
async fn the_off_switch_is_one() {
    let collector = Collector::start().await;
    let (store, clock) = still();
    let off = ("OTEL_SDK_DISABLED", "true");
    let traces = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let world = instance(&store, clock, &[("MCP_AUTH", "none"), traces, off]).await;
    let _listening = listen(&world);
    call(&world, "echo", json!({ "message": "hi" }), PARENT).await;
    assert!(spans_of(&collector, &world).await.is_empty());
    assert!(world.telemetry.metrics().is_none());
}

#[tokio::test]
async fn what_a_call_says_before_its_end_tells_where_it_belongs() {
    let collector = Collector::start().await;
    let (world, _listening) = world_of(&collector).await;
    let report = json!({ "name": "report", "arguments": {} });
    let (client, session) = (world.modern(), world.session().await);
    let modern = client.draft("tools/call", report.clone()).meta("progressToken", 1);
    let modern = client.send(modern.meta("traceparent", PARENT)).await;
    let legacy = session.draft("tools/call", report).meta("progressToken", 2);
    let legacy = session.send(legacy.meta("traceparent", PARENT)).await;
    for reply in [modern, legacy] {
        let note =
            reply.messages.iter().find(|message| message["method"] == "notifications/progress");
        let place = note.unwrap()["params"]["_meta"]["traceparent"].as_str().unwrap();
        assert!(place.starts_with(&format!("00-{TRACE}-")), "{place}");
    }
}

#[tokio::test]
async fn baggage_goes_back_to_its_caller_and_nowhere_else() {
    let collector = Collector::start().await;
    let scene = scene_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())]).await;
    let _listening = listen(&scene.world);
    let report = json!({ "name": "report", "arguments": {} });
    let client = scene.world.modern().bearer("alice.mcp");
    for (of_message, of_request, told) in [
        (Some("user=alice;x,hush=treasure"), None, Some("user=alice;x,hush=treasure")),
        // A header may be of a gateway, for people inside.
        (None, Some("user=bob"), None),
        (Some("user=alice"), Some("user=bob"), Some("user=alice")),
        (Some("no baggage"), None, None),
        (None, None, None),
    ] {
        for parent in [PARENT, ""] {
            let mut draft = client.draft("tools/call", report.clone()).meta("progressToken", 1);
            draft = draft.meta("traceparent", parent);
            if let Some(text) = of_message {
                draft = draft.meta("baggage", text);
            }
            if let Some(text) = of_request {
                draft = draft.header("baggage", text);
            }
            let reply = client.send(draft).await;
            let note =
                reply.messages.iter().find(|message| message["method"] == "notifications/progress");
            let meta = &note.unwrap()["params"]["_meta"];
            assert_eq!(meta.get("baggage").and_then(Value::as_str), told, "{of_message:?}");
        }
    }
    let spans = format!("{:?}", spans_of(&collector, &scene.world).await);
    assert!(!spans.contains("treasure"), "no span has it");
    assert!(scene.last_traceparent().is_some(), "the server that was asked would have complained");
}

#[tokio::test]
async fn a_notification_is_measured_like_a_request_and_has_no_id() {
    let collector = Collector::start().await;
    let (world, _listening) = world_of(&collector).await;
    let session = world.session().await;
    session.notify("notifications/roots/list_changed", Value::Null).await;
    let made_up = json!({ "jsonrpc": "2.0", "method": "notifications/made-up" });
    drop(session.send(session.post(made_up).malformed()).await.expect(202));
    let spans = spans_of(&collector, &world).await;
    let note = named(&spans, "notifications/roots/list_changed");
    assert_eq!(
        (attribute(note, "error.type"), attribute(note, "jsonrpc.request.id")),
        (None, None)
    );
    assert_eq!(attribute(named(&spans, "_OTHER"), "mcp.method.name"), Some(json!("_OTHER")));
}

#[tokio::test]
async fn a_task_goes_on_in_the_trace_of_its_call() {
    let collector = Collector::start().await;
    let (mut world, _listening) = world_of(&collector).await;
    let able = json!({ "extensions": { shared::mcp::TASKS_EXTENSION: {} } });
    let modern = world.modern().capabilities(able);
    let draft = modern.draft("tools/call", json!({ "name": "job", "arguments": {} }));
    let created = modern.send(draft.meta("traceparent", PARENT)).await.expect(200);
    assert_eq!(created.result()["resultType"], "task");
    world.happened("started").await;
    let id = created.result()["taskId"].clone();
    let _ = modern.call("tasks/cancel", json!({ "taskId": id })).await.expect(200);
    world.happened("dropped").await;
    world.lifecycle.stop();
    let spans = spans_of(&collector, &world).await;
    let (task, call) = (named(&spans, "task"), named(&spans, "tools/call job"));
    assert_eq!((hex(&task.trace_id).as_str(), &task.parent_span_id), (TRACE, &call.span_id));
    assert_eq!(task.kind, SpanKind::Internal as i32);
}
