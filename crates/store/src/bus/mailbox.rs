//! The queue of one subscription, and the list of those that listen to one channel.
//!
//! A mailbox is bounded by count and by bytes and costs next to nothing while empty. When it is
//! full, what comes next is dropped and a gap marks the place; the sender never waits.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::Notify;

use super::Delivery;
use crate::line::Line;

/// How many messages wait for a reader before some are dropped.
const MAX_MESSAGES: usize = 256;
/// How many bytes wait for a reader before some are dropped. A single message may be larger.
const MAX_BYTES: usize = 1024 * 1024;

/// The queue of one subscription. Clones are the same queue; one of them reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mailbox(Arc<Inner>);

/// What the clones of a mailbox share.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    queue: Mutex<Queue>,
    arrived: Notify,
    /// What messages come over, if a test has put something there.
    line: Option<Line>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Delivery>,
    messages: usize,
    bytes: usize,
    closed: bool,
}

impl Mailbox {
    /// A mailbox whose messages come over a line.
    pub(crate) fn over(line: &Line) -> Self {
        let mailbox = Self(Arc::new(Inner { line: Some(line.clone()), ..Inner::default() }));
        line.listens(&mailbox);
        mailbox
    }

    /// What is left of a mailbox whose reader may have gone.
    pub(crate) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    /// The mailbox, if its reader is still there.
    pub(crate) fn upgrade(weak: &Weak<Inner>) -> Option<Self> {
        weak.upgrade().map(Self)
    }

    /// Puts a message in, or a gap if there is no room for it.
    pub(crate) fn message(&self, text: &str) {
        if self.0.line.as_ref().is_some_and(|line| !line.delivers()) {
            return;
        }
        let mut queue = self.queue();
        let fits = queue.messages < MAX_MESSAGES && queue.bytes + text.len() <= MAX_BYTES;
        if fits || queue.messages == 0 {
            queue.messages += 1;
            queue.bytes += text.len();
            queue.waiting.push_back(Delivery::Message(text.to_owned()));
        } else {
            queue.gap();
        }
        drop(queue);
        self.0.arrived.notify_one();
    }

    /// Marks that messages may be missing here.
    pub(crate) fn gap(&self) {
        self.queue().gap();
        self.0.arrived.notify_one();
    }

    /// No more will come. What waits is still read.
    pub(crate) fn close(&self) {
        self.queue().closed = true;
        self.0.arrived.notify_one();
    }

    pub(super) async fn next(&self) -> Option<Delivery> {
        loop {
            {
                let mut queue = self.queue();
                if let Some(delivery) = queue.pop() {
                    return Some(delivery);
                }
                if queue.closed {
                    return None;
                }
            }
            // One that arrived in between has left a permit, so this returns at once.
            self.0.arrived.notified().await;
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn gap(&mut self) {
        if self.waiting.back() != Some(&Delivery::Gap) {
            self.waiting.push_back(Delivery::Gap);
        }
    }

    fn pop(&mut self) -> Option<Delivery> {
        let delivery = self.waiting.pop_front()?;
        if let Delivery::Message(text) = &delivery {
            self.messages -= 1;
            self.bytes -= text.len();
        }
        if self.waiting.is_empty() {
            // A burst must not keep its memory for the rest of a long subscription.
            self.waiting.shrink_to(8);
        }
        Some(delivery)
    }
}

/// Those who listen to one channel.
#[derive(Debug, Default)]
pub(crate) struct Mailboxes(Vec<Mailbox>);

impl Mailboxes {
    pub(crate) fn add(&mut self, mailbox: &Mailbox) {
        self.0.push(mailbox.clone());
    }

    /// Takes `mailbox` out; says whether nobody is left.
    pub(crate) fn remove(&mut self, mailbox: &Mailbox) -> bool {
        self.0.retain(|other| !Arc::ptr_eq(&other.0, &mailbox.0));
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Mailbox> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn drain(mailbox: &Mailbox) -> Vec<Delivery> {
        mailbox.close();
        let mut all = Vec::new();
        while let Some(delivery) = mailbox.next().await {
            all.push(delivery);
        }
        all
    }

    #[tokio::test]
    async fn a_full_mailbox_has_one_gap_where_messages_are_missing() {
        let mailbox = Mailbox::default();
        for number in 0..MAX_MESSAGES + 10 {
            mailbox.message(&number.to_string());
        }
        assert_eq!(mailbox.next().await, Some(Delivery::Message("0".into())));
        mailbox.message("late");
        let rest = drain(&mailbox).await;
        assert_eq!(rest.len(), MAX_MESSAGES + 1);
        assert_eq!(rest[MAX_MESSAGES - 1], Delivery::Gap);
        assert_eq!(rest[MAX_MESSAGES], Delivery::Message("late".into()));
    }

    #[tokio::test]
    async fn bytes_are_bounded_but_a_single_large_message_passes() {
        let mailbox = Mailbox::default();
        let large = "x".repeat(MAX_BYTES + 1);
        mailbox.message(&large);
        mailbox.message("small");
        assert_eq!(drain(&mailbox).await, [Delivery::Message(large), Delivery::Gap]);
    }

    #[tokio::test]
    async fn gaps_do_not_pile_up() {
        let mailbox = Mailbox::default();
        mailbox.gap();
        mailbox.gap();
        assert_eq!(drain(&mailbox).await, [Delivery::Gap]);
    }
}
