//! Of the standalone streams of a session one stays: the newest. And what a session asks for is kept, or
//! is to be asked for again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ambient::{Clock, Secret};
use serde_json::json;
use store::{Action, Delivery, Fate, Line, RedisOptions, Store, Weather};
use testkit::{PATIENCE, as_time_passes, rpc::Exchange, within};

use crate::world::{instance, still};

#[tokio::test]
async fn of_two_streams_that_are_opened_at_once_one_stays_and_hears_everything() {
    let place = testkit::redis::namespace().await;
    let url = Secret::new(place.url.as_str());
    let options = RedisOptions { namespace: place.prefix.clone(), ..RedisOptions::new(url) };
    // Redis numbers events by its own clock.
    let clock = Clock::system();
    let settings = [("MCP_AUTH", "none")];
    let stores = [Store::redis(&options).await.unwrap(), Store::redis(&options).await.unwrap()];
    let here = instance(&stores[0], clock.clone(), &settings).await;
    let there = instance(&stores[1], clock, &settings).await;
    for number in 0..20 {
        let session = here.session().await;
        let beside = if number % 2 == 0 { &here } else { &there };
        let elsewhere = session.at(&beside.endpoint());
        let (mut one, mut other) = tokio::join!(session.listen(None), elsewhere.listen(None));
        // What was announced a moment ago may be told again first.
        let first_ended = within(PATIENCE, async {
            tokio::select! { () = end(&mut one) => true, () = end(&mut other) => false }
        });
        let mut stays = if first_ended.await { other } else { one };
        drop(there.modern().tool("announce", json!({})).await.expect(200));
        let heard = stays.next().await.expect("one of the two stays");
        assert_eq!(heard["method"], "notifications/tools/list_changed");
    }
}

/// Waits until a stream has ended.
async fn end(stream: &mut Exchange) {
    while stream.next().await.is_some() {}
}

/// A line over which no message comes.
struct Deaf;

impl Weather for Deaf {
    fn of_command(&self, _: Action) -> Fate {
        Fate::AT_ONCE
    }

    fn delivers(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_stream_that_is_not_told_of_a_newer_one_ends_when_it_looks() {
    let (store, clock) = still();
    let settings = [("MCP_AUTH", "none")];
    let deaf = store.over_line(Line::new(&clock, Deaf));
    let here = instance(&deaf, clock.clone(), &settings).await;
    let there = instance(&store, clock, &settings).await;
    let session = there.session().await;
    let mut first = session.at(&here.endpoint()).listen(None).await;
    let mut second = session.listen(None).await;
    let step = Duration::from_secs(1);
    assert_eq!(as_time_passes(&here.clock, step, first.next()).await, None);
    drop(there.modern().tool("announce", json!({})).await.expect(200));
    assert!(second.next().await.is_some(), "the newest stays");
}

#[tokio::test]
async fn a_stream_that_an_earlier_version_opens_replaces_all_others() {
    let (store, clock) = still();
    let world = instance(&store, clock, &[("MCP_AUTH", "none")]).await;
    let session = world.session().await;
    let channel = format!("mcp:control:{}", session.id.as_deref().unwrap());
    let mut heard = store.bus().subscribe(&channel).await.unwrap();
    let stream = session.listen(None).await;
    // What it makes of ours: a name that is not its own.
    let Some(Delivery::Message(said)) = heard.next().await else { panic!("it is announced") };
    assert!(said.strip_prefix("opened ").is_some_and(|name| name.len() > 16), "{said}");
    // It notes nothing in the record, which names the stream that it replaces.
    store.bus().publish(&channel, "opened 0123456789abcdef").await.unwrap();
    assert!(stream.finish().await.messages.is_empty());
}

#[tokio::test]
async fn what_the_store_does_not_take_half_way_is_to_be_asked_for_again() {
    let (store, clock) = still();
    let is_mute = Arc::new(AtomicBool::new(false));
    let store = store.over_line(Line::refusing(&clock, "publish", &is_mute));
    let world = instance(&store, clock, &[("MCP_AUTH", "none")]).await;
    let session = world.session().await;
    for (method, params) in [
        ("logging/setLevel", json!({ "level": "error" })),
        ("resources/subscribe", json!({ "uri": "test://watched" })),
    ] {
        is_mute.store(true, Ordering::Relaxed);
        let refused = session.call(method, params.clone()).await.expect_error(503, -32000);
        assert_eq!(refused.header("retry-after"), Some("2"), "{method}");
        is_mute.store(false, Ordering::Relaxed);
        drop(session.call(method, params).await.expect(200));
    }
}

/// A line over which one more can be listened to, once it is switched.
#[derive(Default)]
struct OneMore {
    is_switched: AtomicBool,
    was_given: AtomicBool,
}

impl OneMore {
    fn of_command(&self, action: Action) -> Fate {
        let listens = action.to_string().starts_with("subscribe");
        let is_meant = listens && self.is_switched.load(Ordering::Relaxed);
        let is_one_too_many = is_meant && self.was_given.swap(true, Ordering::Relaxed);
        if is_one_too_many { Fate::Refused } else { Fate::AT_ONCE }
    }
}

#[tokio::test]
async fn a_stream_that_could_not_be_opened_replaces_none() {
    let (store, clock) = still();
    let line = Arc::<OneMore>::default();
    let weather = Arc::clone(&line);
    let bad = Line::new(&clock, move |action: Action| weather.of_command(action));
    let bad = store.over_line(bad);
    let settings = [("MCP_AUTH", "none")];
    let here = instance(&store, clock.clone(), &settings).await;
    let there = instance(&bad, clock.clone(), &settings).await;
    let session = here.session().await;
    let mut stream = session.listen(None).await;
    line.is_switched.store(true, Ordering::Relaxed);
    drop(session.at(&there.endpoint()).listen(None).await.finish().await.expect(503));
    // Longer than until the stream looks whether there is a newer one.
    for _ in 0..20 {
        clock.advance(Duration::from_secs(1));
        drop(session.call("ping", json!({})).await.expect(200));
    }
    drop(here.modern().tool("announce", json!({})).await.expect(200));
    let heard = stream.next().await.expect("it goes on");
    assert_eq!(heard["method"], "notifications/tools/list_changed");
}
