//! The clients against a server that says exactly what a test has written down.

use serde_json::{Value, json};

use super::{Ending, Modern, Script, Session};
use crate::played::{answer, play};

const STREAM: &str = "content-type: text/event-stream\r\nx-accel-buffering: no\r\n";
const JSON: &str = "content-type: application/json\r\n";

fn event(message: &Value) -> String {
    format!("data: {message}\n\n")
}

fn result(id: u64, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

fn complete() -> Value {
    json!({"resultType": "complete", "content": [{"type": "text", "text": "done"}]})
}

fn progress(value: u64) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/progress",
        "params": {"progressToken": "t", "progress": value}})
}

async fn call(answer: String) -> super::Reply {
    let played = play([answer]).await;
    Modern::new(&played.url("/mcp")).tool("x", json!({})).await
}

#[tokio::test]
async fn a_modern_request_says_everything_twice() {
    let played = play([answer(200, JSON, &result(1, &complete()).to_string())]).await;
    let client = Modern::new(&played.url("/mcp")).bearer("t").capabilities(json!({"roots": {}}));
    assert_eq!(client.tool("größe", json!({})).await.content_text(), "done");
    let requests = played.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    for field in [
        "authorization: Bearer t",
        "mcp-protocol-version: 2026-07-28",
        "mcp-method: tools/call",
        "mcp-name: =?base64?Z3LDtsOfZQ==?=",
        "content-type: application/json",
    ] {
        assert!(head.lines().any(|line| line == field), "`{field}` in {head}");
    }
    let meta = &serde_json::from_str::<Value>(body).unwrap()["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({"roots": {}}));
}

#[tokio::test]
async fn a_stream_is_read_to_its_answer() {
    let body = format!(":\n\n{}{}", event(&progress(1)), event(&progress(2)));
    let body = body + &event(&result(1, &complete()));
    let reply = call(answer(200, STREAM, &body)).await;
    assert!(reply.streamed);
    assert_eq!(reply.notifications("notifications/progress").len(), 2);
    assert_eq!(reply.content_text(), "done");
}

#[tokio::test]
#[should_panic(expected = "progress grows")]
async fn progress_that_stands_still_is_found() {
    let body = [progress(1), progress(1)].iter().map(event).collect::<Vec<_>>().concat();
    call(answer(200, STREAM, &body)).await;
}

#[tokio::test]
#[should_panic(expected = "a request is over")]
async fn nothing_follows_the_answer() {
    let body = [result(1, &complete()), progress(1)].iter().map(event).collect::<Vec<_>>().concat();
    call(answer(200, STREAM, &body)).await;
}

#[tokio::test]
#[should_panic(expected = "has no sessions")]
async fn a_session_id_on_a_modern_answer_is_found() {
    let fields = format!("{JSON}mcp-session-id: s\r\n");
    call(answer(200, &fields, &result(1, &complete()).to_string())).await;
}

#[tokio::test]
#[should_panic(expected = "does not allow")]
async fn a_message_is_held_against_its_schema_without_being_asked() {
    call(answer(200, JSON, &result(1, &json!({"content": []})).to_string())).await;
}

#[tokio::test]
#[should_panic(expected = "carries a JSON-RPC error")]
async fn a_refusal_in_another_language_is_found() {
    call(answer(400, "content-type: text/plain\r\n", "no")).await;
}

#[tokio::test]
#[should_panic(expected = "the status of")]
async fn an_error_comes_with_its_status() {
    let error = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no"}});
    call(answer(200, JSON, &error.to_string())).await;
}

#[tokio::test]
async fn a_line_that_breaks_is_told_from_an_end() {
    let body = event(&progress(1));
    let fields = format!("{STREAM}content-length: 999\r\n");
    let played = play([answer(200, &fields, &body)]).await;
    let client = Modern::new(&played.url("/mcp"));
    let mut exchange = client.open(client.draft("tools/call", json!({"name": "x"}))).await;
    assert!(exchange.next().await.is_some());
    assert_eq!(exchange.ending(), Ending::Open);
    assert!(exchange.next().await.is_none());
    assert_eq!(exchange.ending(), Ending::Broken);
}

#[tokio::test]
async fn a_conversation_gives_answers_and_state_back() {
    let ask = json!({"resultType": "input_required", "requestState": "s",
        "inputRequests": {"q": {"method": "roots/list"}}});
    let answers = [result(1, &ask), result(2, &complete())];
    let played = play(answers.map(|message| answer(200, JSON, &message.to_string()))).await;
    let script = Script::default().on("roots/list", |_| json!({"roots": []}));
    let client = Modern::new(&played.url("/mcp")).script(script);
    let replies = client.converse("tools/call", json!({"name": "x"})).await;
    assert_eq!(replies.len(), 2);
    let requests = played.requests();
    assert!(requests[1].contains(r#""inputResponses":{"q":{"roots":[]}}"#));
    assert!(requests[1].contains(r#""requestState":"s""#));
}

fn initialized() -> [String; 2] {
    let opened = result(
        0,
        &json!({"protocolVersion": "2025-11-25", "capabilities": {},
        "serverInfo": {"name": "s", "version": "1"}}),
    );
    let fields = format!("{JSON}mcp-session-id: abc\r\n");
    [answer(200, &fields, &opened.to_string()), answer(202, "", "")]
}

#[tokio::test]
async fn a_session_answers_what_the_server_asks() {
    let question = json!({"jsonrpc": "2.0", "id": "q", "method": "roots/list"});
    let text = json!({"content": [{"type": "text", "text": "done"}]});
    let body = event(&question) + &event(&result(1, &text));
    let [opened, accepted] = initialized();
    let played = play([opened, accepted.clone(), answer(200, STREAM, &body), accepted]).await;
    let script = Script::default().on("roots/list", |_| json!({"roots": []}));
    let session = Session::opening(&played.url("/mcp")).script(script).open().await;
    assert_eq!(session.tool("x", json!({})).await.content_text(), "done");
    assert_eq!(session.questions(), [question]);
    let requests = played.requests();
    assert!(requests[3].contains(r#"{"jsonrpc":"2.0","id":"q","result":{"roots":[]}}"#));
    assert!(requests[1..].iter().all(|request| request.contains("mcp-session-id: abc")));
}

#[tokio::test]
async fn a_session_comes_back_for_an_answer() {
    let text = json!({"content": [{"type": "text", "text": "done"}]});
    let first = "id: 7\nretry: 1\ndata:\n\n";
    let second = format!("id: 8\n{}", event(&result(1, &text)));
    let [opened, accepted] = initialized();
    let streams = [first, &second].map(|body| answer(200, STREAM, body));
    let played = play([opened, accepted].into_iter().chain(streams)).await;
    let session = Session::opening(&played.url("/mcp")).open().await;
    assert_eq!(session.tool("x", json!({})).await.content_text(), "done");
    let requests = played.requests();
    assert!(requests[3].starts_with("GET /mcp "));
    assert!(requests[3].contains("last-event-id: 7"));
}

#[tokio::test]
#[should_panic(expected = "without saying that it is wrong")]
async fn what_a_server_accepts_has_to_be_right() {
    let [opened, accepted] = initialized();
    let played = play([opened, accepted.clone(), accepted]).await;
    let session = Session::opening(&played.url("/mcp")).open().await;
    let _ = session.notify("notifications/progress", json!({})).await;
}

#[tokio::test]
async fn what_is_refused_or_wrong_on_purpose_may_be_wrong() {
    let [opened, accepted] = initialized();
    let refusal = json!({"jsonrpc": "2.0", "error": {"code": -32600, "message": "no"}});
    let refused = answer(400, JSON, &refusal.to_string());
    let played = play([opened, accepted.clone(), refused, accepted]).await;
    let session = Session::opening(&played.url("/mcp")).open().await;
    assert_eq!(session.notify("notifications/progress", json!({})).await.status, 400);
    let wrong = session.post(json!({"jsonrpc": "2.0", "method": "x"})).malformed();
    assert_eq!(session.send(wrong).await.status, 202);
}
