//! Uses of sessions that the store has not heard of yet. A session that is used a thousand times a
//! second is told of once a second.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ambient::Timestamp;

/// How soon the store hears of the next use.
const EVERY: Duration = Duration::from_secs(1);

/// How many sessions are noted. Uses of the others are told at once.
const MOST: usize = 20_000;

/// What has been noted, by the names of sessions.
#[derive(Default)]
pub(super) struct Uses(Mutex<HashMap<String, Noted>>);

struct Noted {
    told: Timestamp,
    untold: u64,
    last: Timestamp,
}

/// What there is to do about the sessions that were used.
#[derive(Default)]
pub(super) struct Taken {
    /// Uses that the store has not heard of, and the last of them.
    pub(super) untold: Vec<(String, u64, Timestamp)>,
    /// Sessions that are not used any more, and when they were used last.
    pub(super) silent: Vec<(String, Timestamp)>,
}

impl Uses {
    /// Notes a use; gives how many are to be told now, if any are.
    pub(super) fn note(&self, session: &str, now: Timestamp) -> Option<u64> {
        let mut noted = self.lock();
        if let Some(noted) = noted.get_mut(session) {
            noted.last = now;
            if noted.told <= now && now < noted.told + EVERY {
                noted.untold += 1;
                return None;
            }
            noted.told = now;
            return Some(std::mem::take(&mut noted.untold) + 1);
        }
        if noted.len() < MOST {
            noted.insert(session.to_owned(), Noted { told: now, untold: 0, last: now });
        }
        Some(1)
    }

    /// What is untold of one session, and when it was used last.
    pub(super) fn take_one(&self, session: &str) -> Option<(u64, Timestamp)> {
        let mut noted = self.lock();
        let noted = noted.get_mut(session).filter(|noted| noted.untold > 0)?;
        Some((std::mem::take(&mut noted.untold), noted.last))
    }

    /// What is untold of all of them. Those that have not been used for a while are forgotten, and
    /// given with the moment of their last use.
    pub(super) fn take(&self, now: Timestamp) -> Taken {
        let mut taken = Taken::default();
        self.lock().retain(|session, noted| {
            if noted.untold > 0 {
                let untold = std::mem::take(&mut noted.untold);
                taken.untold.push((session.clone(), untold, noted.last));
            }
            let is_used = noted.told <= now && now < noted.told + EVERY;
            if !is_used {
                taken.silent.push((session.clone(), noted.last));
            }
            is_used
        });
        // A map has no order, and what is done twice is done in one.
        taken.untold.sort();
        taken.silent.sort();
        taken
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
