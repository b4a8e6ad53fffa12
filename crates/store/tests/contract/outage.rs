//! Redis is away, frozen, or comes back empty. Each test has a server of its own to break.

use std::{net::Ipv4Addr, time::Duration};

use ambient::{Clock, Secret, Timestamp};
use store::{Delivery, EventId, RedisOptions, Store, StoreError};
use testkit::{
    PATIENCE, as_time_passes,
    faults::{Line, Proxy},
    redis::RedisServer,
    within,
};

use crate::{
    Note,
    keys::{ask, operator},
    world::{LONG, store_on, until},
};

/// Twice the command timeout: what a caller may have to wait for an error.
const SOON: Duration = Duration::from_secs(1);

/// Every operation fails in time, and as an outage.
async fn everything_is_unavailable(store: &Store) {
    let (notes, log, bus) = (store.table::<Note>(), store.log(), store.bus());
    let note = Note { count: 1 };
    let after: EventId = "1-1".parse().unwrap();
    let failures = [
        within(SOON, store.ping()).await.err(),
        within(SOON, notes.get("a")).await.err(),
        within(SOON, notes.get_and_keep("a", LONG)).await.err(),
        within(SOON, notes.put("a", &note, LONG)).await.err(),
        within(SOON, notes.claim("a", &note, LONG)).await.err(),
        within(SOON, notes.take("a")).await.err(),
        within(SOON, notes.remove("a")).await.err(),
        within(SOON, store.counter("c:").add("a", LONG)).await.err(),
        within(SOON, log.append("a", "x", LONG)).await.err(),
        within(SOON, log.read_after("a", Some(&after), 1)).await.err(),
        within(SOON, log.keep("a", LONG)).await.err(),
        within(SOON, log.remove("a")).await.err(),
        within(SOON, bus.publish("a", "x")).await.err(),
        within(SOON, bus.subscribe("new")).await.err(),
    ];
    for (number, failure) in failures.into_iter().enumerate() {
        let Some(StoreError::Unavailable(failure)) = failure else {
            panic!("operation {number}: {failure:?}");
        };
        assert!(failure.to_string().contains("REDIS_URL"), "{failure}");
    }
}

async fn works_again(store: &Store) {
    let notes = store.table::<Note>();
    let note = Note { count: 2 };
    until(async || notes.put("b", &note, LONG).await.is_ok() && store.ping().await.is_ok()).await;
    assert_eq!(notes.get("b").await, Ok(Some(note)));
}

#[tokio::test]
async fn a_killed_server_is_an_outage_and_a_restart_heals_it() {
    let mut server = RedisServer::start().await;
    let store = store_on(&server).await;
    store.log().append("a", "x", LONG).await.unwrap();
    server.kill();
    everything_is_unavailable(&store).await;
    server.restart().await;
    works_again(&store).await;
    // The scripts are gone with the old server; they are sent again.
    store.log().append("a", "x", LONG).await.unwrap();
}

#[tokio::test]
async fn a_frozen_server_is_an_outage_in_time_and_a_thaw_heals_it() {
    let server = RedisServer::start().await;
    let store = store_on(&server).await;
    server.pause();
    everything_is_unavailable(&store).await;
    server.resume();
    works_again(&store).await;
}

#[tokio::test]
async fn concurrent_callers_of_a_frozen_server_do_not_wait_for_each_other() {
    let server = RedisServer::start().await;
    let store = store_on(&server).await;
    server.pause();
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..500 {
        let notes = store.table::<Note>();
        callers.spawn(async move { notes.take(&number.to_string()).await });
    }
    let outcomes = within(SOON * 2, callers.join_all()).await;
    let outages =
        outcomes.iter().filter(|outcome| matches!(outcome, Err(StoreError::Unavailable(_))));
    assert_eq!(outages.count(), 500);
}

#[tokio::test]
async fn subscriptions_come_back_after_a_restart_and_tell_of_the_gap() {
    let mut server = RedisServer::start().await;
    let (here, there) = (store_on(&server).await, store_on(&server).await);
    let mut one = here.bus().subscribe("one").await.unwrap();
    let mut two = here.bus().subscribe("two").await.unwrap();
    server.kill();
    server.restart().await;
    for subscription in [&mut one, &mut two] {
        let delivery = within(PATIENCE, subscription.next()).await;
        assert_eq!(delivery, Some(Delivery::Gap));
    }
    works_again(&there).await;
    there.bus().publish("one", "x").await.unwrap();
    let delivery = within(PATIENCE, one.next()).await;
    assert_eq!(delivery, Some(Delivery::Message("x".to_owned())));
}

#[tokio::test]
async fn a_subscription_that_outlives_a_freeze_misses_nothing_or_tells_of_it() {
    let server = RedisServer::start().await;
    let (here, there) = (store_on(&server).await, store_on(&server).await);
    let mut subscription = here.bus().subscribe("a").await.unwrap();
    server.pause();
    there.bus().publish("a", "frozen").await.unwrap_err();
    server.resume();
    works_again(&there).await;
    there.bus().publish("a", "thawed").await.unwrap();
    loop {
        match within(PATIENCE, subscription.next()).await {
            Some(Delivery::Message(text)) if text == "thawed" => break,
            Some(Delivery::Gap | Delivery::Message(_)) => {}
            None => panic!("the subscription ended"),
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_silently_gone_is_made_anew() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start((Ipv4Addr::LOCALHOST, server.port()).into()).await;
    let options = RedisOptions {
        // What is silence is counted in these.
        command_timeout: Duration::from_millis(100),
        ..RedisOptions::new(Secret::new(format!("redis://{}", proxy.address())))
    };
    let store = Store::redis(&options).await.unwrap();
    let mut subscription = store.bus().subscribe("a").await.unwrap();
    let before = proxy.connections();
    proxy.set(Line::Frozen);
    // Traffic must not hide that nothing is answered.
    until(async || {
        assert!(store.ping().await.is_err());
        proxy.connections() >= before + 5
    })
    .await;
    proxy.set(Line::Open);
    works_again(&store).await;
    let delivery = within(PATIENCE, subscription.next()).await;
    assert_eq!(delivery, Some(Delivery::Gap));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_at_the_start() {
    let mut server = RedisServer::start().await;
    server.kill();
    let url = server.url().replace("//", "//user:hunter2@");
    let options = RedisOptions::new(Secret::new(url));
    let error = within(PATIENCE, Store::redis(&options)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("REDIS_URL"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_told_at_the_start() {
    let server = RedisServer::start().await;
    server.pause();
    let options = RedisOptions::new(Secret::new(server.url()));
    let error = within(PATIENCE, Store::redis(&options)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_wrong_password_is_refused_at_the_start() {
    let server = RedisServer::start().await;
    let url = server.url().replace("//", "//user:hunter2@");
    let options = RedisOptions::new(Secret::new(url));
    let error = Store::redis(&options).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}

/// By how much time goes on at once.
const STEP: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_waited_for_at_the_start() {
    let mut server = RedisServer::start().await;
    server.kill();
    let (options, clock) = (RedisOptions::new(Secret::new(server.url())), manual());
    let mut opening = Box::pin(Store::redis_patiently(&options, &clock));
    tokio::select! {
        ended = &mut opening => panic!("{ended:?}"),
        () = as_time_passes(&clock, STEP, clock.sleep(Duration::from_secs(15))) => {}
    }
    server.restart().await;
    as_time_passes(&clock, STEP, opening).await.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_come_is_told_after_half_a_minute() {
    let mut server = RedisServer::start().await;
    server.kill();
    let (options, clock) = (RedisOptions::new(Secret::new(server.url())), manual());
    let began = clock.now();
    let opened = as_time_passes(&clock, STEP, Store::redis_patiently(&options, &clock)).await;
    assert!(matches!(opened, Err(StoreError::Unavailable(_))), "{opened:?}");
    assert!(clock.now().since(began) > Duration::from_secs(28), "it has given up early");
}

#[tokio::test]
async fn a_server_that_refuses_is_not_asked_again() {
    let server = RedisServer::start().await;
    let url = server.url().replace("//", "//user:hunter2@");
    let (options, clock) = (RedisOptions::new(Secret::new(url)), manual());
    let opened = within(PATIENCE, Store::redis_patiently(&options, &clock)).await;
    assert!(matches!(opened, Err(StoreError::Refused(_))), "{opened:?}");
}

fn manual() -> Clock {
    Clock::manual(Timestamp::from_secs(1_800_000_000))
}

#[tokio::test]
async fn a_password_may_have_anything_in_it() {
    const PASSWORD: &str = "p@ss \"word\" \\ 'é'";
    let server = RedisServer::start().await;
    let operator = operator(&server.url()).await;
    let _: String = ask(&operator, "CONFIG", &["SET", "requirepass", PASSWORD]).await;
    let options = RedisOptions {
        password: Some(Secret::new(PASSWORD)),
        ..RedisOptions::new(Secret::new(server.url()))
    };
    Store::redis(&options).await.unwrap().ping().await.unwrap();
    let none = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await;
    assert!(none.is_err());
}

#[tokio::test]
async fn a_closed_store_is_unavailable_at_once() {
    let server = RedisServer::start().await;
    let store = store_on(&server).await;
    store.close().await;
    let error = store.ping().await.unwrap_err();
    assert!(error.to_string().contains("closed"), "{error}");
}
