//! The issuer's keys: fetched when they are needed, kept while they are fresh, and a little longer
//! when no newer ones can be had.
//!
//! A token names its key, and anybody can make one that names a key that does not exist. So an
//! unknown name makes us fetch at most once per cool-down, whoever asks.

use std::{sync::Arc, time::Duration};

use ambient::{Clock, Timestamp};
use http::{StatusCode, header};
use tokio::sync::Mutex;
use url::Url;

use super::{outbound::Outbound, token::KeySet};
use crate::config::JwksSettings;

/// The limits within which an issuer may say how long its keys are fresh.
const FRESH: std::ops::RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(24);

/// How long nothing is fetched after a failure.
const PAUSE: Duration = Duration::from_secs(2);

/// There are no keys to check with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoKeys;

/// Fetches and keeps keys.
pub(super) struct Jwks {
    outbound: Outbound,
    clock: Clock,
    settings: JwksSettings,
    /// Locked while keys are fetched, so that everybody else waits for the same ones.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    tried_at: Option<Timestamp>,
    failed: bool,
    /// When keys were last fetched because of a name that was not known.
    sought_at: Option<Timestamp>,
}

struct Held {
    url: Url,
    keys: Arc<KeySet>,
    fresh_until: Timestamp,
}

impl Jwks {
    pub(super) fn new(outbound: Outbound, clock: Clock, settings: JwksSettings) -> Self {
        Self { outbound, clock, settings, state: Mutex::default() }
    }

    /// The keys at `url`.
    pub(super) async fn current(&self, url: &Url) -> Result<Arc<KeySet>, NoKeys> {
        let mut state = self.state.lock().await;
        state.forget_others(url);
        let now = self.clock.now();
        if state.held.as_ref().is_none_or(|held| now >= held.fresh_until) && state.may_try(now) {
            self.fetch(&mut state, url).await;
        }
        let usable = state.held.as_ref().filter(|h| now < h.fresh_until + self.settings.stale);
        usable.map(|held| Arc::clone(&held.keys)).ok_or(NoKeys)
    }

    /// The keys at `url` if they can be newer than `old`. Within the cool-down they are `old`
    /// again, unless the last fetch has failed: then nobody knows.
    pub(super) async fn newer(&self, url: &Url, old: &Arc<KeySet>) -> Result<Arc<KeySet>, NoKeys> {
        let mut state = self.state.lock().await;
        state.forget_others(url);
        if let Some(held) = state.held.as_ref().filter(|held| !Arc::ptr_eq(&held.keys, old)) {
            return Ok(Arc::clone(&held.keys));
        }
        let now = self.clock.now();
        let cool = state.sought_at.is_none_or(|sought| now >= sought + self.settings.cooldown);
        if (cool || state.failed) && state.may_try(now) {
            state.sought_at = Some(now);
            self.fetch(&mut state, url).await;
        }
        match &state.held {
            Some(held) if !state.failed => Ok(Arc::clone(&held.keys)),
            _ => Err(NoKeys),
        }
    }

    async fn fetch(&self, state: &mut State, url: &Url) {
        let now = self.clock.now();
        // If this is dropped half way, it has been a try.
        (state.tried_at, state.failed) = (Some(now), true);
        let request = self.outbound.http.get(url.clone());
        let request = request.header(header::ACCEPT, "application/json, application/jwk-set+json");
        let reply = match self.outbound.ask(request).await {
            Ok(reply) if reply.status == StatusCode::OK => reply,
            Ok(reply) => {
                return tracing::error!(status = reply.status.as_u16(), "no keys of the issuer");
            }
            Err(error) => return tracing::error!(%error, "no keys of the issuer"),
        };
        let Some(keys) = KeySet::parse(&reply.body) else {
            return tracing::error!("the keys of the issuer cannot be read (RFC 7517)");
        };
        let fresh = match reply.max_age() {
            Some(said) => said.clamp(*FRESH.start(), *FRESH.end()),
            None => self.settings.ttl,
        };
        tracing::info!(keys = keys.len(), "keys of the issuer fetched");
        let held = Held { url: url.clone(), keys: Arc::new(keys), fresh_until: now + fresh };
        (state.held, state.failed) = (Some(held), false);
    }
}

impl State {
    /// A failure is not repeated at once.
    fn may_try(&self, now: Timestamp) -> bool {
        !self.failed || self.tried_at.is_none_or(|tried| now >= tried + PAUSE)
    }

    /// Keys of another place are no keys of this one.
    fn forget_others(&mut self, url: &Url) {
        if self.held.as_ref().is_some_and(|held| held.url != *url) {
            *self = Self::default();
        }
    }
}
