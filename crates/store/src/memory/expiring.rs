//! A map whose entries expire, split into shards so that callers rarely wait for each other.
//!
//! Expired entries are invisible at once and swept away by later insertions: a sweep looks at every
//! entry of its shard and comes only after half as many insertions as entries were left by the last
//! one, so its cost per insertion is constant and no background task is needed.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{Mutex, MutexGuard, PoisonError},
};

use ambient::Timestamp;

const SHARDS: usize = 16;
/// A shard smaller than this is not worth a sweep.
const SMALL: usize = 32;

/// Shards of state `S`, one lock each. No lock is held across an await: none of this is async.
///
/// Which shard a key lives in is the same in every run, because events are numbered by shard. Whoever
/// chooses keys that meet in one only makes its callers wait for each other.
#[derive(Debug)]
pub(super) struct Sharded<S> {
    shards: Box<[Mutex<S>]>,
    hasher: BuildHasherDefault<DefaultHasher>,
}

impl<S: Default> Sharded<S> {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: BuildHasherDefault::default(),
        }
    }

    /// The shard that `key` lives in.
    pub(super) fn of(&self, key: &str) -> MutexGuard<'_, S> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low bits of a hash are as good as all"
        )]
        let index = self.hasher.hash_one(key) as usize % SHARDS;
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Entries with the moment at which each is gone.
#[derive(Debug)]
pub(super) struct Expiring<V> {
    entries: HashMap<String, (Timestamp, V)>,
    insertions_until_sweep: usize,
}

impl<V> Default for Expiring<V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), insertions_until_sweep: SMALL }
    }
}

impl<V> Expiring<V> {
    /// The value and its end, unless it has expired.
    pub(super) fn get(&mut self, key: &str, now: Timestamp) -> Option<&mut (Timestamp, V)> {
        self.entries.get_mut(key).filter(|(end, _)| now < *end)
    }

    pub(super) fn insert(&mut self, key: String, value: V, end: Timestamp, now: Timestamp) {
        self.sweep_sometimes(now);
        self.entries.insert(key, (end, value));
    }

    pub(super) fn remove(&mut self, key: &str, now: Timestamp) -> Option<V> {
        let (end, value) = self.entries.remove(key)?;
        (now < end).then_some(value)
    }

    /// How many there are, those that have expired and were not swept yet among them.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn sweep_sometimes(&mut self, now: Timestamp) {
        if self.insertions_until_sweep > 0 {
            self.insertions_until_sweep -= 1;
            return;
        }
        self.entries.retain(|_, (end, _)| now < *end);
        if self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(self.entries.len() * 2);
        }
        self.insertions_until_sweep = SMALL.max(self.entries.len() / 2);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn expired_entries_are_swept_by_later_insertions() {
        let mut map = Expiring::default();
        let start = Timestamp::from_secs(1);
        for number in 0..100_000_u64 {
            let now = start + Duration::from_millis(number);
            let end = now + Duration::from_millis(100);
            map.insert(number.to_string(), (), end, now);
            assert!(map.entries.len() <= 250, "{}", map.entries.len());
        }
        assert!(map.entries.capacity() < 1000);
    }

    #[test]
    fn an_entry_is_gone_at_its_end_and_not_before() {
        let mut map = Expiring::default();
        let end = Timestamp::from_secs(1);
        map.insert("a".to_owned(), 7, end, Timestamp::default());
        let before = Timestamp::from_millis(999);
        assert_eq!(map.get("a", before).map(|(_, value)| *value), Some(7));
        assert_eq!(map.get("a", end), None);
        assert_eq!(map.remove("a", end), None);
    }
}
