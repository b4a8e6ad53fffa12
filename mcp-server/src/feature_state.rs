//! What features keep, over the store: a ring for each shelf, a tally for each tally.
//!
//! Rosters say which shelves there are: of each caller, whose shelves are counted, and of each
//! session, whose shelves end with it. A shelf is named there for as long as it lives.

use std::collections::BTreeMap;

use futures_util::future::{BoxFuture, try_join, try_join_all, try_join3};
use mcp_core::{ShelfAddress, StateError, StateStore, Tally};
use store::{Count, Ring, Roster, Store, StoreError};

/// The state of features, in a store.
pub(crate) struct FeatureState {
    shelves: Shelves,
    tallies: store::Tally,
}

impl FeatureState {
    pub(crate) fn new(store: &Store) -> Self {
        Self { shelves: Shelves::new(store), tallies: store.tally() }
    }
}

/// Nothing of a store's failure is the client's business; its text is for the log.
pub(crate) fn unavailable(error: StoreError) -> StateError {
    StateError::Unavailable(Box::new(error))
}

/// All shelves, and which there are.
#[derive(Clone)]
pub(crate) struct Shelves {
    rings: Ring,
    rosters: Roster,
}

impl Shelves {
    pub(crate) fn new(store: &Store) -> Self {
        Self { rings: store.ring(), rosters: store.roster() }
    }

    /// Drops what was kept for a session, which has ended.
    pub(crate) async fn end_with(&self, session: &str) -> Result<(), StoreError> {
        let ending = session_roster(&ShelfAddress::end_of(session));
        let members = self.rosters.members(&ending, u16::MAX).await?;
        let each = members.iter().map(async |member| {
            self.rosters.leave(&ending, member).await?;
            match member.split_once(' ') {
                Some((counted, name)) => self.drop_one(counted, name).await,
                None => Ok(()),
            }
        });
        try_join_all(each).await?;
        Ok(())
    }

    /// All are sent at once and in this order: of many callers at the same moment none leaves a shelf
    /// that is not counted, nor does a call that is cancelled.
    async fn append(&self, address: &ShelfAddress, entries: Vec<String>) -> Result<(), StoreError> {
        let (name, keep) = (ring(address), address.lifetime);
        let counted = caller_roster(address);
        let ending = async {
            match address.ends_with.as_deref().map(session_roster) {
                Some(ending) => {
                    let member = format!("{counted} {name}");
                    self.rosters.enter(&ending, &member, keep).await.map(drop)
                }
                None => Ok(()),
            }
        };
        let ((), (), count) = try_join3(
            self.rings.append(&name, entries, address.most, keep),
            ending,
            self.rosters.enter(&counted, &name, keep),
        )
        .await?;
        match count.checked_sub(u64::from(address.shelves)) {
            None | Some(0) => Ok(()),
            Some(surplus) => self.make_room(&counted, &name, surplus).await,
        }
    }

    /// Drops as many as there are too many: those that nothing was added to for longest, which are
    /// those that would end first. Never the one that was just added to.
    async fn make_room(&self, counted: &str, new: &str, surplus: u64) -> Result<(), StoreError> {
        let most = u16::try_from(surplus + 1).unwrap_or(u16::MAX);
        let first = self.rosters.members(counted, most).await?;
        let oldest = first.iter().filter(|name| *name != new).take(usize::from(most - 1));
        try_join_all(oldest.map(|name| self.drop_one(counted, name))).await?;
        Ok(())
    }

    /// Strikes a shelf from a list of those that there are, and empties it.
    async fn drop_one(&self, list: &str, name: &str) -> Result<(), StoreError> {
        try_join(self.rosters.leave(list, name), self.rings.remove(name)).await?;
        Ok(())
    }
}

/// The owner is a hash already.
fn ring(shelf: &ShelfAddress) -> String {
    format!("mcp:shelf:{}:{}", shelf.kind, shelf.owner)
}

fn caller_roster(shelf: &ShelfAddress) -> String {
    format!("mcp:shelves:{}:{}", shelf.kind, shelf.counted_with)
}

fn session_roster(end: &str) -> String {
    format!("mcp:shelves:session:{end}")
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
        Box::pin(async move { self.shelves.append(address, entries).await.map_err(unavailable) })
    }

    fn entries<'a>(
        &'a self,
        address: &'a ShelfAddress,
    ) -> BoxFuture<'a, Result<Vec<String>, StateError>> {
        Box::pin(
            async move { self.shelves.rings.entries(&ring(address)).await.map_err(unavailable) },
        )
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ambient::{Clock, Secret};
    use store::RedisOptions;
    use testkit::redis::Namespace;

    use super::*;

    /// Two instances on the same state, in memory and on Redis.
    async fn places() -> Vec<(Option<Namespace>, [FeatureState; 2])> {
        let memory = Store::memory(Clock::system());
        let namespace = testkit::redis::namespace().await;
        let url = Secret::new(namespace.url.as_str());
        let prefix = namespace.prefix.clone();
        let options = RedisOptions { namespace: prefix, ..RedisOptions::new(url) };
        let redis = [Store::redis(&options).await.unwrap(), Store::redis(&options).await.unwrap()];
        vec![
            (None, [FeatureState::new(&memory), FeatureState::new(&memory)]),
            (Some(namespace), redis.map(|store| FeatureState::new(&store))),
        ]
    }

    fn shelf(owner: &str, caller: &str, session: Option<&str>) -> ShelfAddress {
        ShelfAddress {
            kind: "note",
            owner: owner.to_owned(),
            counted_with: caller.to_owned(),
            ends_with: session.map(ShelfAddress::end_of),
            most: 3,
            shelves: 4,
            lifetime: Duration::from_mins(1),
        }
    }

    async fn add(state: &FeatureState, address: &ShelfAddress) {
        state.append(address, vec!["x".to_owned()]).await.unwrap();
    }

    async fn kept(state: &FeatureState, all: &[ShelfAddress]) -> Vec<String> {
        let mut kept = Vec::new();
        for address in all {
            if !state.entries(address).await.unwrap().is_empty() {
                kept.push(address.owner.clone());
            }
        }
        kept
    }

    #[tokio::test]
    async fn of_the_shelves_of_a_caller_those_used_last_are_kept() {
        for (_place, [here, there]) in places().await {
            // Of those of the same millisecond the first in the alphabet goes first.
            let names = ["z", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"];
            let all = names.map(|name| shelf(name, "alice", None));
            let of_bob = shelf("b", "bob", None);
            add(&here, &of_bob).await;
            for address in &all {
                add(&there, address).await;
                add(&here, &all[0]).await;
            }
            assert_eq!(kept(&there, &all).await, ["z", "a6", "a7", "a8"]);
            assert_eq!(kept(&there, &[of_bob]).await, ["b"]);
        }
    }

    #[tokio::test]
    async fn of_many_at_the_same_moment_no_more_are_left_than_are_counted() {
        for (_place, [here, there]) in places().await {
            let all: Vec<_> =
                (0..100).map(|number| shelf(&format!("{number}"), "alice", None)).collect();
            let adding = all.iter().enumerate().map(|(number, address)| {
                add(if number % 2 == 0 { &here } else { &there }, address)
            });
            futures_util::future::join_all(adding).await;
            assert!(kept(&here, &all).await.len() <= 4);
        }
    }

    #[tokio::test]
    async fn what_a_session_keeps_ends_with_it_and_makes_room() {
        for (_place, [here, there]) in places().await {
            let lasting = shelf("lasting", "alice", None);
            add(&here, &lasting).await;
            for number in 0..20 {
                let session = number.to_string();
                let address = shelf(&format!("s{number}"), "alice", Some(&session));
                add(&here, &address).await;
                there.shelves.end_with(&session).await.unwrap();
                assert!(kept(&here, &[address]).await.is_empty());
            }
            // Those that have ended are not counted.
            assert_eq!(kept(&here, &[lasting]).await, ["lasting"]);
        }
    }
}
