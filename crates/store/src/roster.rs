//! `Roster`: who is there now. A member stays as long as it says so again in time.

use std::time::Duration;

use crate::{
    Backend, Store,
    error::{Action, StoreError},
    lifetime_millis,
    memory::State,
};

/// How long it is known who has not come again, in milliseconds: one hour.
pub(crate) const LAPSED_FOR_MILLIS: i64 = 3_600_000;

/// How many members whose time has come are given to one who asks for room.
pub(crate) const DOUBTFUL: u16 = 16;

/// How long they are left to whoever was given them, in milliseconds.
pub(crate) const CLAIMED_FOR_MILLIS: i64 = 5_000;

/// How many members there may be, where a member counts until somebody has seen that it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many there may be.
    pub most: u32,
    /// How long after its time a member counts at most, if nobody ever looks.
    pub at_most: Duration,
}

/// What came of [`Roster::enter_if_room`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// There was room.
    Entered,
    /// There is none. These may have gone: for some seconds nobody else is given them.
    Full(Vec<String>),
}

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
            Backend::Memory(memory) => {
                memory.run(action, |all| all.rosters.enter(name, member, millis)).await
            }
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
        self.stay_all(name, &[member], keep).await
    }

    /// The same of many, in one step.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn stay_all(
        &self,
        name: &str,
        members: &[impl AsRef<str>],
        keep: Duration,
    ) -> Result<(), StoreError> {
        if members.is_empty() {
            return Ok(());
        }
        let (action, millis) = (Action::new("stay", Self::KIND), lifetime_millis(keep));
        match self.store.backend() {
            Backend::Memory(memory) => {
                let stay = |all: &State| {
                    for member in members {
                        all.rosters.stay(name, member.as_ref(), millis);
                    }
                };
                memory.run(action, stay).await
            }
            Backend::Redis(redis) => redis.stay(action, name, members, millis).await,
        }
    }

    /// As [`stay`](Self::stay), in the same step in which it is seen that fewer than `most` are there.
    /// Gives whether there was room.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn stay_if_room(
        &self,
        name: &str,
        member: &str,
        keep: Duration,
        most: u32,
    ) -> Result<bool, StoreError> {
        let (action, millis) = (Action::new("stay", Self::KIND), lifetime_millis(keep));
        match self.store.backend() {
            Backend::Memory(memory) => {
                let stay = |all: &State| all.rosters.stay_if_room(name, member, millis, most);
                memory.run(action, stay).await
            }
            Backend::Redis(redis) => redis.stay_if_room(action, name, member, millis, most).await,
        }
    }

    /// `member` is there for `keep` from now, if there is room, in the same step in which that is seen.
    /// Nobody's time ends by itself here: where there is no room, the caller is given some whose time
    /// has come, looks whether they are gone, and says so of each with [`leave`](Self::leave) or
    /// [`vouch`](Self::vouch). One roster is entered in one way only.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn enter_if_room(
        &self,
        name: &str,
        member: &str,
        keep: Duration,
        bounds: Bounds,
    ) -> Result<Room, StoreError> {
        let (action, millis) = (Action::new("enter", Self::KIND), lifetime_millis(keep));
        match self.store.backend() {
            Backend::Memory(memory) => {
                let enter = |all: &State| all.rosters.enter_if_room(name, member, millis, bounds);
                memory.run(action, enter).await
            }
            Backend::Redis(redis) => {
                redis.enter_if_room(action, name, member, millis, bounds).await
            }
        }
    }

    /// `member`, if it has not left, is there for `keep` from now after all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn vouch(&self, name: &str, member: &str, keep: Duration) -> Result<(), StoreError> {
        let (action, millis) = (Action::new("stay", Self::KIND), lifetime_millis(keep));
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.rosters.vouch(name, member, millis)).await
            }
            Backend::Redis(redis) => redis.vouch(action, name, member, millis).await,
        }
    }

    /// How many have not come again in time since somebody asked. Each is told once, to whoever asks
    /// first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn lapsed(&self, name: &str) -> Result<u64, StoreError> {
        let action = Action::new("clear", Self::KIND);
        match self.store.backend() {
            Backend::Memory(memory) => memory.run(action, |all| all.rosters.lapsed(name)).await,
            Backend::Redis(redis) => redis.lapsed(action, name).await,
        }
    }

    /// `member` is not there any more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn leave(&self, name: &str, member: &str) -> Result<(), StoreError> {
        let action = Action::new("leave", Self::KIND);
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.rosters.leave(name, member)).await
            }
            Backend::Redis(redis) => redis.leave(action, name, member).await,
        }
    }

    /// How many are there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Corrupt`] when there is something else.
    pub async fn len(&self, name: &str) -> Result<u64, StoreError> {
        let action = Action::new("count", Self::KIND);
        match self.store.backend() {
            Backend::Memory(memory) => memory.run(action, |all| all.rosters.len(name)).await,
            Backend::Redis(redis) => redis.present(action, name).await,
        }
    }

    /// Who is there: up to `most`, those first who would leave first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Corrupt`] when there is something else.
    pub async fn members(&self, name: &str, most: u16) -> Result<Vec<String>, StoreError> {
        self.members_after(name, 0, most).await
    }

    /// The same after the first `skip`: the next page of what is read bit by bit. Who enters or leaves
    /// between two pages moves the others.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Corrupt`] when there is something else.
    pub async fn members_after(
        &self,
        name: &str,
        skip: u32,
        most: u16,
    ) -> Result<Vec<String>, StoreError> {
        let action = Action::new("read", Self::KIND);
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.rosters.members(name, skip, most)).await
            }
            Backend::Redis(redis) => redis.members(action, name, skip, most).await,
        }
    }
}
