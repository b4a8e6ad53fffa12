//! What a server tells again and again while somebody has switched it on.
//!
//! No task runs for it: the stream that tells it keeps the time, so it ends with the stream, on
//! whatever instance that is. What is kept is a moment at which it was switched on and one at which
//! it ends by itself; it belongs to the session of the call, or to the caller where there are none.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ambient::{Clock, Entropy, Timestamp};
use serde::{Deserialize, Serialize};
use shared::mcp::LogParams;

use crate::{Change, Ctx, Principal, State, StateError, ctx::Lent, state::Kept};

/// Something that is told again and again.
pub trait Rhythm: Send + Sync + 'static {
    /// Unique among the features of a server.
    const NAME: &'static str;
    /// How long from one time to the next.
    const EVERY: Duration;
    /// How long it goes on when nobody switches it off.
    const LASTS: Duration;

    /// What is told this time to a stream that watches these resources.
    fn beat(watched: &BTreeSet<String>, entropy: &Entropy) -> Vec<Told>;
}

/// Something that a stream is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A log message, for those who want its level.
    Log(LogParams),
    /// The resource at this address may have changed.
    Updated(String),
}

/// A rhythm of one owner, as a tool sees it.
#[derive(Clone, Copy)]
pub struct Switch<'a, S> {
    ctx: &'a Ctx<S>,
    name: &'static str,
    lasts: Duration,
}

/// When a rhythm was switched on, and when it ends; both the same if it was switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Span {
    since: u64,
    until: u64,
}

impl Kept for Span {
    const SHELF: &'static str = "rhythm";
    // The last word is the only one that counts.
    const MOST: u16 = 1;
    // One for each of two rhythms, in as many sessions as one owner has unless it is set otherwise.
    const SHELVES: u16 = 512;
    const LIFETIME: Duration = Duration::from_hours(24);
}

impl Span {
    const fn is_over(self, now: Timestamp) -> bool {
        self.until <= now.as_millis()
    }
}

impl<S: Send + Sync> Ctx<S> {
    /// The switch of a rhythm: that of the session, or of the caller where there are no sessions.
    #[must_use]
    pub const fn rhythm<R: Rhythm>(&self) -> Switch<'_, S> {
        Switch { ctx: self, name: R::NAME, lasts: R::LASTS }
    }
}

impl<S: Send + Sync> Switch<'_, S> {
    /// Switches it on if it is off, and off if it is on; gives whether it is on now.
    ///
    /// # Errors
    /// When the store has failed.
    pub async fn toggle(self) -> Result<bool, StateError> {
        let (state, now) = (self.ctx.state(), self.ctx.clock().now());
        let is_on = span(state, self.name).await?.is_some_and(|span| !span.is_over(now));
        let until = if is_on { now } else { now + self.lasts };
        let span = Span { since: now.as_millis(), until: until.as_millis() };
        state.part(self.name).append(&[span]).await?;
        // The streams of the owner look again.
        self.ctx.announce(Change::Rhythm(state.owner())).await;
        Ok(!is_on)
    }
}

async fn span(state: State<'_>, name: &str) -> Result<Option<Span>, StateError> {
    Ok(state.part(name).entries().await?.last().copied())
}

/// A rhythm of a catalog.
#[derive(Clone, Copy)]
pub(crate) struct RhythmEntry {
    pub(crate) name: &'static str,
    every: Duration,
    beat: fn(&BTreeSet<String>, &Entropy) -> Vec<Told>,
}

impl RhythmEntry {
    pub(crate) const fn new<R: Rhythm>() -> Self {
        assert!(!R::EVERY.is_zero(), "a rhythm needs time");
        Self { name: R::NAME, every: R::EVERY, beat: R::beat }
    }
}

/// The rhythms of one stream: it asks [`next`](Self::next) what is due, beside whatever else it
/// waits for, and passes on what it has [`heard`](Self::heard).
pub struct Beats {
    entries: Arc<[RhythmEntry]>,
    lent: Lent,
    principal: Arc<Principal>,
    clock: Clock,
    entropy: Entropy,
    running: Vec<Running>,
    is_stale: bool,
}

/// A rhythm that is on.
#[derive(Clone, Copy)]
struct Running {
    entry: usize,
    span: Span,
    due: Timestamp,
}

/// A moment at which something is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due(usize);

impl Beats {
    pub(crate) const fn new(
        entries: Arc<[RhythmEntry]>,
        lent: Lent,
        principal: Arc<Principal>,
        clock: Clock,
        entropy: Entropy,
    ) -> Self {
        let running = Vec::new();
        Self { entries, lent, principal, clock, entropy, running, is_stale: true }
    }

    /// Looks again at what is on if a change is about its owner, or one may have been missed.
    pub fn heard(&mut self, change: Option<&Change>) {
        self.is_stale |= match change {
            Some(Change::Rhythm(owner)) => *owner == self.state().owner(),
            Some(_) => false,
            None => true,
        };
    }

    /// The next moment at which something is to be told; never, while nothing is on. Safe to drop
    /// and call again.
    pub async fn next(&mut self) -> Due {
        loop {
            if self.is_stale && !self.entries.is_empty() {
                self.refresh().await;
            }
            let Some(next) = self.running.iter().map(|one| one.due).min() else {
                return std::future::pending().await;
            };
            self.clock.sleep_until(next).await;
            let now = self.clock.now();
            self.running.retain(|one| !one.span.is_over(now));
            // A stream that was held up tells once what it should have told more often.
            if let Some(due) = self.running.iter_mut().find(|one| one.due <= now) {
                due.due = after(self.entries[due.entry].every, due.span, now);
                return Due(due.entry);
            }
        }
    }

    /// What is told at a moment that [`next`](Self::next) gave.
    #[must_use]
    pub fn told(&self, due: Due, watched: &BTreeSet<String>) -> Vec<Told> {
        (self.entries[due.0].beat)(watched, &self.entropy)
    }

    async fn refresh(&mut self) {
        let mut running = Vec::new();
        let now = self.clock.now();
        for (entry, rhythm) in self.entries.iter().enumerate() {
            let span = match span(self.state(), rhythm.name).await {
                Ok(span) => span.filter(|span| !span.is_over(now)),
                Err(error) => {
                    tracing::warn!(%error, "what is told again and again could not be looked up");
                    None
                }
            };
            let Some(span) = span else { continue };
            let before = self.running.iter().find(|one| one.entry == entry && one.span == span);
            let fresh = || Running { entry, span, due: first(rhythm.every, span, now) };
            running.push(before.copied().unwrap_or_else(fresh));
        }
        // Only here, so that a look that was dropped half way is taken again.
        self.running = running;
        self.is_stale = false;
    }

    fn state(&self) -> State<'_> {
        State {
            store: &*self.lent.state,
            principal: &self.principal,
            session: self.lent.session.as_deref(),
        }
    }
}

/// The first moment for a stream that has just looked: at once if it was just switched on, else the
/// next of those that every stream counts from the same beginning.
fn first(every: Duration, span: Span, now: Timestamp) -> Timestamp {
    if now.as_millis() < span.since + every_millis(every) { now } else { after(every, span, now) }
}

/// The next moment after `now`.
fn after(every: Duration, span: Span, now: Timestamp) -> Timestamp {
    let passed = now.as_millis().saturating_sub(span.since) / every_millis(every);
    Timestamp::from_millis(span.since + (passed + 1) * every_millis(every))
}

fn every_millis(every: Duration) -> u64 {
    u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests;
