//! The feed of changes: a log that every instance adds to and every instance reads once, however many
//! streams it has.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ambient::Clock;
use futures_util::future::{self, BoxFuture};
use mcp_core::{Change, ChangeFeed, Owners};
use store::{EventId, Heard, Log, Start, Store, StoreError, Tail};
use tokio::sync::{OnceCell, oneshot};

use super::{
    AGAIN,
    hub::{Hub, Inbox},
    joined::Joined,
};
use crate::flow::Flow;

/// The log of all changes.
const LOG: &str = "mcp:changes";

/// How long a change can be heard of by a client that was away.
const KEPT: Duration = Duration::from_hours(1);

/// How late an instance hears of a change at most whose announcement was lost on its way.
const LOOK: Duration = Duration::from_secs(15);

/// Carries what features announce to every instance.
#[derive(Clone)]
pub(crate) struct Feed(Arc<Inner>);

struct Inner {
    log: Log,
    clock: Clock,
    flow: Flow,
    /// The last change of this instance: if the log loses it in a failover, that is said with the next.
    announced: Mutex<Option<EventId>>,
    joined: Joined,
    hub: Hub,
    /// Done when this instance reads the log, which it does from the first of its streams on.
    reads: OnceCell<()>,
    /// What hands the log to [`Feed::carry`], and what takes it there.
    hand: Mutex<Option<oneshot::Sender<Tail>>>,
    take: Mutex<Option<oneshot::Receiver<Tail>>>,
}

impl Feed {
    /// What is announced and heard is shown in `flow`.
    pub(crate) fn new(store: &Store, clock: &Clock, flow: &Flow) -> Self {
        let (hand, take) = oneshot::channel();
        Self(Arc::new(Inner {
            log: store.log(),
            clock: clock.clone(),
            flow: flow.clone(),
            announced: Mutex::default(),
            joined: Joined::default(),
            hub: Hub::default(),
            reads: OnceCell::new(),
            hand: Mutex::new(Some(hand)),
            take: Mutex::new(Some(take)),
        }))
    }

    /// Listens on behalf of `owners`; nothing of theirs, or of everybody's, that is announced after
    /// `start` is missed without being told.
    pub(crate) async fn listen(
        &self,
        start: Start,
        owners: &Owners,
    ) -> Result<Listener, StoreError> {
        let Inner { log, hub, flow, .. } = &*self.0;
        self.0.reads.get_or_try_init(|| self.begin()).await?;
        // From here on it hears what comes; what came before is read.
        let inbox = hub.enter(owners);
        let past = log.tail(LOG, start).await?;
        Ok(Listener { inbox, past: Some(past), read: EventId::ZERO, flow: flow.clone() })
    }

    /// Begins to read the log for all streams of this instance.
    async fn begin(&self) -> Result<(), StoreError> {
        let tail = self.0.log.tail(LOG, Start::Newest).await?;
        self.0.hub.reached(tail.position());
        if let Some(hand) = lock(&self.0.hand).take() {
            // Nobody takes it only when the server is at its end.
            drop(hand.send(tail));
        }
        Ok(())
    }

    /// Carries changes to the streams of this instance, and announces what was put off. Never ends by
    /// itself.
    pub(crate) async fn carry(&self) {
        future::join(self.hear(), self.tell_later()).await;
    }

    /// Reads the log, once somebody listens.
    async fn hear(&self) {
        let Inner { clock, hub, take, .. } = &*self.0;
        let Some(take) = lock(take).take() else { return };
        let Ok(mut tail) = take.await else { return };
        let mut look_at = clock.now() + LOOK;
        loop {
            tokio::select! {
                biased;
                () = clock.sleep_until(look_at) => {
                    look_at = clock.now() + LOOK;
                    tail.look();
                }
                heard = tail.next() => match heard {
                    Some(Ok(heard)) => hub.tell(&Announcement::of(heard)),
                    // The store is away. What is said meanwhile is heard when it is back.
                    Some(Err(_)) => clock.sleep(AGAIN).await,
                    None => return hub.close(),
                },
            }
        }
    }

    /// Announces what was put off, when its time has come.
    async fn tell_later(&self) {
        let Inner { clock, joined, .. } = &*self.0;
        loop {
            let due = joined.due(clock).await;
            self.write_all(due).await;
            joined.out();
        }
    }

    /// Announces what was put off, now, and what comes from here on at once: there is no later.
    pub(crate) async fn finish(&self) {
        self.write_all(self.0.joined.close()).await;
    }

    async fn write_all(&self, uris: Vec<String>) {
        future::join_all(uris.into_iter().map(|uri| self.write(Change::Resource(uri)))).await;
    }

    async fn write(&self, change: Change) {
        let Inner { log, flow, announced, .. } = &*self.0;
        // A change is a word or an address: it can be written.
        let text = serde_json::to_string(&change).unwrap_or_default();
        flow.kept("mcp:changes: something has changed", None, None);
        let known = *lock(announced);
        match log.append_after(LOG, &text, KEPT, known).await {
            Ok(id) => {
                // Another one may have been written meanwhile, and come before.
                let mut last = lock(announced);
                *last = (*last).max(Some(id));
            }
            Err(error) => tracing::error!(%error, "a change could not be announced"),
        }
    }
}

impl ChangeFeed for Feed {
    /// What everybody can read may change with every call of everybody: an instance says of each
    /// resource at most once a second that it has changed, the last time included.
    fn announce(&self, change: Change) -> BoxFuture<'_, ()> {
        let is_later = match &change {
            Change::Resource(uri) => !self.0.joined.is_now(uri, self.0.clock.now()),
            _ => false,
        };
        if is_later { Box::pin(future::ready(())) } else { Box::pin(self.write(change)) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is heard of changes.
#[derive(Clone, Debug)]
pub(crate) enum Announcement {
    /// A change, and where it is in the log.
    Change(EventId, Arc<Change>),
    /// Something may have been missed.
    Gap,
}

impl Announcement {
    fn of(heard: Heard) -> Self {
        match heard {
            Heard::Gap => Self::Gap,
            // What a later version has written is something that was missed.
            Heard::Event(id, text) => serde_json::from_str(&text)
                .map_or(Self::Gap, |change| Self::Change(id, Arc::new(change))),
        }
    }

    /// The change, if it is known.
    pub(crate) fn change(&self) -> Option<&Change> {
        match self {
            Self::Change(_, change) => Some(change),
            Self::Gap => None,
        }
    }
}

/// Hears what is announced.
pub(crate) struct Listener {
    inbox: Inbox,
    /// What was announced before it listened, until that is read.
    past: Option<Tail>,
    /// Up to where it was read: what comes to the inbox from before was in there.
    read: EventId,
    flow: Flow,
}

impl Listener {
    /// What comes next; ends with the store. Safe to drop and call again.
    ///
    /// # Errors
    /// When the log cannot be read now; calling again tries again.
    pub(crate) async fn next(&mut self) -> Option<Result<Announcement, StoreError>> {
        let heard = loop {
            if let Some(past) = &mut self.past {
                match past.past().await {
                    Ok(Some(heard)) => break Announcement::of(heard),
                    Ok(None) => self.read = past.position(),
                    Err(error) => return Some(Err(error)),
                }
                self.past = None;
            }
            match self.inbox.next().await? {
                Announcement::Change(at, _) if at <= self.read => {}
                heard => break heard,
            }
        };
        self.flow.fetched("mcp:changes: something has changed", None, None);
        Some(Ok(heard))
    }

    /// The last change of all up to which nothing is left to be heard, if that is known now.
    pub(crate) fn place(&self) -> Option<EventId> {
        let place = self.inbox.place().filter(|_| self.past.is_none())?;
        Some(place.max(self.read))
    }
}
