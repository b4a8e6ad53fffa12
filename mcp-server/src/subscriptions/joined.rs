//! Announcements of one resource by one instance, joined: the first goes out at once, and what follows
//! within a second together at its end.

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
    recent: Mutex<HashMap<String, Recent>>,
    put_off: Notify,
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
        let mut recent = self.recent();
        if let Some(known) = recent.get_mut(uri)
            && (known.is_waiting || known.again_at > now)
        {
            known.is_waiting = true;
            drop(recent);
            self.put_off.notify_one();
            return false;
        }
        recent.retain(|_, known| known.is_waiting || known.again_at > now);
        recent.insert(uri.to_owned(), Recent { again_at: now + APART, is_waiting: false });
        true
    }

    /// What was put off and is to be announced now, when there is some.
    pub(super) async fn due(&self, clock: &Clock) -> Vec<String> {
        loop {
            let next = self.recent().values().filter(|known| known.is_waiting).map(at).min();
            let Some(next) = next else {
                self.put_off.notified().await;
                continue;
            };
            // What is put off later is due later.
            clock.sleep_until(next).await;
            let due = self.take(clock.now());
            if !due.is_empty() {
                return due;
            }
        }
    }

    /// What was put off, due or not.
    pub(super) fn waiting(&self) -> Vec<String> {
        let mut recent = self.recent();
        let waiting = std::mem::take(&mut *recent).into_iter();
        waiting.filter(|(_, known)| known.is_waiting).map(|(uri, _)| uri).collect()
    }

    fn take(&self, now: Timestamp) -> Vec<String> {
        let mut recent = self.recent();
        let due = recent.iter_mut().filter(|(_, known)| known.is_waiting && known.again_at <= now);
        due.map(|(uri, known)| {
            *known = Recent { again_at: now + APART, is_waiting: false };
            uri.clone()
        })
        .collect()
    }

    fn recent(&self) -> MutexGuard<'_, HashMap<String, Recent>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn at(known: &Recent) -> Timestamp {
    known.again_at
}
