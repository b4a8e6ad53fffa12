//! Promises of `Bus`.

use store::{Delivery, Subscription};
use testkit::{PATIENCE, within};
use tokio::task::JoinSet;

use crate::{World, contract};

contract!(
    what_is_published_after_subscribing_is_delivered_in_order,
    every_subscription_of_a_channel_gets_every_message,
    channels_do_not_mix,
    what_was_published_before_is_not_delivered,
    a_slow_subscriber_gets_a_gap_and_blocks_nobody,
    many_subscriptions_begin_and_end_at_once,
    a_channel_that_was_left_can_be_joined_again,
    closing_the_store_ends_its_subscriptions,
    what_goes_through_a_store_is_counted,
);

const GAP: &str = "(gap)";
const END: &str = "(end)";

/// The next message; or [`GAP`] or [`END`], which no test sends.
async fn next(subscription: &mut Subscription) -> String {
    match within(PATIENCE, subscription.next()).await {
        Some(Delivery::Message(text)) => text,
        Some(Delivery::Gap) => GAP.to_owned(),
        None => END.to_owned(),
    }
}

async fn what_is_published_after_subscribing_is_delivered_in_order(world: World) {
    let bus = world.other.bus();
    // Again and again, because what is wrong here goes wrong only sometimes.
    for round in 0..50 {
        let channel = format!("a{round}");
        let mut subscription = world.store.bus().subscribe(&channel).await.unwrap();
        for number in 0..20 {
            bus.publish(&channel, &number.to_string()).await.unwrap();
        }
        for number in 0..20 {
            assert_eq!(next(&mut subscription).await, number.to_string());
        }
    }
}

async fn every_subscription_of_a_channel_gets_every_message(world: World) {
    let mut subscriptions = Vec::new();
    for store in [&world.store, &world.store, &world.other] {
        subscriptions.push(store.bus().subscribe("a").await.unwrap());
    }
    world.store.bus().publish("a", "x").await.unwrap();
    for subscription in &mut subscriptions {
        assert_eq!(next(subscription).await, "x");
    }
}

async fn channels_do_not_mix(world: World) {
    let bus = world.store.bus();
    let mut one = bus.subscribe("one").await.unwrap();
    let mut two = bus.subscribe("*").await.unwrap();
    bus.publish("one", "1").await.unwrap();
    bus.publish("*", "2").await.unwrap();
    assert_eq!(next(&mut one).await, "1");
    assert_eq!(next(&mut two).await, "2");
}

async fn what_was_published_before_is_not_delivered(world: World) {
    let bus = world.store.bus();
    bus.publish("a", "early").await.unwrap();
    let mut subscription = bus.subscribe("a").await.unwrap();
    bus.publish("a", "late").await.unwrap();
    assert_eq!(next(&mut subscription).await, "late");
}

async fn a_slow_subscriber_gets_a_gap_and_blocks_nobody(world: World) {
    let bus = world.store.bus();
    let mut slow = bus.subscribe("a").await.unwrap();
    let mut quick = bus.subscribe("a").await.unwrap();
    for number in 0..2000 {
        bus.publish("a", &number.to_string()).await.unwrap();
        assert_eq!(next(&mut quick).await, number.to_string());
    }
    let mut expected = 0;
    let gap = loop {
        match next(&mut slow).await {
            text if text == expected.to_string() => expected += 1,
            other => break other,
        }
    };
    assert_eq!(gap, GAP);
    assert!((1..2000).contains(&expected), "{expected}");
    bus.publish("a", "after").await.unwrap();
    assert_eq!(next(&mut slow).await, "after");
}

async fn many_subscriptions_begin_and_end_at_once(world: World) {
    let mut all = JoinSet::new();
    for number in 0..200 {
        let (here, there) = (world.store.bus(), world.other.bus());
        all.spawn(async move {
            let channel = format!("a{}", number % 20);
            let mut subscription = here.subscribe(&channel).await.unwrap();
            there.publish(&channel, &number.to_string()).await.unwrap();
            while next(&mut subscription).await != number.to_string() {}
        });
    }
    assert_eq!(all.join_all().await.len(), 200);
}

async fn a_channel_that_was_left_can_be_joined_again(world: World) {
    let bus = world.store.bus();
    for number in 0..100 {
        let mut subscription = bus.subscribe("a").await.unwrap();
        bus.publish("a", &number.to_string()).await.unwrap();
        assert_eq!(next(&mut subscription).await, number.to_string());
    }
}

async fn closing_the_store_ends_its_subscriptions(world: World) {
    let bus = world.store.bus();
    let mut subscription = bus.subscribe("a").await.unwrap();
    world.store.close().await;
    assert_eq!(next(&mut subscription).await, END);
    // One that comes too late ends or fails, but it does not wait.
    if let Ok(mut late) = bus.subscribe("a").await {
        assert_eq!(next(&mut late).await, END);
    }
}

async fn what_goes_through_a_store_is_counted(world: World) {
    let (here, there) = (world.store.bus(), world.other.bus());
    let (sent, received) = (here.traffic().sent, there.traffic().received);
    let mut subscription = there.subscribe("counted").await.unwrap();
    for text in ["1", "2", "3"] {
        here.publish("counted", text).await.unwrap();
        assert_eq!(next(&mut subscription).await, text);
    }
    here.publish("nobody listens here", "4").await.unwrap();
    assert_eq!(here.traffic().sent - sent, 4);
    assert_eq!(there.traffic().received - received, 3);
}
