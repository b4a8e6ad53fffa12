//! Event logs in this process: a bounded queue each.

use std::{collections::VecDeque, sync::Arc};

use ambient::Clock;

use super::{
    expiring::{Expiring, Sharded},
    tables::end_of,
};
use crate::log::{EventId, MAX_BYTES, MAX_EVENTS, Page};

/// All event logs, by name.
#[derive(Debug)]
pub(crate) struct Logs {
    clock: Clock,
    shards: Sharded<Shard>,
}

#[derive(Debug)]
struct Shard {
    streams: Expiring<Events>,
    /// Of the whole shard, so that a log which is removed and begun again does not repeat ids.
    last: EventId,
}

/// The events of one log, oldest first, and how many bytes they have.
#[derive(Debug, Default)]
struct Events {
    queue: VecDeque<(EventId, Arc<str>)>,
    bytes: usize,
    /// Those before which some are lost.
    after_holes: Vec<EventId>,
}

impl Events {
    fn push(&mut self, id: EventId, event: Arc<str>) {
        self.bytes += event.len();
        self.queue.push_back((id, event));
        while self.queue.len() > MAX_EVENTS || (self.bytes > MAX_BYTES && self.queue.len() > 1) {
            let Some((id, dropped)) = self.queue.pop_front() else { return };
            self.bytes -= dropped.len();
            self.after_holes.retain(|after| *after > id);
        }
    }

    fn newest(&self) -> Option<EventId> {
        self.queue.back().map(|(id, _)| *id)
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self { streams: Expiring::default(), last: EventId::ZERO }
    }
}

impl Logs {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, shards: Sharded::new() }
    }

    /// Adds an event, after one that was in the log as far as is known; `announce` is called with the id
    /// of the event before it and its own, before the next one can be added, so that events are
    /// announced in their order.
    pub(crate) fn append(
        &self,
        stream: &str,
        event: &str,
        (millis, known): (i64, Option<EventId>),
        announce: impl FnOnce(EventId, EventId),
    ) -> EventId {
        let event: Arc<str> = event.into();
        let now = self.clock.now();
        let end = end_of(now, millis);
        let mut shard = self.shards.of(stream);
        let known = known.unwrap_or(EventId::ZERO);
        let id = shard.last.max(known).next(now.as_millis());
        shard.last = id;
        if shard.streams.get(stream, now).is_none() {
            shard.streams.insert(stream.to_owned(), Events::default(), end, now);
        }
        let Some((kept_until, events)) = shard.streams.get(stream, now) else { return id };
        *kept_until = end;
        let before = events.newest().unwrap_or(EventId::ZERO);
        if known > before {
            events.after_holes.push(id);
        }
        events.push(id, event);
        announce(before.max(known), id);
        id
    }

    /// The last event, if there is one.
    pub(crate) fn newest(&self, stream: &str) -> Option<EventId> {
        let now = self.clock.now();
        let mut shard = self.shards.of(stream);
        shard.streams.get(stream, now).and_then(|(_, events)| events.newest())
    }

    pub(crate) fn read_after(&self, stream: &str, after: Option<EventId>, limit: usize) -> Page {
        let now = self.clock.now();
        let mut shard = self.shards.of(stream);
        let Some((_, events)) = shard.streams.get(stream, now) else {
            let gap = after.is_some();
            return Page { gap, ..Page::default() };
        };
        let (start, gap) = match after {
            None => (0, false),
            Some(after) => match events.queue.binary_search_by_key(&after, |(id, _)| *id) {
                Ok(index) => (index + 1, false),
                Err(index) => (index, true),
            },
        };
        let found: Vec<_> = events.queue.range(start..).take(limit).cloned().collect();
        let is_after_hole = |id: &EventId| events.after_holes.contains(id);
        let holes = found.iter().enumerate().filter(|(_, (id, _))| is_after_hole(id));
        let holes = holes.map(|(place, _)| place).collect();
        // The texts are copied when nobody waits for the lock any more.
        drop(shard);
        let events = found.into_iter().map(|(id, event)| (id, (*event).to_owned())).collect();
        Page { events, gap, holes }
    }

    pub(crate) fn keep(&self, stream: &str, millis: i64) -> bool {
        let now = self.clock.now();
        let mut shard = self.shards.of(stream);
        let found = shard.streams.get(stream, now);
        found.is_some_and(|(end, _)| {
            *end = end_of(now, millis);
            true
        })
    }

    pub(crate) fn remove(&self, stream: &str) {
        let now = self.clock.now();
        drop(self.shards.of(stream).streams.remove(stream, now));
    }
}
