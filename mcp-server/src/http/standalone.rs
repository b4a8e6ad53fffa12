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
use futures_util::stream;
use mcp_core::Owners;
use shared::mcp::LogLevel;
use store::{Delivery, EventId, Start, StoreError, Subscription};

use super::{
    Rejection, Said, note_message,
    reply::{
        RETRY, come_back_in, comment, event, event_stream, keep_alive, lasting, priming, retry,
    },
    resume::lost,
};
use crate::{
    Server,
    auth::{Caller, over},
    rhythms::Rhythms,
    session::{
        ENDED, Session, SessionRecord, WATCHED,
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
    let name = server.entropy().hex::<8>();
    server.sessions().announce(&session.id, &opened(&name)).await?;
    let mut aside = Aside::open(server, caller, session, name, last).await?;
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

/// Announced by a stream that replaces all others of its session.
fn opened(name: &str) -> String {
    format!("opened {name}")
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
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Dropped with the stream.
    end: Option<Box<dyn Send>>,
}

impl Aside {
    /// Something that is dropped when the stream is gone.
    pub(super) fn ends_with(&mut self, end: Box<dyn Send>) {
        self.end = Some(end);
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
        let control = sessions.control(id).await?;
        // Read after listening: what is subscribed to from here on is heard of.
        let record = sessions.listening(id).await?.ok_or_else(Rejection::session_not_found)?;
        server.vitals().stays(id).await;
        let now = server.clock().now();
        let place = place(&record, last, now);
        let own = Start::After(place.at);
        Ok(Self {
            follower: sessions.streams().follow(id, &place.stream, own).await?,
            changes: server.feed().listen(place.feed.map_or(Start::Newest, Start::After)).await?,
            wish: Wish::of_session(
                server.features().announced(),
                &record.watched,
                Owners::of(caller, Some(id.as_str())),
            ),
            level: record.wanted_level(),
            rhythms: Rhythms::of(server, caller, Some(id)),
            over: Box::pin(over(server, caller)),
            _open: server.vitals().stream(),
            keep_alive_at: now + keep_alive(server),
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
            let clock = self.server.clock();
            tokio::select! {
                biased;
                () = &mut self.over => {
                    self.is_over = true;
                    return Some(Item::ComeBack(come_back_in(self.server.entropy())));
                }
                delivery = self.control.next() => {
                    let delivery = delivery?;
                    if is_over(&self.name, &delivery) {
                        return None;
                    }
                    if watches_others(&delivery) {
                        // Rare, and large: in a box it takes no room in every stream.
                        Box::pin(self.look_again()).await?;
                    }
                }
                // Comes before the changes, which must not keep the session from being kept.
                () = clock.sleep_until(self.keep_alive_at) => {
                    self.keep_alive_at = clock.now() + keep_alive(&self.server);
                    // What was announced may have been lost on its way.
                    self.follower.look();
                    self.changes.look();
                    let there = Box::pin(still_there(&self.server, &self.session)).await;
                    return there.then_some(Item::Silence);
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

    /// What the session wants to hear of may be something else now; nothing when it has ended. While
    /// the store is away, it is what it was.
    async fn look_again(&mut self) -> Option<()> {
        if let Ok(found) = self.server.sessions().record(&self.session.id).await {
            let record = found?;
            self.level = record.wanted_level();
            self.wish.watched = record.watched;
        }
        Some(())
    }

    /// Something was said to this session.
    fn said(&mut self, followed: Followed) {
        match followed {
            Followed::Entry(at, entry) => {
                self.place.at = at;
                self.heard(at);
                if let Entry::Said(message) = entry {
                    self.send(message.into());
                }
            }
            // It has no place in the logs, and so no name.
            Followed::Gap => {
                let note = lost(self.level).map(|message| Said { id: None, message });
                self.ready.extend(note);
            }
        }
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
        let place = self.is_resumable.then(|| self.place.to_string());
        let id = place.filter(|place| self.named.as_ref() != Some(place));
        if id.is_some() {
            self.named.clone_from(&id);
        }
        self.ready.push_back(Said { id, message });
    }
}

/// Whether the session may want to hear of something else than before.
fn watches_others(delivery: &Delivery) -> bool {
    match delivery {
        Delivery::Message(text) => text == WATCHED,
        Delivery::Gap => true,
    }
}

/// Whether a stream must end: with its session, or because a newer one has been opened.
fn is_over(name: &str, delivery: &Delivery) -> bool {
    match delivery {
        Delivery::Message(text) if text == ENDED => true,
        Delivery::Message(text) => text.starts_with("opened ") && *text != opened(name),
        // The next look at the record tells.
        Delivery::Gap => false,
    }
}

/// Keeps the session alive. While the store is away the stream stays open: whether the session is
/// gone is not known then.
async fn still_there(server: &Server, session: &Session) -> bool {
    match server.sessions().keep(session).await {
        Ok(true) => {
            server.vitals().stays(&session.id).await;
            true
        }
        Err(StoreError::Unavailable(_)) => true,
        Ok(false) | Err(_) => false,
    }
}
