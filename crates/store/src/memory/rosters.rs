//! Rosters in this process: members by name and by the moment at which they are gone.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use ambient::{Clock, Timestamp};

use super::{
    expiring::{Expiring, Sharded},
    tables::end_of,
};
use crate::roster::{Bounds, CLAIMED_FOR_MILLIS, DOUBTFUL, LAPSED_FOR_MILLIS, Room};

const LAPSED_FOR: Duration = Duration::from_millis(LAPSED_FOR_MILLIS.unsigned_abs());

/// All rosters, by name.
#[derive(Debug)]
pub(crate) struct Rosters {
    clock: Clock,
    rosters: Sharded<Expiring<Members>>,
}

#[derive(Debug, Default)]
struct Members {
    ends: HashMap<Arc<str>, Timestamp>,
    by_end: BTreeSet<(Timestamp, Arc<str>)>,
    /// How long those whose time has come are kept for somebody who looks at them.
    kept_for: Duration,
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

    fn len(&self, now: Timestamp) -> u64 {
        let ended = self.by_end.iter().take_while(|(end, _)| *end <= now).count();
        u64::try_from(self.ends.len() - ended).unwrap_or(u64::MAX)
    }

    /// Some of those whose end is such.
    fn first(&self, is_such: impl Fn(Timestamp) -> bool) -> Vec<String> {
        let such = self.by_end.iter().filter(|(end, _)| is_such(*end));
        such.take(usize::from(DOUBTFUL)).map(|(_, member)| (**member).to_owned()).collect()
    }

    /// Those whose time has come are kept for so long from then on, and no longer.
    fn keep_for(&mut self, time: Duration, now: Timestamp) {
        self.kept_for = time;
        self.drop_ended(now - time);
    }

    /// Drops those whose time has come, and tells how many they were.
    fn drop_ended(&mut self, now: Timestamp) -> u64 {
        let mut dropped = 0;
        while let Some((end, member)) = self.by_end.pop_first() {
            if now < end {
                self.by_end.insert((end, member));
                break;
            }
            self.ends.remove(&member);
            dropped += 1;
        }
        dropped
    }
}

impl Rosters {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, rosters: Sharded::new() }
    }

    pub(crate) fn enter(&self, name: &str, member: &str, millis: i64) -> u64 {
        let end = end_of(self.clock.now(), millis);
        self.with(name, |members, now| {
            members.set(member, end);
            members.len(now)
        })
    }

    pub(crate) fn stay(&self, name: &str, member: &str, millis: i64) {
        let end = end_of(self.clock.now(), millis);
        self.with(name, |members, now| {
            members.keep_for(LAPSED_FOR, now);
            members.set(member, end);
        });
    }

    pub(crate) fn stay_if_room(&self, name: &str, member: &str, millis: i64, most: u32) -> bool {
        let end = end_of(self.clock.now(), millis);
        self.with(name, |members, now| {
            members.keep_for(LAPSED_FOR, now);
            let has_room = members.len(now) < u64::from(most);
            if has_room {
                members.set(member, end);
            }
            has_room
        })
    }

    pub(crate) fn enter_if_room(
        &self,
        name: &str,
        member: &str,
        millis: i64,
        bounds: Bounds,
    ) -> Room {
        let (end, claimed) = (
            end_of(self.clock.now(), millis),
            end_of(self.clock.now(), CLAIMED_FOR_MILLIS.min(millis)),
        );
        self.with(name, |members, now| {
            members.keep_for(bounds.at_most, now);
            if members.ends.len() < usize::try_from(bounds.most).unwrap_or(usize::MAX) {
                members.set(member, end);
                return Room::Entered;
            }
            let mut doubtful = members.first(|at| at <= now);
            if doubtful.is_empty() {
                // Who would stay longer than anybody may was entered by an earlier version.
                doubtful = members.first(|at| end < at);
            }
            for member in &doubtful {
                members.set(member, claimed);
            }
            Room::Full(doubtful)
        })
    }

    pub(crate) fn vouch(&self, name: &str, member: &str, millis: i64) {
        let end = end_of(self.clock.now(), millis);
        self.with(name, |members, _| {
            if members.ends.contains_key(member) {
                members.set(member, end);
            }
        });
    }

    pub(crate) fn lapsed(&self, name: &str) -> u64 {
        self.with(name, Members::drop_ended)
    }

    pub(crate) fn leave(&self, name: &str, member: &str) {
        self.with(name, |members, _| members.unset(member));
    }

    pub(crate) fn len(&self, name: &str) -> u64 {
        self.with(name, |members, now| members.len(now))
    }

    pub(crate) fn members(&self, name: &str, skip: u32, most: u16) -> Vec<String> {
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        self.with(name, |members, now| {
            let there = members.by_end.iter().skip_while(|(end, _)| *end <= now);
            let first = there.skip(skip).take(usize::from(most));
            first.map(|(_, member)| (**member).to_owned()).collect()
        })
    }

    /// Looks at those who are there. A roster without members is forgotten.
    fn with<T>(&self, name: &str, look: impl FnOnce(&mut Members, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let mut shard = self.rosters.of(name);
        let mut members = shard.remove(name, now).unwrap_or_default();
        if members.kept_for.is_zero() {
            members.drop_ended(now);
        }
        let seen = look(&mut members, now);
        if let Some((last, _)) = members.by_end.last() {
            let end = *last + members.kept_for;
            shard.insert(name.to_owned(), members, end, now);
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rosters_of_those_who_do_not_come_back_are_swept() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let rosters = Rosters::new(clock.clone());
        for number in 0..20_000_u32 {
            clock.advance(Duration::from_millis(100));
            let bounds = Bounds { most: 1, at_most: Duration::from_secs(1) };
            let name = number.to_string();
            assert_eq!(rosters.enter_if_room(&name, "a", 1000, bounds), Room::Entered);
            assert!(rosters.rosters.of(&name).len() < 200, "{number}");
        }
    }
}
