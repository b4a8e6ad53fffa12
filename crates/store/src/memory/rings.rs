//! Rings in this process: a queue each.

use std::collections::VecDeque;

use ambient::Clock;

use super::{
    expiring::{Expiring, Sharded},
    tables::end_of,
};

/// All rings, by name.
#[derive(Debug)]
pub(crate) struct Rings {
    clock: Clock,
    rings: Sharded<Expiring<VecDeque<String>>>,
}

impl Rings {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, rings: Sharded::new() }
    }

    pub(crate) fn append(&self, name: &str, entries: Vec<String>, most: u16, millis: i64) {
        let now = self.clock.now();
        let end = end_of(now, millis);
        let mut shard = self.rings.of(name);
        if shard.get(name, now).is_none() {
            shard.insert(name.to_owned(), VecDeque::new(), end, now);
        }
        if let Some((kept_until, ring)) = shard.get(name, now) {
            *kept_until = end;
            ring.extend(entries);
            let surplus = ring.len().saturating_sub(usize::from(most));
            ring.drain(..surplus);
        }
    }

    pub(crate) fn remove(&self, name: &str) {
        self.rings.of(name).remove(name, self.clock.now());
    }

    pub(crate) fn entries(&self, name: &str) -> Vec<String> {
        let now = self.clock.now();
        let mut shard = self.rings.of(name);
        shard.get(name, now).map(|(_, ring)| ring.iter().cloned().collect()).unwrap_or_default()
    }
}
