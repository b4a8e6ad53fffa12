//! Access tokens, refresh tokens and their families.

use std::time::Duration;

use ambient::Timestamp;
use store::{Record, Store, StoreError, Table, UpdateError};

use crate::domain::{
    AccessRecord, Family, IssuedToken, RefreshRecord, RefreshToken, Rotation, Successor,
};

impl Record for AccessRecord {
    const PREFIX: &'static str = "auth:installation:";
}

impl Record for RefreshRecord {
    const PREFIX: &'static str = "auth:refresh:";
}

impl Record for Family {
    const PREFIX: &'static str = "auth:family:";
}

#[derive(Debug)]
pub(crate) struct Tokens {
    access: Table<AccessRecord>,
    refresh: Table<RefreshRecord>,
    families: Table<Family>,
}

impl Tokens {
    pub(super) fn new(store: &Store) -> Self {
        Self { access: store.table(), refresh: store.table(), families: store.table() }
    }

    /// Keeps an access token until it expires.
    pub(crate) async fn add_access(
        &self,
        token: &IssuedToken,
        record: &AccessRecord,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.access.put(&token.name(), record, record.expires_at.since(now)).await
    }

    /// An access token, whether it is good or not.
    pub(crate) async fn find_access(
        &self,
        token: &IssuedToken,
    ) -> Result<Option<AccessRecord>, StoreError> {
        self.access.get(&token.name()).await
    }

    /// Ends one access token.
    pub(crate) async fn remove_access(&self, token: &IssuedToken) -> Result<(), StoreError> {
        self.access.remove(&token.name()).await.map(drop)
    }

    /// Keeps a refresh token until it expires.
    pub(crate) async fn add_refresh(
        &self,
        token: &RefreshToken,
        record: &RefreshRecord,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.refresh.put(token.digest().as_str(), record, record.expires_at.since(now)).await
    }

    /// A refresh token, whether it is good or not.
    pub(crate) async fn find_refresh(
        &self,
        token: &RefreshToken,
    ) -> Result<Option<RefreshRecord>, StoreError> {
        self.refresh.get(token.digest().as_str()).await
    }

    /// Forgets a refresh token that nobody was told of.
    pub(crate) async fn remove_refresh(&self, token: &RefreshToken) -> Result<(), StoreError> {
        self.refresh.remove(token.digest().as_str()).await.map(drop)
    }

    /// Begins a family. `false` if it was revoked before it began.
    pub(crate) async fn begin_family(
        &self,
        id: &str,
        family: &Family,
        keep: Duration,
    ) -> Result<bool, StoreError> {
        self.families.claim(id, family, keep).await
    }

    /// A family, dead or alive.
    pub(crate) async fn find_family(&self, id: &str) -> Result<Option<Family>, StoreError> {
        self.families.get(id).await
    }

    /// Puts `successor` in the place of `token`, or says what redeeming `token` means instead.
    pub(crate) async fn rotate(
        &self,
        id: &str,
        token: &RefreshToken,
        successor: &Successor,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let token = token.digest();
        let advance = |family: Family| family.advance(&token, successor, now);
        match self.families.update(id, advance).await {
            Ok(Some(_)) => Ok(Rotation::Advance),
            Ok(None) => Ok(Rotation::Dead),
            Err(UpdateError::Change(instead)) => Ok(instead),
            Err(UpdateError::Store(error)) => Err(error),
        }
    }

    /// Ends a family for good, whether it has begun or not. Its tokens lie about until they expire,
    /// and none of them is good.
    pub(crate) async fn revoke_family(&self, id: &str, keep: Duration) -> Result<(), StoreError> {
        self.families.put(id, &Family::Revoked, keep).await
    }
}
