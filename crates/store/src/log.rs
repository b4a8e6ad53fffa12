//! `Log`: numbered events, read after an id and followed. In Redis a stream, in memory a bounded
//! queue.

mod tail;

use std::{fmt, num::ParseIntError, str::FromStr, sync::atomic::Ordering, time::Duration};

use ambient::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Backend, Store,
    error::{Action, StoreError},
    lifetime_millis,
    memory::State,
};

/// How many of its newest events a log keeps at least. Redis trims in blocks and may keep about a
/// hundred more.
pub const MAX_EVENTS: usize = 1000;

pub use self::tail::{Heard, Start, Tail};

/// How many bytes of events a log keeps at most, unless its newest event alone has more. Redis counts
/// what it needs for them and drops half when it is more.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The event logs of a store, each under its own name. Cheap to clone.
///
/// What must not be lost is appended here; it is announced on the [`Bus`](crate::Bus) in the same
/// step, on the channel of the same name, so that a [`Tail`] hears of it without asking.
#[derive(Clone, Debug)]
pub struct Log {
    store: Store,
}

/// The name of an event within its log: larger than that of every earlier one.
///
/// Written `milliseconds-sequence`, the way Redis writes the ids of a stream
/// (<https://redis.io/docs/latest/develop/data-types/streams/#entry-ids>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId {
    millis: u64,
    sequence: u64,
}

/// Events of a log, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The events, each with its id.
    pub events: Vec<(EventId, String)>,
    /// The event after which the reader asked to go on is not in the log any more, so that later
    /// ones may be gone as well. It may say so although none was lost, never the reverse.
    pub gap: bool,
    /// Which of the events, by their place in `events`, come after some that were written and are gone:
    /// a log can lose its end when another server takes over.
    pub holes: Vec<usize>,
}

impl Log {
    const KIND: &'static str = "event log";

    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Adds an event at the end of `stream` and keeps the log for `keep` from now.
    /// Old events beyond [`MAX_EVENTS`] are dropped.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn append(
        &self,
        stream: &str,
        event: &str,
        keep: Duration,
    ) -> Result<EventId, StoreError> {
        self.append_after(stream, event, keep, None).await
    }

    /// The same by who knows of an event that was in the log: if the log has lost it since, at its end,
    /// readers are told of a gap before the new one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn append_after(
        &self,
        stream: &str,
        event: &str,
        keep: Duration,
        known: Option<EventId>,
    ) -> Result<EventId, StoreError> {
        let action = Action::new("append to", Self::KIND);
        let millis = lifetime_millis(keep);
        match self.store.backend() {
            Backend::Memory(memory) => {
                let append = |all: &State| {
                    all.logs.append(stream, event, (millis, known), |before, id| {
                        all.bus.publish_with(stream, || format!("{before}>{id} {event}"));
                    })
                };
                memory.run(action, append).await
            }
            Backend::Redis(redis) => redis.append(action, stream, event, (millis, known)).await,
        }
    }

    /// Up to `limit` events of `stream` that come after `after`, or from the oldest one on.
    /// A page is never longer than [`MAX_EVENTS`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Corrupt`] when an entry is not one of ours.
    pub async fn read_after(
        &self,
        stream: &str,
        after: Option<&EventId>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let action = Action::new("read", Self::KIND);
        let limit = limit.min(MAX_EVENTS);
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.logs.read_after(stream, after.copied(), limit)).await
            }
            Backend::Redis(redis) => redis.read_after(action, stream, after.copied(), limit).await,
        }
    }

    /// Follows `stream`: what is in it after `start`, and then whatever is added, on any instance.
    /// The log need not exist yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn tail(&self, stream: &str, start: Start) -> Result<Tail, StoreError> {
        // Listening comes before reading: nothing falls between the two.
        let announced = self.store.bus().subscribe(stream).await?;
        let newest = match start {
            Start::Newest => self.newest(stream).await?,
            Start::Oldest | Start::After(_) => None,
        };
        Ok(Tail::new(self.clone(), stream, (start, newest), announced))
    }

    /// The last event of `stream`, if it has any.
    async fn newest(&self, stream: &str) -> Result<Option<EventId>, StoreError> {
        let action = Action::new("read the end of", Self::KIND);
        match self.store.backend() {
            Backend::Memory(memory) => memory.run(action, |all| all.logs.newest(stream)).await,
            Backend::Redis(redis) => redis.newest(action, stream).await,
        }
    }

    /// Whether there are events after `position`, without reading what is there.
    async fn goes_on(&self, stream: &str, position: EventId) -> Result<bool, StoreError> {
        let action = Action::new("read", Self::KIND);
        match self.store.backend() {
            Backend::Memory(memory) => {
                let newest = memory.run(action, |all| all.logs.newest(stream)).await?;
                Ok(newest.is_some_and(|newest| newest > position))
            }
            Backend::Redis(redis) => redis.goes_on(action, stream, position).await,
        }
    }

    /// The same of many logs: what of each is said by an answer of its own, in the order of `asked`. One
    /// trip to the store; in a cluster one for each, at the same time.
    ///
    /// # Errors
    /// When the store did not answer at all.
    pub async fn each_goes_on(
        &self,
        asked: &[(&str, EventId)],
    ) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        let action = Action::new("look into each", Self::KIND);
        match self.store.backend() {
            Backend::Memory(memory) => {
                let goes_on = |all: &State| {
                    let newest = asked.iter().map(|(stream, at)| (all.logs.newest(stream), *at));
                    newest.map(|(newest, at)| Ok(newest.is_some_and(|id| id > at))).collect()
                };
                memory.run(action, goes_on).await
            }
            Backend::Redis(redis) => redis.each_goes_on(action, asked).await,
        }
    }

    /// A reader has missed events for good.
    fn note_gap(&self) {
        self.store.counters().lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps the log for `keep` from now, without an event; says whether there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep(&self, stream: &str, keep: Duration) -> Result<bool, StoreError> {
        let action = Action::new("keep", Self::KIND);
        let millis = lifetime_millis(keep);
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.logs.keep(stream, millis)).await
            }
            Backend::Redis(redis) => redis.keep(action, stream, millis).await,
        }
    }

    /// Drops the log and all its events.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn remove(&self, stream: &str) -> Result<(), StoreError> {
        let action = Action::new("remove", Self::KIND);
        match self.store.backend() {
            Backend::Memory(memory) => memory.run(action, |all| all.logs.remove(stream)).await?,
            Backend::Redis(redis) => {
                redis.remove(action, stream.to_owned()).await?;
            }
        }
        Ok(())
    }
}

impl EventId {
    /// Smaller than the id of any event.
    pub const ZERO: Self = Self { millis: 0, sequence: 0 };

    /// Smaller than the id of any event from `moment` on, and larger than that of any before it.
    /// Redis numbers events by its own clock: allow for the difference.
    #[must_use]
    pub const fn before(moment: Timestamp) -> Self {
        match moment.as_millis().checked_sub(1) {
            Some(millis) => Self { millis, sequence: u64::MAX },
            None => Self::ZERO,
        }
    }

    /// The largest id that is smaller: what comes after it begins with this event.
    #[must_use]
    pub const fn preceding(self) -> Self {
        match (self.sequence.checked_sub(1), self.millis.checked_sub(1)) {
            (Some(sequence), _) => Self { millis: self.millis, sequence },
            (None, Some(millis)) => Self { millis, sequence: u64::MAX },
            (None, None) => Self::ZERO,
        }
    }

    /// When the event happened, by the clock that numbered it.
    #[must_use]
    pub const fn moment(self) -> Timestamp {
        Timestamp::from_millis(self.millis)
    }

    /// Whether it is the id of an event, and not a point between events.
    const fn is_of_an_event(self) -> bool {
        self.sequence != u64::MAX && self.millis != 0
    }

    /// The id of an event that happens at `millis` and follows `self`, also when the clock was
    /// set back in between.
    pub(crate) const fn next(self, millis: u64) -> Self {
        if millis > self.millis {
            return Self { millis, sequence: 0 };
        }
        match self.sequence.checked_add(1) {
            Some(sequence) => Self { millis: self.millis, sequence },
            None => Self { millis: self.millis.saturating_add(1), sequence: 0 },
        }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

/// A text is not the id of an event: not two whole numbers with a `-` between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an event id: two whole numbers with a `-` between them")]
pub struct NotAnEventId;

impl FromStr for EventId {
    type Err = NotAnEventId;

    fn from_str(text: &str) -> Result<Self, NotAnEventId> {
        let (millis, sequence) = text.split_once('-').ok_or(NotAnEventId)?;
        Ok(Self { millis: digits(millis)?, sequence: digits(sequence)? })
    }
}

/// Stricter than `u64::from_str`, which also takes a sign.
fn digits(text: &str) -> Result<u64, NotAnEventId> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotAnEventId);
    }
    text.parse().map_err(|_: ParseIntError| NotAnEventId)
}

impl TryFrom<String> for EventId {
    type Error = NotAnEventId;

    fn try_from(text: String) -> Result<Self, NotAnEventId> {
        text.parse()
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id: EventId = "1800000000000-7".parse().unwrap();
        assert_eq!(id.to_string(), "1800000000000-7");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"1800000000000-7\"");
        assert!(id < "1800000000000-10".parse().unwrap());
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in ["", "-", "1", "1-", "-1", "+1-2", "1-2-3", "a-b", "1-18446744073709551616"] {
            assert_eq!(text.parse::<EventId>(), Err(NotAnEventId), "{text:?}");
        }
    }

    #[test]
    fn ids_increase_even_when_the_clock_goes_back() {
        let first = EventId::ZERO.next(1000);
        let second = first.next(1000);
        let third = second.next(500);
        assert!(EventId::ZERO < first && first < second && second < third);
        let full = EventId { millis: 5, sequence: u64::MAX };
        assert!(full < full.next(5));
    }
}
