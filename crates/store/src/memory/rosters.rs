//! Rosters in this process: members by name and by the moment at which they are gone.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use ambient::{Clock, Timestamp};

use super::{expiring::Sharded, tables::end_of};

/// All rosters, by name.
#[derive(Debug)]
pub(crate) struct Rosters {
    clock: Clock,
    rosters: Sharded<HashMap<String, Members>>,
}

#[derive(Debug, Default)]
struct Members {
    ends: HashMap<Arc<str>, Timestamp>,
    by_end: BTreeSet<(Timestamp, Arc<str>)>,
}

impl Members {
    fn set(&mut self, member: &str, end: Timestamp) {
        self.unset(member);
        let member: Arc<str> = member.into();
        self.by_end.insert((end, Arc::clone(&member)));
        self.ends.insert(member, end);
    }

    fn unset(&mut self, member: &str) {
        if let Some((member, end)) = self.ends.remove_entry(member) {
            self.by_end.remove(&(end, member));
        }
    }

    fn len(&self) -> u64 {
        u64::try_from(self.ends.len()).unwrap_or(u64::MAX)
    }

    fn drop_ended(&mut self, now: Timestamp) {
        while let Some((end, member)) = self.by_end.pop_first() {
            if now < end {
                self.by_end.insert((end, member));
                return;
            }
            self.ends.remove(&member);
        }
    }
}

impl Rosters {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, rosters: Sharded::new() }
    }

    pub(crate) fn enter(&self, name: &str, member: &str, millis: i64) -> u64 {
        let end = end_of(self.clock.now(), millis);
        self.with(name, |members| {
            members.set(member, end);
            members.len()
        })
    }

    pub(crate) fn leave(&self, name: &str, member: &str) {
        self.with(name, |members| members.unset(member));
    }

    pub(crate) fn len(&self, name: &str) -> u64 {
        self.with(name, |members| members.len())
    }

    pub(crate) fn members(&self, name: &str, most: u16) -> Vec<String> {
        self.with(name, |members| {
            let first = members.by_end.iter().take(usize::from(most));
            first.map(|(_, member)| (**member).to_owned()).collect()
        })
    }

    /// Looks at those who are there. A roster without members is forgotten.
    fn with<T>(&self, name: &str, look: impl FnOnce(&mut Members) -> T) -> T {
        let mut shard = self.rosters.of(name);
        let mut members = shard.remove(name).unwrap_or_default();
        members.drop_ended(self.clock.now());
        let seen = look(&mut members);
        if !members.ends.is_empty() {
            shard.insert(name.to_owned(), members);
        }
        seen
    }
}
