//! How often Redis is asked, and for what, and how often somebody waits for it: a question too many is
//! nowhere else to be seen.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ambient::{Clock, Secret, Timestamp};
use store::{Action, Fate, Line, Observer, RedisOptions, Store};
use testkit::{PATIENCE, eventually, redis::namespace};

use crate::support::World;

/// The commands that were sent since somebody looked.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<&'static str>>>);

impl Sent {
    fn observer(&self) -> Observer {
        let sent = self.clone();
        Observer::new(move |ran| sent.0.lock().unwrap().push(ran.command))
    }

    /// In the order of the alphabet: some are sent at once.
    fn taken(&self) -> Vec<&'static str> {
        let mut taken = std::mem::take(&mut *self.0.lock().unwrap());
        taken.sort_unstable();
        taken
    }
}

async fn world(settings: &[(&str, &str)]) -> (World, Sent) {
    let (place, sent) = (namespace().await, Sent::default());
    let options = RedisOptions::new(Secret::new(&*place.url)).observed(Some(sent.observer()));
    let options = RedisOptions { namespace: place.prefix, ..options };
    let store = Store::redis(&options).await.unwrap();
    (World::on_with(store, World::clock(), settings).await, sent)
}

#[tokio::test]
async fn whether_a_token_is_good_is_one_question() {
    let (world, sent) = world(&[]).await;
    let tokens = world.tokens(&world.app().await).await;
    sent.taken();
    assert!(world.is_active(&tokens.access).await);
    assert_eq!(sent.taken(), ["MGET"]);
    // It is asked anew every time, or who has revoked a token would have to wait.
    assert!(world.is_active(&tokens.access).await);
    assert_eq!(sent.taken(), ["MGET"]);
}

#[tokio::test]
async fn a_client_that_can_go_is_asked_for_as_well() {
    let (world, sent) = world(&[]).await;
    let tokens = world.tokens(&world.confidential().await).await;
    sent.taken();
    assert!(world.is_active(&tokens.access).await);
    assert_eq!(sent.taken(), ["GET", "MGET"]);
}

#[tokio::test]
async fn a_signed_token_does_not_say_where_its_family_is() {
    let (world, sent) = world(&[("AUTH_TOKEN_FORMAT", "jwt")]).await;
    let tokens = world.tokens(&world.app().await).await;
    sent.taken();
    assert!(world.is_active(&tokens.access).await);
    assert_eq!(sent.taken(), ["GET", "GET"]);
}

/// Token and family, the client, which is kept, the two new tokens, and what decides.
#[tokio::test]
async fn a_refresh_asks_for_nothing_twice() {
    let (world, sent) = world(&[]).await;
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    sent.taken();
    drop(world.refresh(&client, &tokens.refresh.unwrap()).await.expect(200));
    assert_eq!(sent.taken(), ["EVALSHA", "GET", "GETEX", "MGET", "SET", "SET"]);
}

/// How long an answer takes, once it does.
const AWAY: Duration = Duration::from_millis(1);

/// How often work waits for the store.
async fn trips<T>(line: &Clock, work: impl Future<Output = T>) -> (T, usize) {
    let (mut work, mut trips) = (pin!(work), 0);
    loop {
        let waits = eventually(PATIENCE, async || line.next_waking());
        tokio::select! {
            done = &mut work => return (done, trips),
            _ = waits => {
                line.advance(AWAY);
                trips += 1;
            }
        }
    }
}

/// What does not depend on each other is asked for at once.
#[tokio::test]
async fn a_question_is_one_trip_to_the_store_and_a_refresh_three() {
    let (clock, time) = (World::clock(), Clock::manual(Timestamp::default()));
    let is_far = Arc::<AtomicBool>::default();
    let far = Arc::clone(&is_far);
    let line = Line::new(&time, move |_: Action| {
        let back = if far.load(Ordering::Relaxed) { AWAY } else { Duration::ZERO };
        Fate::Done(Duration::ZERO, back)
    });
    let store = Store::memory(clock.clone()).over_line(line);
    let world = World::on(store, clock).await;
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    is_far.store(true, Ordering::Relaxed);
    let (active, asked) = trips(&time, world.is_active(&tokens.access)).await;
    assert!(active && asked == 1, "{asked}");
    let refresh = tokens.refresh.unwrap();
    let (answer, asked) = trips(&time, world.refresh(&client, &refresh)).await;
    drop(answer.expect(200));
    assert_eq!(asked, 3);
}
