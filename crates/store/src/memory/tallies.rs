//! Tallies in this process: a map each.

use std::collections::BTreeMap;

use ambient::Clock;

use super::{
    expiring::{Expiring, Sharded},
    tables::end_of,
};
use crate::tally::Count;

/// All tallies, by name.
#[derive(Debug)]
pub(crate) struct Tallies {
    clock: Clock,
    tallies: Sharded<Expiring<BTreeMap<String, u64>>>,
}

impl Tallies {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, tallies: Sharded::new() }
    }

    pub(crate) fn count(&self, name: &str, counts: &[(&str, Count)], millis: i64) {
        let now = self.clock.now();
        let end = end_of(now, millis);
        let mut shard = self.tallies.of(name);
        if shard.get(name, now).is_none() {
            shard.insert(name.to_owned(), BTreeMap::new(), end, now);
        }
        let Some((kept_until, tally)) = shard.get(name, now) else { return };
        *kept_until = end;
        for (counter, count) in counts {
            let counter = tally.entry((*counter).to_owned()).or_default();
            *counter = match count {
                Count::Add(by) => counter.saturating_add(*by),
                Count::AtLeast(least) => (*counter).max(*least),
            };
        }
    }

    pub(crate) fn keep(&self, name: &str, millis: i64) {
        let now = self.clock.now();
        if let Some((kept_until, _)) = self.tallies.of(name).get(name, now) {
            *kept_until = end_of(now, millis);
        }
    }

    pub(crate) fn counts(&self, name: &str) -> BTreeMap<String, u64> {
        let now = self.clock.now();
        self.tallies.of(name).get(name, now).map(|(_, tally)| tally.clone()).unwrap_or_default()
    }
}
