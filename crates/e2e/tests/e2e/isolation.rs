//! Two users in two sessions at two instances: what one does, the other neither sees nor feels.

use std::time::Duration;

use ambient::Clock;
use e2e::{Setup, World};
use serde_json::{Value, json};
use shared::mcp::TASKS_EXTENSION;
use testkit::rpc::{Exchange, Session};

on_both_stores![
    a_task_is_unknown_to_everybody_else,
    a_task_without_sessions_is_unknown_to_everybody_else,
    log_messages_come_to_the_session_that_switched_them_on,
    updates_come_to_the_session_that_subscribed_and_switched_them_on,
    the_end_of_one_session_leaves_the_toggles_of_another,
    a_file_of_the_same_name_is_another_for_everybody,
    nobody_cancels_the_call_of_another,
    a_stream_goes_on_at_another_instance,
];

/// A clock that stands still at a moment that Redis, which keeps its own time, would tell too.
fn standing() -> Clock {
    Clock::manual(Clock::system().now())
}

/// Alice at the first instance, Bob at the second.
async fn alice_and_bob(setup: Setup) -> (World, Session, Session) {
    let world = setup.instances(2).start().await;
    let [alice, bob] = [world.login("alice").await, world.login("bob").await];
    let alices = crate::support::session(&world, alice.access()).await;
    let bobs = crate::support::session(&world, bob.access()).await;
    let bobs = bobs.at(&world.endpoint_at(1));
    (world, alices, bobs)
}

/// Ends a session, and gives what its stream has told.
async fn all_of(session: &Session, stream: Exchange) -> Vec<Value> {
    let _ = session.end().await.expect(204);
    stream.finish().await.messages
}

async fn a_task_is_unknown_to_everybody_else(setup: Setup) {
    let (_world, alice, bob) = alice_and_bob(setup.clock(standing())).await;
    let research =
        json!({ "name": "simulate-research-query", "arguments": { "topic": "a" }, "task": {} });
    let created = alice.call("tools/call", research).await.expect(200);
    let task = json!({ "taskId": created.result()["task"]["taskId"] });
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        let _ = bob.call(method, task.clone()).await.expect_error(200, -32602);
    }
    let listed = async |session: &Session| {
        let list = session.call("tasks/list", json!({})).await.expect(200);
        list.result()["tasks"].as_array().map(Vec::len)
    };
    assert_eq!((listed(&alice).await, listed(&bob).await), (Some(1), Some(0)));
    let still = alice.call("tasks/get", task).await.expect(200);
    assert_eq!(still.result()["status"], "working");
}

async fn a_task_without_sessions_is_unknown_to_everybody_else(setup: Setup) {
    let world = setup.clock(standing()).instances(2).start().await;
    let able = json!({ "extensions": { TASKS_EXTENSION: {} } });
    let [alice, bob] = [world.login("alice").await, world.login("bob").await];
    let alices = world.modern(alice.access()).capabilities(able.clone());
    let bobs = world.modern(bob.access()).capabilities(able).at(&world.endpoint_at(1));
    let created = alices.tool("simulate-research-query", json!({ "topic": "a" })).await.expect(200);
    let task = json!({ "taskId": created.result()["taskId"], "inputResponses": {} });
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let _ = bobs.call(method, task.clone()).await.expect_error(200, -32602);
    }
    let still = alices.call("tasks/get", task).await.expect(200);
    assert_eq!(still.result()["status"], "working");
}

async fn log_messages_come_to_the_session_that_switched_them_on(setup: Setup) {
    let (world, alice, bob) = alice_and_bob(setup.clock(standing())).await;
    let (mut hers, his) = (alice.listen(None).await, bob.listen(None).await);
    let _ = bob.call("logging/setLevel", json!({ "level": "emergency" })).await.expect(200);
    let _ = alice.at(&world.endpoint_at(1)).tool("toggle-logging", json!({})).await.expect(200);
    for _ in 0..3 {
        let message = hers.next().await.expect("a message");
        assert_eq!(message["method"], "notifications/message");
        world.clock.advance(Duration::from_secs(20));
    }
    assert_eq!(all_of(&bob, his).await, [] as [Value; 0]);
}

async fn updates_come_to_the_session_that_subscribed_and_switched_them_on(setup: Setup) {
    let (world, alice, bob) = alice_and_bob(setup.clock(standing())).await;
    let (mut hers, his) = (alice.listen(None).await, bob.listen(None).await);
    let uri = |n: u32| json!({ "uri": format!("test://static/resource/{n}") });
    let _ = alice.call("resources/subscribe", uri(1)).await.expect(200);
    let _ = bob.call("resources/subscribe", uri(2)).await.expect(200);
    let _ = alice.tool("toggle-subscriber-updates", json!({})).await.expect(200);
    for _ in 0..3 {
        assert_eq!(hers.next().await.expect("an update")["params"], uri(1));
        world.clock.advance(Duration::from_secs(10));
    }
    assert_eq!(all_of(&bob, his).await, [] as [Value; 0]);
}

async fn the_end_of_one_session_leaves_the_toggles_of_another(setup: Setup) {
    let (world, alice, bob) = alice_and_bob(setup.clock(standing())).await;
    let mut hers = alice.listen(None).await;
    for session in [&alice, &bob] {
        let _ = session.tool("toggle-logging", json!({})).await.expect(200);
    }
    let _ = hers.next().await.expect("the first message");
    let stopped = bob.tool("toggle-logging", json!({})).await.expect(200);
    assert!(stopped.content_text().starts_with("Stopped"), "{stopped}");
    let _ = bob.end().await.expect(204);
    world.clock.advance(Duration::from_secs(20));
    assert_eq!(hers.next().await.expect("a message")["method"], "notifications/message");
}

async fn a_file_of_the_same_name_is_another_for_everybody(setup: Setup) {
    let setup = setup.setting("MCP_TOOLSETS", "everything,fetch");
    let (world, alice, bob) = alice_and_bob(setup).await;
    for (session, data) in [(&alice, "data:,of%20Alice"), (&bob, "data:,of%20Bob,%20longer")] {
        let file = json!({ "name": "a.gz", "data": data });
        let _ = session.tool("gzip-file-as-resource", file).await.expect(200);
    }
    let uri = json!({ "uri": "demo://resource/session/a.gz" });
    let content = async |session: &Session| {
        let read = session.call("resources/read", uri.clone()).await.expect(200);
        read.result()["contents"][0]["blob"].as_str().expect("bytes").len()
    };
    let hers = content(&alice.at(&world.endpoint_at(1))).await;
    let his = content(&bob.at(&world.endpoint_at(0))).await;
    assert!(hers < his, "{hers} {his}");
    let _ = bob.end().await.expect(204);
    assert_eq!(content(&alice).await, hers);
}

async fn nobody_cancels_the_call_of_another(setup: Setup) {
    let (world, alice, bob) = alice_and_bob(setup.clock(standing())).await;
    let call =
        json!({ "name": "long-running-operation", "arguments": { "duration": 2, "steps": 1 } });
    let draft = alice.draft("tools/call", call).id("the-call");
    let running = alice.open(draft.header("accept", "text/event-stream")).await;
    let cancelled = json!({ "requestId": "the-call" });
    let _ = bob.notify("notifications/cancelled", cancelled.clone()).await.expect(202);
    let here = bob.at(&world.endpoint_at(0));
    let _ = here.notify("notifications/cancelled", cancelled).await.expect(202);
    world.clock.advance(Duration::from_secs(2));
    assert!(running.finish().await.content_text().contains("completed"));
}

async fn a_stream_goes_on_at_another_instance(setup: Setup) {
    // C6: the original replayed nothing with Redis, C8: it replayed what was another's.
    let (world, alice, bob) = alice_and_bob(setup.clock(standing())).await;
    let call = json!({
        "name": "long-running-operation",
        "arguments": { "duration": 2, "steps": 2 },
        "_meta": { "progressToken": "p" },
    });
    let draft = alice.draft("tools/call", call).header("accept", "text/event-stream");
    let mut running = alice.open(draft).await;
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(running.next().await.expect("progress")["params"]["progress"], 1.0);
    let left = running.leave();
    assert_eq!(bob.listen(Some(&left.last_event_id)).await.status, 400);
    let mut again = alice.at(&world.endpoint_at(1)).come_back(&left).await;
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(again.next().await.expect("progress")["params"]["progress"], 2.0);
    assert!(again.finish().await.content_text().contains("completed"));
}
