//! A call that nobody wants any more stops: each tool that takes its time, in both eras.

use std::time::Duration;

use ambient::Clock;
use e2e::{Setup, World};
use serde_json::{Value, json};
use shared::mcp::TASKS_EXTENSION;
use testkit::{PATIENCE, as_time_passes, eventually, rpc::Exchange};

on_both_stores![
    a_cancelled_call_says_nothing_more_whatever_it_was,
    a_call_that_was_left_stops_without_sessions,
    a_cancelled_question_is_answered_to_nobody,
    a_cancelled_research_stays_where_it_was,
];

/// A clock that stands still at a moment that Redis, which keeps its own time, would tell too.
fn standing() -> Clock {
    Clock::manual(Clock::system().now())
}

/// Every tool that takes its time, with arguments that make it slow.
fn long() -> [Value; 3] {
    [
        json!({ "name": "long-running-operation", "arguments": { "duration": 100, "steps": 100 } }),
        json!({ "name": "demo_progress", "arguments": { "steps": 100 } }),
        json!({ "name": "calculate", "arguments": { "a": 1, "b": 2, "op": "add", "stream": true } }),
    ]
}

/// The call with a token for its progress.
fn reporting(mut call: Value) -> Value {
    call["_meta"] = json!({ "progressToken": "p" });
    call
}

/// Lets some time pass, and waits for the first that a call says.
async fn begun(world: &World, running: &mut Exchange) {
    world.clock.advance(Duration::from_secs(1));
    let first = running.next().await.expect("the call says how far it is");
    assert_eq!(first["method"], "notifications/progress");
}

async fn a_cancelled_call_says_nothing_more_whatever_it_was(setup: Setup) {
    // E7: the original told of six more steps, and worked on to the end.
    let world = setup.clock(standing()).instances(2).start().await;
    let alice = world.login("alice").await;
    let here = crate::support::session(&world, alice.access()).await;
    let there = here.at(&world.endpoint_at(1));
    for call in long() {
        let id = call["name"].clone();
        let draft = here.draft("tools/call", reporting(call.clone())).id(id.clone());
        let mut running = here.open(draft.header("accept", "text/event-stream")).await;
        begun(&world, &mut running).await;
        let cancelled = json!({ "requestId": id });
        let _ = there.notify("notifications/cancelled", cancelled).await.expect(202);
        while let Some(message) = running.next().await {
            assert_eq!(message["method"], "notifications/progress", "no answer: {message}");
        }
        // Whatever it would still say, it would say within this time, and its session lasts longer.
        let left = running.leave();
        world.clock.advance(Duration::from_mins(2));
        let again = there.come_back(&left).await.finish().await;
        assert!(again.messages.is_empty(), "{call}: {again}");
    }
    let stats = json!({ "uri": "calculator://stats" });
    let stats = here.call("resources/read", stats).await.expect(200);
    assert!(stats.result().to_string().contains(r#"\"totalCalculations\": 0"#), "{stats}");
}

async fn a_call_that_was_left_stops_without_sessions(setup: Setup) {
    let world = setup.clock(standing()).start().await;
    let alice = world.login("alice").await;
    let modern = world.modern(alice.access());
    let call = json!({ "a": 1, "b": 2, "op": "add", "stream": true });
    let draft =
        modern.draft("tools/call", reporting(json!({ "name": "calculate", "arguments": call })));
    let mut running = modern.open(draft).await;
    let first = running.next().await.expect("the call says how far it is");
    assert_eq!(first["params"]["progress"], 0.2);
    drop(running);
    // The next call ends after the time that the one that was left would have taken.
    let next = modern.tool("calculate", json!({ "a": 1, "b": 2, "op": "add", "stream": true }));
    let reply = as_time_passes(&world.clock, Duration::from_millis(100), next).await;
    assert_eq!(reply.expect(200).content_text(), "1 add 2 = 3");
    let history = json!({ "uri": "calculator://history" });
    let history = modern.call("resources/read", history).await.expect(200);
    let text = history.result()["contents"][0]["text"].as_str().expect("a text");
    let kept: Vec<Value> = serde_json::from_str(text).expect("a list");
    assert_eq!(kept.len(), 1, "what was left has calculated nothing: {text}");
}

async fn a_cancelled_question_is_answered_to_nobody(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let session = crate::support::session(&world, alice.access()).await;
    let draft = session.draft("tools/call", crate::support::asking()).id("the-call");
    let mut running = session.open(draft).await;
    let question = running.next().await.expect("a question");
    let cancelled = json!({ "requestId": "the-call" });
    let _ = session.notify("notifications/cancelled", cancelled).await.expect(202);
    let withdrawn = running.next().await.expect("nobody needs an answer any more");
    assert_eq!(withdrawn["method"], "notifications/cancelled");
    assert_eq!(withdrawn["params"]["requestId"], question["id"]);
    assert_eq!(running.next().await, None);
    let late = session.respond(&question["id"], Ok(crate::support::filled_in("Ada"))).await;
    let _ = late.expect(202);
    let _ = session.call("ping", json!({})).await.expect(200);
}

async fn a_cancelled_research_stays_where_it_was(setup: Setup) {
    // E8: the original worked on, and then failed on the task that was over.
    let world = setup.clock(standing()).instances(2).start().await;
    let alice = world.login("alice").await;
    let able = json!({ "extensions": { TASKS_EXTENSION: {} } });
    let here = world.modern(alice.access()).capabilities(able);
    let there = here.clone().at(&world.endpoint_at(1));
    let created = here.tool("simulate-research-query", json!({ "topic": "a" })).await.expect(200);
    let task = json!({ "taskId": created.result()["taskId"] });
    let get = async || there.call("tasks/get", task.clone()).await.expect(200).result().clone();
    eventually(PATIENCE, || async {
        (get().await["statusMessage"] == "Gathering sources...").then_some(())
    })
    .await;
    let _ = there.call("tasks/cancel", task.clone()).await.expect(200);
    let cancelled = get().await;
    assert_eq!(cancelled["status"], "cancelled");
    for _ in 0..5 {
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(get().await, cancelled);
    }
}
