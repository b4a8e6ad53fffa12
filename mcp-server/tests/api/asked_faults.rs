//! Faults that a tester of clients asks for, and that they are not there unless allowed.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{as_time_passes, http::Http};

use crate::world::{World, instance, still, world};

async fn breakable() -> World {
    let (store, clock) = still();
    instance(&store, clock, &[("MCP_AUTH", "none"), ("MCP_FAULTS", "1")]).await
}

async fn plan(world: &World, wish: Value) {
    let _ = Http::new(&world.base).post_json("/debug/faults", &wish).await.expect(201);
}

#[tokio::test]
async fn nobody_breaks_a_server_whose_operator_did_not_say_so() {
    let world = world().await;
    let _ = Http::new(&world.base).get("/debug/faults").await.expect(404);
}

#[tokio::test]
async fn a_session_ends_when_a_tester_says_so() {
    let world = breakable().await;
    let (one, other) = (world.session().await, world.session().await);
    let id = one.id.clone().unwrap();
    plan(&world, json!({ "fault": "expire_session", "session": id })).await;
    let _ = other.call("ping", json!({})).await.expect(200);
    let _ = one.call("ping", json!({})).await.expect(404);
    // It does not come back: it is really gone.
    let _ = one.call("ping", json!({})).await.expect(404);
}

#[tokio::test]
async fn the_end_of_a_session_waits_for_a_request_that_has_one() {
    let world = breakable().await;
    let session = world.session().await;
    plan(&world, json!({ "fault": "expire_session" })).await;
    let _ = world.modern().call("tools/list", json!({})).await.expect(200);
    let _ = session.call("ping", json!({})).await.expect(404);
}

#[tokio::test]
async fn an_answer_that_was_delayed_says_so() {
    let world = breakable().await;
    plan(&world, json!({ "fault": "delay", "milliseconds": 5000 })).await;
    let modern = world.modern();
    let call = modern.call("tools/list", json!({}));
    let reply = as_time_passes(&world.clock, Duration::from_secs(1), call).await.expect(200);
    assert_eq!(reply.header("x-fault"), Some("delay"));
    let _ = modern.call("tools/list", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_stream_that_was_cut_can_be_resumed() {
    let world = breakable().await;
    let session = world.session().await;
    plan(&world, json!({ "fault": "end_stream", "after_events": 2, "method": "tools/call" })).await;
    let call = json!({ "name": "report", "arguments": {}, "_meta": { "progressToken": "p" } });
    let mut stream = session.open(session.draft("tools/call", call)).await;
    while stream.next_event().await.is_some() {}
    let mut again = session.come_back(&stream.leave()).await;
    let mut last = Value::Null;
    while let Some(message) = again.next().await {
        last = message;
    }
    assert!(last["result"].is_object(), "{last}");
}

#[tokio::test]
async fn the_endpoint_is_meant_unless_another_path_is_named() {
    let world = breakable().await;
    let http = Http::new(&world.base);
    plan(&world, json!({ "fault": "status" })).await;
    let _ = http.get("/.well-known/oauth-protected-resource").await;
    let _ = world.modern().call("tools/list", json!({})).await.expect(503);
    let _ = world.modern().call("tools/list", json!({})).await.expect(200);
}
