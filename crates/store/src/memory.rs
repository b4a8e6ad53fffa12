//! The backend in this process: maps behind short locks, lifetimes by the clock it was given.

mod bus;
mod counters;
mod expiring;
mod logs;
mod rings;
mod rosters;
mod tables;
mod tallies;

use std::sync::Arc;

use ambient::Clock;

use crate::{
    bus::Mailbox,
    error::{Action, StoreError},
    line::Line,
};

/// The way to all state of one process: at once, or over a line that a test has made bad.
#[derive(Debug)]
pub(crate) struct Memory {
    state: Arc<State>,
    line: Option<Line>,
}

/// All state of one process.
#[derive(Debug)]
pub(crate) struct State {
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
        Self { state: Arc::new(State::new(clock)), line: None }
    }

    /// The same state, over a line.
    pub(crate) fn over(&self, line: Line) -> Self {
        Self { state: Arc::clone(&self.state), line: Some(line) }
    }

    /// Whether others see the same state over lines of their own.
    pub(crate) const fn is_over_a_line(&self) -> bool {
        self.line.is_some()
    }

    /// Does something with the state.
    pub(crate) async fn run<T>(
        &self,
        action: Action,
        work: impl FnOnce(&State) -> T,
    ) -> Result<T, StoreError> {
        match &self.line {
            None => Ok(work(&self.state)),
            // In a box: it is there in tests only, and takes no room anywhere else.
            Some(line) => Box::pin(line.carry(action, || work(&self.state))).await,
        }
    }

    /// The state, past any line.
    #[cfg(test)]
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// An empty mailbox for a subscription.
    pub(crate) fn mailbox(&self) -> Mailbox {
        match &self.line {
            None => Mailbox::default(),
            Some(line) => Mailbox::over(line),
        }
    }

    /// Nobody listens there any more. Not a command: a connection that ends says the same.
    pub(crate) fn unsubscribe(&self, channel: &str, mailbox: &Mailbox) {
        self.state.bus.remove(channel, mailbox);
    }

    pub(crate) fn close(&self) {
        self.state.bus.close();
    }
}

impl State {
    fn new(clock: Clock) -> Self {
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
