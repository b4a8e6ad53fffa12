//! `Counter`: counts that end, for limits that hold across instances.

use std::time::Duration;

use crate::{
    Backend, Store,
    error::{Action, StoreError},
    lifetime_millis,
};

/// Counts by name, each in a window that begins with its first unit and ends by itself.
///
/// A key is the counter's kind and a name; errors say the kind alone. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Counter {
    store: Store,
    kind: &'static str,
}

/// How far a count has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Units in this window, the one just added included.
    pub value: u64,
    /// How long until the window ends and the count is zero again.
    pub ends_in: Duration,
}

impl Counter {
    pub(crate) const fn new(store: Store, kind: &'static str) -> Self {
        Self { store, kind }
    }

    /// Adds one. The first unit opens a window of `window`; later ones do not prolong it. Of
    /// concurrent callers each gets a number of its own.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the store does not answer in time. Whether the unit was
    /// counted is unknown then.
    pub async fn add(&self, name: &str, window: Duration) -> Result<Counted, StoreError> {
        let action = Action::new("count", self.kind);
        let (key, millis) = ([self.kind, name].concat(), lifetime_millis(window));
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.counters.add(key, millis)).await
            }
            Backend::Redis(redis) => redis.count_window(action, key, millis).await,
        }
    }
}
