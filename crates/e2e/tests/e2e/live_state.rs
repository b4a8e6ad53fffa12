//! What the server tells of itself, over two instances.

use e2e::{Setup, World};
use serde_json::{Value, json};
use testkit::{PATIENCE, eventually};

use crate::support::session;

on_both_stores![
    the_live_state_tells_of_both_instances,
    a_stream_is_counted_while_it_is_open,
    a_message_that_crosses_is_counted,
];

async fn live(world: &World, token: &str) -> Value {
    let reply = world.modern(token).tool("mcp_apps_live_state", json!({})).await.expect(200);
    reply.result()["structuredContent"].clone()
}

/// Waits until the live state is as it should be.
async fn becomes(world: &World, token: &str, right: impl Fn(&Value) -> bool) {
    eventually(PATIENCE, || async { right(&live(world, token).await).then_some(()) }).await;
}

async fn the_live_state_tells_of_both_instances(setup: Setup) {
    let world = setup.instances(2).start().await;
    let alice = world.login("alice").await;
    becomes(&world, alice.access(), |state| {
        let instances = state["instances"].as_array().expect("a list");
        let answering = instances.iter().filter(|one| one["answers"] == true).count();
        instances.len() == 2 && answering == 1
    })
    .await;
}

async fn a_stream_is_counted_while_it_is_open(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let session = session(&world, alice.access()).await;
    let stream = session.listen(None).await;
    becomes(&world, alice.access(), |state| state["streams"] == 1).await;
    assert_eq!(live(&world, alice.access()).await["sessions"], 1);
    drop(stream);
    becomes(&world, alice.access(), |state| state["streams"] == 0).await;
}

async fn a_message_that_crosses_is_counted(setup: Setup) {
    let world = setup.instances(2).start().await;
    let alice = world.login("alice").await;
    let here = session(&world, alice.access()).await;
    let before = live(&world, alice.access()).await["messagesReceived"].as_u64();
    let cancelled = json!({ "requestId": "nothing of the kind" });
    let there = here.at(&world.endpoint_at(1));
    let _ = there.notify("notifications/cancelled", cancelled).await.expect(202);
    becomes(&world, alice.access(), |state| state["messagesReceived"].as_u64() > before).await;
}
