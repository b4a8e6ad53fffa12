//! How many streams one caller may hold open on an instance.
//!
//! Where nobody is told apart (`MCP_AUTH=none`), nobody is counted either: one client must not be
//! able to use up the places of all others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::StatusCode;
use mcp_core::Principal;
use shared::mcp::ErrorCode;

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
