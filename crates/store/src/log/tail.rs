//! `Tail`: follows a log. It reads what is there once and then lives on announcements, so that many
//! readers of one log cost the store nothing per event; after a gap, or when an announcement says that
//! another one was lost, it reads again.

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
    position: EventId,
    /// Whether `position` is an event that was in the log, so that its absence means a gap.
    is_exact: bool,
    /// Whether everything up to the announcements has been read.
    caught_up: bool,
    /// Whether somebody wants to know that all was announced.
    in_doubt: bool,
    ready: VecDeque<Heard>,
}

impl Tail {
    /// `newest` is the last event of the log, where that matters.
    pub(super) fn new(
        log: Log,
        stream: &str,
        (start, newest): (Start, Option<EventId>),
        announced: Subscription,
    ) -> Self {
        let (position, is_exact) = match start {
            Start::Oldest => (EventId::ZERO, false),
            Start::Newest => (newest.unwrap_or(EventId::ZERO), newest.is_some()),
            Start::After(id) => (id, id.is_of_an_event()),
        };
        Self {
            log,
            stream: stream.to_owned(),
            announced,
            position,
            is_exact,
            caught_up: start == Start::Newest,
            in_doubt: false,
            ready: VecDeque::new(),
        }
    }

    /// The next event or gap; `None` once the store is closed. Safe to drop and call again.
    ///
    /// # Errors
    /// When the log cannot be read now. Calling again tries again, and loses nothing.
    pub async fn next(&mut self) -> Option<Result<Heard, StoreError>> {
        loop {
            match self.past().await {
                Ok(Some(heard)) => return Some(Ok(heard)),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
            if self.in_doubt {
                // In a box, as all that is rare and large: it takes no room in a stream that waits.
                match Box::pin(self.log.goes_on(&self.stream, self.position)).await {
                    Ok(goes_on) => (self.caught_up, self.in_doubt) = (!goes_on, false),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            }
            match self.announced.next().await? {
                Delivery::Gap => self.caught_up = false,
                Delivery::Message(text) => match Announced::parse(&text) {
                    Some(announced) => self.accept(&announced),
                    None => self.caught_up = false,
                },
            }
        }
    }

    /// The next of what was in the log already; nothing when all of that is read, up to
    /// [`position`](Self::position). Safe to drop and call again.
    ///
    /// # Errors
    /// When the log cannot be read now. Calling again tries again, and loses nothing.
    pub async fn past(&mut self) -> Result<Option<Heard>, StoreError> {
        while self.ready.is_empty() && !self.caught_up {
            Box::pin(self.read()).await?;
        }
        Ok(self.ready.pop_front())
    }

    /// The last event that was read, or after which it began.
    #[must_use]
    pub const fn position(&self) -> EventId {
        self.position
    }

    /// Lets the next [`next`](Self::next) look whether the log goes on, whatever was announced: one
    /// command, which costs next to nothing when it does not.
    ///
    /// A lost announcement is noticed by the one after it. After the last one there is none, so whoever
    /// follows a log calls this every now and then: as often as an event may be late at most, in the
    /// rare case that its announcement is lost.
    pub const fn look(&mut self) {
        self.in_doubt = true;
    }

    /// What [`Log::each_goes_on`] is asked of this one: it is what [`look`](Self::look) asks, for those
    /// who ask for many at once and then say [`goes_on`](Self::goes_on).
    #[must_use]
    pub fn place(&self) -> (&str, EventId) {
        (&self.stream, self.position)
    }

    /// Lets the next [`next`](Self::next) read on, whatever was announced.
    pub const fn goes_on(&mut self) {
        self.caught_up = false;
    }

    /// Takes an announced event, unless it has been read already. If the one before it has not, the log
    /// is read.
    fn accept(&mut self, announced: &Announced<'_>) {
        if announced.id <= self.position {
            return;
        }
        if announced.before > self.position {
            tracing::debug!("an announcement was lost; the log is read");
            self.caught_up = false;
            return;
        }
        self.hear(announced.id, announced.event.to_owned());
    }

    fn hear(&mut self, id: EventId, event: String) {
        self.ready.push_back(Heard::Event(id, event));
        self.position = id;
        self.is_exact = true;
    }

    /// Reads the next page of the log.
    async fn read(&mut self) -> Result<(), StoreError> {
        const { assert!(PAGE < MAX_EVENTS, "a page is what the log gives at once") };
        let page = self.log.read_after(&self.stream, Some(&self.position), PAGE).await?;
        if page.gap && self.is_exact {
            self.log.note_gap();
            self.ready.push_back(Heard::Gap);
            // Said once: the log does not get its old events back.
            self.is_exact = false;
        }
        self.caught_up = page.events.len() < PAGE;
        for (place, (id, event)) in page.events.into_iter().enumerate() {
            if page.holes.contains(&place) && self.is_exact {
                self.log.note_gap();
                self.ready.push_back(Heard::Gap);
            }
            self.hear(id, event);
        }
        Ok(())
    }
}

/// An event as it is announced: `BEFORE>ID EVENT`. What an instance of another version announces is
/// read from the log.
struct Announced<'a> {
    /// The event before it in the log; [`EventId::ZERO`] if there is none.
    before: EventId,
    id: EventId,
    event: &'a str,
}

impl<'a> Announced<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (ids, event) = text.split_once(' ')?;
        let (before, id) = ids.split_once('>')?;
        Some(Self { before: before.parse().ok()?, id: id.parse().ok()?, event })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ambient::{Clock, Timestamp};
    use futures_util::FutureExt as _;

    use super::*;
    use crate::{Backend, Store};

    const LONG: Duration = Duration::from_mins(1);

    fn store() -> Store {
        Store::memory(Clock::manual(Timestamp::from_secs(1_800_000_000)))
    }

    /// Adds an event whose announcement is lost.
    fn append_unheard(store: &Store, event: &str) {
        let Backend::Memory(memory) = store.backend() else { panic!("it is in memory") };
        memory.state().logs.append("a", event, (60_000, None), |_, _| {});
    }

    /// What there is to hear now.
    fn heard(tail: &mut Tail) -> Vec<String> {
        let next = || tail.next().now_or_never().flatten();
        let text = |heard| match heard {
            Ok(Heard::Event(_, event)) => event,
            Ok(Heard::Gap) => "gap".to_owned(),
            Err(error) => panic!("{error}"),
        };
        std::iter::from_fn(next).map(text).collect()
    }

    #[tokio::test]
    async fn the_announcement_after_one_that_was_lost_tells_of_it() {
        for start in [Start::Oldest, Start::Newest, Start::After(EventId::ZERO)] {
            let store = store();
            let mut tail = store.log().tail("a", start).await.unwrap();
            for event in ["1", "2"] {
                append_unheard(&store, &format!("{event}, unheard"));
                store.log().append("a", event, LONG).await.unwrap();
                assert_eq!(heard(&mut tail), [&format!("{event}, unheard"), event], "{start:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_look_finds_the_last_event_and_no_gap_where_there_is_none() {
        let (store, mut tail) = (store(), None);
        for event in ["1", "2"] {
            let tail = match &mut tail {
                Some(tail) => tail,
                None => tail.insert(store.log().tail("a", Start::Newest).await.unwrap()),
            };
            append_unheard(&store, event);
            assert!(heard(tail).is_empty());
            tail.look();
            assert_eq!(heard(tail), [event]);
        }
        let mut tail = tail.unwrap();
        store.log().remove("a").await.unwrap();
        tail.look();
        assert!(heard(&mut tail).is_empty(), "what has expired was read");
    }

    #[tokio::test]
    async fn a_log_that_begins_anew_is_no_gap() {
        let store = store();
        let mut tail = store.log().tail("a", Start::Newest).await.unwrap();
        for event in ["1", "2"] {
            store.log().append("a", event, LONG).await.unwrap();
            assert_eq!(heard(&mut tail), [event]);
            store.log().remove("a").await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_another_version_announces_is_read_from_the_log() {
        let store = store();
        let mut tail = store.log().tail("a", Start::Newest).await.unwrap();
        append_unheard(&store, "1");
        store.bus().publish("a", "1800000000000-0 1").await.unwrap();
        assert_eq!(heard(&mut tail), ["1"]);
    }
}
