//! Announcements of one resource by one instance, joined: the first goes out at once, and what follows
//! within a second together, no later than at the end of another.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ambient::{Clock, Timestamp};
use tokio::sync::Notify;

/// How long what follows is put off.
const APART: Duration = Duration::from_secs(1);

/// The resources that were announced within the last second.
#[derive(Default)]
pub(super) struct Joined {
    state: Mutex<State>,
    put_off: Notify,
}

#[derive(Default)]
struct State {
    recent: HashMap<String, Recent>,
    /// What is being announced after it was put off: whoever does so may be stopped half way.
    going_out: Vec<String>,
    /// Whether there is no later.
    is_closed: bool,
}

struct Recent {
    /// When it may be announced again.
    again_at: Timestamp,
    /// Whether it has to be.
    is_waiting: bool,
}

impl Joined {
    /// Whether a change is to be announced now. If not, it becomes [`due`](Self::due).
    pub(super) fn is_now(&self, uri: &str, now: Timestamp) -> bool {
        let mut state = self.state();
        if state.is_closed {
            return true;
        }
        let recent = &mut state.recent;
        if let Some(known) = recent.get_mut(uri)
            && (known.is_waiting || known.again_at > now)
        {
            known.is_waiting = true;
            drop(state);
            self.put_off.notify_one();
            return false;
        }
        recent.retain(|_, known| known.is_waiting || known.again_at > now);
        recent.insert(uri.to_owned(), Recent { again_at: now + APART, is_waiting: false });
        true
    }

    /// What was put off and is to be announced now, when there is some. Whoever has done that says that
    /// it is [`out`](Self::out).
    pub(super) async fn due(&self, clock: &Clock) -> Vec<String> {
        loop {
            let next = self.next();
            let Some(next) = next else {
                self.put_off.notified().await;
                continue;
            };
            // What is put off meanwhile may have been due earlier, by less than a second.
            clock.sleep_until(next).await;
            let due = self.take(clock.now());
            if !due.is_empty() {
                return due;
            }
        }
    }

    /// What was due is announced.
    pub(super) fn out(&self) {
        self.state().going_out.clear();
    }

    /// What was put off and is not announced yet, due or not. Nothing is put off from now on.
    pub(super) fn close(&self) -> Vec<String> {
        let mut state = self.state();
        state.is_closed = true;
        let waiting = std::mem::take(&mut state.recent).into_iter();
        let waiting = waiting.filter(|(_, known)| known.is_waiting).map(|(uri, _)| uri);
        let mut left = std::mem::take(&mut state.going_out);
        left.extend(waiting);
        left.sort_unstable();
        left.dedup();
        left
    }

    fn next(&self) -> Option<Timestamp> {
        let state = self.state();
        let waiting = state.recent.values().filter(|known| known.is_waiting);
        waiting.map(|known| known.again_at).min()
    }

    fn take(&self, now: Timestamp) -> Vec<String> {
        let mut state = self.state();
        let recent = state.recent.iter_mut();
        let due = recent.filter(|(_, known)| known.is_waiting && known.again_at <= now);
        let mut due: Vec<_> = due
            .map(|(uri, known)| {
                *known = Recent { again_at: now + APART, is_waiting: false };
                uri.clone()
            })
            .collect();
        due.sort_unstable();
        state.going_out.clone_from(&due);
        due
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[tokio::test]
    async fn what_was_being_announced_when_the_end_came_is_left_over() {
        let (joined, clock) = (Joined::default(), Clock::manual(NOW));
        for uri in ["a", "b"] {
            assert!(joined.is_now(uri, NOW) && !joined.is_now(uri, NOW));
        }
        clock.advance(APART);
        assert_eq!(joined.due(&clock).await.len(), 2);
        assert!(!joined.is_now("a", clock.now()));
        assert_eq!(joined.close(), ["a", "b"]);
    }

    #[tokio::test]
    async fn what_is_out_is_not_left_over_and_nothing_is_put_off_after_the_end() {
        let (joined, clock) = (Joined::default(), Clock::manual(NOW));
        assert!(joined.is_now("a", NOW) && !joined.is_now("a", NOW));
        clock.advance(APART);
        assert_eq!(joined.due(&clock).await, ["a"]);
        joined.out();
        assert!(joined.close().is_empty());
        assert!(joined.is_now("a", clock.now()) && joined.is_now("a", clock.now()));
    }
}
