//! Records in this process, as the JSON that Redis would hold.

use std::time::Duration;

use ambient::{Clock, Timestamp};
use bytes::Bytes;

use super::expiring::{Expiring, Sharded};
use crate::table::Swap;

/// The records of all tables, by their whole key.
#[derive(Debug)]
pub(crate) struct Tables {
    clock: Clock,
    records: Sharded<Expiring<Bytes>>,
}

impl Tables {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, records: Sharded::new() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Bytes> {
        let now = self.clock.now();
        let mut shard = self.records.of(key);
        shard.get(key, now).map(|(_, value)| value.clone())
    }

    pub(crate) fn left(&self, key: &str) -> Option<Duration> {
        let now = self.clock.now();
        let mut shard = self.records.of(key);
        shard.get(key, now).map(|(end, _)| end.since(now))
    }

    pub(crate) fn get_and_keep(&self, key: &str, millis: i64) -> Option<Bytes> {
        let now = self.clock.now();
        let mut shard = self.records.of(key);
        shard.get(key, now).map(|(end, value)| {
            *end = end_of(now, millis);
            value.clone()
        })
    }

    pub(crate) fn put(&self, key: String, value: Bytes, millis: i64) {
        let now = self.clock.now();
        let mut shard = self.records.of(&key);
        shard.insert(key, value, end_of(now, millis), now);
    }

    pub(crate) fn claim(&self, key: String, value: Bytes, millis: i64) -> bool {
        let now = self.clock.now();
        let mut shard = self.records.of(&key);
        let free = shard.get(&key, now).is_none();
        if free {
            shard.insert(key, value, end_of(now, millis), now);
        }
        free
    }

    pub(crate) fn take(&self, key: &str) -> Option<Bytes> {
        let now = self.clock.now();
        self.records.of(key).remove(key, now)
    }

    pub(crate) fn swap(&self, key: &str, old: &Bytes, new: Bytes) -> Swap {
        let now = self.clock.now();
        match self.records.of(key).get(key, now) {
            None => Swap::Gone,
            Some((_, value)) if value == old => {
                *value = new;
                Swap::Done
            }
            Some((_, value)) => Swap::Changed(value.clone()),
        }
    }
}

/// The end of something that is kept for `millis` from `now`.
pub(super) fn end_of(now: Timestamp, millis: i64) -> Timestamp {
    now + Duration::from_millis(millis.unsigned_abs())
}
