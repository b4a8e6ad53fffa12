//! Questions that a client answers as tasks of its own, in the revision that has them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use e2e::{Setup, World};
use serde_json::{Value, json};
use shared::mcp::Revision;
use testkit::rpc::{Script, Session};

on_both_stores![
    a_model_that_takes_its_time_is_followed_to_the_end,
    a_form_that_takes_its_time_is_followed_to_the_end,
    a_client_may_answer_at_once,
    a_client_without_tasks_is_not_asked,
    other_revisions_do_not_know_the_tools,
];

const TIMES: [(&str, &str); 2] =
    [("createdAt", "2026-01-01T00:00:00Z"), ("lastUpdatedAt", "2026-01-01T00:00:00Z")];

fn task(status: &str, message: &str) -> Value {
    let mut task =
        json!({ "taskId": "ct1", "status": status, "statusMessage": message, "ttl": 300_000 });
    for (name, time) in TIMES {
        task[name] = time.into();
    }
    task
}

/// A client that makes a task of every question, which is done at the second look.
fn slow(result: &Value) -> Script {
    let (looks, result) = (Arc::new(AtomicUsize::new(0)), result.clone());
    let created = |_: &Value| json!({ "task": task("working", "begun") });
    Script::default()
        .on("sampling/createMessage", created)
        .on("elicitation/create", created)
        .on("tasks/get", move |_| match looks.fetch_add(1, Ordering::SeqCst) {
            0 => task("working", "p1"),
            _ => task("completed", "p2"),
        })
        .on("tasks/result", move |_| result.clone())
}

fn able() -> Value {
    let requests = json!({ "sampling": { "createMessage": {} }, "elicitation": { "create": {} } });
    json!({ "sampling": {}, "elicitation": {}, "tasks": { "requests": requests } })
}

async fn session(setup: Setup, capabilities: Value, script: Script) -> (World, Session) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let opening = world.session(alice.access()).capabilities(capabilities).script(script);
    let session = opening.open().await;
    (world, session)
}

fn reply() -> Value {
    let content = json!({ "type": "text", "text": "async reply" });
    json!({ "role": "assistant", "model": "stub", "content": content })
}

const FOLLOWED: &str = "Task created: ct1\nPoll 1: working - p1\nPoll 2: completed - p2";

async fn a_model_that_takes_its_time_is_followed_to_the_end(setup: Setup) {
    let (_world, session) = session(setup, able(), slow(&reply())).await;
    let prompt = json!({ "prompt": "hello", "maxTokens": 5 });
    let told = session.tool("sampling-request-async", prompt).await.expect(200);
    let text = told.content_text();
    let start = format!("[COMPLETED] Async sampling completed!\n\n**Progress:**\n{FOLLOWED}\n\n");
    assert!(text.starts_with(&start), "{text}");
    let result = text.split("**Result:**\n").nth(1).expect("a result");
    assert_eq!(serde_json::from_str::<Value>(result).expect("it is JSON"), reply());
    let asked: Vec<_> = session.questions();
    assert_eq!(asked[0]["params"]["task"], json!({ "ttl": 300_000 }));
    assert_eq!(asked[0]["params"]["maxTokens"], 5);
    let methods: Vec<_> = asked.iter().skip(1).map(|one| one["method"].clone()).collect();
    assert_eq!(methods, ["tasks/get", "tasks/get", "tasks/result"]);
}

async fn a_form_that_takes_its_time_is_followed_to_the_end(setup: Setup) {
    let content = json!({ "name": "Ada", "favoriteColor": "Blue", "agreeToTerms": true });
    let result = json!({ "action": "accept", "content": content });
    let (_world, session) = session(setup, able(), slow(&result)).await;
    let told = session.tool("trigger-elicitation-request-async", json!({})).await.expect(200);
    let content = &told.result()["content"];
    assert_eq!(content[0]["text"], "[COMPLETED] User provided the requested information!");
    let last = content[2]["text"].as_str().expect("a text");
    assert!(last.starts_with(&format!("\nProgress:\n{FOLLOWED}\n\nRaw result: ")), "{last}");
    let form = &session.questions()[0]["params"]["requestedSchema"];
    let colors = json!(["Red", "Blue", "Green", "Yellow", "Purple"]);
    assert_eq!(form["properties"]["favoriteColor"]["enum"], colors);
    assert_eq!(form["required"], json!(["name"]));
}

async fn a_client_may_answer_at_once(setup: Setup) {
    let script = Script::default().on("sampling/createMessage", |_| reply());
    let (_world, session) = session(setup, able(), script).await;
    let prompt = json!({ "prompt": "hello" });
    let told = session.tool("trigger-sampling-request-async", prompt).await.expect(200);
    assert!(told.content_text().starts_with("[SYNC] Client executed synchronously:\n{"), "{told}");
}

async fn a_client_without_tasks_is_not_asked(setup: Setup) {
    let plain = json!({ "sampling": {}, "elicitation": {} });
    let (_world, session) = session(setup, plain, slow(&reply())).await;
    let told = session.tool("elicitation-request-async", json!({})).await.expect(200);
    assert_eq!(told.result()["isError"], true, "{told}");
    assert!(session.questions().is_empty());
}

async fn other_revisions_do_not_know_the_tools(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let older = world.session(alice.access()).revision(Revision::V2025_06_18).open().await;
    let listed = older.call("tools/list", json!({})).await.expect(200);
    assert!(!listed.result().to_string().contains("-async"), "{listed}");
    let _ = older.tool("elicitation-request-async", json!({})).await.expect_error(200, -32602);
    let modern = world.modern(alice.access());
    let _ = modern.tool("elicitation-request-async", json!({})).await.expect_error(200, -32602);
}
