//! 2026-07-28: what every message has and what it must not change.

use serde_json::{Value, json};
use shared::mcp::keys;
use testkit::rpc::{Draft, Modern};

use crate::world::world;

const INFO: &str = "io.modelcontextprotocol/clientInfo";

/// Everything that is answered with a result here, with parameters that are right.
fn requests(modern: &Modern) -> [Draft; 7] {
    let skill = "skill://test/knots";
    [
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "echo", "arguments": { "message": "hi" } })),
        ("resources/list", json!({})),
        ("resources/read", json!({ "uri": "test://watched" })),
        ("skills/list", json!({})),
        ("resources/directory/read", json!({ "uri": skill })),
    ]
    .map(|(method, params)| modern.draft(method, params))
}

#[tokio::test]
async fn every_result_names_the_server_and_says_that_it_is_complete() {
    let world = world().await;
    let modern = world.modern();
    for draft in requests(&modern) {
        let reply = modern.send(draft).await.expect(200);
        let result = reply.result();
        assert_eq!(result["_meta"][keys::SERVER_INFO]["name"], "test", "{result}");
        assert_eq!(result["resultType"], "complete");
    }
}

#[tokio::test]
async fn neither_the_name_of_a_client_nor_what_it_can_changes_what_is_listed() {
    let world = world().await;
    let able = json!({ "elicitation": {}, "sampling": {}, "roots": {},
        "extensions": { "io.modelcontextprotocol/tasks": {}, "io.modelcontextprotocol/ui": {} } });
    let (plain, able) = (world.modern(), world.modern().capabilities(able));
    for (one, other) in requests(&plain).into_iter().zip(requests(&able)) {
        let named = other.meta(INFO, json!({ "name": "somebody-else", "version": "9" }));
        let (one, other) = (plain.send(one).await, able.send(named).await);
        assert_eq!(one.expect(200).result(), other.expect(200).result());
    }
}

#[tokio::test]
async fn a_client_need_not_say_its_name() {
    let world = world().await;
    let draft = world.modern().draft("tools/list", json!({})).without_meta(INFO);
    drop(world.modern().send(draft).await.expect(200));
}

#[tokio::test]
async fn extensions_that_nobody_knows_and_their_settings_are_ignored() {
    let world = world().await;
    let strange = json!({ "extensions": { "com.example/strange": { "deep": { "a": "b" } } } });
    let modern = world.modern().capabilities(strange);
    assert_eq!(modern.tool("echo", json!({ "message": "hi" })).await.content_text(), "hi");
}

#[tokio::test]
async fn a_notification_is_202_without_a_body_and_an_unknown_one_is_dropped() {
    let world = world().await;
    let modern = world.modern();
    for method in ["notifications/cancelled", "notifications/made-up"] {
        let params = json!({ "requestId": 99 });
        let message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        let draft = modern.draft(method, json!({})).message(message).malformed();
        let reply = modern.send(draft).await.expect(202);
        assert_eq!((reply.text.as_str(), reply.messages.len()), ("", 0));
    }
}

#[tokio::test]
async fn a_notification_that_claims_what_is_not_spoken_is_refused() {
    let world = world().await;
    let modern = world.modern();
    let method = "notifications/cancelled";
    let draft = |meta: Value| {
        let params = json!({ "requestId": 99, "_meta": meta });
        let message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        modern.draft(method, json!({})).message(message).without_header("mcp-protocol-version")
    };
    let claims = draft(json!({ keys::PROTOCOL_VERSION: "2026-07-28" })).malformed();
    drop(modern.send(claims).await.expect(202));
    for (version, code) in
        [(json!(5), -32602), (json!("v9"), -32022), (json!("2025-06-18"), -32022)]
    {
        let draft = draft(json!({ keys::PROTOCOL_VERSION: version }));
        drop(modern.send(draft).await.expect_error(400, code));
    }
}

#[tokio::test]
async fn keys_of_extensions_have_a_prefix() {
    let world = world().await;
    let reply = world.modern().call("server/discover", json!({})).await.expect(200);
    let extensions = reply.result()["capabilities"]["extensions"].as_object().unwrap();
    assert!(!extensions.is_empty());
    let session = world.session().await;
    let of_session = session.initialized["capabilities"].get("extensions");
    let of_session = of_session.and_then(Value::as_object).into_iter().flatten();
    for (key, _) in extensions.iter().chain(of_session) {
        let (prefix, name) = key.split_once('/').unwrap();
        assert!(prefix.contains('.') && !name.is_empty(), "{key}");
    }
}

#[tokio::test]
async fn what_is_declared_is_served_and_what_is_not_is_not_found() {
    let world = world().await;
    let modern = world.modern();
    let discovered = modern.call("server/discover", json!({})).await.expect(200);
    let declared = &discovered.result()["capabilities"];
    for (capability, method) in
        [("tools", "tools/list"), ("resources", "resources/list"), ("prompts", "prompts/list")]
    {
        let reply = modern.call(method, json!({})).await;
        let status = if declared.get(capability).is_some() { 200 } else { 404 };
        drop(reply.expect(status));
    }
    assert!(declared.get("prompts").is_none() && declared.get("tools").is_some());
}

#[tokio::test]
async fn a_call_has_no_hints_for_caches_and_no_task_unless_it_is_one() {
    let world = world().await;
    let params = json!({ "name": "echo", "arguments": { "message": "hi" } });
    let draft = world.modern().draft("tools/call", params).param("task", json!({ "ttl": 1000 }));
    let reply = world.modern().send(draft).await.expect(200);
    let members: Vec<_> = ["ttlMs", "cacheScope", "taskId", "task"]
        .into_iter()
        .filter(|member| reply.result().get(member).is_some())
        .collect();
    assert_eq!(members, [""; 0]);
}

#[tokio::test]
async fn a_log_level_that_is_none_is_refused() {
    let world = world().await;
    let draft = world.modern().draft("tools/list", json!({}));
    let draft = draft.meta("io.modelcontextprotocol/logLevel", Value::from("loud"));
    drop(world.modern().send(draft).await.expect_error(400, -32602));
}
