//! How many requests one caller may make in a second, on an instance.
//!
//! A bucket per caller that fills again steadily (GCRA): a second's worth may come at once. It keeps
//! one moment per caller, and only of callers who have come within the last second. Nobody in
//! particular is not counted, as with streams.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ambient::{Clock, Timestamp};
use http::StatusCode;
use mcp_core::Principal;
use shared::mcp::ErrorCode;

use crate::http::Rejection;

/// Beyond so many callers, those who are quiet are looked for and forgotten.
const CROWD: usize = 4096;

const SECOND: Duration = Duration::from_secs(1);

/// The pace of each caller; none if there is no limit.
#[derive(Clone, Debug)]
pub(crate) struct Pace(Option<Limited>);

#[derive(Clone, Debug)]
struct Limited {
    per_second: NonZeroU32,
    clock: Clock,
    /// When each caller's bucket is full again, in millionths of a second since the epoch.
    full_at: Arc<Mutex<HashMap<String, u64>>>,
}

impl Pace {
    /// So many requests in a second; zero is any number.
    pub(crate) fn new(per_second: u32, clock: &Clock) -> Self {
        let limited =
            |per_second| Limited { per_second, clock: clock.clone(), full_at: Arc::default() };
        Self(NonZeroU32::new(per_second).map(limited))
    }

    /// Lets a request through, or says when to come back: 429 with `Retry-After`.
    pub(crate) fn admit(&self, principal: &Principal) -> Result<(), Rejection> {
        match &self.0 {
            Some(limited) if !principal.is_anonymous() => limited.admit(principal.identity()),
            _ => Ok(()),
        }
    }
}

impl Limited {
    fn admit(&self, caller: String) -> Result<(), Rejection> {
        let cost = micros(SECOND) / u64::from(self.per_second.get());
        let now = self.clock.now().since(Timestamp::from_secs(0));
        let now = micros(now);
        let mut callers = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= CROWD {
            callers.retain(|_, full_at| *full_at > now);
        }
        let full_at = callers.entry(caller).or_insert(now);
        let after = now.max(*full_at) + cost;
        if after > now + micros(SECOND) {
            return Err(self.refusal());
        }
        *full_at = after;
        Ok(())
    }

    fn refusal(&self) -> Rejection {
        let message = format!("You may make {} requests in a second", self.per_second);
        let (status, code) = (StatusCode::TOO_MANY_REQUESTS, ErrorCode::INVALID_REQUEST);
        Rejection::new(status, code, message)
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    fn caller(name: &str) -> Principal {
        Principal { user: Some(name.to_owned()), ..Principal::anonymous() }
    }

    fn pace(per_second: u32) -> (Pace, Clock) {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        (Pace::new(per_second, &clock), clock)
    }

    #[test]
    fn a_seconds_worth_may_come_at_once_and_no_more() {
        let (pace, clock) = pace(3);
        let alice = caller("alice");
        let passed = (0..9).filter(|_| pace.admit(&alice).is_ok()).count();
        assert_eq!(passed, 3);
        clock.advance(Duration::from_millis(400));
        assert!(pace.admit(&alice).is_ok(), "a third of a second fills one place");
        assert!(pace.admit(&alice).is_err());
        clock.advance(SECOND);
        assert_eq!((0..9).filter(|_| pace.admit(&alice).is_ok()).count(), 3);
    }

    #[test]
    fn one_caller_costs_another_nothing() {
        let (pace, _) = pace(1);
        assert!(pace.admit(&caller("alice")).is_ok());
        assert!(pace.admit(&caller("alice")).is_err());
        assert!(pace.admit(&caller("bob")).is_ok());
    }

    #[test]
    fn who_is_refused_is_told_when_to_come_back() {
        let (pace, _) = pace(1);
        let _ = pace.admit(&caller("alice"));
        let response = pace.admit(&caller("alice")).unwrap_err().into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (429, &"1".parse().unwrap())
        );
    }

    #[test]
    fn without_a_limit_and_for_nobody_in_particular_all_passes() {
        let (unlimited, _) = pace(0);
        assert!((0..99).all(|_| unlimited.admit(&caller("alice")).is_ok()));
        let (one, _) = pace(1);
        assert!((0..99).all(|_| one.admit(&Principal::anonymous()).is_ok()));
    }

    #[test]
    fn callers_who_are_quiet_are_forgotten() {
        let (pace, clock) = pace(1);
        for number in 0..CROWD {
            let _ = pace.admit(&caller(&number.to_string()));
        }
        clock.advance(SECOND);
        let _ = pace.admit(&caller("last"));
        let limited = pace.0.unwrap();
        assert_eq!(limited.full_at.lock().unwrap().len(), 1);
    }
}
