//! Proofs of possession that were used (RFC 9449 section 11.1).

use ambient::Timestamp;
use dpop::Proof;
use serde::{Deserialize, Serialize};
use store::{Record, Store, StoreError, Table};

/// That a proof was used; there is nothing more to know.
#[derive(Debug, Serialize, Deserialize)]
struct Used {}

impl Record for Used {
    const PREFIX: &'static str = "auth:dpop:";
}

#[derive(Debug)]
pub(crate) struct Proofs(Table<Used>);

impl Proofs {
    pub(super) fn new(store: &Store) -> Self {
        Self(store.table())
    }

    /// Uses a proof. Of several who show it, on whatever instances, one gets `true`.
    pub(crate) async fn spend(&self, proof: &Proof, now: Timestamp) -> Result<bool, StoreError> {
        self.0.claim(&proof.name, &Used {}, proof.expires_at.since(now)).await
    }
}
