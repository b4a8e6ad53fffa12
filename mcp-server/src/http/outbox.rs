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
    messages: VecDeque<Said>,
    bytes: usize,
    end: End,
}

/// A message on its way to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its name as an event, if the client can come back for what follows it.
    pub(crate) id: Option<String>,
    /// The message.
    pub(crate) message: Bytes,
}

/// How a queue ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    /// It does not.
    #[default]
    Open,
    /// What is in it is read, and nothing else.
    Finished,
    /// Nobody reads any more.
    Closed,
}

impl Queue {
    fn has_room(&self) -> bool {
        self.messages.is_empty() || (self.messages.len() < MESSAGES && self.bytes < BYTES)
    }
}

impl Outbox {
    /// Says something; waits while the queue is full. False when nobody reads any more.
    pub(crate) async fn say(&self, said: Said) -> bool {
        loop {
            let drained = self.drained.notified();
            {
                let mut queue = self.lock();
                if queue.end != End::Open {
                    return false;
                }
                if queue.has_room() {
                    queue.bytes += said.message.len();
                    queue.messages.push_back(said);
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
            if self.lock().end == End::Closed {
                return;
            }
            drained.await;
        }
    }

    /// The oldest message that has not been taken; waits for one. None when no more will come.
    pub(crate) async fn next(&self) -> Option<Said> {
        loop {
            // A permit of `notify_one` is kept, so nothing said before the wait is missed.
            let is_over = {
                let queue = self.lock();
                queue.messages.is_empty() && queue.end != End::Open
            };
            if is_over {
                return None;
            }
            if let Some(said) = self.take() {
                return Some(said);
            }
            self.filled.notified().await;
        }
    }

    /// The oldest message that has not been taken, if there is one.
    pub(crate) fn take(&self) -> Option<Said> {
        let mut queue = self.lock();
        let said = queue.messages.pop_front()?;
        queue.bytes -= said.message.len();
        drop(queue);
        self.drained.notify_waiters();
        Some(said)
    }

    /// Whether there is nothing to take.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }

    /// Whether the client has to come back for what is not in the queue.
    pub(crate) fn is_finished(&self) -> bool {
        self.lock().end == End::Finished
    }

    /// Ready as soon as there is something to take, or nothing will come.
    pub(crate) async fn spoken(&self) {
        while self.is_empty() && self.lock().end == End::Open {
            self.filled.notified().await;
        }
    }

    /// Nobody reads any more: drops what waits and lets the call speak into the void. Whoever waits
    /// to say something, or for this, goes on.
    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        queue.end = End::Closed;
        queue.messages.clear();
        queue.bytes = 0;
        drop(queue);
        self.drained.notify_waiters();
        self.filled.notify_one();
    }

    /// Nothing more is said here: whoever reads comes to an end after what is in the queue.
    pub(crate) fn finish(&self) {
        let mut queue = self.lock();
        if queue.end == End::Open {
            queue.end = End::Finished;
        }
        drop(queue);
        self.drained.notify_waiters();
        self.filled.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn said(text: &'static str) -> Said {
        Said { id: None, message: Bytes::from_static(text.as_bytes()) }
    }

    fn large() -> Said {
        Said { id: None, message: Bytes::from(vec![0; BYTES * 2]) }
    }

    #[tokio::test]
    async fn messages_come_in_the_order_they_were_said() {
        let outbox = Outbox::default();
        assert!(outbox.spoken().now_or_never().is_none());
        outbox.say(said("1")).await;
        outbox.say(said("2")).await;
        assert!(outbox.spoken().now_or_never().is_some());
        assert_eq!(outbox.next().await, Some(said("1")));
        assert_eq!(outbox.next().await, Some(said("2")));
        assert!(outbox.next().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_full_queue_makes_the_speaker_wait_until_there_is_room() {
        let outbox = Outbox::default();
        for _ in 0..MESSAGES {
            outbox.say(said("x")).await;
        }
        let mut waiting = std::pin::pin!(outbox.say(said("y")));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(outbox.take().is_some());
        assert!(waiting.now_or_never().is_some());
    }

    #[tokio::test]
    async fn bytes_are_bounded_too_but_one_message_always_goes() {
        let outbox = Outbox::default();
        outbox.say(large()).await;
        assert!(outbox.say(said("y")).now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_closed_outbox_keeps_nothing_and_blocks_nobody() {
        let outbox = Outbox::default();
        outbox.say(large()).await;
        let mut waiting = std::pin::pin!(outbox.say(said("y")));
        assert!(waiting.as_mut().now_or_never().is_none());
        outbox.close();
        assert!(waiting.now_or_never().is_some());
        assert!(outbox.take().is_none());
    }

    #[tokio::test]
    async fn a_finished_outbox_is_read_to_its_end_and_takes_no_more() {
        let outbox = Outbox::default();
        outbox.say(said("1")).await;
        outbox.finish();
        assert!(!outbox.say(said("2")).await);
        assert_eq!(outbox.next().await, Some(said("1")));
        assert_eq!(outbox.next().await, None);
    }
}
