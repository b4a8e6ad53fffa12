//! What the streams of a session say, kept so that it can be read again: every message is written to
//! the stream's log, under `mcp:shttp:toclient:{sessionId}:{requestId}`, before anybody hears of it.
//!
//! A client that lost its connection names the last event it had and goes on there, on any instance.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ambient::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::mcp::RequestId;
use store::{EventId, Log, Start, Store, StoreError, Tail};
use tokio::sync::Semaphore;

use super::SessionId;
use crate::flow::Flow;

/// How far the clocks of instances and of Redis may be apart.
const SKEW: Duration = Duration::from_secs(5);

/// How long the name of a stream may be.
const LONGEST_NAME: usize = 64;

/// The name of a stream within its session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct StreamName(String);

impl StreamName {
    /// The stream that answers a request. Numbers are themselves; a plain text follows an `x`, so that
    /// 5 and "5" are two; any other text goes by its digest.
    pub(crate) fn of_call(id: &RequestId) -> Self {
        Self(match id {
            RequestId::Number(number) => number.to_string(),
            RequestId::String(text) if text.len() < LONGEST_NAME && text.bytes().all(is_plain) => {
                format!("x{text}")
            }
            RequestId::String(text) => {
                let digest = Sha256::digest(text.as_bytes());
                format!("t{}", const_hex::encode(&digest[..12]))
            }
        })
    }

    /// The request that it answers, where the name says so.
    pub(crate) fn request(&self) -> Option<RequestId> {
        match self.0.strip_prefix('x') {
            Some(text) => Some(RequestId::String(text.to_owned())),
            None => self.0.parse().ok().map(RequestId::Number),
        }
    }

    /// The stream of a session that is about no request.
    pub(crate) fn standalone() -> Self {
        Self("standalone".to_owned())
    }

    /// The one stream of a session of 2024-11-05, which carries everything.
    pub(crate) fn sse() -> Self {
        Self("sse".to_owned())
    }

    fn parse(text: &str) -> Option<Self> {
        let is_name = matches!(text.len(), 1..=LONGEST_NAME) && text.bytes().all(is_plain);
        is_name.then(|| Self(text.to_owned()))
    }
}

/// What the name of a stream is made of: nothing that separates parts of keys and events.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a client calls an event: the stream it was on, and where. A standalone stream tells of two
/// logs, its own and the feed of changes, and has a place in each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventName {
    pub(crate) stream: StreamName,
    pub(crate) at: EventId,
    pub(crate) feed: Option<EventId>,
}

impl EventName {
    /// Reads a `Last-Event-ID`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let stream = StreamName::parse(parts.next()?)?;
        let at = parts.next()?.parse().ok()?;
        let feed = parts.next().map(str::parse).transpose().ok()?;
        parts.next().is_none().then_some(Self { stream, at, feed })
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stream, self.at)?;
        self.feed.map_or(Ok(()), |feed| write!(f, ".{feed}"))
    }
}

/// What is kept of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The stream begins; it answers the request with this id, written as JSON.
    Begun(String),
    /// A message.
    Said(String),
    /// The last message: the answer.
    Answered(String),
    /// The stream ends without an answer: the call was cancelled.
    Ended,
    /// A call of a stream that goes on has ended without an answer: the one with this id, as JSON.
    EndedOf(String),
    /// Messages are missing here: there was no room for what could not be written at its time.
    Missing,
}

impl Entry {
    /// What people are shown of it.
    const fn shown(&self) -> &'static str {
        match self {
            Self::Begun(_) => "mcp:shttp:toclient: a stream begins",
            Self::Said(_) => "mcp:shttp:toclient: a message",
            Self::Answered(_) => "mcp:shttp:toclient: the answer",
            Self::Ended | Self::EndedOf(_) => "mcp:shttp:toclient: the end",
            Self::Missing => "mcp:shttp:toclient: messages are missing",
        }
    }

    fn to_text(&self, name: &EntryName) -> String {
        match self {
            Self::Begun(id) => format!("b{name} {id}"),
            Self::Said(message) => format!("m{name} {message}"),
            Self::Answered(message) => format!("a{name} {message}"),
            Self::Ended => format!("e{name} "),
            Self::EndedOf(id) => format!("e{name} {id}"),
            Self::Missing => format!("g{name} "),
        }
    }

    /// The entry, and what it was called by the instance that has written it.
    fn parse(text: &str) -> Option<(Self, EntryName)> {
        let (kind, rest) = text.split_at_checked(1)?;
        let (name, rest) = rest.split_once(' ')?;
        let entry = match kind {
            "b" => Self::Begun(rest.to_owned()),
            "m" => Self::Said(rest.to_owned()),
            "a" => Self::Answered(rest.to_owned()),
            "e" if rest.is_empty() => Self::Ended,
            "e" => Self::EndedOf(rest.to_owned()),
            "g" => Self::Missing,
            _ => return None,
        };
        Some((entry, EntryName::parse(name)?))
    }
}

/// What an entry is called by whoever writes it: a store that answers late may have been asked to write
/// it twice, and then both have the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntryName {
    /// The name of an instance is new with every start.
    instance: Arc<str>,
    /// Earlier versions gave none.
    number: Option<u64>,
}

impl EntryName {
    fn parse(text: &str) -> Option<Self> {
        let (instance, number) = match text.split_once('.') {
            Some((instance, number)) => (instance, Some(number.parse().ok()?)),
            None => (text, None),
        };
        Some(Self { instance: instance.into(), number })
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.instance)?;
        self.number.map_or(Ok(()), |number| write!(f, ".{number}"))
    }
}

/// The logs of all streams of all sessions.
#[derive(Clone)]
pub(crate) struct Streams {
    log: Log,
    keep: Duration,
    instance: Arc<str>,
    /// How many entries this instance has named.
    named: Arc<AtomicU64>,
    flow: Flow,
    /// Room for what is kept later than it was said, in KiB.
    late: Arc<Semaphore>,
}

/// How many KiB of all calls that have ended may wait for the store. It is an outage: memory is bounded.
const LATE: usize = 64 * 1024;

impl Streams {
    /// Keeps what was said for `keep` after the last of it. What is written names `instance`.
    pub(crate) fn new(store: &Store, keep: Duration, instance: &str) -> Self {
        Self {
            log: store.log(),
            keep,
            instance: instance.into(),
            named: Arc::default(),
            flow: Flow::default(),
            late: Arc::new(Semaphore::new(LATE)),
        }
    }

    /// A name for an entry of this instance that no other has.
    pub(super) fn name(&self) -> EntryName {
        let number = Some(self.named.fetch_add(1, Ordering::Relaxed));
        EntryName { instance: Arc::clone(&self.instance), number }
    }

    /// Room for what is kept later than it was said.
    pub(super) const fn late(&self) -> &Arc<Semaphore> {
        &self.late
    }

    /// What is written and read is shown to whoever watches.
    #[must_use]
    pub(super) fn shown_in(self, flow: &Flow) -> Self {
        Self { flow: flow.clone(), ..self }
    }

    /// Writes an entry, and wakes whoever follows the stream on whatever instance.
    pub(crate) async fn append(
        &self,
        session: &SessionId,
        stream: &StreamName,
        entry: &Entry,
    ) -> Result<EventId, StoreError> {
        self.append_named(session, stream, (&self.name(), entry), None).await
    }

    /// The same with a name that was chosen before: who follows the stream hears one of each name. And
    /// by who knows of an entry before it.
    pub(super) async fn append_named(
        &self,
        session: &SessionId,
        stream: &StreamName,
        (name, entry): (&EntryName, &Entry),
        known: Option<EventId>,
    ) -> Result<EventId, StoreError> {
        self.flow.kept(entry.shown(), None, Some(session.as_str()));
        let (key, text) = (key(session, stream), entry.to_text(name));
        self.log.append_after(&key, &text, self.keep, known).await
    }

    /// Where a stream comes from, as seen from an event of it; `None` when there is no such stream any
    /// more.
    pub(crate) async fn origin(
        &self,
        session: &SessionId,
        event: &EventName,
    ) -> Result<Option<Origin>, StoreError> {
        let key = key(session, &event.stream);
        let first = async |after: Option<EventId>| {
            let page = self.log.read_after(&key, after.as_ref(), 1).await?;
            let first = page.events.into_iter().next();
            Ok(first.and_then(|(id, text)| Some((id, Entry::parse(&text)?))))
        };
        let Some((_, (oldest, by))) = first(None).await? else { return Ok(None) };
        // The stream is the same for every call that has its id, so the oldest entry may be of an
        // earlier one. What the client has heard is of the call that it comes back for.
        let heard = first(Some(event.at.preceding())).await?;
        let is_over = matches!(
            &heard,
            Some((at, (Entry::Answered(_) | Entry::Ended, _))) if *at == event.at
        );
        let instance = heard.map_or(by, |(_, (_, name))| name).instance.to_string();
        let request = match oldest {
            Entry::Begun(id) => Some(id),
            _ => None,
        };
        Ok(Some(Origin { request, instance, is_over }))
    }

    /// Keeps what was said for a while longer.
    pub(crate) async fn keep(
        &self,
        session: &SessionId,
        stream: &StreamName,
    ) -> Result<(), StoreError> {
        self.log.keep(&key(session, stream), self.keep).await.map(drop)
    }

    /// Whether each of these logs goes on after the place where it was read.
    pub(super) async fn each_goes_on(
        &self,
        places: &[(&str, EventId)],
    ) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        self.log.each_goes_on(places).await
    }

    /// Follows a stream.
    pub(crate) async fn follow(
        &self,
        session: &SessionId,
        stream: &StreamName,
        start: Start,
    ) -> Result<Follower, StoreError> {
        let tail = self.log.tail(&key(session, stream), start).await?;
        let (flow, session) = (self.flow.clone(), session.clone());
        Ok(Follower { tail, flow, session, heard: Heard::default() })
    }
}

/// A place in a log before everything that was written from `moment` on, by whatever clock.
pub(crate) fn since(moment: Timestamp) -> EventId {
    let millis = moment.as_millis().saturating_sub(SKEW.as_millis().try_into().unwrap_or(u64::MAX));
    EventId::before(Timestamp::from_millis(millis))
}

fn key(session: &SessionId, stream: &StreamName) -> String {
    format!("mcp:shttp:toclient:{session}:{stream}")
}

/// Where a stream comes from.
pub(crate) struct Origin {
    /// The id of the request, as JSON; unknown where the beginning of the log was dropped.
    pub(crate) request: Option<String>,
    /// The instance that runs the call, or ran the last one.
    pub(crate) instance: String,
    /// Whether the event was the last one of its call.
    pub(crate) is_over: bool,
}

/// Follows one stream.
pub(crate) struct Follower {
    tail: Tail,
    flow: Flow,
    session: SessionId,
    heard: Heard,
}

/// How many entries apart those may be that were written twice.
const APART: usize = 64;

/// The names of the entries that were heard last.
#[derive(Default)]
struct Heard(VecDeque<EntryName>);

impl Heard {
    /// Whether it is new, and remembers it.
    fn is_new(&mut self, name: EntryName) -> bool {
        if name.number.is_some() && self.0.contains(&name) {
            return false;
        }
        if self.0.len() == APART {
            self.0.pop_front();
        }
        self.0.push_back(name);
        true
    }
}

/// What a follower hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    Entry(EventId, Entry),
    /// Messages are gone for good before the next one.
    Gap,
}

impl Follower {
    /// What comes next; `None` once the store is closed. Safe to drop and call again.
    pub(crate) async fn next(&mut self) -> Option<Result<Followed, StoreError>> {
        loop {
            let (id, text) = match self.tail.next().await? {
                Ok(store::Heard::Event(id, text)) => (id, text),
                Ok(store::Heard::Gap) => return Some(Ok(Followed::Gap)),
                Err(error) => return Some(Err(error)),
            };
            if let Some((entry, name)) = Entry::parse(&text) {
                if !self.heard.is_new(name) {
                    continue;
                }
                self.flow.fetched(entry.shown(), None, Some(self.session.as_str()));
                let is_gap = entry == Entry::Missing;
                let followed = if is_gap { Followed::Gap } else { Followed::Entry(id, entry) };
                return Some(Ok(followed));
            }
            tracing::warn!("an entry of a stream is not one of ours");
        }
    }

    /// The instance that has written what was heard last.
    pub(crate) fn writer(&self) -> Option<&str> {
        self.heard.0.back().map(|name| &*name.instance)
    }

    /// Which log it follows, and how far it has read.
    pub(super) fn place(&self) -> (&str, EventId) {
        self.tail.place()
    }

    /// There is something that was written and not heard of.
    pub(super) const fn goes_on(&mut self) {
        self.tail.goes_on();
    }

    /// Looks for what was written and not heard of.
    pub(crate) const fn look(&mut self) {
        self.tail.look();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_event_is_read_as_it_is_written() {
        for text in ["5.0-0", "standalone.17-2.18-0", "t00ff.1-1", "-3.1-1"] {
            assert_eq!(EventName::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "5", "5.1", "5.1-1.x", "5.1-1.1-1.1-1", "a:b.1-1", "ä.1-1", ".1-1"] {
            assert_eq!(EventName::parse(text), None, "{text}");
        }
        assert_eq!(EventName::parse(&format!("{}.1-1", "x".repeat(65))), None);
    }

    #[test]
    fn a_number_and_its_text_are_two_streams() {
        let number = StreamName::of_call(&RequestId::Number(5));
        let text = StreamName::of_call(&RequestId::String("5".to_owned()));
        assert_ne!(number, text);
        assert_eq!(StreamName::parse(&text.to_string()), Some(text));
    }

    #[test]
    fn the_name_of_a_stream_says_which_request_it_answers() {
        let text = |text: &str| RequestId::String(text.to_owned());
        let long = "a".repeat(LONGEST_NAME - 1);
        for id in [RequestId::Number(-5), text("5"), text("a_B-c"), text(&long), text("")] {
            let name = StreamName::of_call(&id);
            assert_eq!(StreamName::parse(&name.to_string()), Some(name.clone()));
            assert_eq!(name.request(), Some(id));
        }
        for id in [text("a b"), text("ä"), text("a.b"), text(&"a".repeat(LONGEST_NAME))] {
            let name = StreamName::of_call(&id);
            assert_eq!(StreamName::parse(&name.to_string()), Some(name.clone()));
            assert_eq!(name.request(), None);
        }
        assert_eq!(StreamName::standalone().request(), None);
    }

    #[test]
    fn an_entry_is_read_as_it_is_written() {
        let entries = [
            Entry::Begun("\"a b\"".to_owned()),
            Entry::Said("{}".to_owned()),
            Entry::Answered("{\"a\":\"ä\"}".to_owned()),
            Entry::Ended,
            Entry::EndedOf("5".to_owned()),
            Entry::Missing,
        ];
        for number in [Some(7), None] {
            let name = EntryName { instance: "i".into(), number };
            for entry in &entries {
                let read = Entry::parse(&entry.to_text(&name));
                assert_eq!(read, Some((entry.clone(), name.clone())));
            }
        }
        for text in ["", "x", "xi.1 y", "ä", "bi", "bi.x y"] {
            assert_eq!(Entry::parse(text), None);
        }
    }

    #[tokio::test]
    async fn what_is_written_twice_is_heard_once() {
        let store = Store::memory(ambient::Clock::manual(Timestamp::from_secs(1)));
        let streams = Streams::new(&store, Duration::from_mins(5), "i");
        let session = SessionId::random(&ambient::Entropy::seeded(1));
        let (stream, said) = (StreamName::sse(), |text: &str| Entry::Said(text.to_owned()));
        let mut follower = streams.follow(&session, &stream, Start::Oldest).await.unwrap();
        let (first, second) = (streams.name(), streams.name());
        for (name, text) in [(&first, "1"), (&second, "2"), (&first, "1"), (&second, "2")] {
            streams.append_named(&session, &stream, (name, &said(text)), None).await.unwrap();
        }
        // A text that was said before is another one.
        streams.append(&session, &stream, &said("2")).await.unwrap();
        for text in ["1", "2", "2"] {
            let heard = follower.next().await.unwrap().unwrap();
            assert!(matches!(heard, Followed::Entry(_, entry) if entry == said(text)), "{text}");
        }
    }

    #[tokio::test]
    async fn a_stream_comes_from_the_instance_that_ran_the_call_of_the_event() {
        let store = Store::memory(ambient::Clock::manual(Timestamp::from_secs(1)));
        let [one, other] =
            ["one", "other"].map(|name| Streams::new(&store, Duration::from_mins(5), name));
        let session = SessionId::random(&ambient::Entropy::seeded(1));
        let stream = StreamName::of_call(&RequestId::Number(7));
        let begun = || Entry::Begun("7".to_owned());
        let mut events = Vec::new();
        for (by, entry) in [
            (&one, begun()),
            (&one, Entry::Answered("1".to_owned())),
            (&other, begun()),
            (&other, Entry::Said("2".to_owned())),
        ] {
            let at = by.append(&session, &stream, &entry).await.unwrap();
            events.push(EventName { stream: stream.clone(), at, feed: None });
        }
        let origins = ["one", "one", "other", "other"].into_iter().zip([false, true, false, false]);
        for (event, expected) in events.iter().zip(origins) {
            let origin = one.origin(&session, event).await.unwrap().unwrap();
            assert_eq!((origin.instance.as_str(), origin.is_over), expected);
            assert_eq!(origin.request.as_deref(), Some("7"));
        }
        let mut follower = one.follow(&session, &stream, Start::After(events[1].at)).await.unwrap();
        assert_eq!(follower.writer(), None);
        drop(follower.next().await);
        assert_eq!(follower.writer(), Some("other"));
    }

    /// Bytes that names of events are made of, and some that they are not.
    const LETTERS: &[u8] = b"az09-_...5118:~ ";

    #[test]
    fn any_last_event_id_is_a_name_of_ours_or_none() {
        let target = bolero::check!().with_iterations(4000).with_type::<(Vec<u8>, String)>();
        target.for_each(|(choices, text)| {
            let letter = |choice: &u8| char::from(LETTERS[usize::from(*choice) % LETTERS.len()]);
            let near: String = choices.iter().take(80).map(letter).collect();
            for text in [text, &near, &format!("{near}.1-0"), &format!("a.{near}-1.2-{near}")] {
                let Some(name) = EventName::parse(text) else { continue };
                assert_eq!(EventName::parse(&name.to_string()), Some(name.clone()), "{text}");
                // It goes into keys of the store: nothing in it may mean anything there.
                let stream = name.stream.to_string();
                assert!(stream.len() <= LONGEST_NAME && stream.bytes().all(is_plain), "{text}");
            }
        });
    }
}
