//! The issuer's keys: fetched when they are needed, kept while they are fresh, and a little longer
//! when no newer ones can be had (decision 0066).
//!
//! A token names its key, and anybody can make one that names a key that does not exist. So an
//! unknown name makes us fetch at most once per cool-down, whoever asks, and nobody whose key is
//! here waits for that. An issuer that says when to come back (429) is left alone until then.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ambient::{Clock, Timestamp};
use chassis::Lifecycle;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use http::{StatusCode, header};
use url::Url;

use super::{
    outbound::{LONGEST_REST, Outbound},
    token::KeySet,
};
use crate::config::JwksSettings;

/// The limits within which an issuer may say how long its keys are fresh.
const FRESH: std::ops::RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(24);

/// How long nothing is fetched after a failure.
const PAUSE: Duration = Duration::from_secs(2);

/// There are no keys to check with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoKeys {
    /// How long the issuer wants to be left alone, if it has said so.
    pub(super) rest: Option<Duration>,
    /// Whether it publishes keys, and none that can be used.
    pub(super) are_useless: bool,
}

type Found = Result<Arc<KeySet>, NoKeys>;

/// One fetch, for everybody who waits for what comes of it.
type Fetch = Shared<BoxFuture<'static, Found>>;

/// Fetches and keeps keys.
pub(super) struct Jwks {
    keeper: Arc<Keeper>,
    lifecycle: Option<Lifecycle>,
}

struct Keeper {
    outbound: Outbound,
    clock: Clock,
    settings: JwksSettings,
    /// Never locked while something is waited for.
    state: Mutex<State>,
}

/// What is known of the keys at one place.
#[derive(Default)]
struct State {
    url: Option<Url>,
    held: Option<Held>,
    /// The fetch in progress.
    fetch: Option<WeakShared<BoxFuture<'static, Found>>>,
    /// Nothing is fetched before, because the last fetch has failed, or was dropped.
    closed_until: Timestamp,
    failed: bool,
    /// Whether the last fetch that came to an end has.
    ended_badly: bool,
    /// Whether nothing is fetched because the issuer has asked for that.
    rests: bool,
    /// When keys were last fetched because of a name that was not known.
    sought_at: Option<Timestamp>,
}

struct Held {
    keys: Arc<KeySet>,
    fresh_until: Timestamp,
}

impl Jwks {
    /// Fetches only while somebody waits for it.
    pub(super) fn new(outbound: Outbound, clock: Clock, settings: JwksSettings) -> Self {
        let keeper = Keeper { outbound, clock, settings, state: Mutex::default() };
        Self { keeper: Arc::new(keeper), lifecycle: None }
    }

    /// Fetches beside all requests: keys are renewed while the old ones are used, and no client that
    /// goes away ends a fetch.
    #[must_use]
    pub(super) fn beside(self, lifecycle: &Lifecycle) -> Self {
        Self { lifecycle: Some(lifecycle.clone()), ..self }
    }

    /// The keys at `url`: those that are here, if they can still be used, and else those of a fetch.
    pub(super) async fn current(&self, url: &Url) -> Found {
        let fetch = {
            let mut state = self.keeper.state_of(url);
            let now = self.keeper.clock.now();
            let is_fresh = state.held.as_ref().is_some_and(|held| now < held.fresh_until);
            let fetch = if is_fresh { None } else { self.join(&mut state, url) };
            let longer = self.keeper.settings.stale;
            let usable = state.held.as_ref().filter(|h| is_fresh || now < h.fresh_until + longer);
            if let Some(held) = usable {
                return Ok(Arc::clone(&held.keys));
            }
            fetch.ok_or_else(|| state.no_keys(now))?
        };
        fetch.await
    }

    /// Whether there are none at `url` that can be used, and none could be fetched.
    pub(super) fn is_lacking(&self, url: &Url) -> bool {
        let now = self.keeper.clock.now();
        let state = self.keeper.lock();
        let until = |held: &Held| held.fresh_until + self.keeper.settings.stale;
        let is_usable = state.held.as_ref().is_some_and(|held| now < until(held));
        state.url.as_ref() == Some(url) && state.ended_badly && !is_usable
    }

    /// The keys at `url` if they can be newer than `old`. Within the cool-down they are `old`
    /// again, unless the last fetch has failed: then nobody knows.
    pub(super) async fn newer(&self, url: &Url, old: &Arc<KeySet>) -> Found {
        let fetch = {
            let mut state = self.keeper.state_of(url);
            if let Some(held) = state.held.as_ref().filter(|held| !Arc::ptr_eq(&held.keys, old)) {
                return Ok(Arc::clone(&held.keys));
            }
            let now = self.keeper.clock.now();
            let cooldown = self.keeper.settings.cooldown;
            let is_cool = state.sought_at.is_none_or(|sought| now >= sought + cooldown);
            if !is_cool && !state.failed {
                return Ok(Arc::clone(old));
            }
            let fetch = self.join(&mut state, url).ok_or_else(|| state.no_keys(now))?;
            state.sought_at = Some(now);
            fetch
        };
        fetch.await
    }

    /// The fetch in progress, or a new one, unless the last has just failed.
    fn join(&self, state: &mut State, url: &Url) -> Option<Fetch> {
        if let Some(fetch) = state.fetch.as_ref().and_then(WeakShared::upgrade) {
            return Some(fetch);
        }
        let now = self.keeper.clock.now();
        if !state.may_try(now) {
            return None;
        }
        // If this is dropped half way, it has been a try.
        state.close(now, None);
        let fetch = Arc::clone(&self.keeper).fetch(url.clone(), now).boxed().shared();
        state.fetch = fetch.downgrade();
        if let Some(lifecycle) = &self.lifecycle {
            let (beside, stopping) = (fetch.clone(), lifecycle.stopping());
            lifecycle.spawn(async move {
                tokio::select! {
                    _ = beside => {}
                    () = stopping => {}
                }
            });
        }
        Some(fetch)
    }
}

impl Keeper {
    /// What is known of the keys at `url`. Those of another place are none of this one.
    fn state_of(&self, url: &Url) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if state.url.as_ref() != Some(url) {
            *state = State { url: Some(url.clone()), ..State::default() };
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What it guards is whole at every moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches, and keeps what has come unless another place is meant by now.
    async fn fetch(self: Arc<Self>, url: Url, asked_at: Timestamp) -> Found {
        let fetched = self.ask(&url).await;
        let mut state = self.lock();
        let is_meant = state.url.as_ref() == Some(&url);
        if is_meant {
            state.fetch = None;
        }
        match fetched {
            Ok((keys, fresh)) => {
                if is_meant {
                    let held = Held { keys: Arc::clone(&keys), fresh_until: asked_at + fresh };
                    (state.held, state.failed, state.ended_badly) = (Some(held), false, false);
                }
                Ok(keys)
            }
            Err(why) => {
                if is_meant {
                    state.close(self.clock.now(), why.rest);
                    state.ended_badly = true;
                }
                Err(why)
            }
        }
    }

    /// The keys, and how long they are fresh.
    async fn ask(&self, url: &Url) -> Result<(Arc<KeySet>, Duration), NoKeys> {
        const NONE: NoKeys = NoKeys { rest: None, are_useless: false };

        let request = self.outbound.http.get(url.clone());
        let request = request.header(header::ACCEPT, "application/json, application/jwk-set+json");
        let reply = match self.outbound.ask(request).await {
            Ok(reply) if reply.status == StatusCode::OK => reply,
            Ok(reply) if reply.status == StatusCode::TOO_MANY_REQUESTS => {
                let rest = reply.rest(self.clock.now()).min(LONGEST_REST);
                tracing::error!(seconds = rest.as_secs(), "keys of the issuer are limited (429)");
                return Err(NoKeys { rest: Some(rest), ..NONE });
            }
            Ok(reply) => {
                tracing::error!(status = reply.status.as_u16(), "no keys of the issuer");
                return Err(NONE);
            }
            Err(error) => {
                tracing::error!(%error, "no keys of the issuer");
                return Err(NONE);
            }
        };
        let Some(keys) = KeySet::parse(&reply.body) else {
            tracing::error!("the keys of the issuer cannot be read (RFC 7517)");
            return Err(NONE);
        };
        // No issuer signs with nothing: that is a fault there, and the keys that are here stay.
        if keys.len() == 0 {
            tracing::error!("among the keys of the issuer is none that can be used");
            return Err(NoKeys { are_useless: true, ..NONE });
        }
        let fresh = match reply.max_age() {
            Some(said) => said.clamp(*FRESH.start(), *FRESH.end()),
            None => self.settings.ttl,
        };
        tracing::info!(keys = keys.len(), "keys of the issuer fetched");
        Ok((Arc::new(keys), fresh))
    }
}

impl State {
    /// A failure is not repeated at once, nor before the issuer allows it.
    fn may_try(&self, now: Timestamp) -> bool {
        !self.failed || now >= self.closed_until
    }

    /// A fetch has failed.
    fn close(&mut self, now: Timestamp, rest: Option<Duration>) {
        (self.failed, self.rests) = (true, rest.is_some());
        self.closed_until = now + rest.unwrap_or(PAUSE);
    }

    /// Why there are none while nothing is fetched.
    fn no_keys(&self, now: Timestamp) -> NoKeys {
        let rest = self.rests.then(|| self.closed_until.since(now));
        NoKeys { rest, are_useless: false }
    }
}
