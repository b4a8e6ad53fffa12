//! Leaves an authorization server alone that does not answer questions about tokens, even while
//! its metadata is fine.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ambient::{Clock, Timestamp};

/// How many questions in a row may fail.
const FAILURES: u32 = 5;

/// How long nothing is asked then.
const REST: Duration = Duration::from_secs(2);

/// Counts failures. Whoever is told that there are enough of them finds out whether they are the
/// server's, and closes; one question is a trial when the rest is over.
pub(super) struct Breaker {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    /// Closed until a question is answered.
    closed: bool,
    /// Nothing is asked before.
    rests_until: Timestamp,
    /// The server has asked for that.
    asked_until: Timestamp,
}

impl Breaker {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Whether a question may be asked, or else for how long none may.
    pub(super) fn admit(&self) -> Result<(), Duration> {
        let now = self.clock.now();
        let mut state = self.lock();
        if now < state.rests_until {
            return Err(state.rests_until.since(now));
        }
        if state.closed {
            // This one is the trial; the others wait for what comes of it.
            state.rests_until = now + REST;
        }
        Ok(())
    }

    /// A question was answered. It may have been under way when the server asked for a rest.
    pub(super) fn succeeded(&self) {
        let mut state = self.lock();
        (state.failures, state.closed) = (0, false);
        state.rests_until = state.asked_until;
    }

    /// A question has failed; true if it is time to find out why.
    pub(super) fn failed(&self) -> bool {
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        state.closed || state.failures.is_multiple_of(FAILURES)
    }

    /// The server is not there: it rests.
    pub(super) fn close(&self) {
        let until = self.clock.now() + REST;
        let mut state = self.lock();
        state.closed = true;
        state.rests_until = state.rests_until.max(until);
    }

    /// The server has asked to be left alone.
    pub(super) fn rest(&self, time: Duration) {
        let until = self.clock.now() + time;
        let mut state = self.lock();
        state.rests_until = state.rests_until.max(until);
        state.asked_until = state.asked_until.max(until);
    }

    /// Whether the server has asked to be left alone until later than now.
    pub(super) fn is_asked_to_rest(&self) -> bool {
        self.lock().asked_until > self.clock.now()
    }

    /// Whether questions go unasked.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().rests_until > self.clock.now()
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
    fn it_is_looked_into_after_five_failures_and_rests_if_they_are_the_servers() {
        let (breaker, clock) = breaker();
        for round in 1..=2 {
            let told: Vec<_> = (0..FAILURES).map(|_| breaker.failed()).collect();
            assert_eq!(told, [false, false, false, false, true], "{round}");
            assert!(breaker.admit().is_ok() && !breaker.is_closed());
        }
        breaker.close();
        assert_eq!(breaker.admit(), Err(REST));
        clock.advance(REST);
        assert!(breaker.admit().is_ok());
        assert!(breaker.admit().is_err() && breaker.is_closed());
        // The trial.
        assert!(breaker.failed());
        breaker.succeeded();
        assert!(breaker.admit().is_ok() && breaker.admit().is_ok() && !breaker.is_closed());
    }

    #[test]
    fn a_success_forgets_the_failures_before_it() {
        let (breaker, _) = breaker();
        for _ in 0..3 * FAILURES {
            assert!(!breaker.failed());
            breaker.succeeded();
        }
        assert!(breaker.admit().is_ok());
    }

    #[test]
    fn a_server_is_left_alone_as_long_as_it_asks_for() {
        let (breaker, clock) = breaker();
        breaker.rest(Duration::from_secs(30));
        assert!(breaker.is_asked_to_rest());
        clock.advance(Duration::from_secs(29));
        assert_eq!(breaker.admit(), Err(Duration::from_secs(1)));
        clock.advance(Duration::from_secs(1));
        assert!(breaker.admit().is_ok() && !breaker.is_asked_to_rest());
    }

    #[test]
    fn a_question_that_was_under_way_ends_no_rest_that_was_asked_for() {
        let (breaker, clock) = breaker();
        breaker.rest(Duration::from_secs(30));
        breaker.succeeded();
        assert!(breaker.is_asked_to_rest() && breaker.is_closed());
        assert_eq!(breaker.admit(), Err(Duration::from_secs(30)));
        // One that was closed as well is not a trial away from that.
        breaker.close();
        breaker.succeeded();
        assert_eq!(breaker.admit(), Err(Duration::from_secs(30)));
        clock.advance(Duration::from_secs(30));
        assert!(breaker.admit().is_ok() && breaker.admit().is_ok());
    }
}
