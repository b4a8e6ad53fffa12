//! `Ring`: the newest entries of a list, and nothing of the older ones.

use std::time::Duration;

use crate::{
    Backend, Store,
    error::{Action, StoreError},
    lifetime_millis,
};

/// The rings of a store, each under its own name. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ring {
    store: Store,
}

impl Ring {
    const KIND: &'static str = "ring";

    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Adds entries behind those that are there, drops the oldest beyond `most`, and keeps the ring
    /// for `keep` from now: in one step, so that no concurrent caller loses an entry. Nothing
    /// happens without entries.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn append(
        &self,
        name: &str,
        entries: Vec<String>,
        most: u16,
        keep: Duration,
    ) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let (action, millis) = (Action::new("append to", Self::KIND), lifetime_millis(keep));
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.rings.append(name, entries, most, millis)).await
            }
            Backend::Redis(redis) => redis.append_ring(action, name, entries, most, millis).await,
        }
    }

    /// All entries, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Corrupt`] when there is something else.
    pub async fn entries(&self, name: &str) -> Result<Vec<String>, StoreError> {
        let action = Action::new("read", Self::KIND);
        match self.store.backend() {
            Backend::Memory(memory) => memory.run(action, |all| all.rings.entries(name)).await,
            Backend::Redis(redis) => redis.ring(action, name).await,
        }
    }

    /// Forgets all entries.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn remove(&self, name: &str) -> Result<(), StoreError> {
        let action = Action::new("remove", Self::KIND);
        match self.store.backend() {
            Backend::Memory(memory) => memory.run(action, |all| all.rings.remove(name)).await,
            Backend::Redis(redis) => redis.remove_ring(action, name).await,
        }
    }
}
