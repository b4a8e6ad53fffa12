//! Counts in this process.

use ambient::Clock;

use super::{
    expiring::{Expiring, Sharded},
    tables::end_of,
};
use crate::counter::Counted;

/// All counts, by their whole key.
#[derive(Debug)]
pub(crate) struct Counters {
    clock: Clock,
    counts: Sharded<Expiring<u64>>,
}

impl Counters {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, counts: Sharded::new() }
    }

    pub(crate) fn add(&self, key: String, millis: i64) -> Counted {
        let now = self.clock.now();
        let mut shard = self.counts.of(&key);
        if let Some((end, value)) = shard.get(&key, now) {
            *value = value.saturating_add(1);
            return Counted { value: *value, ends_in: end.since(now) };
        }
        let end = end_of(now, millis);
        shard.insert(key, 1, end, now);
        Counted { value: 1, ends_in: end.since(now) }
    }
}
