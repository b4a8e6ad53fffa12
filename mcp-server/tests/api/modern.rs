//! 2026-07-28: stateless requests.

use serde_json::json;
use shared::mcp::{Revision, keys};
use testkit::rpc::Script;

use crate::world::{instance, world};

fn asking() -> serde_json::Value {
    json!({ "elicitation": {} })
}

fn alice() -> Script {
    Script::default()
        .on("elicitation/create", |_| json!({ "action": "accept", "content": { "name": "Alice" } }))
}

#[tokio::test]
async fn discover_says_who_answers_and_what_is_spoken() {
    let world = world().await;
    let reply = world.modern().call("server/discover", json!({})).await.expect(200);
    let result = reply.result();
    assert_eq!(result["supportedVersions"][0], Revision::V2026_07_28.as_str());
    assert_eq!(result["_meta"][keys::SERVER_INFO]["name"], "test");
    assert!(result["capabilities"]["tools"].is_object());
    assert!(result["capabilities"].get("prompts").is_none(), "none are offered");
}

#[tokio::test]
async fn tools_are_listed_in_their_order_and_called() {
    let world = world().await;
    let reply = world.modern().call("tools/list", json!({})).await.expect(200);
    let tools = reply.result()["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let (first, last) = (names.first().unwrap(), names.last().unwrap());
    assert_eq!((names.len(), *first, *last), (15, "echo", "vault"), "{names:?}");
    let reply = world.modern().tool("echo", json!({ "message": "hi" })).await.expect(200);
    assert!(!reply.streamed);
    assert_eq!(reply.content_text(), "hi");
}

#[tokio::test]
async fn progress_turns_the_answer_into_a_stream() {
    let world = world().await;
    let modern = world.modern();
    let draft = modern.draft("tools/call", json!({ "name": "report", "arguments": {} }));
    let reply = modern.send(draft.meta("progressToken", "p")).await.expect(200);
    assert!(reply.streamed);
    let progress = reply.notifications("notifications/progress");
    assert_eq!(progress.len(), 2);
    assert_eq!(progress[0]["progressToken"], "p");
    assert_eq!(reply.content_text(), "done");
}

#[tokio::test]
async fn without_a_token_nothing_is_said_of_progress() {
    let world = world().await;
    let reply = world.modern().tool("report", json!({})).await.expect(200);
    assert!(!reply.streamed);
}

#[tokio::test]
async fn a_question_is_an_answer_and_its_answer_a_new_request() {
    let world = world().await;
    let modern = world.modern().capabilities(asking()).script(alice());
    let params = json!({ "name": "ask", "arguments": {} });
    let replies = modern.converse("tools/call", params).await;
    assert_eq!(replies[0].result()["inputRequests"]["who"]["method"], "elicitation/create");
    assert!(replies[0].result()["requestState"].is_string());
    assert_eq!(replies[1].content_text(), "Hello, Alice!");
}

#[tokio::test]
async fn a_question_asked_here_is_answered_at_another_instance() {
    let clock = ambient::Clock::manual(ambient::Timestamp::from_secs(1_800_000_000));
    let store = store::Store::memory(clock.clone());
    let key = "ab".repeat(32);
    let settings = [("MCP_AUTH", "none"), ("MCP_STATE_KEY", key.as_str())];
    let here = instance(&store, clock.clone(), &settings).await;
    let there = instance(&store, clock, &settings).await;
    let modern = here.modern().capabilities(asking()).script(alice());
    let params = json!({ "name": "ask", "arguments": {} });
    let first = modern.call("tools/call", params.clone()).await.expect(200);
    let again = modern.with_answers(params, first.result());
    let second = modern.at(&there.endpoint()).call("tools/call", again).await.expect(200);
    assert_eq!(second.content_text(), "Hello, Alice!");
}

#[tokio::test]
async fn a_state_that_was_tampered_with_or_is_of_another_call_is_refused() {
    let world = world().await;
    let modern = world.modern().capabilities(asking()).script(alice());
    let params = json!({ "name": "ask", "arguments": {} });
    let first = modern.call("tools/call", params.clone()).await.expect(200);
    let mut again = modern.with_answers(params, first.result());
    let state = again["requestState"].as_str().unwrap().to_owned();
    again["requestState"] = json!(format!("{state}-TAMPERED"));
    drop(modern.call("tools/call", again.clone()).await.expect_error(200, -32602));
    again["requestState"] = json!(state);
    again["arguments"] = json!({ "other": 1 });
    drop(modern.call("tools/call", again).await.expect_error(200, -32602));
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_is_told_what_is_missing() {
    let world = world().await;
    let reply = world.modern().tool("ask", json!({})).await.expect_error(400, -32021);
    assert!(reply.error()["data"]["requiredCapabilities"]["elicitation"].is_object());
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_call() {
    let mut world = world().await;
    let modern = world.modern();
    let draft = modern.draft("tools/call", json!({ "name": "stay", "arguments": {} }));
    {
        let mut opening = Box::pin(modern.open(draft));
        tokio::select! {
            _ = &mut opening => panic!("the call stays"),
            () = world.happened("started") => {}
        }
    }
    world.happened("dropped").await;
}

#[tokio::test]
async fn removed_and_unknown_methods_are_not_found() {
    let world = world().await;
    for method in
        ["initialize", "ping", "logging/setLevel", "resources/subscribe", "x", "prompts/list"]
    {
        drop(world.modern().call(method, json!({})).await.expect_error(404, -32601));
    }
}

#[tokio::test]
async fn headers_must_repeat_the_body() {
    let world = world().await;
    let modern = world.modern();
    let call =
        || modern.draft("tools/call", json!({ "name": "echo", "arguments": { "message": "x" } }));
    let wrong = [
        call().without_header("mcp-method"),
        call().header("mcp-method", "tools/list"),
        call().header("mcp-method", "TOOLS/CALL"),
        call().without_header("mcp-name"),
        call().header("mcp-name", "add"),
        call().header("mcp-name", "=?base64?ZWNobw?="),
        call().without_header("mcp-protocol-version"),
        call().header("mcp-protocol-version", "2025-11-25"),
    ];
    for draft in wrong {
        drop(modern.send(draft).await.expect_error(400, -32020));
    }
    let encoded = call().header("mcp-name", "=?base64?ZWNobw==?=");
    drop(modern.send(encoded).await.expect(200));
}

#[tokio::test]
async fn a_stray_session_header_is_ignored() {
    let world = world().await;
    let modern = world.modern();
    let draft = modern.draft("tools/list", json!({})).header("mcp-session-id", "stray");
    drop(modern.send(draft).await.expect(200));
}

#[tokio::test]
async fn a_silent_call_becomes_a_stream_so_that_nobody_takes_it_for_dead() {
    let mut world = world().await;
    let modern = world.modern();
    let draft = modern.draft("tools/call", json!({ "name": "stay", "arguments": {} }));
    let mut opening = Box::pin(modern.open(draft));
    tokio::select! {
        _ = &mut opening => panic!("the call stays"),
        () = world.happened("started") => {}
    }
    world.clock.advance(std::time::Duration::from_secs(15));
    let exchange = opening.await;
    assert!(exchange.is_stream());
    world.clock.advance(std::time::Duration::from_secs(45));
    assert_eq!(exchange.finish().await.content_text(), "stayed");
}
