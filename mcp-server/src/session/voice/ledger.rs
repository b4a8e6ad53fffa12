//! The log of a stream as the call writes it that speaks there: in order and without holes.
//!
//! While the store is away, nothing can be written. A client that is connected hears what is said all
//! the same; one that comes back later must not find a hole, or wait for an answer that was given long
//! ago. So what could not be written waits here, and is written before whatever comes next.

use std::{collections::VecDeque, sync::Arc};

use store::{EventId, StoreError};
use tokio::sync::{Mutex, OwnedSemaphorePermit};

use super::super::{
    SessionId,
    streams::{Entry, EntryName, StreamName, Streams},
};

/// How much waits at most, in bytes. It is an outage: what is more is lost, and that is said.
const MOST: usize = 1024 * 1024;

/// The log of one stream.
pub(crate) struct Ledger {
    streams: Streams,
    pub(super) session: SessionId,
    pub(super) stream: StreamName,
    waiting: Mutex<Waiting>,
}

/// What could not be written, oldest first.
#[derive(Default)]
struct Waiting {
    entries: VecDeque<Named>,
    bytes: usize,
    /// The last that was written: if the log loses it in a failover, that is said with the next.
    written: Option<EventId>,
}

/// An entry, under the name that it keeps however often it has to be written.
struct Named {
    name: EntryName,
    entry: Entry,
}

impl Waiting {
    /// Adds an entry. When there is no room, the oldest go, and a mark stays in their place.
    fn push(&mut self, entry: Entry, name: impl Fn() -> EntryName) {
        self.bytes += size(&entry);
        self.entries.push_back(Named { name: name(), entry });
        while self.bytes > MOST
            && let Some(index) = self.entries.iter().position(|named| is_spare(&named.entry))
            && index + 1 < self.entries.len()
        {
            let dropped = self.entries.remove(index);
            self.bytes -= dropped.map_or(0, |dropped| size(&dropped.entry));
            if index == 0 || self.entries[index - 1].entry != Entry::Missing {
                // Not under the name of what it stands for, which may have been written after all.
                self.entries.insert(index, Named { name: name(), entry: Entry::Missing });
            }
        }
    }
}

/// What a stream can do without, if it must.
const fn is_spare(entry: &Entry) -> bool {
    matches!(entry, Entry::Said(_))
}

const fn size(entry: &Entry) -> usize {
    match entry {
        Entry::Begun(text) | Entry::Said(text) | Entry::Answered(text) | Entry::EndedOf(text) => {
            text.len()
        }
        Entry::Ended | Entry::Missing => 0,
    }
}

impl Ledger {
    pub(super) fn new(streams: &Streams, session: &SessionId, stream: StreamName) -> Self {
        let (streams, session) = (streams.clone(), session.clone());
        Self { streams, session, stream, waiting: Mutex::default() }
    }

    /// Writes an entry; gives its place, unless it has to wait. It waits before it is written: whoever
    /// says something may be dropped meanwhile, and what comes next writes it then.
    pub(super) async fn write(&self, entry: Entry) -> Option<EventId> {
        let mut waiting = self.waiting.lock().await;
        waiting.push(entry, || self.streams.name());
        self.flush(&mut waiting).await
    }

    /// Writes what waits.
    pub(super) async fn catch_up(&self) {
        self.flush(&mut *self.waiting.lock().await).await;
    }

    /// Whether something waits.
    pub(super) fn is_behind(&self) -> bool {
        // What is being written just now may have to wait.
        self.waiting.try_lock().map_or(true, |waiting| !waiting.entries.is_empty())
    }

    /// Room for what waits, beside what waits of other calls of this instance that have ended; none when
    /// there is too much of it.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        let kib = self.waiting.try_lock().map_or(0, |waiting| waiting.bytes / 1024);
        let kib = u32::try_from(kib).unwrap_or(u32::MAX).saturating_add(1);
        Arc::clone(self.streams.late()).try_acquire_many_owned(kib).ok()
    }

    /// Keeps what was written for a while longer.
    pub(super) async fn keep(&self) -> Result<(), StoreError> {
        self.streams.keep(&self.session, &self.stream).await
    }

    /// Gives the place of the last entry when all are written.
    async fn flush(&self, waiting: &mut Waiting) -> Option<EventId> {
        let mut last = None;
        while let Some(Named { name, entry }) = waiting.entries.front() {
            // One that was written although nobody heard so is written twice, and heard once.
            let (named, known) = ((name, entry), waiting.written);
            let written = self.streams.append_named(&self.session, &self.stream, named, known);
            last = Some(written.await.inspect_err(not_kept).ok()?);
            waiting.written = last;
            let written = waiting.entries.pop_front();
            waiting.bytes -= written.as_ref().map_or(0, |named| size(&named.entry));
        }
        last
    }
}

pub(super) fn not_kept(error: &StoreError) {
    tracing::warn!(%error, "what a call says could not be kept yet");
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        time::Duration,
    };

    use ambient::{Clock, Entropy, Timestamp};
    use store::{Line, Start, Store};

    use super::*;
    use crate::session::streams::{self, Followed};

    fn said(text: &str) -> Entry {
        Entry::Said(text.to_owned())
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_written_before_what_comes_next() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let is_away = Arc::new(AtomicBool::new(false));
        let store = Store::memory(clock.clone());
        let store = store.over_line(Line::refusing(&clock, "", &is_away));
        let streams = Streams::new(&store, Duration::from_mins(5), "i");
        let (session, stream) = (SessionId::random(&Entropy::seeded(1)), StreamName::sse());
        let ledger = Ledger::new(&streams, &session, stream.clone());
        assert!(ledger.write(said("1")).await.is_some());
        is_away.store(true, Ordering::Relaxed);
        assert_eq!(ledger.write(said("2")).await, None);
        assert_eq!(ledger.write(said("3")).await, None);
        assert!(ledger.is_behind());
        is_away.store(false, Ordering::Relaxed);
        assert!(ledger.write(Entry::Ended).await.is_some() && !ledger.is_behind());
        let mut follower = streams.follow(&session, &stream, Start::Oldest).await.unwrap();
        for expected in [said("1"), said("2"), said("3"), Entry::Ended] {
            let Some(Ok(Followed::Entry(_, entry))) = follower.next().await else {
                panic!("an entry is missing");
            };
            assert_eq!(entry, expected);
        }
    }

    #[tokio::test]
    async fn what_a_failover_has_taken_from_the_log_is_said_before_what_comes_next() {
        let store = Store::memory(Clock::manual(Timestamp::from_secs(1_800_000_000)));
        let streams = Streams::new(&store, Duration::from_mins(5), "i");
        let (session, stream) = (SessionId::random(&Entropy::seeded(1)), StreamName::sse());
        let ledger = Ledger::new(&streams, &session, stream.clone());
        let first = ledger.write(said("1")).await;
        assert_eq!(ledger.waiting.lock().await.written, first);
        // The second went with the server that had it.
        let lost = streams::since(Timestamp::from_secs(1_800_000_100));
        ledger.waiting.lock().await.written = Some(lost);
        assert!(ledger.write(said("3")).await > Some(lost));
        let mut follower = streams.follow(&session, &stream, Start::Oldest).await.unwrap();
        let mut heard = Vec::new();
        for _ in 0..3 {
            heard.push(match follower.next().await.unwrap().unwrap() {
                Followed::Entry(_, entry) => entry,
                Followed::Gap => Entry::Missing,
            });
        }
        assert_eq!(heard, [said("1"), Entry::Missing, said("3")]);
    }

    #[test]
    fn what_waits_is_bounded_and_what_is_dropped_leaves_a_mark() {
        let store = Store::memory(Clock::manual(Timestamp::from_secs(1_800_000_000)));
        let streams = Streams::new(&store, Duration::from_mins(5), "i");
        let mut waiting = Waiting::default();
        let mut push = |entry| waiting.push(entry, || streams.name());
        push(Entry::Begun("1".to_owned()));
        for _ in 0..5 {
            push(said(&"x".repeat(MOST / 2)));
        }
        push(Entry::Answered("done".to_owned()));
        let kinds: Vec<_> = waiting.entries.iter().map(|named| size(&named.entry)).collect();
        assert_eq!(kinds, [1, 0, MOST / 2, 4]);
        assert_eq!(waiting.entries[1].entry, Entry::Missing);
        assert!(waiting.bytes <= MOST);
    }
}
