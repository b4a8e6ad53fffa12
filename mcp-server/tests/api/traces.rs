//! Spans, as a collector gets them: a few lines of server that read OTLP over HTTP.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, routing::post};
use chassis::telemetry::LogFormat;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value as Any,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message as _;
use serde_json::{Value, json};
use testkit::rpc::Script;
use tokio::{net::TcpListener, task::JoinSet};
use tracing::subscriber::DefaultGuard;

use crate::{
    authorization::scene_with,
    world::{World, instance, still},
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<Span>>>);

async fn collect(State(collected): State<Collected>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    collected.0.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
}

struct Collector {
    url: String,
    collected: Collected,
    _serving: JoinSet<()>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collected = Collected::default();
        let router = Router::new().route("/v1/traces", post(collect)).with_state(collected.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, collected, _serving: serving }
    }

    /// A server that sends its spans here.
    async fn world(&self) -> (World, DefaultGuard) {
        let (store, clock) = still();
        let traces = ("OTEL_EXPORTER_OTLP_ENDPOINT", self.url.as_str());
        let world = instance(&store, clock, &[("MCP_AUTH", "none"), traces]).await;
        let listening = listen(&world);
        (world, listening)
    }

    /// Everything, once the server has sent it.
    async fn spans(&self, world: &World) -> Vec<Span> {
        testkit::within(testkit::PATIENCE, world.telemetry.shut_down()).await;
        self.collected.0.lock().unwrap().clone()
    }
}

/// Spans of this thread, on which the server runs as well, are those of the world.
fn listen(world: &World) -> DefaultGuard {
    let subscriber = world.telemetry.subscriber(LogFormat::Json, "off", std::io::sink).unwrap();
    tracing::subscriber::set_default(subscriber)
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} in {names:?}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// An attribute as text.
fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.clone()?.value? {
        Any::StringValue(text) => Some(text),
        Any::IntValue(number) => Some(number.to_string()),
        other => panic!("{name} is {other:?}"),
    }
}

async fn call(world: &World, name: &str, arguments: Value, parent: &str) {
    let modern = world.modern();
    let draft = modern.draft("tools/call", json!({ "name": name, "arguments": arguments }));
    modern.send(draft.id(7).meta("traceparent", parent)).await;
}

#[tokio::test]
async fn a_call_belongs_to_the_trace_of_its_message_and_links_to_its_request() {
    let collector = Collector::start().await;
    let (world, _listening) = collector.world().await;
    call(&world, "echo", json!({ "message": "hi" }), PARENT).await;
    let spans = collector.spans(&world).await;
    assert_eq!(spans.len(), 2, "{spans:?}");
    let (call, http) = (named(&spans, "tools/call echo"), named(&spans, "POST /mcp"));
    assert_eq!(hex(&call.trace_id), TRACE);
    assert_eq!(hex(&call.parent_span_id), "b7ad6b7169203331");
    assert_eq!((call.links[0].span_id.clone(), call.links.len()), (http.span_id.clone(), 1));
    assert!(http.parent_span_id.is_empty() && http.trace_id != call.trace_id);
    assert!([call, http].iter().all(|span| span.kind == SpanKind::Server as i32));
    assert_eq!(attribute(http, "http.response.status_code").as_deref(), Some("200"));
    assert!(call.status.clone().is_none_or(|status| status.code == StatusCode::Unset as i32));
}

#[tokio::test]
async fn the_attributes_are_those_of_the_conventions() {
    let collector = Collector::start().await;
    let (world, _listening) = collector.world().await;
    call(&world, "echo", json!({ "message": "hi" }), PARENT).await;
    let spans = collector.spans(&world).await;
    let call = named(&spans, "tools/call echo");
    for (name, value) in [
        ("mcp.method.name", "tools/call"),
        ("mcp.protocol.version", "2026-07-28"),
        ("gen_ai.tool.name", "echo"),
        ("gen_ai.operation.name", "execute_tool"),
        ("jsonrpc.request.id", "7"),
        ("network.transport", "tcp"),
        ("network.protocol.name", "http"),
    ] {
        assert_eq!(attribute(call, name).as_deref(), Some(value), "{name}");
    }
    for absent in ["error.type", "mcp.session.id", "gen_ai.prompt.name", "mcp.resource.uri"] {
        assert_eq!(attribute(call, absent), None, "{absent}");
    }
}

#[tokio::test]
async fn without_a_parent_in_its_message_a_call_belongs_to_its_request() {
    let collector = Collector::start().await;
    let (world, _listening) = collector.world().await;
    for parent in ["", "00-nonsense"] {
        call(&world, "echo", json!({ "message": "hi" }), parent).await;
    }
    let spans = collector.spans(&world).await;
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
    let (world, _listening) = collector.world().await;
    call(&world, "crash", json!({}), PARENT).await;
    call(&world, "no such tool", json!({}), PARENT).await;
    let spans = collector.spans(&world).await;
    let crash = named(&spans, "tools/call crash");
    assert_eq!(crash.status.clone().unwrap().code, StatusCode::Error as i32);
    assert_eq!(attribute(crash, "error.type").as_deref(), Some("-32603"));
    let unknown = named(&spans, "tools/call _OTHER");
    assert_eq!(attribute(unknown, "rpc.response.status_code").as_deref(), Some("-32602"));
    assert_eq!(attribute(unknown, "error.type"), None);
    let text = format!("{spans:?}");
    assert!(!text.contains("no such tool"), "a name of the client's making is nobody's label");
}

#[tokio::test]
async fn a_question_has_a_span_and_tells_the_client_where_it_belongs() {
    let collector = Collector::start().await;
    let (world, _listening) = collector.world().await;
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
    let spans = collector.spans(&world).await;
    let (call, question) = (named(&spans, "tools/call ask"), named(&spans, "elicitation/create"));
    assert_eq!(question.parent_span_id, call.span_id);
    assert_eq!(question.kind, SpanKind::Client as i32);
    let expected = format!("00-{TRACE}-{}-01", hex(&question.span_id));
    assert_eq!(*seen.lock().unwrap(), expected);
    assert!(attribute(call, "mcp.session.id").is_some());
}

#[tokio::test]
async fn the_check_of_a_token_is_part_of_the_trace_and_its_secret_is_not() {
    let collector = Collector::start().await;
    let scene = scene_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str())]).await;
    let _listening = listen(&scene.world);
    let modern = scene.world.modern().bearer("alice.mcp");
    let _ = modern.tool("echo", json!({ "message": "hi" })).await.expect(200);
    let spans = collector.spans(&scene.world).await;
    let (http, check) = (named(&spans, "POST /mcp"), named(&spans, "POST"));
    assert_eq!(check.parent_span_id, http.span_id);
    assert_eq!(attribute(check, "url.path").as_deref(), Some("/introspect"));
    let traceparent = scene.last_traceparent().unwrap();
    assert_eq!(traceparent, format!("00-{}-{}-01", hex(&check.trace_id), hex(&check.span_id)));
    assert!(!format!("{spans:?}").contains("alice.mcp"));
}

#[tokio::test]
async fn the_off_switch_is_one() {
    let collector = Collector::start().await;
    let (store, clock) = still();
    let off = ("OTEL_SDK_DISABLED", "true");
    let traces = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str());
    let world = instance(&store, clock, &[("MCP_AUTH", "none"), traces, off]).await;
    let _listening = listen(&world);
    call(&world, "echo", json!({ "message": "hi" }), PARENT).await;
    assert!(collector.spans(&world).await.is_empty());
    assert!(world.telemetry.metrics().is_none());
}
