//! One fault that was asked for: which, how often, and to whom it happens.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::Faults;

/// The longest delay. A client that waits longer than this is not under test any more.
const MAX_DELAY_MS: u64 = 600_000;

/// A fault as it is asked for and shown.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    pub(super) fault: String,
    /// How many requests get it.
    #[serde(default = "one")]
    times: u32,
    /// How many are spared before.
    #[serde(default)]
    skip: u32,
    /// The path of the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The HTTP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verb: Option<String>,
    /// The `method` of the JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    milliseconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after_events: Option<u32>,
}

const fn one() -> u32 {
    1
}

/// What a plan is compared with.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) verb: Method,
    pub(super) path: String,
    pub(super) session: Option<String>,
    pub(super) method: Option<String>,
}

impl Plan {
    /// The plan with the path that it is about, or what is wrong with it.
    pub(super) fn checked(mut self, faults: &Faults) -> Result<Self, String> {
        if !faults.described().any(|(name, _)| name == self.fault) {
            let known: Vec<_> = faults.described().map(|(name, _)| name).collect();
            return Err(format!("`{}` is no fault; there are {}", self.fault, known.join(", ")));
        }
        if self.times == 0 {
            return Err("`times` must be at least 1".to_owned());
        }
        if self.milliseconds.is_some_and(|delay| delay > MAX_DELAY_MS) {
            return Err(format!("`milliseconds` must be at most {MAX_DELAY_MS}"));
        }
        if self.status.is_some_and(|status| !(400..600).contains(&status)) {
            return Err("`status` must be from 400 to 599".to_owned());
        }
        let path = self.path.as_deref().or(faults.0.path);
        self.path = path.map(|path| path.trim_end_matches('/').to_owned());
        Ok(self)
    }

    pub(super) fn fits(&self, name: &str, seen: &Seen) -> bool {
        fn agree(wanted: Option<&String>, found: Option<&str>) -> bool {
            wanted.is_none_or(|wanted| Some(wanted.as_str()) == found)
        }
        let path = seen.path.trim_end_matches('/');
        self.fault == name
            && agree(self.path.as_ref(), Some(path))
            && agree(self.verb.as_ref(), Some(seen.verb.as_str()))
            && agree(self.method.as_ref(), seen.method.as_deref())
            && agree(self.session.as_ref(), seen.session.as_deref())
    }

    /// Counts a request that fits; true if it gets the fault.
    pub(super) const fn count(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= 1;
        true
    }

    pub(super) const fn is_used_up(&self) -> bool {
        self.times == 0
    }

    /// Whether the body has to be looked at.
    pub(super) const fn needs_method(&self) -> bool {
        self.method.is_some()
    }

    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(self.milliseconds.unwrap_or(1000))
    }

    pub(super) fn status(&self) -> StatusCode {
        let status = self.status.and_then(|status| StatusCode::from_u16(status).ok());
        status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
    }

    /// When to come back: said wherever there is something to wait for.
    pub(super) fn retry_after(&self) -> Option<u32> {
        let waits = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
        self.retry_after.or_else(|| waits.contains(&self.status()).then_some(1))
    }

    pub(super) fn after_events(&self) -> u32 {
        self.after_events.unwrap_or(0)
    }
}
