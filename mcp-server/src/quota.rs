//! How many streams may be open on an instance: of one caller, and of all.
//!
//! Where nobody is told apart (`MCP_AUTH=none`), nobody is counted either but with all others: one
//! client must not be able to use up the few places that everybody would share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::StatusCode;
use mcp_core::Principal;
use shared::mcp::ErrorCode;

use crate::http::Rejection;

/// What is set about the streams of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Streams of one caller at one time.
    pub of_caller: usize,
    /// Streams of all callers at one time.
    pub in_all: usize,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self { of_caller: 256, in_all: 10_000 }
    }
}

/// The streams of an instance.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    limits: StreamLimits,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    in_all: usize,
    /// Of each caller who is told apart.
    of: HashMap<String, usize>,
}

/// A place that is taken; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    streams: Streams,
    /// Whose it is, if callers are told apart.
    caller: Option<String>,
}

impl Streams {
    /// So many.
    pub(crate) fn new(limits: StreamLimits) -> Self {
        Self { limits, open: Arc::default() }
    }

    /// Takes a place, if there is one left for this caller.
    pub(crate) fn enter(&self, principal: &Principal) -> Result<Place, Rejection> {
        let StreamLimits { of_caller, in_all } = self.limits;
        let caller = (!principal.is_anonymous()).then(|| principal.identity());
        let mut open = self.lock();
        if open.in_all >= in_all {
            return Err(too_many_of_all());
        }
        if let Some(caller) = &caller {
            let count = open.of.entry(caller.clone()).or_default();
            if *count >= of_caller {
                return Err(too_many(of_caller));
            }
            *count += 1;
        }
        open.in_all += 1;
        drop(open);
        Ok(Place { streams: self.clone(), caller })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        open.in_all -= 1;
        let Some(caller) = &self.caller else { return };
        if let Some(count) = open.of.get_mut(caller) {
            *count -= 1;
            if *count == 0 {
                open.of.remove(caller);
            }
        }
    }
}

fn too_many(most: usize) -> Rejection {
    let message = format!("You have {most} streams open; close some first");
    Rejection::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::INVALID_REQUEST, message)
}

/// Another instance may have room, and so may this one in a moment.
fn too_many_of_all() -> Rejection {
    let message = "As many streams are open here as may; try again shortly";
    Rejection::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::UNAVAILABLE, message)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    fn caller(name: &str) -> Principal {
        Principal { user: Some(name.to_owned()), ..Principal::anonymous() }
    }

    fn streams(of_caller: usize, in_all: usize) -> Streams {
        Streams::new(StreamLimits { of_caller, in_all })
    }

    #[test]
    fn a_caller_has_so_many_streams_and_gets_a_place_back() {
        let streams = streams(2, 100);
        let first = streams.enter(&caller("alice")).unwrap();
        let _second = streams.enter(&caller("alice")).unwrap();
        let refused = streams.enter(&caller("alice")).unwrap_err();
        assert!(refused.to_message().windows(7).any(|text| text == b"streams"));
        assert!(streams.enter(&caller("bob")).is_ok(), "others have places of their own");
        drop(first);
        assert!(streams.enter(&caller("alice")).is_ok());
    }

    #[test]
    fn nobody_in_particular_has_all_the_places_there_are() {
        let streams = streams(1, 9);
        let places: Vec<_> = (0..9).map(|_| streams.enter(&Principal::anonymous())).collect();
        assert!(places.iter().all(Result::is_ok) && streams.lock().of.is_empty());
        let refused = streams.enter(&caller("alice")).unwrap_err();
        assert_eq!(refused.into_response().status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(places);
        assert!(streams.enter(&caller("alice")).is_ok());
    }

    #[test]
    fn who_is_refused_takes_no_place() {
        let streams = streams(1, 2);
        let _first = streams.enter(&caller("alice")).unwrap();
        for _ in 0..9 {
            assert!(streams.enter(&caller("alice")).is_err());
        }
        assert!(streams.enter(&caller("bob")).is_ok());
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let streams = streams(1, 1);
        drop(streams.enter(&caller("alice")).unwrap());
        let open = streams.lock();
        assert!(open.of.is_empty() && open.in_all == 0);
    }
}
