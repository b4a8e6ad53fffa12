//! The standalone stream of a session: what the server has to say that is about no call.
//!
//! It keeps its session alive, is replaced by a newer one, and ends with its session, with the token
//! that opened it, or when the server stops; the client comes back then, to whichever instance.

use std::{collections::VecDeque, pin::Pin, time::Duration};

use ambient::Timestamp;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use mcp_core::Principal;
use store::{Delivery, StoreError, Subscription};

use super::{
    Rejection, note_message,
    reply::{KEEP_ALIVE, comment, event, event_stream, priming},
};
use crate::{
    Server,
    session::{ENDED, Session, WATCHED},
    subscriptions::{Listener, Wish, over},
    vitals::OpenStream,
};

/// When a client may come back after a stream has ended.
const RETRY: Duration = Duration::from_secs(3);

/// Opens the stream.
pub(super) async fn listen(
    server: &Server,
    principal: &Principal,
    session: Session,
) -> Result<Response, Rejection> {
    let (sessions, id) = (server.sessions(), &session.id);
    let control = sessions.control(id).await?;
    let changes = server.feed().listen().await?;
    // Read after listening: what is subscribed to from here on is heard of.
    let watched = sessions.watched(id).await?.ok_or_else(Rejection::session_not_found)?;
    server.vitals().stays(id).await;
    let name = server.entropy().hex::<8>();
    sessions.announce(id, &opened(&name)).await?;
    let polling = session.record.revision.has_stream_polling();
    let first = if polling { priming(&name, RETRY) } else { comment() };
    let state = Standalone {
        wish: Wish::of_session(server.features().announced(), &watched),
        over: Box::pin(over(server, principal)),
        keep_alive_at: server.clock().now() + KEEP_ALIVE,
        _open: server.vitals().stream(),
        server: server.clone(),
        ready: VecDeque::from([first]),
        session,
        control,
        changes,
        name,
    };
    Ok(event_stream(stream::unfold(state, |mut state| async move {
        let event = state.next().await?;
        Some((event, state))
    })))
}

/// Announced by a stream that replaces all others of its session.
fn opened(name: &str) -> String {
    format!("opened {name}")
}

struct Standalone {
    _open: OpenStream,
    server: Server,
    session: Session,
    control: Subscription,
    changes: Listener,
    wish: Wish,
    name: String,
    /// What goes out before anything else is waited for.
    ready: VecDeque<Bytes>,
    keep_alive_at: Timestamp,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Standalone {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            tokio::select! {
                biased;
                () = &mut self.over => return None,
                delivery = self.control.next() => {
                    let delivery = delivery?;
                    if is_over(&self.name, &delivery) {
                        return None;
                    }
                    if watches_others(&delivery) {
                        self.wish = wish(&self.server, &self.session, &self.wish).await?;
                    }
                }
                // Comes before the changes, which must not keep the session from being kept.
                () = self.server.clock().sleep_until(self.keep_alive_at) => {
                    self.keep_alive_at = self.server.clock().now() + KEEP_ALIVE;
                    return still_there(&self.server, &self.session).await.then(comment);
                }
                heard = self.changes.next() => {
                    let notes = self.wish.notes(heard?.as_ref());
                    self.ready.extend(notes.iter().map(|note| event(None, &note_message(note))));
                }
            }
        }
    }
}

/// What the session wants to hear of now; nothing when it has ended. While the store is away, what
/// it wanted before.
async fn wish(server: &Server, session: &Session, before: &Wish) -> Option<Wish> {
    match server.sessions().watched(&session.id).await {
        Ok(watched) => Some(Wish::of_session(server.features().announced(), &watched?)),
        Err(_) => Some(before.clone()),
    }
}

/// Whether the session may watch other resources than before.
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
    server.vitals().stays(&session.id).await;
    match server.sessions().keep(&session.id).await {
        Ok(there) => there,
        Err(StoreError::Unavailable(_)) => true,
        Err(_) => false,
    }
}
