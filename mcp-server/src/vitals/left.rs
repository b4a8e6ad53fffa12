//! Sessions that were used here and have fallen silent. What features keep for a session ends with
//! it; where nobody deletes it and nobody comes back to it, nothing else would notice that it ended.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ambient::Timestamp;
use futures_util::stream::{self, StreamExt as _};
use store::{Store, StoreError, Table};

use crate::{feature_state::Shelves, session::SessionRecord};

/// How many are looked after. What is kept for the others ends at its own time.
const MOST: usize = 20_000;

/// How many are looked at between two reports of an instance, which must not be late.
const MOST_IN_A_GO: usize = 400;

/// How many of them are looked at at a time.
const AT_ONCE: usize = 16;

/// The clocks of the store and of this instance are not the same.
const SLACK: Duration = Duration::from_secs(1);

/// Ends what was kept for sessions that have ended by themselves.
pub(super) struct Left {
    idle: Duration,
    sessions: Table<SessionRecord>,
    shelves: Shelves,
    /// When to look at a session next.
    due: Mutex<HashMap<String, Timestamp>>,
}

impl Left {
    pub(super) fn new(store: &Store, idle: Duration) -> Self {
        let (sessions, shelves) = (store.table(), Shelves::new(store));
        Self { idle, sessions, shelves, due: Mutex::default() }
    }

    /// A session is not used any more. It may be: elsewhere, by a stream, or again.
    pub(super) fn note(&self, session: String, last: Timestamp) {
        let mut due = self.lock();
        if due.len() < MOST || due.contains_key(&session) {
            due.insert(session, last + self.idle + SLACK);
        }
    }

    /// Looks at those that could have ended by now. One that lives is looked at again; so are those
    /// that are left when the store fails.
    pub(super) async fn look(&self, now: Timestamp) {
        let due = stream::iter(self.due_at(now)).map(|session| self.look_at(session, now));
        let mut looked = due.buffer_unordered(AT_ONCE);
        while let Some(seen) = looked.next().await {
            if let Err(error) = seen {
                tracing::warn!(%error, "what is kept for sessions that have ended could not be dropped");
                // What is wrong with one record is no reason to leave the others.
                if !is_about_one(&error) {
                    return;
                }
            }
        }
    }

    async fn look_at(&self, session: String, now: Timestamp) -> Result<(), StoreError> {
        match self.end_if_gone(&session, now).await {
            // One that cannot be read is not looked at again.
            Err(error) if is_about_one(&error) => {
                self.lock().remove(&session);
                Err(error)
            }
            done => done,
        }
    }

    async fn end_if_gone(&self, session: &str, now: Timestamp) -> Result<(), StoreError> {
        if self.sessions.get(session).await?.is_some() {
            self.note(session.to_owned(), now);
        } else {
            self.shelves.end_with(session).await?;
            self.lock().remove(session);
        }
        Ok(())
    }

    fn due_at(&self, now: Timestamp) -> Vec<String> {
        let due = self.lock();
        let silent = due.iter().filter(|(_, at)| **at <= now);
        let mut silent: Vec<_> = silent.map(|(session, at)| (*at, session.clone())).collect();
        drop(due);
        // Those first that have been silent for longest.
        silent.sort();
        silent.into_iter().take(MOST_IN_A_GO).map(|(_, session)| session).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether one record is at fault, and not the store.
const fn is_about_one(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt { .. })
}

#[cfg(test)]
mod tests {
    use ambient::{Clock, Entropy};
    use mcp_core::{Principal, ShelfAddress, StateStore as _};
    use serde::{Deserialize, Serialize};
    use store::Record;

    use crate::{
        feature_state::FeatureState,
        session::{SessionId, SessionLimits, Sessions, Terms},
        vitals::Vitals,
    };

    use super::*;

    const LIMITS: SessionLimits = SessionLimits {
        idle: Duration::from_mins(5),
        age: Duration::from_hours(24),
        of_owner: 9,
        in_all: 9,
    };

    /// An instance on a store, whose time is the test's.
    struct Place {
        clock: Clock,
        store: Store,
        vitals: Vitals,
        sessions: Sessions,
        state: FeatureState,
    }

    impl Place {
        fn new() -> Self {
            let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
            let (store, entropy) = (Store::memory(clock.clone()), Entropy::seeded(1));
            Self {
                vitals: Vitals::new(&store, &clock, &entropy, LIMITS.idle),
                sessions: Sessions::new(&store, &clock, LIMITS, "i"),
                state: FeatureState::new(&store),
                store,
                clock,
            }
        }

        /// A session that was used, and something is kept for.
        async fn opened(&self, seed: u64) -> SessionId {
            let (who, entropy) = (Principal::anonymous(), Entropy::seeded(seed));
            let id = self.sessions.open(&who, Terms::none_yet(), &entropy).await.unwrap();
            self.state.append(&shelf(&id), vec!["x".to_owned()]).await.unwrap();
            self.vitals.used(&id).await;
            id
        }

        /// Lets time pass in the steps in which an instance reports.
        async fn pass(&self, time: Duration) {
            let end = self.clock.now() + time;
            while self.clock.now() < end {
                self.clock.advance(Duration::from_secs(5));
                self.vitals
                    .clone()
                    .report(crate::metrics::McpMetrics::default(), std::future::ready(()))
                    .await;
            }
        }

        async fn keeps(&self, id: &SessionId) -> bool {
            !self.state.entries(&shelf(id)).await.unwrap().is_empty()
        }
    }

    fn shelf(id: &SessionId) -> ShelfAddress {
        ShelfAddress {
            kind: "note",
            owner: id.to_string(),
            counted_with: "everybody".to_owned(),
            ends_with: Some(ShelfAddress::end_of(id.as_str())),
            most: 1,
            shelves: 9,
            lifetime: Duration::from_hours(24),
        }
    }

    #[tokio::test]
    async fn what_was_kept_for_a_session_that_nobody_comes_back_to_ends_with_it() {
        let place = Place::new();
        let (left, used) = (place.opened(2).await, place.opened(3).await);
        // The other one is used, or has a stream, on another instance.
        let kept = async || {
            let found = place.sessions.find(used.as_str(), &Principal::anonymous()).await;
            assert!(found.unwrap().is_some());
        };
        place.pass(LIMITS.idle / 2).await;
        kept().await;
        place.pass(LIMITS.idle / 2).await;
        assert!(place.keeps(&left).await, "a session that could still be used is whole");
        place.pass(Duration::from_secs(10)).await;
        assert!(!place.keeps(&left).await && place.keeps(&used).await);
        for _ in 0..4 {
            kept().await;
            place.pass(LIMITS.idle / 2).await;
        }
        assert!(place.keeps(&used).await);
        place.pass(LIMITS.idle * 2).await;
        assert!(!place.keeps(&used).await);
    }
    /// What another version could have written.
    #[derive(Serialize, Deserialize)]
    struct Strange(u8);

    impl Record for Strange {
        const PREFIX: &'static str = SessionRecord::PREFIX;
        const SUFFIX: &'static str = SessionRecord::SUFFIX;
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_keeps_nobody_from_the_others() {
        let place = Place::new();
        let (strange, left) = (place.opened(2).await, place.opened(3).await);
        let day = Duration::from_hours(24);
        place.store.table().put(strange.as_str(), &Strange(1), day).await.unwrap();
        place.pass(LIMITS.idle + Duration::from_secs(10)).await;
        assert!(!place.keeps(&left).await);
    }
}
