//! The clock of a test: who sleeps until when, and in which order they wake.
//!
//! The order is a promise: a simulation that runs a second time must go the same way.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::Timestamp;

pub(super) struct Manual(Mutex<State>);

struct State {
    now: Timestamp,
    /// How many have fallen asleep: who is first among those with one moment.
    asleep: u64,
    sleepers: BTreeMap<Place, Waker>,
}

/// A sleeper's moment, and its place among those who have the same.
type Place = (Timestamp, u64);

impl Manual {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self(Mutex::new(State { now, asleep: 0, sleepers: BTreeMap::new() }))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.state().now
    }

    pub(super) fn advance(&self, by: Duration) {
        let mut state = self.state();
        let now = state.now + by;
        state.now = now;
        let later = state.sleepers.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut state.sleepers, later);
        drop(state);
        due.into_values().for_each(Waker::wake);
    }

    pub(super) fn next_waking(&self) -> Option<Timestamp> {
        self.state().sleepers.keys().next().map(|(moment, _)| *moment)
    }

    pub(super) fn sleep_until(self: &Arc<Self>, moment: Timestamp) -> Sleep {
        Sleep { clock: Arc::clone(self), moment, place: None }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who sleeps; forgotten when this is dropped.
pub(super) struct Sleep {
    clock: Arc<Manual>,
    moment: Timestamp,
    place: Option<Place>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let clock = Arc::clone(&self.clock);
        let mut state = clock.state();
        if state.now >= self.moment {
            return Poll::Ready(());
        }
        let moment = self.moment;
        let place = *self.place.get_or_insert_with(|| {
            state.asleep += 1;
            (moment, state.asleep)
        });
        state.sleepers.insert(place, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            // Dropped when the lock is free again: a waker may hold somebody else who sleeps.
            let waker = self.clock.state().sleepers.remove(&place);
            drop(waker);
        }
    }
}
