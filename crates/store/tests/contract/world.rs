//! What a promise is tried on: a store, a second handle as another instance has it, and time.

use std::time::Duration;

use ambient::{Clock, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Record, RedisOptions, Store};
use testkit::{
    PATIENCE, eventually,
    redis::{Namespace, RedisServer},
};

/// Longer than any test runs.
pub(crate) const LONG: Duration = Duration::from_mins(1);
/// Short enough to wait for.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// A record for tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) count: u64,
}

impl Record for Note {
    const PREFIX: &'static str = "note:";
    const SUFFIX: &'static str = ":text";
}

/// What nothing but [`World::pass`] looks at.
#[derive(Serialize, Deserialize)]
struct Sand;

impl Record for Sand {
    const PREFIX: &'static str = "sand:";
}

/// A store, another instance's handle on the same state, and how to let time pass.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) other: Store,
    place: Place,
}

enum Place {
    Memory(Clock),
    Redis(Namespace),
}

impl World {
    pub(crate) fn memory() -> Self {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let store = Store::memory(clock.clone());
        Self { other: store.clone(), store, place: Place::Memory(clock) }
    }

    pub(crate) async fn redis() -> Self {
        let place = testkit::redis::namespace().await;
        let options = options(&place.url, &place.prefix);
        Self {
            store: Store::redis(&options).await.unwrap(),
            other: Store::redis(&options).await.unwrap(),
            place: Place::Redis(place),
        }
    }

    /// The place on the server of a world on Redis.
    pub(crate) fn namespace(&self) -> &Namespace {
        match &self.place {
            Place::Memory(_) => panic!("memory has no namespace"),
            Place::Redis(namespace) => namespace,
        }
    }

    /// Lets `time` pass. Redis has a clock of its own: there, wait until something that is kept
    /// for so long from now is gone.
    pub(crate) async fn pass(&self, time: Duration) {
        if let Place::Memory(clock) = &self.place {
            return clock.advance(time);
        }
        let sand = self.store.table::<Sand>();
        sand.put("glass", &Sand, time).await.unwrap();
        until(async || sand.get("glass").await.unwrap().is_none()).await;
    }
}

pub(crate) fn options(url: &str, namespace: &str) -> RedisOptions {
    RedisOptions { namespace: namespace.to_owned(), ..RedisOptions::new(Secret::new(url)) }
}

/// A store on a server that a test breaks.
pub(crate) async fn store_on(server: &RedisServer) -> Store {
    Store::redis(&options(&server.url(), "")).await.unwrap()
}

/// Waits until `done`, but not for ever.
pub(crate) async fn until(done: impl AsyncFn() -> bool) {
    eventually(PATIENCE, || async { done().await.then_some(()) }).await;
}
