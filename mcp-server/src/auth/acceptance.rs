//! Whether the introspection endpoint knows us: the one that is asked now.
//!
//! A question may be answered when another endpoint is asked already, or none. What is said then of
//! our credentials is about nobody who is asked, and would hold until the next look.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use url::Url;

use super::endpoint::At;
use crate::config::ClientAuth;

/// What the last answer said that counts.
#[derive(Default)]
pub(super) struct Acceptance {
    rejected: AtomicBool,
    asked: Mutex<Option<(Url, ClientAuth)>>,
}

impl Acceptance {
    /// Whether our credentials were rejected the last time they were used.
    pub(super) fn is_rejected(&self) -> bool {
        self.rejected.load(Ordering::Relaxed)
    }

    /// From now on this is asked, or nothing. Nobody has rejected us at another place yet.
    pub(super) fn turn_to(&self, at: Option<At<'_>>) {
        let mut asked = self.lock();
        if asked.as_ref().map(|(endpoint, method)| (endpoint, *method)) != at {
            *asked = at.map(|(endpoint, method)| (endpoint.clone(), method));
            self.rejected.store(false, Ordering::Relaxed);
        }
    }

    /// We are rejected there. False if nothing is asked there any more.
    pub(super) fn reject(&self, at: At<'_>) -> bool {
        let asked = self.lock();
        let counts = is_at(asked.as_ref(), at);
        if counts {
            self.rejected.store(true, Ordering::Relaxed);
        }
        counts
    }

    /// We are known there. True if that is news.
    pub(super) fn accept(&self, at: At<'_>) -> bool {
        // Almost always nothing is to be changed.
        self.is_rejected()
            && is_at(self.lock().as_ref(), at)
            && self.rejected.swap(false, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Url, ClientAuth)>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_at(asked: Option<&(Url, ClientAuth)>, (endpoint, method): At<'_>) -> bool {
    asked.is_some_and(|(there, how)| there == endpoint && *how == method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_late_counts_only_where_is_asked_still() {
        let urls = ["https://a.example/introspect", "https://b.example/introspect"];
        let [first, second] = urls.map(|url| Url::parse(url).unwrap());
        let at = |url| (url, ClientAuth::Basic);
        let acceptance = Acceptance::default();
        assert!(!acceptance.reject(at(&first)), "nothing is known yet");
        acceptance.turn_to(Some(at(&first)));
        assert!(acceptance.reject(at(&first)) && acceptance.is_rejected());
        assert!(!acceptance.reject((&first, ClientAuth::Post)));
        acceptance.turn_to(Some(at(&first)));
        assert!(acceptance.is_rejected(), "nothing has changed");
        acceptance.turn_to(Some(at(&second)));
        assert!(!acceptance.is_rejected() && !acceptance.reject(at(&first)));
        assert!(acceptance.reject(at(&second)) && !acceptance.accept(at(&first)));
        assert!(acceptance.is_rejected());
        assert!(acceptance.accept(at(&second)) && !acceptance.accept(at(&second)));
        acceptance.turn_to(None);
        assert!(!acceptance.reject(at(&second)) && !acceptance.is_rejected());
    }
}
