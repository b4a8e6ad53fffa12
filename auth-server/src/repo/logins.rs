//! Logins at identity providers that are on the way.

use store::{Record, Store, StoreError, Table};

use super::TRANSACTION_LIFE;
use crate::domain::{Login, Nonce};

impl Record for Login {
    const PREFIX: &'static str = "auth:login:";
    const SEALED: bool = true;
}

#[derive(Debug)]
pub(crate) struct Logins(Table<Login>);

impl Logins {
    pub(super) fn new(store: &Store) -> Self {
        Self(store.table())
    }

    /// Keeps a login that is asked for with this `state`.
    pub(crate) async fn begin(&self, state: &Nonce, login: &Login) -> Result<(), StoreError> {
        self.0.put(state.digest().as_str(), login, TRANSACTION_LIFE).await
    }

    /// The login that was asked for with this `state`.
    pub(crate) async fn find(&self, state: &Nonce) -> Result<Option<Login>, StoreError> {
        self.0.get(state.digest().as_str()).await
    }

    /// Uses a `state` up. Of several who try, on whatever instances, one gets `true`.
    pub(crate) async fn end(&self, state: &Nonce) -> Result<bool, StoreError> {
        self.0.remove(state.digest().as_str()).await
    }
}
