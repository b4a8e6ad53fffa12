//! Browsers in which somebody has logged in.

use ambient::Timestamp;
use store::{Record, Store, StoreError, Table};

use crate::domain::{Session, SessionKey};

impl Record for Session {
    const PREFIX: &'static str = "auth:session:";
    const SEALED: bool = true;
}

#[derive(Debug)]
pub(crate) struct Sessions(Table<Session>);

impl Sessions {
    pub(super) fn new(store: &Store) -> Self {
        Self(store.table())
    }

    /// Keeps a new one until it expires.
    pub(crate) async fn begin(
        &self,
        key: &SessionKey,
        session: &Session,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.0.put(key.digest().as_str(), session, session.expires_at.since(now)).await
    }

    /// The one that this key opens.
    pub(crate) async fn find(&self, key: &SessionKey) -> Result<Option<Session>, StoreError> {
        self.0.get(key.digest().as_str()).await
    }

    /// Ends one. `true` if there was one.
    pub(crate) async fn end(&self, key: &SessionKey) -> Result<bool, StoreError> {
        self.0.remove(key.digest().as_str()).await
    }
}
