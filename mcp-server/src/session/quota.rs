//! How many sessions there may be: of one owner, and of all. And how old one may become.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use store::{Roster, Store, StoreError, Table};

use super::record::{Owner, SessionId, SessionRecord};
use crate::{feature_state::Shelves, vitals::SESSIONS};

/// What is set about sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// How long a session lives without being used.
    pub idle: Duration,
    /// How long a session lives at most.
    pub age: Duration,
    /// Sessions of one owner at one time.
    pub of_owner: u16,
    /// Sessions of all owners at one time, on all instances.
    pub in_all: u32,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            idle: Duration::from_mins(5),
            age: Duration::from_hours(24),
            of_owner: 256,
            in_all: 10_000,
        }
    }
}

/// Why a session was not opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The caller has as many as it may.
    TooManyOfOwner(u16),
    /// There are as many as there may be.
    TooMany,
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Counts the sessions of each owner, under `mcp:owner:{hash}:sessions`.
///
/// A name stays there as long as its session could live, so that nothing has to be written while one
/// is used. Those that are gone are dropped when the count seems full: each costs one look, once.
#[derive(Clone)]
pub(super) struct Quota {
    roster: Roster,
    table: Table<SessionRecord>,
    shelves: Shelves,
    limits: SessionLimits,
}

impl Quota {
    pub(super) fn new(store: &Store, limits: SessionLimits) -> Self {
        let shelves = Shelves::new(store);
        Self { roster: store.roster(), table: store.table(), shelves, limits }
    }

    /// Counts a session that is about to be opened, or refuses it. Of several that are opened at the
    /// same moment all may be refused where one would have had room; none is too many.
    pub(super) async fn enter(&self, owner: &Owner, id: &SessionId) -> Result<(), OpenError> {
        if self.roster.len(SESSIONS).await? >= u64::from(self.limits.in_all) {
            return Err(OpenError::TooMany);
        }
        // Without authorization everybody is the same owner, for whom the other limit is meant.
        let Some(name) = roster_of(owner) else { return Ok(()) };
        self.roster.enter(&name, id.as_str(), self.limits.age).await?;
        if !self.is_full(&name).await? {
            return Ok(());
        }
        self.drop_gone(&name, id).await?;
        if self.is_full(&name).await? {
            self.roster.leave(&name, id.as_str()).await?;
            return Err(OpenError::TooManyOfOwner(self.limits.of_owner));
        }
        Ok(())
    }

    /// A session has ended before its time.
    pub(super) async fn leave(&self, owner: &Owner, id: &SessionId) -> Result<(), StoreError> {
        match roster_of(owner) {
            Some(name) => self.roster.leave(&name, id.as_str()).await,
            None => Ok(()),
        }
    }

    async fn is_full(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.roster.len(name).await? > u64::from(self.limits.of_owner))
    }

    async fn drop_gone(&self, name: &str, own: &SessionId) -> Result<(), StoreError> {
        for member in self.roster.members(name, u16::MAX).await? {
            if member != own.as_str() && self.table.get(&member).await?.is_none() {
                self.shelves.end_with(&member).await?;
                self.roster.leave(name, &member).await?;
            }
        }
        Ok(())
    }
}

/// Where the sessions of an owner are counted: those of a user, through whatever clients, and those
/// of a client that acts for itself.
fn roster_of(owner: &Owner) -> Option<String> {
    let who = owner.who()?;
    let digest = Sha256::digest(who.as_bytes());
    Some(format!("mcp:owner:{}:sessions", const_hex::encode(&digest[..16])))
}
