//! Messages on their way between clients, instances, the store and the authorization server, for
//! whoever watches them at `/flow` (decision 0055).
//!
//! Whoever passes a message on notes a [`Hop`]. While nobody watches, on any instance, a note is one
//! look at a flag: nothing is made, nothing is sent. A hop names methods, tools and sizes, and the
//! digest of a session; it never has a token, an argument or a result.

mod hop;
mod relay;
mod telling;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use ambient::Clock;
use store::{Bus, StoreError, Subscription};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

pub(crate) use self::{
    hop::{Hop, Kind, Origin, Place},
    relay::STAY,
};
use crate::Parts;

/// How many hops wait to be told at one time. What is older is lost, and that is told.
const WAITING: usize = 2048;

/// How many may watch on one instance.
const VIEWERS: usize = 8;

/// Takes notes of messages on their way. Cheap to clone; where the page is off there is nothing in it.
#[derive(Clone, Default)]
pub(crate) struct Flow(Option<Arc<Inner>>);

struct Inner {
    instance: String,
    clock: Clock,
    bus: Bus,
    is_watched: AtomicBool,
    waiting: Mutex<Waiting>,
    filled: Notify,
    viewers: Arc<Semaphore>,
}

#[derive(Default)]
struct Waiting {
    hops: VecDeque<Hop>,
    lost: u64,
}

/// Somebody who watches.
pub(crate) struct Viewer {
    pub(crate) hops: Subscription,
    _place: OwnedSemaphorePermit,
}

/// Why somebody cannot watch.
#[derive(Debug)]
pub(crate) enum CannotWatch {
    /// The page is off.
    Off,
    /// As many watch as may.
    Full,
    /// The store does not answer.
    Store(StoreError),
}

impl Flow {
    /// Begins to take notes as soon as somebody watches, on whatever instance, until the end.
    pub(crate) fn start(is_on: bool, parts: &Parts, instance: &str) -> Self {
        if !is_on {
            return Self::default();
        }
        let flow = Arc::new(Inner {
            instance: instance.chars().take(4).collect(),
            clock: parts.clock.clone(),
            bus: parts.store.bus(),
            is_watched: AtomicBool::new(false),
            waiting: Mutex::default(),
            filled: Notify::new(),
            viewers: Arc::new(Semaphore::new(VIEWERS)),
        });
        parts.lifecycle.spawn(relay::run(Arc::clone(&flow), parts.lifecycle.clone()));
        Self(Some(flow))
    }

    /// Whether the page is there.
    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether somebody watches, so that a note is worth its making.
    pub(crate) fn is_watched(&self) -> bool {
        self.0.as_ref().is_some_and(|flow| flow.is_watched.load(Ordering::Relaxed))
    }

    /// Notes a hop, if somebody watches; it is only made then.
    pub(crate) fn note(&self, hop: impl FnOnce() -> Hop) {
        if let Some(flow) = &self.0
            && flow.is_watched.load(Ordering::Relaxed)
        {
            flow.add(hop().now(flow.clock.now()));
        }
    }

    /// Says what happens to this instance, or to what it needs: `is_trouble` if somebody should look.
    pub(crate) fn tell(&self, what: &str, is_trouble: bool) {
        if let Some(flow) = &self.0 {
            flow.tell(what, is_trouble);
        }
    }

    /// Watches what all instances note.
    pub(crate) async fn watch(&self) -> Result<Viewer, CannotWatch> {
        let flow = self.0.as_ref().ok_or(CannotWatch::Off)?;
        let place = Arc::clone(&flow.viewers).try_acquire_owned();
        let place = place.map_err(|_| CannotWatch::Full)?;
        let hops = flow.bus.subscribe(relay::HOPS).await.map_err(CannotWatch::Store)?;
        self.stay().await;
        Ok(Viewer { hops, _place: place })
    }

    /// Says to all instances that somebody still watches.
    pub(crate) async fn stay(&self) {
        if let Some(flow) = &self.0
            && let Err(error) = flow.bus.publish(relay::WATCHED, "").await
        {
            tracing::warn!(%error, "other instances do not know that somebody watches");
        }
    }
}

impl Inner {
    /// As [`Flow::tell`].
    fn tell(&self, what: &str, is_trouble: bool) {
        if self.is_watched.load(Ordering::Relaxed) {
            self.add(Hop::state(what, is_trouble).now(self.clock.now()));
        }
    }

    fn add(&self, hop: Hop) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.hops.len() >= WAITING {
            waiting.hops.pop_front();
            waiting.lost += 1;
        }
        waiting.hops.push_back(hop);
        drop(waiting);
        self.filled.notify_one();
    }

    /// Takes some of what waits, and how many were lost before.
    fn take(&self, most: usize) -> (Vec<Hop>, u64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let most = most.min(waiting.hops.len());
        let lost = std::mem::take(&mut waiting.lost);
        (waiting.hops.drain(..most).collect(), lost)
    }

    fn is_empty(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).hops.is_empty()
    }
}
