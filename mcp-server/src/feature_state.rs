//! What features keep, over the store: a ring for each shelf, a tally for each tally.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use mcp_core::{ShelfAddress, StateError, StateStore, Tally};
use store::{Count, Ring, Store, StoreError};

/// The state of features, in a store.
pub(crate) struct FeatureState {
    rings: Ring,
    tallies: store::Tally,
}

impl FeatureState {
    pub(crate) fn new(store: &Store) -> Self {
        Self { rings: store.ring(), tallies: store.tally() }
    }
}

/// Nothing of a store's failure is the client's business; its text is for the log.
pub(crate) fn unavailable(error: StoreError) -> StateError {
    StateError::Unavailable(Box::new(error))
}

/// The owner is a hash already.
fn ring(shelf: &ShelfAddress) -> String {
    format!("mcp:shelf:{}:{}", shelf.kind, shelf.owner)
}

fn tally(tally: Tally) -> String {
    format!("mcp:tally:{}", tally.name)
}

impl StateStore for FeatureState {
    fn append<'a>(
        &'a self,
        address: &'a ShelfAddress,
        entries: Vec<String>,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            let appended =
                self.rings.append(&ring(address), entries, address.most, address.lifetime).await;
            appended.map_err(unavailable)
        })
    }

    fn entries<'a>(
        &'a self,
        address: &'a ShelfAddress,
    ) -> BoxFuture<'a, Result<Vec<String>, StateError>> {
        Box::pin(async move { self.rings.entries(&ring(address)).await.map_err(unavailable) })
    }

    fn count<'a>(
        &'a self,
        kept: Tally,
        counter: &'a str,
        by: u64,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            let counts = [(counter, Count::Add(by))];
            self.tallies.count(&tally(kept), &counts, kept.lifetime).await.map_err(unavailable)
        })
    }

    fn counts(&self, kept: Tally) -> BoxFuture<'_, Result<BTreeMap<String, u64>, StateError>> {
        Box::pin(async move { self.tallies.counts(&tally(kept)).await.map_err(unavailable) })
    }
}
