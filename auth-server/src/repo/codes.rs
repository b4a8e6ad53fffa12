//! Authorization codes, and what remains of them.

use std::time::Duration;

use store::{Record, Store, StoreError, Table};

use crate::domain::{AuthorizationCode, Code, Exchanged};

/// How long a client has to redeem a code.
pub(crate) const CODE_LIFE: Duration = Duration::from_mins(1);

impl Record for Code {
    // A transaction lies under the same prefix; the names are hashes of tickets of another kind.
    const PREFIX: &'static str = "auth:pending:";
    const SEALED: bool = true;
}

impl Record for Exchanged {
    const PREFIX: &'static str = "auth:exch:";
    const SEALED: bool = true;
}

#[derive(Debug)]
pub(crate) struct Codes {
    pending: Table<Code>,
    exchanged: Table<Exchanged>,
}

impl Codes {
    pub(super) fn new(store: &Store) -> Self {
        Self { pending: store.table(), exchanged: store.table() }
    }

    /// Keeps a new code.
    pub(crate) async fn add(
        &self,
        ticket: &AuthorizationCode,
        code: &Code,
    ) -> Result<(), StoreError> {
        self.pending.put(ticket.digest().as_str(), code, CODE_LIFE).await
    }

    /// A code that has not been redeemed.
    pub(crate) async fn find(
        &self,
        ticket: &AuthorizationCode,
    ) -> Result<Option<Code>, StoreError> {
        self.pending.get(ticket.digest().as_str()).await
    }

    /// A code that has been redeemed.
    pub(crate) async fn find_exchanged(
        &self,
        ticket: &AuthorizationCode,
    ) -> Result<Option<Code>, StoreError> {
        let found = self.exchanged.get(ticket.digest().as_str()).await?;
        Ok(found.map(|exchanged| exchanged.code))
    }

    /// Marks a code as redeemed, for `keep`. Of several who try, on whatever instances, one gets
    /// `true`. The tombstone is there before the code goes, so that a replay is always seen.
    pub(crate) async fn exchange(
        &self,
        ticket: &AuthorizationCode,
        code: Code,
        keep: Duration,
    ) -> Result<bool, StoreError> {
        let name = ticket.digest();
        let won = self.exchanged.claim(name.as_str(), &Exchanged { code }, keep).await?;
        self.pending.take(name.as_str()).await?;
        Ok(won)
    }
}
