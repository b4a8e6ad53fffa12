//! The standalone stream of a session: what the server has to say that is about no call.
//!
//! It tells of two logs: what was said to this session alone, and the feed of changes, of which it
//! picks what the session wants to hear. Each event names its place in both, so that a client that
//! was away goes on there. It keeps its session alive, is replaced by a newer one, and ends with its
//! session, with the token that opened it, or when the server stops; the client comes back then, to
//! whichever instance.

use std::{collections::VecDeque, pin::Pin, time::Duration};

use ambient::Timestamp;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use mcp_core::Owners;
use shared::mcp::LogLevel;
use store::{Delivery, EventId, Start, Subscription};

use super::{
    Rejection, Said, error_message, note_message,
    reply::{
        RETRY, come_back_in, comment, event, event_stream, keep_alive_at, lasting, priming, retry,
        shutting_down,
    },
    resume::{instance_lost, lost},
    shared_calls::SharedCalls,
};
use crate::{
    Server,
    auth::{Caller, over},
    rhythms::Rhythms,
    session::{
        ENDED, Looked, Session, SessionRecord, WATCHED,
        streams::{Entry, EventName, Followed, Follower, StreamName, since},
    },
    subscriptions::{AGAIN, Announcement, Listener, Wish},
    vitals::OpenStream,
};

/// Opens the stream, after the last event that the client had, if it says so.
pub(super) async fn listen(
    server: &Server,
    caller: &Caller,
    session: Session,
    last: Option<EventName>,
) -> Result<Response, Rejection> {
    let room = server.streams().enter(caller)?;
    let polling = session.record.revision.has_stream_polling();
    let (id, name) = (session.id.clone(), server.entropy().hex::<8>());
    let mut aside = Aside::open(server, caller, session, name, last).await?;
    // By now it listens itself, and is noted as the newest: of two that are opened at once, whichever
    // is told of the other looks which of them that is. Who is not told finds out at its next look.
    let (sessions, opened) = (server.sessions().clone(), opened(&aside.name));
    // Beside it: a client that hangs up meanwhile ends this stream as it would any other.
    server.lifecycle().spawn(async move {
        if let Err(error) = sessions.announce(&id, &opened).await {
            tracing::warn!(%error, "other streams do not hear yet that there is a newer one");
        }
    });
    let place = aside.place.to_string();
    let first = if polling { priming(&place, RETRY) } else { comment() };
    aside.is_resumable = true;
    aside.ends_with(Box::new(room));
    aside.named = polling.then_some(place);
    Ok(stream_of(aside, first))
}

/// A response that begins with `first` and goes on with what is said aside.
pub(super) fn stream_of(aside: Aside, first: Bytes) -> Response {
    lasting(event_stream(stream::unfold((Some(first), aside), |(first, mut aside)| async move {
        let frame = match first {
            Some(first) => first,
            None => aside.next().await?.to_frame(),
        };
        Some((frame, (None, aside)))
    })))
}

/// What is said beside the calls of a session.
#[derive(Debug)]
pub(crate) enum Item {
    /// A message.
    Message(Said),
    /// Nothing for a while.
    Silence,
    /// The stream ends, though the session does not: the client may come back after a while.
    ComeBack(Duration),
}

impl Item {
    fn to_frame(&self) -> Bytes {
        match self {
            Self::Message(Said { id, message }) => event(id.as_deref(), message),
            Self::Silence => comment(),
            Self::ComeBack(after) => retry(*after),
        }
    }
}

/// Where to begin in the log of the session and in the feed. The first stream of a session begins
/// with the session; later ones that do not say where they were begin now. What lies within the
/// difference of the clocks may be said again.
fn place(record: &SessionRecord, last: Option<EventName>, now: Timestamp) -> EventName {
    let begin = since(if record.has_listened { now } else { record.opened_at });
    let last =
        last.unwrap_or(EventName { stream: StreamName::standalone(), at: begin, feed: None });
    EventName { feed: Some(last.feed.unwrap_or(begin)), ..last }
}

/// What a stream begins its announcement with that replaces all others of its session.
const OPENED: &str = "opened ";

/// What it ends with, if the stream is in the record of its session. Earlier versions note nothing and
/// take all of it for the name.
const NOTED: &str = " noted";

fn opened(name: &str) -> String {
    format!("{OPENED}{name}{NOTED}")
}

/// What is said to a session, but for what this stream has said of itself: that comes while it reads
/// its logs for the first time, and whoever is told something begins to read anew.
async fn from_others(control: &mut Subscription, own: &str) -> Option<Delivery> {
    loop {
        let delivery = control.next().await?;
        let is_own = matches!(&delivery, Delivery::Message(text) if *text == opened(own));
        if !is_own {
            return Some(delivery);
        }
    }
}

/// What the server has to say to a session that is about no call, message by message.
pub(crate) struct Aside {
    _open: OpenStream,
    server: Server,
    session: Session,
    control: Subscription,
    follower: Follower,
    changes: Listener,
    wish: Wish,
    /// The least level of log messages that is wanted.
    level: LogLevel,
    rhythms: Rhythms,
    /// When the stream began.
    began: Timestamp,
    /// Where the stream is in both logs.
    place: EventName,
    /// Whether clients can come back to an event.
    is_resumable: bool,
    /// The event that was named last. What is told again and again is in no log, so several messages
    /// may have one place; an event has a name of its own or none.
    named: Option<String>,
    name: String,
    /// What goes out before anything else is waited for.
    ready: VecDeque<Said>,
    /// Whether nothing comes after what is ready.
    is_over: bool,
    keep_alive_at: Timestamp,
    /// When it is time to say that the session is still there.
    stays_at: Timestamp,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The calls that are answered on this stream, if that is where they are answered.
    calls: Option<Box<SharedCalls>>,
    /// Whether the server stops, and nothing is waited for but these calls.
    is_ending: bool,
    /// Dropped with the stream.
    end: Option<Box<dyn Send>>,
}

impl Aside {
    /// Something that is dropped when the stream is gone.
    pub(super) fn ends_with(&mut self, end: Box<dyn Send>) {
        self.end = Some(end);
    }

    /// The calls of the session are answered on this stream.
    pub(super) fn carries_calls(&mut self) {
        self.calls = Some(Box::default());
    }

    /// Listens for a session, under a name of its own. The log that is followed beside the feed is
    /// that of the stream which `last` names.
    pub(crate) async fn open(
        server: &Server,
        caller: &Caller,
        session: Session,
        name: String,
        last: Option<EventName>,
    ) -> Result<Self, Rejection> {
        let (sessions, id) = (server.sessions(), &session.id);
        let now = server.clock().now();
        let place = place(&session.record, last, now);
        let own = Start::After(place.at);
        let owners = Owners::of(caller, Some(id.as_str()));
        let since = place.feed.map_or(Start::Newest, Start::After);
        let control = sessions.control(id).await?;
        let follower = sessions.streams().follow(id, &place.stream, own).await?;
        let changes = server.feed().listen(since, &owners).await?;
        server.vitals().stays(id).await;
        // Last of all: if anything fails before, the stream that there is goes on. And after listening:
        // what is subscribed to from here on is heard of.
        let Some(record) = sessions.listening(id, &name).await? else {
            server.vitals().ended(id).await;
            return Err(Rejection::session_not_found());
        };
        Ok(Self {
            follower,
            changes,
            wish: Wish::of_session(server.features().announced(), &record.watched, owners),
            level: record.wanted_level(),
            rhythms: Rhythms::of(server, caller, Some(id)),
            over: Box::pin(over(server, caller)),
            _open: server.vitals().stream(),
            keep_alive_at: keep_alive_at(server),
            stays_at: now + server.vitals().stays_every(),
            began: now,
            server: server.clone(),
            ready: VecDeque::new(),
            is_resumable: false,
            named: None,
            is_over: false,
            session,
            control,
            place,
            name,
            calls: None,
            is_ending: false,
            end: None,
        })
    }

    /// What comes next; nothing when it is over.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(said) = self.ready.pop_front() {
                return Some(Item::Message(said));
            }
            if self.is_over {
                return None;
            }
            let calls = self.calls.as_ref();
            if self.is_ending && calls.is_none_or(|calls| calls.is_empty()) {
                self.is_over = true;
                return Some(Item::ComeBack(come_back_in(self.server.entropy())));
            }
            let check_at = calls.and_then(|calls| calls.check_at());
            let clock = self.server.clock();
            tokio::select! {
                biased;
                () = &mut self.over => self.begin_to_end(),
                delivery = from_others(&mut self.control, &self.name) => {
                    // Rare, and large: in a box it takes no room in every stream.
                    Box::pin(self.told(&delivery?)).await?;
                }
                // Comes before the changes, which must not keep the session from being kept.
                () = clock.sleep_until(self.keep_alive_at) => {
                    self.keep_alive_at = keep_alive_at(&self.server);
                    Box::pin(self.still_there()).await?;
                    return Some(Item::Silence);
                }
                () = clock.sleep_until(check_at.unwrap_or_default()), if check_at.is_some() => {
                    Box::pin(self.check()).await;
                }
                followed = self.follower.next() => match followed? {
                    Ok(followed) => self.said(followed),
                    // The store is away. The stream stays open until it is back.
                    Err(_) => clock.sleep(AGAIN).await,
                },
                due = self.rhythms.next() => {
                    for note in self.rhythms.notes(due, &self.wish, Some(self.level)) {
                        self.send(note_message(&note));
                    }
                }
                heard = self.changes.next() => match heard? {
                    Ok(heard) => self.changed(&heard),
                    Err(_) => clock.sleep(AGAIN).await,
                },
            }
        }
    }

    /// The stream has to end. If that is because the server stops, the calls that are answered on it are
    /// waited for, as long as there is time: their client cannot come back.
    fn begin_to_end(&mut self) {
        let Some(calls) = &mut self.calls else {
            self.is_ending = true;
            return;
        };
        if self.is_ending {
            let cut_short = calls.take().into_iter();
            let said = cut_short.map(|id| error_message(Some(&id), &shutting_down()));
            self.ready.extend(said.map(|message| Said { id: None, message }));
            return;
        }
        self.is_ending = true;
        if self.server.lifecycle().is_stopping() {
            self.over = Box::pin(self.server.lifecycle().nearly_over());
            // What has begun just now counts as well.
            while let Some(Some(Ok(followed))) = self.follower.next().now_or_never() {
                self.said(followed);
            }
        } else {
            drop(calls.take());
        }
    }

    /// Looks whether the calls that are answered here are still running somewhere, and for what they
    /// have said unheard.
    async fn check(&mut self) {
        self.follower.look();
        let Some(calls) = &mut self.calls else { return };
        for id in calls.lost(self.server.instances(), self.server.clock().now()).await {
            tracing::warn!("a call was lost with its instance");
            self.server.flow().tell("answers a call whose instance is gone", true);
            self.ready.push_back(Said { id: None, message: instance_lost(&id) });
        }
    }

    /// Something has happened to the session as a whole; nothing when this stream is over.
    async fn told(&mut self, delivery: &Delivery) -> Option<()> {
        match delivery {
            Delivery::Message(text) if text == ENDED => None,
            Delivery::Message(text) if text == WATCHED => self.look_again().await,
            Delivery::Message(text) => match text.strip_prefix(OPENED) {
                Some(other) => self.is_opened(other).await,
                None => Some(()),
            },
            Delivery::Gap => self.look_again().await,
        }
    }

    /// A stream was opened; nothing when this one is over. Which of two is the newer one says the
    /// record, unless the other is of an earlier version, which replaces all others.
    async fn is_opened(&mut self, other: &str) -> Option<()> {
        other.strip_suffix(NOTED)?;
        self.look_again().await
    }

    /// What the session wants to hear of may be something else now, and there may be a newer stream;
    /// nothing when this one is over. While the store is away, it is what it was.
    async fn look_again(&mut self) -> Option<()> {
        if let Ok(found) = self.server.sessions().record(&self.session.id).await {
            let record = found?;
            if record.listener.as_ref().is_some_and(|newest| *newest != self.name) {
                return None;
            }
            self.level = record.wanted_level();
            self.wish.watched = record.watched;
        }
        Some(())
    }

    /// Keeps the session alive; nothing when the stream is over, with its session or because there is a
    /// newer one. While the store is away it stays open: whether the session is gone is not known then.
    async fn still_there(&mut self) -> Option<()> {
        let (now, every) = (self.server.clock().now(), self.server.vitals().stays_every());
        let is_due = now >= self.stays_at;
        // What was announced may have been lost on its way: it looks for that as well.
        let looked = self.server.keeper().keep(&self.session, &mut self.follower, is_due);
        match looked.await {
            Looked::Kept(record) => {
                if is_due {
                    self.stays_at = now + every;
                }
                let is_newest = record.listener.is_none_or(|newest| newest == self.name);
                is_newest.then_some(())
            }
            Looked::Unknown => Some(()),
            Looked::Ended => None,
        }
    }

    /// Something was said to this session.
    fn said(&mut self, followed: Followed) {
        match followed {
            Followed::Entry(at, entry) => {
                self.place.at = at;
                self.heard(at);
                let is_due = self.note_call(&entry);
                if let Entry::Said(message) = entry
                    && is_due
                {
                    self.send(message.into());
                }
            }
            // It has no place in the logs, and so no name.
            Followed::Gap => {
                self.ready.push_back(Said { id: None, message: lost(self.level) });
            }
        }
    }

    /// What an entry says of the calls that are answered on this stream; false if it is an answer to
    /// one that was answered before.
    fn note_call(&mut self, entry: &Entry) -> bool {
        let (Some(calls), writer) = (&mut self.calls, self.follower.writer()) else { return true };
        match entry {
            Entry::Begun(id) => {
                calls.begun(id, writer.unwrap_or_default(), self.server.clock().now());
            }
            Entry::Said(message) => return calls.said(message),
            Entry::EndedOf(id) => calls.ended(id),
            Entry::Answered(_) | Entry::Ended | Entry::Missing => {}
        }
        true
    }

    /// Something has changed. After a gap everything may have.
    fn changed(&mut self, heard: &Announcement) {
        if let Announcement::Change(at, _) = heard {
            self.place.feed = Some(*at);
            self.heard(*at);
        }
        self.rhythms.heard(heard.change());
        for note in self.wish.notes(heard) {
            self.send(note_message(&note));
        }
    }

    fn heard(&self, at: EventId) {
        let now = self.server.clock().now();
        self.server.metrics().heard(at.moment(), self.began, now);
    }

    fn send(&mut self, message: Bytes) {
        // Whoever comes back need not read again what was others'.
        self.place.feed = self.place.feed.max(self.changes.place());
        let place = self.is_resumable.then(|| self.place.to_string());
        let id = place.filter(|place| self.named.as_ref() != Some(place));
        if id.is_some() {
            self.named.clone_from(&id);
        }
        self.ready.push_back(Said { id, message });
    }
}
