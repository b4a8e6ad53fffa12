//! A client's model that is lent tools of this server, in both eras: what is asked is judged by the
//! schema and by the rules of conversations (`testkit::schema`).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use e2e::{Setup, World};
use serde_json::{Value, json};
use shared::mcp::Revision;
use testkit::rpc::{Modern, Script};

on_both_stores![
    a_session_lends_tools_and_tells_what_came_of_them,
    a_conversation_goes_on_at_another_instance,
    a_client_whose_model_has_no_use_for_tools_is_told_what_is_missing,
    a_model_is_asked_without_tools_as_ever,
    no_revision_before_has_them_whatever_the_client_declares,
    a_conversation_belongs_to_its_caller,
];

/// What a client says whose model uses tools.
fn able() -> Value {
    json!({ "sampling": { "tools": {} } })
}

fn asking() -> Value {
    let arguments = json!({ "prompt": "What is 2 + 3?", "toolChoice": "auto" });
    json!({ "name": "sampling-request", "arguments": arguments })
}

fn said(content: &Value) -> Value {
    json!({ "role": "assistant", "model": "stub", "content": content })
}

fn wants_a_sum() -> Value {
    let input = json!({ "a": 2, "b": 3 });
    said(&json!([{ "type": "tool_use", "id": "call-1", "name": "add", "input": input }]))
}

/// A model that wants a sum first, and then says what it was told.
fn adds() -> Script {
    Script::default().on("sampling/createMessage", |params| {
        let told = params["messages"].as_array().and_then(|messages| messages.get(2));
        match told {
            None => wants_a_sum(),
            Some(message) => said(&message["content"][0]["content"][0]),
        }
    })
}

const SUM: &str = "The sum of 2 and 3 is 5.";

async fn modern(world: &World) -> Modern {
    let alice = world.login("alice").await;
    world.modern(alice.access()).capabilities(able()).script(adds())
}

async fn a_session_lends_tools_and_tells_what_came_of_them(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let session = world.session(alice.access()).capabilities(able()).script(adds()).open().await;
    let reply = session.call("tools/call", asking()).await.expect(200);
    assert!(reply.content_text().contains(SUM), "{reply}");
    let questions = session.questions();
    let [first, second] = questions.as_slice() else { panic!("{questions:?}") };
    let lent = first["params"]["tools"].as_array().expect("tools");
    let names: Vec<_> = lent.iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["add", "get-structured-content"]);
    assert_eq!(first["params"]["toolChoice"], json!({ "mode": "auto" }));
    let told = &second["params"]["messages"][2];
    assert_eq!(told["content"][0]["toolUseId"], "call-1");
    assert_eq!(told["content"][0]["content"][0]["text"], SUM);
}

async fn a_conversation_goes_on_at_another_instance(setup: Setup) {
    let key = "ab".repeat(32);
    let world = setup.setting("MCP_STATE_KEY", &key).instances(2).start().await;
    let here = modern(&world).await;
    let there = here.clone().at(&world.endpoint_at(1));
    let first = here.call("tools/call", asking()).await.expect(200);
    let asked = &first.result()["inputRequests"]["sample"];
    assert_eq!(asked["method"], "sampling/createMessage");
    assert_eq!(asked["params"]["tools"][0]["name"], "add");
    let second = there.call("tools/call", here.with_answers(asking(), first.result())).await;
    let told = &second.result()["inputRequests"]["sample-2"]["params"]["messages"];
    assert_eq!(told[1]["content"], wants_a_sum()["content"]);
    assert_eq!(told[2]["content"][0]["content"][0]["text"], SUM);
    let third = here.call("tools/call", here.with_answers(asking(), second.result())).await;
    assert!(third.content_text().contains(SUM), "{third}");
}

async fn a_client_whose_model_has_no_use_for_tools_is_told_what_is_missing(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let plain = json!({ "sampling": {} });
    let modern = world.modern(alice.access()).capabilities(plain.clone());
    let refused = modern.call("tools/call", asking()).await.expect_error(400, -32021);
    let needed = json!({ "sampling": { "tools": {} } });
    assert_eq!(refused.error()["data"]["requiredCapabilities"], needed);
    let session = world.session(alice.access()).capabilities(plain).script(adds()).open().await;
    let failed = session.call("tools/call", asking()).await.expect(200);
    assert_eq!(failed.result()["isError"], true);
    assert!(session.questions().is_empty());
}

async fn a_model_is_asked_without_tools_as_ever(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let says = |_: &Value| said(&json!({ "type": "text", "text": "hello" }));
    let script = Script::default().on("sampling/createMessage", says);
    let opening = world.session(alice.access()).capabilities(json!({ "sampling": {} }));
    let session = opening.script(script).open().await;
    let reply = session.tool("sampling-request", json!({ "prompt": "hi" })).await.expect(200);
    assert!(reply.content_text().contains("hello"));
    let asked = &session.questions()[0]["params"];
    assert!(asked.get("tools").is_none() && asked.get("toolChoice").is_none(), "{asked}");
}

async fn no_revision_before_has_them_whatever_the_client_declares(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    for revision in [Revision::V2025_06_18, Revision::V2025_03_26] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let script = Script::default().on("sampling/createMessage", move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            wants_a_sum()
        });
        let opening = world.session(alice.access()).revision(revision).capabilities(able());
        let session = opening.script(script).open().await;
        let failed = session.call("tools/call", asking()).await.expect(200);
        assert_eq!(failed.result()["isError"], true, "{revision}");
        assert_eq!(asked.load(Ordering::SeqCst), 0, "{revision}");
    }
}

async fn a_conversation_belongs_to_its_caller(setup: Setup) {
    let world = setup.start().await;
    let alice = modern(&world).await;
    let bob = world.login("bob").await;
    let bob = world.modern(bob.access()).capabilities(able()).script(adds());
    let first = alice.call("tools/call", asking()).await.expect(200);
    let stolen = alice.with_answers(asking(), first.result());
    let _ = bob.call("tools/call", stolen.clone()).await.expect_error(200, -32602);
    let mut forged = stolen;
    forged["inputResponses"]["sample"] = said(&json!({ "type": "text", "text": "other words" }));
    let reply = alice.call("tools/call", forged).await.expect(200);
    assert!(reply.content_text().contains("other words"), "its own answers are its own");
}
