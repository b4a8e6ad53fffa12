//! Leaves an authorization server alone that does not answer questions about tokens, even while
//! its metadata is fine.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ambient::{Clock, Timestamp};

/// How many questions in a row may fail.
const PATIENCE: u32 = 5;

/// How long nothing is asked then.
const REST: Duration = Duration::from_secs(2);

/// Counts failures. One question is a trial when the rest is over.
pub(super) struct Breaker {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    closed_until: Timestamp,
}

impl Breaker {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Whether a question may be asked, or else for how long none may.
    pub(super) fn admit(&self) -> Result<(), Duration> {
        let now = self.clock.now();
        let mut state = self.lock();
        if now < state.closed_until {
            return Err(state.closed_until.since(now));
        }
        if state.failures >= PATIENCE {
            // This one is the trial; the others wait for what comes of it.
            state.closed_until = now + REST;
        }
        Ok(())
    }

    pub(super) fn succeeded(&self) {
        *self.lock() = State::default();
    }

    pub(super) fn failed(&self) {
        let now = self.clock.now();
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= PATIENCE {
            state.closed_until = state.closed_until.max(now + REST);
        }
    }

    /// The server has asked to be left alone.
    pub(super) fn rest(&self, time: Duration) {
        let until = self.clock.now() + time;
        let mut state = self.lock();
        state.closed_until = state.closed_until.max(until);
    }

    /// Whether questions go unasked.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed_until > self.clock.now()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // What it guards is whole at every moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> (Breaker, Clock) {
        let clock = Clock::manual(Timestamp::from_secs(1000));
        (Breaker::new(clock.clone()), clock)
    }

    #[test]
    fn it_rests_after_five_failures_and_then_lets_one_try() {
        let (breaker, clock) = breaker();
        for _ in 0..PATIENCE {
            assert!(breaker.admit().is_ok());
            breaker.failed();
        }
        assert_eq!(breaker.admit(), Err(REST));
        clock.advance(REST);
        assert!(breaker.admit().is_ok());
        assert!(breaker.admit().is_err() && breaker.is_closed());
        breaker.succeeded();
        assert!(breaker.admit().is_ok() && breaker.admit().is_ok() && !breaker.is_closed());
    }

    #[test]
    fn a_success_forgets_the_failures_before_it() {
        let (breaker, _) = breaker();
        for _ in 0..3 * PATIENCE {
            breaker.failed();
            breaker.succeeded();
        }
        assert!(breaker.admit().is_ok());
    }

    #[test]
    fn a_server_is_left_alone_as_long_as_it_asks_for() {
        let (breaker, clock) = breaker();
        breaker.rest(Duration::from_secs(30));
        clock.advance(Duration::from_secs(29));
        assert_eq!(breaker.admit(), Err(Duration::from_secs(1)));
        clock.advance(Duration::from_secs(1));
        assert!(breaker.admit().is_ok());
    }
}
