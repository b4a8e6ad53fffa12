//! Nothing is asked of a client that has not said it can answer, and nothing is told that it has not
//! asked for (2026-07-28 basic/index and server/utilities/logging).

use e2e::{Setup, World};
use serde_json::{Value, json};
use shared::mcp::Revision;
use testkit::rpc::{Modern, Script};

on_both_stores![
    each_question_needs_what_it_needs_and_no_more,
    a_form_has_the_shape_of_the_revision_that_is_asked,
    the_level_of_a_session_is_not_that_of_a_request,
    a_request_is_told_of_its_level_and_above,
];

async fn modern(world: &World, capabilities: Value) -> Modern {
    let alice = world.login("alice").await;
    world.modern(alice.access()).capabilities(capabilities)
}

async fn each_question_needs_what_it_needs_and_no_more(setup: Setup) {
    let world = setup.start().await;
    let page = json!({ "url": "https://example.com/a" });
    let prompt = json!({ "prompt": "hi" });
    for (tool, arguments, has, needed) in [
        ("elicitation-request", json!({}), json!({}), json!({ "elicitation": {} })),
        (
            "elicitation-request",
            json!({}),
            json!({ "elicitation": { "url": {} } }),
            json!({ "elicitation": {} }),
        ),
        (
            "url-elicitation",
            page.clone(),
            json!({ "elicitation": {} }),
            json!({ "elicitation": { "url": {} } }),
        ),
        (
            "url-elicitation",
            page,
            json!({ "elicitation": { "form": {} } }),
            json!({ "elicitation": { "url": {} } }),
        ),
        ("sampling-request", prompt, json!({ "roots": {} }), json!({ "sampling": {} })),
        ("get-roots-list", json!({}), json!({ "sampling": {} }), json!({ "roots": {} })),
    ] {
        let client = modern(&world, has).await;
        let refused = client.tool(tool, arguments).await.expect_error(400, -32021);
        let told = &refused.error()["data"]["requiredCapabilities"];
        assert_eq!(told, &needed, "{tool}");
    }
}

async fn a_form_has_the_shape_of_the_revision_that_is_asked(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let older = Revision::V2025_06_18;
    // What is asked is held against the schema of the revision by the client itself.
    let content = json!({ "name": "Ada", "untitledMultipleSelectEnum": "Piano" });
    let answer = json!({ "action": "accept", "content": content });
    let script = Script::default().on("elicitation/create", move |_| answer.clone());
    let able = json!({ "elicitation": {} });
    let opening = world.session(alice.access()).revision(older).capabilities(able);
    let session = opening.script(script).open().await;
    let reply = session.tool("elicitation-request", json!({})).await.expect(200);
    let form = session.questions()[0]["params"]["requestedSchema"]["properties"].clone();
    assert_eq!(form["untitledMultipleSelectEnum"]["type"], "string");
    assert!(reply.result().to_string().contains("Favorite Instruments: Piano"), "{reply}");
}

async fn the_level_of_a_session_is_not_that_of_a_request(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let session = world.session(alice.access()).open().await;
    let level = json!({ "level": "debug" });
    let _ = session.call("logging/setLevel", level).await.expect(200);
    let silent = world.modern(alice.access()).tool("toggle-logging", json!({})).await.expect(200);
    assert!(!silent.streamed && silent.notifications("notifications/message").is_empty());
}

async fn a_request_is_told_of_its_level_and_above(setup: Setup) {
    let world = setup.start().await;
    let client = modern(&world, json!({})).await;
    let call = |level: &str| {
        let params = json!({ "name": "toggle-logging", "arguments": {} });
        let draft = client.draft("tools/call", params);
        draft.meta("io.modelcontextprotocol/logLevel", level)
    };
    let told = client.send(call("debug")).await.expect(200);
    assert_eq!(told.notifications("notifications/message").len(), 1);
    for _ in 0..5 {
        let told = client.send(call("emergency")).await.expect(200);
        let levels: Vec<_> = told.notifications("notifications/message");
        assert!(levels.iter().all(|note| note["level"] == "emergency"), "{told}");
    }
}
