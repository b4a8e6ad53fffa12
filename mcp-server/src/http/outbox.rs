//! What a running call says before its end, on its way to the client.
//!
//! A bounded queue between one call and one response stream. A full queue makes the call wait:
//! whoever reads slowly slows down his own call and nobody else's. When the reader is gone, what
//! is said is dropped, and the call goes on or is cancelled as its era wants.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;

/// How many messages may wait.
const MESSAGES: usize = 256;

/// How many bytes may wait; one message may always go.
const BYTES: usize = 1024 * 1024;

/// The queue. Nothing is allocated until something is said.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
    drained: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Bytes>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    fn has_room(&self) -> bool {
        self.messages.is_empty() || (self.messages.len() < MESSAGES && self.bytes < BYTES)
    }
}

impl Outbox {
    /// Says something; waits while the queue is full. False when nobody reads any more.
    pub(crate) async fn say(&self, message: Bytes) -> bool {
        loop {
            let drained = self.drained.notified();
            {
                let mut queue = self.lock();
                if queue.closed {
                    return false;
                }
                if queue.has_room() {
                    queue.bytes += message.len();
                    queue.messages.push_back(message);
                    drop(queue);
                    self.filled.notify_one();
                    return true;
                }
            }
            drained.await;
        }
    }

    /// Ready when nobody reads any more.
    pub(crate) async fn closed(&self) {
        loop {
            let drained = self.drained.notified();
            if self.lock().closed {
                return;
            }
            drained.await;
        }
    }

    /// The oldest message that has not been taken; waits for one.
    pub(crate) async fn next(&self) -> Bytes {
        loop {
            // A permit of `notify_one` is kept, so nothing said before the wait is missed.
            if let Some(message) = self.take() {
                return message;
            }
            self.filled.notified().await;
        }
    }

    /// The oldest message that has not been taken, if there is one.
    pub(crate) fn take(&self) -> Option<Bytes> {
        let mut queue = self.lock();
        let message = queue.messages.pop_front()?;
        queue.bytes -= message.len();
        drop(queue);
        self.drained.notify_waiters();
        Some(message)
    }

    /// Whether there is nothing to take.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }

    /// Ready as soon as there is something to take.
    pub(crate) async fn spoken(&self) {
        while self.is_empty() {
            self.filled.notified().await;
        }
    }

    /// Nobody reads any more: drops what waits and lets the call speak into the void. Whoever waits
    /// to say something, or for this, goes on.
    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.messages.clear();
        queue.bytes = 0;
        drop(queue);
        self.drained.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn messages_come_in_the_order_they_were_said() {
        let outbox = Outbox::default();
        assert!(outbox.spoken().now_or_never().is_none());
        outbox.say(Bytes::from_static(b"1")).await;
        outbox.say(Bytes::from_static(b"2")).await;
        assert!(outbox.spoken().now_or_never().is_some());
        assert_eq!(outbox.next().await, "1");
        assert_eq!(outbox.next().await, "2");
        assert!(outbox.next().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_full_queue_makes_the_speaker_wait_until_there_is_room() {
        let outbox = Outbox::default();
        for _ in 0..MESSAGES {
            outbox.say(Bytes::from_static(b"x")).await;
        }
        let mut waiting = std::pin::pin!(outbox.say(Bytes::from_static(b"y")));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(outbox.take().is_some());
        assert!(waiting.now_or_never().is_some());
    }

    #[tokio::test]
    async fn bytes_are_bounded_too_but_one_message_always_goes() {
        let outbox = Outbox::default();
        outbox.say(Bytes::from(vec![0; BYTES * 2])).await;
        assert!(outbox.say(Bytes::from_static(b"y")).now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_closed_outbox_keeps_nothing_and_blocks_nobody() {
        let outbox = Outbox::default();
        outbox.say(Bytes::from(vec![0; BYTES * 2])).await;
        let mut waiting = std::pin::pin!(outbox.say(Bytes::from_static(b"y")));
        assert!(waiting.as_mut().now_or_never().is_none());
        outbox.close();
        assert!(waiting.now_or_never().is_some());
        assert!(outbox.take().is_none());
    }
}
