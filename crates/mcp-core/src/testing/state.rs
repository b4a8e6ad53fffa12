//! State for tests of features: kept as promised, in this value and nowhere else.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;

use crate::{ShelfAddress, StateError, StateStore, Tally};

/// Shelves and tallies of one world. Nothing of it ends before the value does.
#[derive(Debug, Default)]
pub struct TestState(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    shelves: HashMap<(&'static str, String), Vec<String>>,
    /// The owners of those that are counted together, in the order of their last entry.
    counted: HashMap<(&'static str, String), Vec<String>>,
    tallies: HashMap<&'static str, BTreeMap<String, u64>>,
}

impl TestState {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn make_room(&mut self, address: &ShelfAddress) {
        let counted = self.counted.entry((address.kind, address.counted_with.clone())).or_default();
        counted.retain(|owner| *owner != address.owner);
        counted.push(address.owner.clone());
        let surplus = counted.len().saturating_sub(usize::from(address.shelves));
        for owner in counted.drain(..surplus) {
            self.shelves.remove(&(address.kind, owner));
        }
    }
}

impl StateStore for TestState {
    fn append<'a>(
        &'a self,
        address: &'a ShelfAddress,
        entries: Vec<String>,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        let mut kept = self.kept();
        let newest = kept.shelves.entry((address.kind, address.owner.clone())).or_default();
        newest.extend(entries);
        let surplus = newest.len().saturating_sub(usize::from(address.most));
        newest.drain(..surplus);
        kept.make_room(address);
        drop(kept);
        Box::pin(std::future::ready(Ok(())))
    }

    fn entries<'a>(
        &'a self,
        address: &'a ShelfAddress,
    ) -> BoxFuture<'a, Result<Vec<String>, StateError>> {
        let entries = self.kept().shelves.get(&(address.kind, address.owner.clone())).cloned();
        Box::pin(std::future::ready(Ok(entries.unwrap_or_default())))
    }

    fn count<'a>(
        &'a self,
        tally: Tally,
        counter: &'a str,
        by: u64,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        let mut kept = self.kept();
        *kept.tallies.entry(tally.name).or_default().entry(counter.to_owned()).or_default() += by;
        drop(kept);
        Box::pin(std::future::ready(Ok(())))
    }

    fn counts(&self, tally: Tally) -> BoxFuture<'_, Result<BTreeMap<String, u64>, StateError>> {
        let counts = self.kept().tallies.get(tally.name).cloned().unwrap_or_default();
        Box::pin(std::future::ready(Ok(counts)))
    }
}
