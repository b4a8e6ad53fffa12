//! Which instances are alive: each says so every few seconds, so that a call whose instance died can
//! be answered with an error instead of silence.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ambient::{Clock, Entropy, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Record, Store, StoreError, Table};

/// How often an instance says that it is alive.
const BEAT: Duration = Duration::from_millis(1500);

/// How long it is believed.
const LIFE: Duration = Duration::from_secs(5);

/// How often whoever waits for an instance looks. Two looks in a row must find it gone: after an
/// outage of Redis the first may come before the sign of life does. So a death is noticed within
/// `LIFE` and two of these.
pub(crate) const CHECK: Duration = Duration::from_secs(2);

/// How many looks in a row must find it gone.
const GONE: u32 = 2;

/// An instance that somebody waits for, and how many looks in a row have found it gone.
pub(crate) struct Awaited {
    instance: String,
    missed: u32,
}

impl Awaited {
    pub(crate) const fn new(instance: String) -> Self {
        Self { instance, missed: 0 }
    }

    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    /// A look has found that it is alive, or that it is not.
    pub(crate) const fn seen(&mut self, is_alive: bool) {
        self.missed = if is_alive { 0 } else { self.missed.saturating_add(1) };
    }

    /// Whether nothing will come of it any more.
    pub(crate) const fn is_gone(&self) -> bool {
        self.missed >= GONE
    }
}

/// A sign of life, under `mcp:alive:{id}`.
#[derive(Serialize, Deserialize)]
struct Alive {}

impl Record for Alive {
    const PREFIX: &'static str = "mcp:alive:";
}

/// All instances that share a store, and this one among them.
#[derive(Clone)]
pub(crate) struct Instances {
    table: Table<Alive>,
    own: String,
    /// When the last sign of life was kept; `None` before the first.
    given: Arc<Mutex<Option<Timestamp>>>,
}

impl Instances {
    pub(crate) fn new(store: &Store, entropy: &Entropy) -> Self {
        Self { table: store.table(), own: entropy.hex::<8>(), given: Arc::default() }
    }

    /// The name of this instance: new with every start.
    pub(crate) fn own(&self) -> &str {
        &self.own
    }

    /// Says again and again that this instance is alive. Never ends by itself.
    pub(crate) async fn beat(&self, clock: &Clock) {
        loop {
            if let Err(error) = self.give_sign(clock).await {
                tracing::debug!(%error, "a sign of life could not be given");
            }
            clock.sleep(BEAT).await;
        }
    }

    async fn give_sign(&self, clock: &Clock) -> Result<(), StoreError> {
        let now = clock.now();
        self.table.put(&self.own, &Alive {}, LIFE).await?;
        *self.given() = Some(now);
        Ok(())
    }

    /// Whether this instance can keep what it has to: it has given a sign of life lately, or can now.
    /// A store that answers and takes nothing is of no use to any session.
    pub(crate) async fn can_work(&self, clock: &Clock) -> Result<(), StoreError> {
        let last = *self.given();
        match last {
            Some(last) if clock.now() < last + LIFE => Ok(()),
            _ => self.give_sign(clock).await,
        }
    }

    fn given(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the sign of life back, at an orderly end.
    pub(crate) async fn leave(&self) {
        // Without it, life ends by itself.
        let _ = self.table.remove(&self.own).await;
    }

    /// Whether an instance is alive.
    pub(crate) async fn is_alive(&self, id: &str) -> Result<bool, StoreError> {
        Ok(id == self.own || self.table.get(id).await?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use store::Line;

    use super::*;

    #[tokio::test]
    async fn an_instance_that_can_keep_nothing_is_of_use_for_five_seconds_more() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let is_read_only = Arc::new(AtomicBool::new(false));
        let store = Store::memory(clock.clone());
        let store = store.over_line(Line::refusing(&clock, "put", &is_read_only));
        let instances = Instances::new(&store, &Entropy::seeded(1));
        assert!(instances.can_work(&clock).await.is_ok());
        is_read_only.store(true, Ordering::Relaxed);
        clock.advance(LIFE.saturating_sub(Duration::from_millis(1)));
        assert!(instances.can_work(&clock).await.is_ok());
        clock.advance(Duration::from_millis(1));
        assert!(store.ping().await.is_ok(), "it answers");
        assert!(instances.can_work(&clock).await.is_err());
        is_read_only.store(false, Ordering::Relaxed);
        assert!(instances.can_work(&clock).await.is_ok());
    }

    #[test]
    fn an_instance_is_gone_when_two_looks_in_a_row_find_it_so() {
        let mut awaited = Awaited::new("other".to_owned());
        for is_alive in [false, true, false, true, false] {
            awaited.seen(is_alive);
            assert!(!awaited.is_gone());
        }
        awaited.seen(false);
        assert!(awaited.is_gone());
    }

    #[tokio::test]
    async fn an_instance_that_leaves_is_gone_at_once_and_knows_of_itself_without_a_store() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let (memory, is_away) = (Store::memory(clock.clone()), Arc::new(AtomicBool::new(false)));
        let store = memory.over_line(Line::refusing(&clock, "", &is_away));
        let entropy = Entropy::seeded(1);
        let [one, other] = [(); 2].map(|()| Instances::new(&store, &entropy));
        one.can_work(&clock).await.unwrap();
        assert!(other.is_alive(one.own()).await.unwrap());
        one.leave().await;
        assert!(!other.is_alive(one.own()).await.unwrap());
        is_away.store(true, Ordering::Relaxed);
        assert!(one.is_alive(one.own()).await.unwrap());
        assert!(other.is_alive(one.own()).await.is_err());
    }
}
