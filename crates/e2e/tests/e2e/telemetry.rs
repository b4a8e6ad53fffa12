//! What both servers tell of one flow: a trace that crosses instances, numbers that are true of all of
//! them, and a log without secrets.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
};

use ambient::{Entropy, Env};
use chassis::telemetry::{LogFormat, Service, Telemetry, TelemetrySettings};
use e2e::{Backend, Setup, World};
use serde_json::{Value, json};
use testkit::{
    PATIENCE,
    http::Http,
    oauth::Tokens,
    otlp::{Collector, SpanKind, attribute, hex, named},
    within,
};

use crate::support::{asking, filled_in, session, standing, told_name};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const SERVICE: Service = Service { name: "both", version: "0" };

fn telemetry(collector: &Collector) -> Telemetry {
    let env =
        Env::from([("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()), ("METRICS_ADDR", "off")]);
    let settings = env.read(TelemetrySettings::read).0.expect("the settings are right");
    Telemetry::new(SERVICE, &settings, &Entropy::system()).expect("it can be made")
}

/// A call whose question is asked by one instance and answered at the other, by a client that tells
/// both where in its trace it is.
async fn ask_here_answer_there(world: &World, token: &str) {
    let here = session(world, token).await;
    let draft = here.draft("tools/call", asking()).header("traceparent", PARENT);
    let mut call = here.open(draft.meta("traceparent", PARENT)).await;
    let question = call.next().await.expect("a question");
    let place = question["params"]["_meta"]["traceparent"].as_str().expect("a place in the trace");
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": filled_in("Ada") });
    let there = here.at(&world.endpoint_at(1));
    let draft = there.post(answer).header("traceparent", place);
    let _ = there.send(draft).await.expect(202);
    assert_eq!(told_name(call.finish().await.result()), "Ada");
}

#[tokio::test]
async fn one_trace_follows_a_call_over_both_instances_redis_and_the_token_check() {
    let collector = Collector::start().await;
    let setup = Setup::new(Backend::Redis).instances(2).setting("MCP_AUTH_CACHE_TTL", "0");
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let telemetry = telemetry(&collector);
    let subscriber = telemetry.subscriber(LogFormat::Json, "off", io::sink).expect("a filter");
    let listening = tracing::subscriber::set_default(subscriber);
    ask_here_answer_there(&world, alice.access()).await;
    within(PATIENCE, telemetry.shut_down()).await;
    drop(listening);
    let mut spans = collector.spans();
    spans.retain(|span| hex(&span.trace_id) == TRACE);
    let names: BTreeSet<_> = spans.iter().map(|span| span.name.as_str()).collect();
    for name in [
        "POST /mcp",
        "POST",
        "POST /introspect",
        "tools/call elicitation-request",
        "elicitation/create",
        "PUBLISH",
        "process mcp:shttp:toserver",
    ] {
        assert!(names.contains(name), "{name} in {names:?}");
    }
    let requests = spans.iter().filter(|span| span.name == "POST /mcp").count();
    assert_eq!(requests, 2, "one at each instance");
    let (question, answer) =
        (named(&spans, "elicitation/create"), named(&spans, "process mcp:shttp:toserver"));
    assert_eq!(answer.kind, SpanKind::Consumer as i32);
    assert_eq!(answer.links[0].span_id, question.span_id);
    assert_eq!(attribute(answer, "messaging.system"), Some(json!("redis")));
    let page = page();
    let attributes = spans.iter().flat_map(|span| &span.attributes);
    for name in attributes.map(|attribute| &attribute.key) {
        assert!(page.contains(&format!("`{name}`")), "the page does not tell of {name}");
    }
}

/// What operators read.
fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/observability.md");
    std::fs::read_to_string(path).expect("the page is there")
}

async fn scraped(world: &World, instance: usize, start: &str) -> Vec<String> {
    let answer = Http::new(&world.mcp[instance].origin).get("/metrics").await.expect(200);
    let text = answer.text();
    text.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_instance_tells_the_calculations_and_sessions_of_all() {
    let setup = Setup::new(Backend::Redis).instances(2).setting("METRICS_ON_MAIN_PORT", "1");
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let here = session(&world, alice.access()).await;
    let sum = json!({ "a": 1, "b": 2, "op": "add" });
    here.tool("calculate", sum.clone()).await;
    here.at(&world.endpoint_at(1)).tool("calculate", sum).await;
    let value = |lines: Vec<String>, label: &str| {
        let line = lines.into_iter().find(|line| line.contains(label)).expect("a line");
        line.rsplit(' ').next().expect("a value").to_owned()
    };
    for instance in [0, 1] {
        let made = scraped(&world, instance, "mcp_calculations_total{").await;
        assert_eq!(value(made.clone(), r#"operation="add""#), "2");
        assert_eq!(value(made, r#"operation="sqrt""#), "0");
        for name in ["mcp_active_sessions{", "mcp_sessions_active{"] {
            assert_eq!(value(scraped(&world, instance, name).await, ""), "1", "{name}");
        }
    }
    let _ = here.end().await.expect(204);
    assert_eq!(value(scraped(&world, 1, "mcp_active_sessions{").await, ""), "0");
    let ended = scraped(&world, 0, "mcp_server_session_duration_seconds_count{").await;
    assert_eq!(value(ended, r#"mcp_protocol_version="2025-11-25""#), "1");
}

/// The page has every key of the lines about requests.
fn keys_are_told(log: &str) {
    let page = page();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let is_access =
        |line: &Value| line["message"] == "answered" || line["message"] == "stream ended";
    for line in lines.filter(is_access) {
        for key in line.as_object().expect("an object").keys() {
            let told = page
                .lines()
                .filter(|row| row.starts_with("| "))
                .any(|row| row.split(" | ").next().is_some_and(|keys| keys.contains(key.as_str())));
            assert!(told, "the page does not tell of {key}: {line}");
        }
    }
}

/// What is written to a log.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody has panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_whole_flow_leaves_no_secret_in_the_finest_log_of_both_servers() {
    let written = Written::default();
    let writer = written.clone();
    let telemetry = Telemetry::off();
    // The test's own page parser tells every word of every page.
    let finest = "trace,html5ever=off,selectors=off";
    let subscriber = telemetry.subscriber(LogFormat::Json, finest, move || writer.clone());
    let _listening = tracing::subscriber::set_default(subscriber.expect("a filter"));
    let world = Setup::new(Backend::Redis).clock(standing()).start().await;
    let alice = world.login("alice").await;
    let (old, refresh) = (alice.access().to_owned(), alice.refresh().to_owned());
    world.modern(&old).tool("echo", json!({ "message": "word-of-a-user" })).await;
    let session = session(&world, &old).await;
    let name = session.id.clone().expect("a session has a name");
    session.tool("echo", json!({ "message": "word-of-a-user" })).await;
    let mut stream = session.listen(None).await;
    stream.next_event().await;
    let _ = session.end().await.expect(204);
    let again = Tokens::read(&alice.oauth.try_refresh(&alice.client, &refresh).await);
    world.modern("no-such-token-anywhere").call("tools/list", json!({})).await;
    let log = String::from_utf8(written.0.lock().expect("unlocked").clone()).expect("text");
    assert!(log.contains("\"answered\"") && log.contains("TRACE"), "it is not the finest log");
    assert!(log.contains(r#""requester":"user:"#) && log.contains(r#""client.address":"127"#));
    keys_are_told(&log);
    let basic = ["mcp-server:", "Basic "];
    let secrets = [&*old, &*refresh, &*again.access, &*name, "word-of-a-user", "no-such-token"];
    for secret in secrets.into_iter().chain(basic) {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} in {line:?}");
    }
}
