//! A stream ends with the token that opened it, whichever instance holds it.

use std::time::Duration;

use e2e::{Setup, World};
use serde_json::json;
use testkit::rpc::Exchange;

use crate::support::{session, standing};

on_both_stores![
    streams_at_every_instance_end_within_a_minute_of_a_revocation,
    streams_of_others_stay_when_a_token_is_revoked,
];

async fn two(setup: Setup) -> World {
    setup.instances(2).clock(standing()).setting("MCP_AUTH_CACHE_TTL", "0").start().await
}

/// A subscription of 2026-07-28 at an instance.
async fn subscription(world: &World, instance: usize, token: &str) -> Exchange {
    let modern = world.modern(token).at(&world.endpoint_at(instance));
    let filter = json!({ "notifications": { "resourceSubscriptions": ["test://watched"] } });
    let mut stream = modern.open(modern.draft("subscriptions/listen", filter)).await;
    let acknowledged = stream.next().await.expect("a subscription is acknowledged");
    assert_eq!(
        acknowledged["method"], "notifications/subscriptions/acknowledged",
        "{acknowledged}"
    );
    stream
}

async fn streams_at_every_instance_end_within_a_minute_of_a_revocation(setup: Setup) {
    let world = two(setup).await;
    let alice = world.login("alice").await;
    let here = session(&world, alice.access()).await;
    let standalone = here.at(&world.endpoint_at(1)).listen(None).await;
    let (one, other) = (
        subscription(&world, 0, alice.access()).await,
        subscription(&world, 1, alice.access()).await,
    );
    alice.oauth.revoke(&alice.client, alice.refresh()).await;
    world.clock.advance(Duration::from_mins(1));
    for subscription in [one, other] {
        assert_eq!(subscription.finish().await.result()["resultType"], "complete");
    }
    assert!(standalone.finish().await.messages.is_empty());
}

async fn streams_of_others_stay_when_a_token_is_revoked(setup: Setup) {
    let world = two(setup).await;
    let (alice, bob) = (world.login("alice").await, world.login("bob").await);
    let ends = subscription(&world, 0, alice.access()).await;
    let mut session = session(&world, bob.access()).await;
    session = session.at(&world.endpoint_at(1));
    let mut stays = session.listen(None).await;
    alice.oauth.revoke(&alice.client, alice.refresh()).await;
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(ends.finish().await.result()["resultType"], "complete");
    drop(session.tool("echo", json!({ "message": "still here" })).await.expect(200));
    // It ends with its session, and not before.
    let _ = session.end().await.expect(204);
    assert_eq!(stays.next().await, None);
}
