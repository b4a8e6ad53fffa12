//! How many streams one caller may hold open on an instance, and how many sessions it may open.
//!
//! Where nobody is told apart (`MCP_AUTH=none`), nobody is counted either: one client must not be
//! able to use up the places of all others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::StatusCode;
use mcp_core::Principal;
use sha2::{Digest as _, Sha256};
use shared::mcp::ErrorCode;
use store::{Counter, Store};

use crate::http::Rejection;

/// The streams of each caller.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    most: usize,
    open: Arc<Mutex<HashMap<String, usize>>>,
}

/// A place that is taken; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place(Option<(Streams, String)>);

impl Streams {
    /// So many for each caller.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, open: Arc::default() }
    }

    /// Takes a place, if the caller has one left.
    pub(crate) fn enter(&self, principal: &Principal) -> Result<Place, Rejection> {
        if principal.is_anonymous() {
            return Ok(Place(None));
        }
        let name = principal.identity();
        let mut open = self.lock();
        let count = open.entry(name.clone()).or_default();
        if *count >= self.most {
            let most = self.most;
            return Err(too_many(format!("You have {most} streams open; close some first")));
        }
        *count += 1;
        drop(open);
        Ok(Place(Some((self.clone(), name))))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((streams, name)) = self.0.take() else { return };
        let mut open = streams.lock();
        if let Some(count) = open.get_mut(&name) {
            *count -= 1;
            if *count == 0 {
                open.remove(&name);
            }
        }
    }
}

/// The sessions that each caller opens, on all instances.
#[derive(Clone, Debug)]
pub(crate) struct Openings {
    most: u64,
    window: Duration,
    counter: Counter,
}

impl Openings {
    /// So many for each caller within `window`.
    pub(crate) fn new(store: &Store, most: u64, window: Duration) -> Self {
        Self { most, window, counter: store.counter("mcp:opened:") }
    }

    /// Counts one more session of a caller, or refuses it.
    pub(crate) async fn count(&self, principal: &Principal) -> Result<(), Rejection> {
        if principal.is_anonymous() {
            return Ok(());
        }
        let hash = Sha256::digest(principal.identity());
        let name = hash.iter().fold(String::new(), |name, byte| format!("{name}{byte:02x}"));
        if self.counter.add(&name, self.window).await?.value <= self.most {
            return Ok(());
        }
        let message = "You have opened too many sessions; end some, or go on with one you have";
        Err(too_many(message.to_owned()))
    }
}

fn too_many(message: String) -> Rejection {
    Rejection::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::INVALID_REQUEST, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(name: &str) -> Principal {
        Principal { user: Some(name.to_owned()), ..Principal::anonymous() }
    }

    #[test]
    fn a_caller_has_so_many_streams_and_gets_a_place_back() {
        let streams = Streams::new(2);
        let first = streams.enter(&caller("alice")).unwrap();
        let _second = streams.enter(&caller("alice")).unwrap();
        let refused = streams.enter(&caller("alice")).unwrap_err();
        assert!(refused.to_message().windows(7).any(|text| text == b"streams"));
        assert!(streams.enter(&caller("bob")).is_ok(), "others have places of their own");
        drop(first);
        assert!(streams.enter(&caller("alice")).is_ok());
    }

    #[test]
    fn nobody_in_particular_is_not_counted() {
        let streams = Streams::new(1);
        let places: Vec<_> = (0..9).map(|_| streams.enter(&Principal::anonymous())).collect();
        assert!(places.iter().all(Result::is_ok) && streams.lock().is_empty());
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let streams = Streams::new(1);
        drop(streams.enter(&caller("alice")).unwrap());
        assert!(streams.lock().is_empty());
    }
}
