//! The backend in this process: maps behind short locks, lifetimes by the clock it was given.

mod bus;
mod counters;
mod expiring;
mod logs;
mod rings;
mod rosters;
mod tables;
mod tallies;

use ambient::Clock;

/// All state of one process.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) tables: tables::Tables,
    pub(crate) counters: counters::Counters,
    pub(crate) logs: logs::Logs,
    pub(crate) rings: rings::Rings,
    pub(crate) rosters: rosters::Rosters,
    pub(crate) tallies: tallies::Tallies,
    pub(crate) bus: bus::Channels,
}

impl Memory {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            tables: tables::Tables::new(clock.clone()),
            counters: counters::Counters::new(clock.clone()),
            logs: logs::Logs::new(clock.clone()),
            rings: rings::Rings::new(clock.clone()),
            rosters: rosters::Rosters::new(clock.clone()),
            tallies: tallies::Tallies::new(clock),
            bus: bus::Channels::default(),
        }
    }
}
