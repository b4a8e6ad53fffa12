//! What a server tells features of itself: its instances, its sessions, the session of a call.

use ambient::Timestamp;
use futures_util::future::BoxFuture;

use crate::{StateError, state::nowhere};

/// Knows how the server is. The server implements it over its store.
pub trait Vitals: Send + Sync {
    /// All instances that have been heard of lately, and how many sessions they share.
    fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, StateError>>;

    /// What is known of a session; nothing if it has ended.
    fn session<'a>(
        &'a self,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionFacts>, StateError>>;
}

/// All instances of a server at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Sessions that have not ended.
    pub sessions: u64,
    /// The instances, ordered by name.
    pub instances: Vec<InstanceFacts>,
}

/// One process that serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceFacts {
    /// Tells it from the others; made up when it starts.
    pub name: String,
    /// Whether it is the one that answers.
    pub answers: bool,
    /// When it started.
    pub started: Timestamp,
    /// When it was heard of last.
    pub reported: Timestamp,
    /// Streams to clients that are open now.
    pub streams: u64,
    /// Messages that it has put on the bus between instances, for whatever instance listens.
    pub sent: u64,
    /// Messages that it has heard there, its own among them where it listens to itself.
    pub received: u64,
}

/// What is known of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    /// When it was opened.
    pub opened: Timestamp,
    /// When its latest request came.
    pub last_used: Timestamp,
    /// How many requests have come, that which opened it among them.
    pub requests: u64,
}

/// For calls outside a server: nothing is known.
#[derive(Clone, Copy, Debug)]
pub struct NoVitals;

impl Vitals for NoVitals {
    fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, StateError>> {
        nowhere()
    }

    fn session<'a>(
        &'a self,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionFacts>, StateError>> {
        nowhere()
    }
}
