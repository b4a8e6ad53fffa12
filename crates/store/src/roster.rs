//! `Roster`: who is there now. A member stays as long as it says so again in time.

use std::time::Duration;

use crate::{
    Backend, Store,
    error::{Action, StoreError},
    lifetime_millis,
};

/// How long it is known who has not come again, in milliseconds: one hour.
pub(crate) const LAPSED_FOR_MILLIS: i64 = 3_600_000;

/// The rosters of a store, each under its own name. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Roster {
    store: Store,
}

impl Roster {
    const KIND: &'static str = "roster";

    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// `member` is there for `keep` from now. Those whose time has come are dropped on the way.
    /// Gives how many are there, with this one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn enter(&self, name: &str, member: &str, keep: Duration) -> Result<u64, StoreError> {
        let (action, millis) = (Action::new("enter", Self::KIND), lifetime_millis(keep));
        match self.store.backend() {
            Backend::Memory(memory) => Ok(memory.rosters.enter(name, member, millis)),
            Backend::Redis(redis) => redis.enter(action, name, member, millis).await,
        }
    }

    /// The same where it counts who has gone: those whose time has come are not there any more, and are
    /// kept for an hour for whoever asks for them with [`lapsed`](Self::lapsed). One roster is entered
    /// in one way only.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn stay(&self, name: &str, member: &str, keep: Duration) -> Result<(), StoreError> {
        let (action, millis) = (Action::new("stay", Self::KIND), lifetime_millis(keep));
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.rosters.stay(name, member, millis);
                Ok(())
            }
            Backend::Redis(redis) => redis.stay(action, name, member, millis).await,
        }
    }

    /// How many have not come again in time since somebody asked. Each is told once, to whoever asks
    /// first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn lapsed(&self, name: &str) -> Result<u64, StoreError> {
        match self.store.backend() {
            Backend::Memory(memory) => Ok(memory.rosters.lapsed(name)),
            Backend::Redis(redis) => redis.lapsed(Action::new("clear", Self::KIND), name).await,
        }
    }

    /// `member` is not there any more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn leave(&self, name: &str, member: &str) -> Result<(), StoreError> {
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.rosters.leave(name, member);
                Ok(())
            }
            Backend::Redis(redis) => {
                redis.leave(Action::new("leave", Self::KIND), name, member).await
            }
        }
    }

    /// How many are there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Corrupt`] when there is something else.
    pub async fn len(&self, name: &str) -> Result<u64, StoreError> {
        match self.store.backend() {
            Backend::Memory(memory) => Ok(memory.rosters.len(name)),
            Backend::Redis(redis) => redis.present(Action::new("count", Self::KIND), name).await,
        }
    }

    /// Who is there: up to `most`, those first who would leave first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Corrupt`] when there is something else.
    pub async fn members(&self, name: &str, most: u16) -> Result<Vec<String>, StoreError> {
        match self.store.backend() {
            Backend::Memory(memory) => Ok(memory.rosters.members(name, most)),
            Backend::Redis(redis) => {
                redis.members(Action::new("read", Self::KIND), name, most).await
            }
        }
    }
}
