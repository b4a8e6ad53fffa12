//! What the server tells of itself, over two instances.

use e2e::{Backend, Setup, World};
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

/// How many messages are sent from one instance to the other.
const CROSSING: u64 = 20;

/// What an instance says of itself: how much it has sent and heard.
async fn traffic(world: &World, token: &str, instance: usize) -> (u64, u64) {
    let modern = world.modern(token).at(&world.endpoint_at(instance));
    let reply = modern.tool("mcp_apps_live_state", json!({})).await.expect(200);
    let all = reply.result()["structuredContent"]["instances"].as_array().expect("a list").clone();
    let own = all.iter().find(|one| one["answers"] == true).expect("who answers is among them");
    let count = |member: &str| own[member].as_u64().expect("a number");
    (count("messagesSent"), count("messagesReceived"))
}

async fn a_message_that_crosses_is_counted(setup: Setup) {
    let apart = setup.backend() == Backend::Redis;
    let world = setup.instances(2).start().await;
    let alice = world.login("alice").await;
    let token = alice.access();
    let there = session(&world, token).await.at(&world.endpoint_at(1));
    let (sent, heard) = (traffic(&world, token, 1).await.0, traffic(&world, token, 0).await.1);
    for _ in 0..CROSSING {
        let cancelled = json!({ "requestId": "nothing of the kind" });
        let _ = there.notify("notifications/cancelled", cancelled).await.expect(202);
    }
    // The one that was spoken to has sent them, and the other one has heard them.
    eventually(PATIENCE, || async {
        let (from, to) = (traffic(&world, token, 1).await, traffic(&world, token, 0).await);
        (from.0 >= sent + CROSSING && to.1 >= heard + CROSSING).then_some(())
    })
    .await;
    // In memory all instances have one bus, and one count.
    let own = traffic(&world, token, 0).await.0;
    assert!(!apart || own < CROSSING, "the other one has spoken itself: {own}");
}
