//! What features keep beyond a call: shelves of newest entries, one per owner, and tallies that all
//! instances share.
//!
//! A feature says what it keeps ([`Kept`]), for whom is decided here. In a session a shelf belongs
//! to the session, without one to the caller; a name of the caller's own makes it reach across
//! sessions. See the decision on feature state.

use std::{collections::BTreeMap, fmt, marker::PhantomData, time::Duration};

use futures_util::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::{Principal, failure::BoxError};

/// Something of which the newest entries are kept.
pub trait Kept: Serialize + DeserializeOwned + Send + Sync {
    /// Names the shelf: unique among the features of a server.
    const SHELF: &'static str;
    /// How many are kept: the newest.
    const MOST: u16;
    /// How many shelves of the kind one caller has, in all sessions and under all names: those
    /// that were added to last. Another one takes the place of the one that has waited longest.
    const SHELVES: u16;
    /// How long a shelf lives after its last entry.
    const LIFETIME: Duration;
}

/// Named counters that all instances add to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Unique among the features of a server.
    pub name: &'static str,
    /// How long the counters live after the last count.
    pub lifetime: Duration,
}

/// A shelf of one owner, as a store sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShelfAddress {
    /// What is kept.
    pub kind: &'static str,
    /// For whom: a hash, which tells nothing of a session or a caller.
    pub owner: String,
    /// With whose shelves it is counted: the hash of a user, whatever their clients and sessions,
    /// or of a client that acts for itself, or of everybody without authorization.
    pub counted_with: String,
    /// With which session it ends: a hash; none for what outlives sessions.
    pub ends_with: Option<String>,
    /// How many entries are kept.
    pub most: u16,
    /// How many shelves of the kind are kept of those that are counted with it.
    pub shelves: u16,
    /// How long the shelf lives after its last entry.
    pub lifetime: Duration,
}

impl ShelfAddress {
    /// What the shelves of a session end with.
    #[must_use]
    pub fn end_of(session: &str) -> String {
        hashed(&["end", session])
    }
}

/// Where state is kept. The server implements it over its store.
pub trait StateStore: Send + Sync {
    /// Adds entries behind those that are there, and drops the oldest beyond what is kept: in one
    /// step, so that none of any number of concurrent callers loses an entry. Of the shelves that
    /// are counted together, those that nothing was added to for longest are dropped.
    fn append<'a>(
        &'a self,
        address: &'a ShelfAddress,
        entries: Vec<String>,
    ) -> BoxFuture<'a, Result<(), StateError>>;

    /// All entries, oldest first.
    fn entries<'a>(
        &'a self,
        address: &'a ShelfAddress,
    ) -> BoxFuture<'a, Result<Vec<String>, StateError>>;

    /// Adds to a counter.
    fn count<'a>(
        &'a self,
        tally: Tally,
        counter: &'a str,
        by: u64,
    ) -> BoxFuture<'a, Result<(), StateError>>;

    /// All counters, of all instances.
    fn counts(&self, tally: Tally) -> BoxFuture<'_, Result<BTreeMap<String, u64>, StateError>>;
}

/// State could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The store has failed.
    #[error("the state of features is not available")]
    Unavailable(#[source] BoxError),
    /// An entry cannot be written or read as its type.
    #[error("an entry of `{shelf}` does not have the form of its type")]
    Form {
        /// What it is an entry of.
        shelf: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// The state that one call may reach: its owner's.
#[derive(Clone, Copy)]
pub struct State<'a> {
    pub(crate) store: &'a dyn StateStore,
    pub(crate) principal: &'a Principal,
    pub(crate) session: Option<&'a str>,
}

impl<'a> State<'a> {
    /// What is kept for the session, or for the caller where there are no sessions.
    #[must_use]
    pub fn shelf<T: Kept>(&self) -> Shelf<'a, T> {
        let caller = self.principal.identity();
        match self.session {
            Some(session) => self.shelf_of(&["session", &caller, session], self.session),
            None => self.shelf_of(&["caller", &caller], None),
        }
    }

    /// What is kept for the caller under a name of their own, beyond any session. Callers never
    /// meet under the same name.
    #[must_use]
    pub fn shelf_named<T: Kept>(&self, name: &str) -> Shelf<'a, T> {
        self.shelf_of(&["named", &self.principal.identity(), name], None)
    }

    /// Adds to a counter that all instances share. `counter` is one of few: each is kept.
    ///
    /// # Errors
    /// When the store has failed.
    pub async fn count(&self, tally: Tally, counter: &str, by: u64) -> Result<(), StateError> {
        self.store.count(tally, counter, by).await
    }

    /// All counters of a tally.
    ///
    /// # Errors
    /// When the store has failed.
    pub async fn counts(&self, tally: Tally) -> Result<BTreeMap<String, u64>, StateError> {
        self.store.counts(tally).await
    }

    /// Whose the state is: a hash, which tells nothing of a session or a caller.
    pub(crate) fn owner(&self) -> String {
        let caller = self.principal.identity();
        match self.session {
            Some(session) => hashed(&["session", &caller, session]),
            None => hashed(&["caller", &caller]),
        }
    }

    /// Whose that is which the caller has in all sessions and without one: a hash, and not the one of
    /// what they have without a session.
    pub(crate) fn caller(&self) -> String {
        hashed(&["everywhere", &self.principal.identity()])
    }

    /// What is kept for the owner under a name of the server's own.
    pub(crate) fn part<T: Kept>(&self, name: &str) -> Shelf<'a, T> {
        let caller = self.principal.identity();
        match self.session {
            Some(session) => {
                self.shelf_of(&["part", "session", &caller, session, name], self.session)
            }
            None => self.shelf_of(&["part", "caller", &caller, name], None),
        }
    }

    fn shelf_of<T: Kept>(&self, owner: &[&str], session: Option<&str>) -> Shelf<'a, T> {
        let Principal { issuer, user, client, .. } = self.principal;
        // Whoever registers another client gets no further shelves by it.
        let who = [user.as_deref(), client.as_deref().filter(|_| user.is_none())];
        let address = ShelfAddress {
            kind: T::SHELF,
            owner: hashed(owner),
            counted_with: hashed(&["shelves", issuer, &serde_json::json!(who).to_string()]),
            ends_with: session.map(ShelfAddress::end_of),
            most: T::MOST,
            shelves: T::SHELVES,
            lifetime: T::LIFETIME,
        };
        Shelf { store: self.store, address, kept: PhantomData }
    }
}

/// On whose behalf somebody listens for changes: of a session, or of a caller without one; and in both
/// cases of the caller, for what they have everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners(Vec<String>);

impl Owners {
    /// Those of a caller in a session, or without one.
    #[must_use]
    pub fn of(principal: &Principal, session: Option<&str>) -> Self {
        let state = State { store: &NoState, principal, session };
        Self(vec![state.owner(), state.caller()])
    }

    /// The hashes that name them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether what belongs to `owner` is theirs.
    #[must_use]
    pub fn include(&self, owner: &str) -> bool {
        self.0.iter().any(|own| own == owner)
    }
}

/// The newest entries of one owner.
pub struct Shelf<'a, T> {
    store: &'a dyn StateStore,
    address: ShelfAddress,
    kept: PhantomData<fn() -> T>,
}

impl<T: Kept> Shelf<'_, T> {
    /// Adds entries behind those that are there; the oldest beyond [`Kept::MOST`] are dropped. None
    /// is lost to others that add at the same time.
    ///
    /// # Errors
    /// When the store has failed; whether the entries are kept is unknown then.
    pub async fn append(&self, entries: &[T]) -> Result<(), StateError> {
        if entries.is_empty() {
            return Ok(());
        }
        // What would be dropped at once is not sent.
        let newest = &entries[entries.len().saturating_sub(usize::from(T::MOST))..];
        let written: Result<Vec<_>, _> = newest.iter().map(serde_json::to_string).collect();
        self.store.append(&self.address, written.map_err(Self::form)?).await
    }

    /// All entries, oldest first.
    ///
    /// # Errors
    /// When the store has failed, or holds something else.
    pub async fn entries(&self) -> Result<Vec<T>, StateError> {
        let entries = self.store.entries(&self.address).await?;
        let read = entries.iter().map(|entry| serde_json::from_str(entry));
        read.collect::<Result<_, _>>().map_err(Self::form)
    }

    fn form(source: serde_json::Error) -> StateError {
        StateError::Form { shelf: T::SHELF, source }
    }
}

impl<T: Kept> fmt::Debug for Shelf<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shelf({})", T::SHELF)
    }
}

/// Names an owner without telling who it is. The parts are written as JSON, so that no two lists of
/// parts read the same.
fn hashed(owner: &[&str]) -> String {
    const_hex::encode(Sha256::digest(serde_json::json!(owner).to_string()))
}

/// For calls that keep nothing: a store that is always away.
#[derive(Clone, Copy, Debug)]
pub struct NoState;

/// There is nothing of the kind here.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this server lends nothing of the kind to features")]
struct Nowhere;

/// What a server that lends nothing answers.
pub(crate) fn nowhere<T: Send + 'static>() -> BoxFuture<'static, Result<T, StateError>> {
    Box::pin(std::future::ready(Err(StateError::Unavailable(Box::new(Nowhere)))))
}

impl StateStore for NoState {
    fn append<'a>(
        &'a self,
        _: &'a ShelfAddress,
        _: Vec<String>,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        nowhere()
    }

    fn entries<'a>(
        &'a self,
        _: &'a ShelfAddress,
    ) -> BoxFuture<'a, Result<Vec<String>, StateError>> {
        nowhere()
    }

    fn count<'a>(&'a self, _: Tally, _: &'a str, _: u64) -> BoxFuture<'a, Result<(), StateError>> {
        nowhere()
    }

    fn counts(&self, _: Tally) -> BoxFuture<'_, Result<BTreeMap<String, u64>, StateError>> {
        nowhere()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Note;

    impl Serialize for Note {
        fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            s.serialize_unit()
        }
    }

    impl<'de> serde::Deserialize<'de> for Note {
        fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            <()>::deserialize(d).map(|()| Self)
        }
    }

    impl Kept for Note {
        const SHELF: &'static str = "note";
        const MOST: u16 = 3;
        const SHELVES: u16 = 2;
        const LIFETIME: Duration = Duration::from_mins(1);
    }

    fn user(name: &str) -> Principal {
        Principal { user: Some(name.to_owned()), ..Principal::anonymous() }
    }

    fn owners(principal: &Principal, session: Option<&str>) -> [String; 2] {
        let state = State { store: &NoState, principal, session };
        [state.shelf::<Note>().address.owner, state.shelf_named::<Note>("a").address.owner]
    }

    #[test]
    fn no_two_callers_or_sessions_share_a_shelf() {
        let mut all = Vec::new();
        for name in ["alice", "bob"] {
            for session in [None, Some("1"), Some("2")] {
                all.push(owners(&user(name), session)[0].clone());
            }
            all.push(owners(&user(name), None)[1].clone());
        }
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn a_named_shelf_is_the_callers_in_every_session() {
        let alice = user("alice");
        assert_eq!(owners(&alice, None)[1], owners(&alice, Some("1"))[1]);
    }

    #[test]
    fn the_shelves_of_a_user_are_counted_together_and_end_with_their_session() {
        let of = |principal: &Principal, session: Option<&str>| {
            let state = State { store: &NoState, principal, session };
            [state.shelf::<Note>().address, state.shelf_named::<Note>("a").address]
        };
        let alice = user("alice");
        let elsewhere = Principal { client: Some("another".to_owned()), ..alice.clone() };
        let [shelf, named] = of(&alice, Some("1"));
        let other = &of(&elsewhere, None)[0];
        assert!(
            shelf.counted_with == named.counted_with && named.counted_with == other.counted_with
        );
        assert_ne!(of(&user("bob"), None)[0].counted_with, shelf.counted_with);
        let client = Principal { client: Some("alice".to_owned()), ..Principal::anonymous() };
        assert_ne!(of(&client, None)[0].counted_with, shelf.counted_with);
        assert_eq!(shelf.ends_with, Some(ShelfAddress::end_of("1")));
        assert!(named.ends_with.is_none() && other.ends_with.is_none());
    }

    #[test]
    fn who_listens_hears_of_the_session_and_of_the_caller_and_of_nobody_else() {
        let (alice, bob) = (user("alice"), user("bob"));
        let state = |principal, session| State { store: &NoState, principal, session };
        let own = |principal, session| state(principal, session).owner();
        let heard = Owners::of(&alice, Some("1"));
        assert!(heard.include(&own(&alice, Some("1"))));
        assert!(heard.include(&state(&alice, None).caller()));
        // What the caller has without a session is another thing of the same name.
        for other in [own(&alice, None), own(&alice, Some("2")), own(&bob, Some("1"))] {
            assert!(!heard.include(&other));
        }
        assert!(!heard.include(&state(&bob, Some("1")).caller()));
        let heard = Owners::of(&alice, None);
        assert!(heard.include(&own(&alice, None)));
        assert!(heard.include(&state(&alice, Some("1")).caller()));
        assert!(!heard.include(&own(&alice, Some("1"))));
    }

    #[test]
    fn the_owner_is_a_hash() {
        let owner = &owners(&user("alice"), Some("secret"))[0];
        assert!(owner.len() == 64 && owner.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
