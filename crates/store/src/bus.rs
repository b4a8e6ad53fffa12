//! `Bus`: messages to whoever listens now, on whatever instance.

mod mailbox;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    Backend, Store,
    error::{Action, StoreError},
};

pub(crate) use mailbox::{Inner as MailboxInner, Mailbox, Mailboxes};

/// The channels of a store. Cheap to clone.
///
/// A message reaches those who are subscribed when it is published, and nobody else: it is a hint.
/// What must not be lost is in a [`Log`](crate::Log).
#[derive(Clone, Debug)]
pub struct Bus {
    store: Store,
}

/// What a subscription yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A message, in the order of its channel.
    Message(String),
    /// Messages may be missing before this, because the reader was too slow or the connection was
    /// lost: read again whatever the messages only hint at.
    Gap,
}

/// Messages of one process, from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Published here.
    pub sent: u64,
    /// Read by a subscription here, whoever published them.
    pub received: u64,
    /// How often a subscription here was told that it may have missed some.
    pub gaps: u64,
    /// How often a [`Tail`](crate::Tail) here found that events were gone before it could read them.
    pub lost: u64,
}

/// What [`Traffic`] is read from.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    sent: AtomicU64,
    received: AtomicU64,
    gaps: AtomicU64,
    pub(crate) lost: AtomicU64,
}

/// An open subscription to one channel. Dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    mailbox: Mailbox,
    channel: String,
    store: Store,
}

impl Bus {
    const KIND: &'static str = "channel";

    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Sends `message` to everybody who is subscribed to `channel` now. Does not wait for readers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn publish(&self, channel: &str, message: &str) -> Result<(), StoreError> {
        let action = Action::new("publish on", Self::KIND);
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.bus.publish(channel, message)).await?;
            }
            Backend::Redis(redis) => redis.publish(action, channel, message).await?,
        }
        self.store.counters().sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// How many messages have gone through this store and its clones.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let Counters { sent, received, gaps, lost } = self.store.counters();
        let [sent, received, gaps, lost] =
            [sent, received, gaps, lost].map(|count| count.load(Ordering::Relaxed));
        Traffic { sent, received, gaps, lost }
    }

    /// Listens to `channel`. What is published after this returned is delivered.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn subscribe(&self, channel: &str) -> Result<Subscription, StoreError> {
        let action = Action::new("subscribe to", Self::KIND);
        let mailbox = match self.store.backend() {
            Backend::Memory(memory) => memory.mailbox(),
            Backend::Redis(_) => Mailbox::default(),
        };
        let subscription =
            Subscription { mailbox, channel: channel.to_owned(), store: self.store.clone() };
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.bus.add(channel, &subscription.mailbox)).await?;
            }
            // On failure, dropping the subscription takes the mailbox out again.
            Backend::Redis(redis) => {
                redis.subscribe(action, channel, &subscription.mailbox).await?;
            }
        }
        Ok(subscription)
    }
}

impl Subscription {
    /// The next delivery; `None` once the store is closed. Safe to drop and call again.
    pub async fn next(&mut self) -> Option<Delivery> {
        let delivery = self.mailbox.next().await?;
        let counters = self.store.counters();
        let counter = match delivery {
            Delivery::Message(_) => &counters.received,
            Delivery::Gap => &counters.gaps,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Some(delivery)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        match self.store.backend() {
            Backend::Memory(memory) => memory.unsubscribe(&self.channel, &self.mailbox),
            Backend::Redis(redis) => redis.unsubscribe(&self.channel, &self.mailbox),
        }
    }
}
