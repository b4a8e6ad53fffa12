//! Whatever is sent to the endpoint gets exactly one answer, and the server goes on.
//!
//! How often each property is tried says `PROPTEST_CASES`; see docs/testing.md.

use bytes::Bytes;
use mcp_server::Server;
use proptest::{prelude::*, test_runner::TestRunner};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use shared::mcp::keys;
use testkit::{
    PATIENCE,
    http::{Answer, Http},
    within,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, duplex, split},
    task::JoinSet,
};

use crate::world::world;

/// Statuses that an answer to a POST may have. 5xx is not one of them.
const STATUSES: [u16; 6] = [200, 202, 400, 404, 406, 415];

/// What a request has that is right.
const RIGHT: [(&str, &str); 5] = [
    ("accept", "application/json, text/event-stream"),
    ("content-type", "application/json"),
    ("mcp-protocol-version", "2026-07-28"),
    ("mcp-method", "tools/call"),
    ("mcp-name", "echo"),
];

/// Texts that are valid, broken in one place.
fn nearly() -> impl Strategy<Value = Bytes> {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "echo", "arguments": { "message": "hi" },
        "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                   "io.modelcontextprotocol/clientCapabilities": {} } } });
    let text = call.to_string().into_bytes();
    let change = (any::<prop::sample::Index>(), 0..3_u8, any::<u8>());
    prop::collection::vec(change, 0..4).prop_map(move |changes| {
        let mut text = text.clone();
        for (place, what, byte) in changes {
            let place = place.index(text.len());
            match what {
                0 => text[place] = byte,
                1 => drop(text.remove(place)),
                _ => text.insert(place, byte),
            }
        }
        text.into()
    })
}

fn header() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![
        Just("mcp-protocol-version"),
        Just("mcp-method"),
        Just("mcp-name"),
        Just("mcp-session-id"),
        Just("accept"),
        Just("content-type"),
        Just("last-event-id"),
        Just("mcp-param-region"),
    ];
    let value = prop_oneof![
        Just("2026-07-28".to_owned()),
        Just("2025-03-26".to_owned()),
        Just("tools/call".to_owned()),
        Just("echo".to_owned()),
        "[!-~]{0,20}",
        Just("=?base64?!?=".to_owned()),
    ];
    (name.prop_map(str::to_owned), value)
}

/// What was sent, as far as anybody can read it.
struct Sent {
    /// A JSON value; none if it is not JSON.
    value: Option<Value>,
    /// The revision of the header, unless there is none.
    header: Option<String>,
}

impl Sent {
    fn new(body: &[u8], headers: &[(String, String)]) -> Self {
        let mut named = headers.iter().filter(|(name, _)| name == "mcp-protocol-version");
        let header = named.next().map(|(_, value)| value.clone());
        Self { value: serde_json::from_slice(body).ok(), header }
    }

    /// The id that an answer has to name. Of one that is written twice nobody knows which it is.
    fn id(&self) -> Option<&Value> {
        let id = self.value.as_ref()?.get("id")?;
        (id.is_string() || id.is_i64()).then_some(id)
    }

    fn claims_to_be_modern(&self) -> bool {
        let meta = self.value.as_ref().map(|value| &value["params"]["_meta"]);
        meta.is_some_and(|meta| meta.get(keys::PROTOCOL_VERSION).is_some())
    }

    /// What is wrong with a message that answers this; nothing if it is right.
    fn misfit(&self, message: &Value) -> Option<String> {
        let wrong = |what: &str| Some(format!("{what}: {message}"));
        if message["jsonrpc"] != "2.0" {
            return wrong("no message of JSON-RPC 2.0");
        }
        match (message.get("result"), message.get("error")) {
            (Some(result), None) if result.is_object() => {}
            (None, Some(error)) if error["message"].is_string() => {
                let Some(code) = error["code"].as_i64() else { return wrong("no code") };
                if code == -32700 && self.value.is_some() {
                    return wrong("it is JSON");
                }
                let sessions = self.header.as_deref() != Some("2026-07-28");
                let foreign = if self.claims_to_be_modern() { SESSIONS } else { STATELESS };
                if foreign.contains(&code) && (self.claims_to_be_modern() || sessions) {
                    return wrong("a code of the other era");
                }
            }
            _ => return wrong("neither a result nor an error"),
        }
        // A refusal of what could not be read as a whole may lack the id.
        match (message.get("id").filter(|id| !id.is_null()), self.id()) {
            (Some(named), Some(sent)) if named != sent => wrong("the id of something else"),
            (Some(_), None) => wrong("an id that was not sent"),
            (None, _) if message.get("error").is_none() => wrong("a result of nothing"),
            _ => None,
        }
    }
}

/// Codes that only sessions have: no such session, no such resource, a page first.
const SESSIONS: &[i64] = &[-32001, -32002, -32042];

/// Codes that only requests without sessions have.
const STATELESS: &[i64] = &[-32020, -32021, -32022];

/// The messages in an answer: of a body, or of a stream.
fn messages(answer: &Answer) -> Vec<Value> {
    let text = answer.text();
    match answer.header("content-type").and_then(|kind| kind.split(';').next()) {
        None => {
            assert_eq!(text, "", "{answer}");
            Vec::new()
        }
        Some("application/json") => vec![answer.json()],
        Some("text/event-stream") => {
            let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
            let data = data.map(str::trim).filter(|data| !data.is_empty());
            data.map(|data| serde_json::from_str(data).unwrap()).collect()
        }
        Some(other) => panic!("{other}: {answer}"),
    }
}

fn with(mut request: RequestBuilder, headers: &[(String, String)]) -> RequestBuilder {
    let given = |name: &str| headers.iter().any(|(each, _)| each == name);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    for (name, value) in RIGHT.into_iter().filter(|(name, _)| !given(name)) {
        request = request.header(name, value);
    }
    request
}

/// What is wrong with the answer to a POST; nothing if it is right.
fn misanswered(sent: &Sent, answer: &Answer) -> Option<String> {
    let status = answer.status.as_u16();
    if !STATUSES.contains(&status) {
        return Some(format!("{answer}"));
    }
    let messages = messages(answer);
    match (status, messages.as_slice()) {
        (202, []) => None,
        (200, [message]) => sent.misfit(message),
        // Nothing that was sent is a call, so nothing is said before the one answer.
        (400.., [message]) if message.get("error").is_some() => {
            let unread = status == 400 && sent.value.is_none();
            let misread = unread && message["error"]["code"] != -32700;
            misread.then(|| format!("it is no JSON: {answer}")).or_else(|| sent.misfit(message))
        }
        _ => Some(format!("not one answer: {answer}")),
    }
}

fn body() -> impl Strategy<Value = Bytes> {
    prop_oneof![3 => nearly(), 1 => any::<Vec<u8>>().prop_map(Bytes::from)]
}

fn on_one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn any_bytes_under_any_headers_get_one_answer() {
    let runtime = on_one_thread();
    let world = runtime.block_on(world());
    let http = Http::new(&world.base);
    let strategy = (body(), prop::collection::vec(header(), 0..3));
    let tried = TestRunner::default().run(&strategy, |(body, headers)| {
        let post = with(http.request(http::Method::POST, "/mcp"), &headers);
        let answer = runtime.block_on(http.send(post.body(body.clone())));
        let wrong = misanswered(&Sent::new(&body, &headers), &answer);
        prop_assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
        Ok(())
    });
    tried.unwrap();
    let still = runtime.block_on(world.modern().tool("echo", json!({ "message": "hi" })));
    assert_eq!(still.expect(200).result()["resultType"], Value::from("complete"));
}

/// No session has such a name, so nobody is let in: no stream opens, nothing ends.
#[test]
fn any_headers_without_a_body_get_one_refusal() {
    let runtime = on_one_thread();
    let world = runtime.block_on(world());
    let http = Http::new(&world.base);
    let verb = prop_oneof![Just(http::Method::GET), Just(http::Method::DELETE)];
    let strategy = (verb, prop::collection::vec(header(), 0..4));
    let tried = TestRunner::default().run(&strategy, |(verb, headers)| {
        let answer = runtime.block_on(http.send(with(http.request(verb, "/mcp"), &headers)));
        let status = answer.status.as_u16();
        prop_assert!([400, 404, 405, 406].contains(&status), "{answer}");
        let refused = answer.json();
        prop_assert!(refused["error"]["code"].is_i64(), "{answer}");
        prop_assert!(refused.get("id").is_none_or(Value::is_null), "{answer}");
        Ok(())
    });
    tried.unwrap();
}

/// Writes a line to a server of its own and a call after it; gives what comes before that is
/// answered.
async fn heard(server: &Server, line: &[u8]) -> Vec<Value> {
    let (here, there) = duplex(1 << 16);
    let (input, output) = split(there);
    let mut serving = JoinSet::new();
    let server = server.clone();
    serving.spawn(async move { server.serve_lines(BufReader::new(input), output).await });
    let (output, mut input) = split(here);
    let last = json!({ "jsonrpc": "2.0", "id": "last", "method": "server/discover", "params": {
        "_meta": { keys::PROTOCOL_VERSION: "2026-07-28", keys::CLIENT_CAPABILITIES: {} } } });
    input.write_all(&[line, b"\n", last.to_string().as_bytes(), b"\n"].concat()).await.unwrap();
    input.shutdown().await.unwrap();
    let mut heard = Vec::new();
    let mut lines = BufReader::new(output).lines();
    // The input has ended: the server answers what it has read, and ends as well.
    while let Some(line) = within(PATIENCE, lines.next_line()).await.unwrap() {
        heard.push(serde_json::from_str::<Value>(&line).unwrap());
    }
    let own = heard.iter().position(|message| message["id"] == "last");
    assert_eq!(heard.remove(own.expect("the pipe lives"))["result"]["resultType"], "complete");
    heard
}

#[test]
fn any_line_gets_one_answer_and_the_pipe_lives() {
    let runtime = on_one_thread();
    let world = runtime.block_on(world());
    // A line has no line in it, and a request of the name of the last one is none of these.
    let line = body().prop_map(|body| body.iter().copied().filter(|b| *b != b'\n').collect());
    let tried = TestRunner::default().run(&line, |line: Vec<u8>| {
        let heard = runtime.block_on(heard(&world.server, &line));
        let sent = Sent { header: Some("2026-07-28".to_owned()), ..Sent::new(&line, &[]) };
        let is_blank = line.iter().all(u8::is_ascii_whitespace);
        let asks = sent.id().is_some() || (sent.value.is_none() && !is_blank);
        prop_assert!(heard.len() <= 1 && (heard.len() == 1 || !asks), "{heard:?}");
        prop_assert!(sent.value.is_some() || heard.iter().all(|m| m["error"]["code"] == -32700));
        let wrong = heard.first().and_then(|message| sent.misfit(message));
        prop_assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
        Ok(())
    });
    tried.unwrap();
}
