//! Short-lived records, event logs and messages between instances, in memory or in Redis.
//!
//! A [`Store`] offers [`Table`] for typed records, [`Log`] for numbered events and [`Bus`] for
//! messages to whoever listens now; and, for what many write at once, [`Counter`] for counts that
//! end, [`Ring`] for the newest entries, [`Tally`] for sums and [`Roster`] for who is there;
//! [`Rotating`] is a random value that all instances share for a while. Two backends exist, and both keep these promises;
//! `tests/contract` is one suite that runs on both.
//!
//! 1. **Everything ends.** Every record, log, ring, tally and member has a lifetime, in whole milliseconds and at
//!    least one. Memory counts it on the [`Clock`] it was made with, Redis on its own.
//! 2. **One winner.** Of any number of concurrent [`take`](Table::take)s of a record one gets it,
//!    of any number of [`claim`](Table::claim)s one succeeds, on whatever instances they run.
//! 3. **No lost update.** [`update`](Table::update) compares and sets; it never overwrites a change
//!    that it has not seen, and it leaves the lifetime alone. Counters, rings and tallies are changed
//!    in one step: of any number of concurrent writers none loses an entry or a count.
//! 4. **A log is in order.** Ids of a log strictly increase, a reader sees every event once and in
//!    order, and is told when events it has not seen are gone. It is bounded in events and bytes. An
//!    announcement may be lost on its way; its event is heard of with the next one or at the next
//!    [`look`](Tail::look).
//! 5. **A subscription is ready when you hold it.** What is published after
//!    [`subscribe`](Bus::subscribe) returned is delivered, in order per channel, or a
//!    [`Gap`](Delivery::Gap) comes instead. A slow reader never holds up anybody else. The nodes of a
//!    cluster may lose messages between each other without a word.
//! 6. **No answer is an answer in time.** When Redis is away, frozen or slow, an operation fails
//!    with [`StoreError::Unavailable`] within the command timeout. The connection heals by itself.
//!    Such an operation may still have happened: its effect is unknown, it is never tried twice.
//! 7. **Errors tell no secrets.** They name the operation and the kind of record, never an
//!    identifier, a value or the password of a URL.
//!
//! An asynchronous failover of Redis may lose the last writes (promises 2 to 4 hold per primary).
//! With [`wait_replicas`](RedisOptions::wait_replicas), a record that a replica does not have yet is
//! an error instead of a success.
//! A lifetime that is a security property is therefore also written into the record.

mod about;
mod bus;
mod counter;
mod error;
mod line;
mod log;
mod memory;
mod observer;
mod patience;
mod redis;
mod ring;
mod roster;
mod rotating;
mod seal;
mod settings;
mod table;
mod tally;

use std::{sync::Arc, time::Duration};

use ambient::Clock;

pub use about::About;
pub use bus::{Bus, Delivery, Subscription, Traffic};
pub use counter::{Counted, Counter};
pub use error::{Action, Failure, StoreError, UpdateError};
pub use line::{Fate, Line, Weather};
pub use log::{EventId, Heard, Log, MAX_BYTES, MAX_EVENTS, NotAnEventId, Page, Start, Tail};
pub use observer::{Observer, Ran};
pub use ring::Ring;
pub use roster::{Bounds, Room, Roster};
pub use rotating::{Age, Rotates, Rotating};
pub use seal::Seal;
pub use settings::RedisOptions;
pub use table::{Decoded, Record, Seen, Table};
pub use tally::{Count, Tally};

/// A place for state that outlives a request. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
    seal: Option<Arc<Seal>>,
}

/// What the clones of a store share.
#[derive(Debug)]
struct Shared {
    backend: Backend,
    traffic: bus::Counters,
}

/// The closed set of places: a new one is a variant, and the compiler names the rest of the work.
#[derive(Debug)]
pub(crate) enum Backend {
    Memory(memory::Memory),
    Redis(redis::Redis),
}

impl Store {
    /// State in this process: gone when it ends, shared by the clones of this value only.
    /// Lifetimes follow `clock`.
    #[must_use]
    pub fn memory(clock: Clock) -> Self {
        Self::over(Backend::Memory(memory::Memory::new(clock)))
    }

    /// The state of a store in memory, seen over a line of its own, as another instance sees it.
    ///
    /// # Panics
    /// With Redis, whose lines are sockets: what makes those bad is a proxy.
    #[must_use]
    pub fn over_line(&self, line: Line) -> Self {
        match self.backend() {
            Backend::Memory(memory) => Self::over(Backend::Memory(memory.over(line))),
            Backend::Redis(_) => panic!("a line leads to a store in memory"),
        }
    }

    /// State in Redis (6.2 or newer), shared by every instance that uses the same server.
    ///
    /// # Errors
    /// When the URL is wrong, or no connection was made within the connect timeout. Whether to try
    /// again is for the caller to say ([`redis_patiently`](Self::redis_patiently) does); once connected,
    /// the store reconnects by itself, for ever.
    pub async fn redis(options: &RedisOptions) -> Result<Self, StoreError> {
        let redis = redis::Redis::connect(options).await?;
        Ok(Self::over(Backend::Redis(redis)))
    }

    /// The records of type `T`.
    #[must_use]
    pub fn table<T: Record>(&self) -> Table<T> {
        Table::new(self.clone())
    }

    /// The random values of kind `R`, which change every so often.
    #[must_use]
    pub fn rotating<R: Rotates>(&self) -> Rotating<R> {
        Rotating::new(self)
    }

    /// Counts whose keys begin with `kind`, which is also what errors name.
    #[must_use]
    pub fn counter(&self, kind: &'static str) -> Counter {
        Counter::new(self.clone(), kind)
    }

    /// The event logs.
    #[must_use]
    pub fn log(&self) -> Log {
        Log::new(self.clone())
    }

    /// The channels between instances.
    #[must_use]
    pub fn bus(&self) -> Bus {
        Bus::new(self.clone())
    }

    /// The newest entries of lists.
    #[must_use]
    pub fn ring(&self) -> Ring {
        Ring::new(self.clone())
    }

    /// The counters.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally::new(self.clone())
    }

    /// Who is there.
    #[must_use]
    pub fn roster(&self) -> Roster {
        Roster::new(self.clone())
    }

    /// Whether the store answers now: the question behind readiness.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self.backend() {
            Backend::Memory(memory) => memory.run(Action::new("reach", "store"), |_| ()).await,
            Backend::Redis(redis) => redis.ping().await,
        }
    }

    /// What Redis says about itself; none in memory.
    ///
    /// # Errors
    /// [`StoreError`] when it does not answer, or this user may not ask.
    pub async fn about(&self) -> Result<Option<About>, StoreError> {
        match self.backend() {
            Backend::Memory(_) => Ok(None),
            Backend::Redis(redis) => redis.about().await.map(Some),
        }
    }

    /// Whether other instances see the same state (Redis), or this process only (memory).
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match self.backend() {
            Backend::Memory(memory) => memory.is_over_a_line(),
            Backend::Redis(_) => true,
        }
    }

    /// Ends every subscription and closes the connections. Redis operations fail afterwards.
    pub async fn close(&self) {
        match self.backend() {
            Backend::Memory(memory) => memory.close(),
            Backend::Redis(redis) => redis.close().await,
        }
    }

    /// The same store for one who knows a secret: records that are to be [`SEALED`](Record::SEALED) are
    /// of no use to anybody else.
    #[must_use]
    pub fn sealed(&self, seal: Seal) -> Self {
        Self { shared: Arc::clone(&self.shared), seal: Some(Arc::new(seal)) }
    }

    /// What to call something in the name of a record whose own name could be guessed, such as an
    /// address: nobody finds it out without the secret of the [`Seal`]. Without one, its own name.
    #[must_use]
    pub fn alias(&self, name: &str) -> String {
        self.aliases(name).swap_remove(0)
    }

    /// The same, and then what it was called before the secret was changed.
    #[must_use]
    pub fn aliases(&self, name: &str) -> Vec<String> {
        match self.seal() {
            Some(seal) => seal.aliases(name).collect(),
            None => vec![name.to_owned()],
        }
    }

    fn over(backend: Backend) -> Self {
        let shared = Shared { backend, traffic: bus::Counters::default() };
        Self { shared: Arc::new(shared), seal: None }
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.shared.backend
    }

    pub(crate) fn seal(&self) -> Option<&Seal> {
        self.seal.as_deref()
    }

    pub(crate) fn counters(&self) -> &bus::Counters {
        &self.shared.traffic
    }
}

/// A lifetime in milliseconds as every backend takes it: at least one, at most a hundred years.
pub(crate) fn lifetime_millis(keep: Duration) -> i64 {
    const HUNDRED_YEARS: i64 = 100 * 365 * 24 * 60 * 60 * 1000;
    i64::try_from(keep.as_millis()).map_or(HUNDRED_YEARS, |millis| millis.clamp(1, HUNDRED_YEARS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_at_least_a_millisecond_and_at_most_a_hundred_years() {
        assert_eq!(lifetime_millis(Duration::ZERO), 1);
        assert_eq!(lifetime_millis(Duration::from_secs(2)), 2000);
        assert_eq!(lifetime_millis(Duration::MAX), 3_153_600_000_000);
    }
}
