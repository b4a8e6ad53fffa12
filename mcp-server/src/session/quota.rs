//! How many sessions there may be: of one owner, and of all. And how old one may become.

use std::time::Duration;

use futures_util::future::try_join_all;
use sha2::{Digest as _, Sha256};
use store::{Bounds, Room, Roster, Store, StoreError, Table};

use super::record::{Owner, SessionId, SessionRecord};
use crate::{
    feature_state::Shelves,
    vitals::{SESSIONS, counted_as},
};

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

/// Counts the sessions of all owners, and of each under `mcp:owner:{hash}:sessions`.
///
/// A place is taken before its session is there, in the step in which it is seen to be free: so the
/// limits hold whoever opens how many at once, on whatever instance. An owner's place is given back when
/// its session is ended. One that ends by itself keeps its place until the owner needs it: only then, and
/// only when the session could have ended, somebody looks whether it has, and not again before it could.
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

    /// Takes the places of a session that is about to be opened, or refuses it. Of several that are
    /// opened at the same moment some may be refused where one would have had room; none is too many.
    pub(super) async fn enter(&self, owner: &Owner, id: &SessionId) -> Result<(), OpenError> {
        // Without authorization everybody is the same owner, for whom the other limit is meant.
        if let Some(name) = roster_of(owner) {
            self.enter_of_owner(&name, id).await?;
        }
        let (member, SessionLimits { idle, in_all, .. }) = (counted_as(id), self.limits);
        let refused = match self.roster.stay_if_room(SESSIONS, &member, idle, in_all).await {
            Ok(true) => return Ok(()),
            Ok(false) => OpenError::TooMany,
            Err(error) => error.into(),
        };
        self.give_back(owner, id).await;
        Err(refused)
    }

    async fn enter_of_owner(&self, name: &str, id: &SessionId) -> Result<(), OpenError> {
        let SessionLimits { idle, age, of_owner, .. } = self.limits;
        let bounds = Bounds { most: of_owner.into(), at_most: age };
        loop {
            match self.roster.enter_if_room(name, id.as_str(), idle, bounds).await? {
                Room::Entered => return Ok(()),
                Room::Full(doubtful) if doubtful.is_empty() => {
                    return Err(OpenError::TooManyOfOwner(of_owner));
                }
                Room::Full(doubtful) => {
                    let looks = doubtful.iter().map(|member| self.look_at(name, member));
                    try_join_all(looks).await?;
                }
            }
        }
    }

    /// A session that could have ended has, or gets its place for as long as it lives unused.
    async fn look_at(&self, name: &str, member: &str) -> Result<(), StoreError> {
        if let Some(left) = self.table.left(member).await? {
            // Never longer than a session lives unused here: one that was opened with a longer life, or by
            // another clock, would be in doubt again at once, and again.
            let left = left.min(self.limits.idle);
            return self.roster.vouch(name, member, left).await;
        }
        self.shelves.end_with(member).await?;
        self.roster.leave(name, member).await
    }

    /// The session is not opened after all.
    pub(super) async fn give_back(&self, owner: &Owner, id: &SessionId) {
        let member = counted_as(id);
        let left = tokio::join!(self.leave(owner, id), self.roster.leave(SESSIONS, &member));
        if let Err(error) = left.0.and(left.1) {
            tracing::warn!(%error, "a session that was not opened counts until it could have ended");
        }
    }

    /// A session has ended before its time.
    pub(super) async fn leave(&self, owner: &Owner, id: &SessionId) -> Result<(), StoreError> {
        match roster_of(owner) {
            Some(name) => self.roster.leave(&name, id.as_str()).await,
            None => Ok(()),
        }
    }
}

/// Where the sessions of an owner are counted: those of a user, through whatever clients, and those
/// of a client that acts for itself.
fn roster_of(owner: &Owner) -> Option<String> {
    let who = owner.who()?;
    let digest = Sha256::digest(who.as_bytes());
    Some(format!("mcp:owner:{}:sessions", const_hex::encode(&digest[..16])))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    use ambient::{Clock, Entropy, Secret, Timestamp};
    use futures_util::future::join_all;
    use mcp_core::Principal;
    use store::{Action, Fate, Line, RedisOptions};

    use super::*;
    use crate::session::{Sessions, Terms};

    const LIMITS: SessionLimits = SessionLimits {
        idle: Duration::from_mins(5),
        age: Duration::from_hours(24),
        of_owner: 20,
        in_all: 1000,
    };

    fn user(name: &str) -> Principal {
        Principal { user: Some(name.to_owned()), ..Principal::anonymous() }
    }

    /// Opens sessions on two instances, all at once; gives those that were opened, and why the others
    /// were not.
    async fn burst(
        instances: &[Sessions; 2],
        who: impl Fn(usize) -> Principal,
        number: usize,
    ) -> (Vec<SessionId>, Vec<OpenError>) {
        let opening = (0..number).map(|index| {
            let (who, sessions) = (who(index), &instances[index % 2]);
            async move {
                let entropy = Entropy::system();
                sessions.open(&who, Terms::none_yet(), &entropy).await
            }
        });
        let (mut opened, mut refused) = (Vec::new(), Vec::new());
        for outcome in join_all(opening).await {
            match outcome {
                Ok(id) => opened.push(id),
                Err(error) => refused.push(error),
            }
        }
        (opened, refused)
    }

    async fn on_redis(in_all: u32) -> ([Sessions; 2], testkit::redis::Namespace) {
        let place = testkit::redis::namespace().await;
        let url = Secret::new(place.url.as_str());
        let options = RedisOptions { namespace: place.prefix.clone(), ..RedisOptions::new(url) };
        let stores = [Store::redis(&options).await.unwrap(), Store::redis(&options).await.unwrap()];
        let (clock, limits) = (Clock::system(), SessionLimits { in_all, ..LIMITS });
        (stores.map(|store| Sessions::new(&store, &clock, limits, "test")), place)
    }

    #[tokio::test]
    async fn an_owner_who_opens_many_at_once_on_two_instances_has_as_many_as_it_may() {
        let (instances, _place) = on_redis(1000).await;
        for _ in 0..3 {
            let (opened, refused) = burst(&instances, |_| user("alice"), 60).await;
            assert_eq!(opened.len(), 20, "{refused:?}");
            assert!(refused.iter().all(|why| matches!(why, OpenError::TooManyOfOwner(20))));
            let (none, _) = burst(&instances, |_| user("alice"), 60).await;
            assert_eq!(none.len(), 0);
            for id in opened {
                assert!(instances[0].find(id.as_str(), &user("alice")).await.unwrap().is_some());
                instances[1].end(&id).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn all_who_open_at_once_on_two_instances_have_as_many_as_there_may_be() {
        let (instances, _place) = on_redis(30).await;
        let (opened, refused) = burst(&instances, |index| user(&index.to_string()), 150).await;
        assert_eq!(opened.len(), 30, "{refused:?}");
        assert!(refused.iter().all(|why| matches!(why, OpenError::TooMany)));
    }

    /// A store in memory that counts the commands to it.
    fn counting(clock: &Clock) -> (Store, Arc<AtomicUsize>) {
        let counted = Arc::<AtomicUsize>::default();
        let commands = Arc::clone(&counted);
        let line = Line::new(clock, move |_: Action| {
            let before = commands.fetch_add(1, Ordering::Relaxed);
            assert!(before < 10_000, "this does not end");
            Fate::AT_ONCE
        });
        (Store::memory(clock.clone()).over_line(line), counted)
    }

    #[tokio::test]
    async fn an_owner_who_is_refused_again_and_again_costs_next_to_nothing() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let (store, counted) = counting(&clock);
        let sessions = Sessions::new(&store, &clock, LIMITS, "one");
        let instances = [sessions.clone(), sessions.clone()];
        let (opened, _) = burst(&instances, |_| user("alice"), 20).await;
        let refusals = async || {
            let before = counted.load(Ordering::Relaxed);
            let (none, refused) = burst(&instances, |_| user("alice"), 100).await;
            assert_eq!((none.len(), refused.len()), (0, 100));
            counted.load(Ordering::Relaxed) - before
        };
        assert_eq!(refusals().await, 100);
        // When they could have ended by themselves, each is looked at once.
        for _ in 0..2 {
            clock.advance(LIMITS.idle / 2);
            for id in &opened {
                assert!(sessions.find(id.as_str(), &user("alice")).await.unwrap().is_some());
            }
        }
        assert!(refusals().await <= 100 + 3 * 20);
        assert_eq!(refusals().await, 100);
    }

    #[tokio::test]
    async fn sessions_that_live_longer_unused_than_here_are_looked_at_once_in_a_while() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let (store, counted) = counting(&clock);
        let longer = SessionLimits { idle: Duration::from_hours(1), ..LIMITS };
        let [here, there] =
            [LIMITS, longer].map(|limits| Sessions::new(&store, &clock, limits, "test"));
        let (opened, _) = burst(&[there.clone(), there], |_| user("alice"), 20).await;
        assert_eq!(opened.len(), 20);
        let instances = [here.clone(), here];
        let refusals = async || {
            let before = counted.load(Ordering::Relaxed);
            let (none, refused) = burst(&instances, |_| user("alice"), 10).await;
            assert_eq!((none.len(), refused.len()), (0, 10));
            counted.load(Ordering::Relaxed) - before
        };
        assert!(refusals().await > 10);
        assert_eq!(refusals().await, 10);
    }

    #[tokio::test]
    async fn a_session_that_is_not_opened_takes_none_of_its_owners_places() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let limits = SessionLimits { in_all: 1, ..LIMITS };
        let store = Store::memory(clock.clone());
        let sessions = Sessions::new(&store, &clock, limits, "one");
        let instances = [sessions.clone(), sessions];
        let (one, _) = burst(&instances, |_| user("bob"), 1).await;
        let (none, refused) = burst(&instances, |_| user("alice"), 20).await;
        assert!(none.is_empty() && refused.iter().all(|why| matches!(why, OpenError::TooMany)));
        store.roster().leave(SESSIONS, &counted_as(&one[0])).await.unwrap();
        assert_eq!(burst(&instances, |_| user("alice"), 1).await.0.len(), 1);
    }

    #[tokio::test]
    async fn a_session_that_could_not_be_kept_takes_no_place() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let limits = SessionLimits { of_owner: 1, in_all: 1, ..LIMITS };
        let store_is_down = Arc::new(AtomicBool::new(true));
        let store = Store::memory(clock.clone());
        let store = store.over_line(Line::refusing(&clock, "put", &store_is_down));
        let sessions = Sessions::new(&store, &clock, limits, "one");
        let instances = [sessions.clone(), sessions];
        let (none, refused) = burst(&instances, |_| user("alice"), 1).await;
        assert!(none.is_empty() && matches!(refused[..], [OpenError::Store(_)]), "{refused:?}");
        store_is_down.store(false, Ordering::Relaxed);
        assert_eq!(burst(&instances, |_| user("alice"), 1).await.0.len(), 1);
    }
}
