//! `Tally`: named counters under one name, which every instance adds to.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    Backend, Store,
    error::{Action, StoreError},
    lifetime_millis,
};

/// The tallies of a store, each under its own name. Cheap to clone.
///
/// Each counter is kept as long as its tally: the names of counters must be few.
#[derive(Clone, Debug)]
pub struct Tally {
    store: Store,
}

/// What becomes of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// It grows by this.
    Add(u64),
    /// It is this from now on, unless it is more already.
    AtLeast(u64),
}

impl Tally {
    const KIND: &'static str = "tally";

    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Changes counters, and keeps the tally for `keep` from now: in one step, so that no count of
    /// a concurrent caller is lost. Counters begin at zero and stay below 2^53.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn count(
        &self,
        name: &str,
        counts: &[(&str, Count)],
        keep: Duration,
    ) -> Result<(), StoreError> {
        let (action, millis) = (Action::new("count in", Self::KIND), lifetime_millis(keep));
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.tallies.count(name, counts, millis)).await
            }
            Backend::Redis(redis) => redis.count(action, name, counts, millis).await,
        }
    }

    /// Keeps tallies for `keep` from now, those of them that there are: one trip to the store; in a
    /// cluster one for each, at the same time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`], of the first that could not be kept.
    pub async fn keep_each(
        &self,
        names: &[impl AsRef<str>],
        keep: Duration,
    ) -> Result<(), StoreError> {
        let (action, millis) = (Action::new("keep each", Self::KIND), lifetime_millis(keep));
        let names = names.iter().map(AsRef::as_ref);
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory
                    .run(action, |all| names.for_each(|name| all.tallies.keep(name, millis)))
                    .await
            }
            Backend::Redis(redis) => redis.keep_each(action, names, millis).await,
        }
    }

    /// All counters.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Corrupt`] when there is something else.
    pub async fn counts(&self, name: &str) -> Result<BTreeMap<String, u64>, StoreError> {
        let action = Action::new("read", Self::KIND);
        match self.store.backend() {
            Backend::Memory(memory) => memory.run(action, |all| all.tallies.counts(name)).await,
            Backend::Redis(redis) => redis.counts(action, name).await,
        }
    }
}
