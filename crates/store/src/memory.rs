//! The backend in this process: maps behind short locks, lifetimes by the clock it was given.

mod bus;
mod counters;
mod expiring;
mod logs;
mod tables;

use ambient::Clock;

/// All state of one process.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) tables: tables::Tables,
    pub(crate) counters: counters::Counters,
    pub(crate) logs: logs::Logs,
    pub(crate) bus: bus::Channels,
}

impl Memory {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            tables: tables::Tables::new(clock.clone()),
            counters: counters::Counters::new(clock.clone()),
            logs: logs::Logs::new(clock),
            bus: bus::Channels::default(),
        }
    }
}
