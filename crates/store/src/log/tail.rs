//! `Tail`: follows a log. It reads what is there once and then lives on announcements, so that many
//! readers of one log cost the store nothing per event; after a gap it reads again.

use std::collections::VecDeque;

use super::{EventId, Log, MAX_EVENTS};
use crate::{Delivery, StoreError, Subscription};

/// How many events are read at once.
const PAGE: usize = 100;

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest event that is kept.
    Oldest,
    /// After an event that the reader has had: if it is not there any more, that is a gap. Or after a
    /// point of [`EventId::before`] or [`EventId::ZERO`]: what is gone from the log is not missed then.
    After(EventId),
    /// With what is written from now on.
    Newest,
}

/// What a reader hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The next event.
    Event(EventId, String),
    /// Events may be missing before the next one: the log has dropped them.
    Gap,
}

/// Follows one log: every event once, in order, from wherever it was written.
#[derive(Debug)]
pub struct Tail {
    log: Log,
    stream: String,
    announced: Subscription,
    /// The last event that was read or skipped.
    position: Option<EventId>,
    /// Whether `position` is an event that was in the log, so that its absence means a gap.
    is_exact: bool,
    /// Whether everything up to the announcements has been read.
    caught_up: bool,
    ready: VecDeque<Heard>,
}

impl Tail {
    pub(super) fn new(log: Log, stream: &str, start: Start, announced: Subscription) -> Self {
        let (position, is_exact) = match start {
            Start::Oldest | Start::Newest => (None, false),
            Start::After(id) => (Some(id), id.is_of_an_event()),
        };
        Self {
            log,
            stream: stream.to_owned(),
            announced,
            position,
            is_exact,
            caught_up: start == Start::Newest,
            ready: VecDeque::new(),
        }
    }

    /// The next event or gap; `None` once the store is closed. Safe to drop and call again.
    ///
    /// # Errors
    /// When the log cannot be read now. Calling again tries again, and loses nothing.
    pub async fn next(&mut self) -> Option<Result<Heard, StoreError>> {
        loop {
            if let Some(heard) = self.ready.pop_front() {
                return Some(Ok(heard));
            }
            if !self.caught_up {
                if let Err(error) = self.read().await {
                    return Some(Err(error));
                }
                continue;
            }
            match self.announced.next().await? {
                // There is no place yet to read on from: nobody can tell what is missing.
                Delivery::Gap if self.position.is_none() => self.ready.push_back(Heard::Gap),
                Delivery::Gap => self.caught_up = false,
                Delivery::Message(text) => match announced(&text) {
                    Some((id, event)) => self.accept(id, event),
                    None => self.caught_up = false,
                },
            }
        }
    }

    /// Takes an announced event, unless it has been read already.
    fn accept(&mut self, id: EventId, event: &str) {
        if self.position.is_none_or(|position| position < id) {
            self.ready.push_back(Heard::Event(id, event.to_owned()));
            self.position = Some(id);
            self.is_exact = true;
        }
    }

    /// Reads the next page of the log.
    async fn read(&mut self) -> Result<(), StoreError> {
        const { assert!(PAGE < MAX_EVENTS, "a page is what the log gives at once") };
        let page = self.log.read_after(&self.stream, self.position.as_ref(), PAGE).await?;
        if page.gap && self.is_exact {
            self.ready.push_back(Heard::Gap);
            // Said once: the log does not get its old events back.
            self.is_exact = false;
        }
        self.caught_up = page.events.len() < PAGE;
        for (id, event) in page.events {
            self.ready.push_back(Heard::Event(id, event));
            self.position = Some(id);
            self.is_exact = true;
        }
        Ok(())
    }
}

/// An event as it is announced: its id, a space, and itself.
fn announced(text: &str) -> Option<(EventId, &str)> {
    let (id, event) = text.split_once(' ')?;
    Some((id.parse().ok()?, event))
}
