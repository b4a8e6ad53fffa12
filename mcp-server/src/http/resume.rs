//! A client that comes back for the rest of a call's stream, with the id of the last event it had.
//!
//! Any instance reads on from the log of the stream, whichever one runs the call. If that one has
//! died, the call ends with an error that says so, instead of silence.

use std::{collections::VecDeque, pin::Pin};

use ambient::Timestamp;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use shared::mcp::{ErrorCode, ErrorObject, LogLevel, LogParams, RequestId, ServerNotification};
use store::Start;

use super::{
    Rejection, error_message, note_message,
    reply::{RETRY, come_back_in, comment, event, event_stream, keep_alive_at, retry},
};
use crate::{
    Server,
    auth::{Caller, over},
    quota::Place,
    session::{
        Session,
        instances::{Awaited, CHECK},
        readers::Reading,
        streams::{Entry, EventName, Followed, Follower},
    },
    subscriptions::AGAIN,
};

/// Answers with what comes after the event that the client had last.
pub(super) async fn resume(
    server: &Server,
    caller: &Caller,
    session: Session,
    last: EventName,
) -> Result<Response, Rejection> {
    let place = server.streams().enter(caller)?;
    let (sessions, id, stream) = (server.sessions(), &session.id, &last.stream);
    let Some(origin) = sessions.streams().origin(id, &last).await? else {
        let message =
            "Last-Event-ID names a stream that is over, and what it said is not kept any more";
        return Err(Rejection::invalid_request(message));
    };
    let reading = sessions.readers().enter(id, stream, server.entropy().hex::<8>());
    server.control().take_over(id, stream, reading.name()).await?;
    let follower = sessions.streams().follow(id, stream, Start::After(last.at)).await?;
    let now = server.clock().now();
    let state = Resumed {
        _place: place,
        over: Box::pin(over(server, caller)),
        keep_alive_at: keep_alive_at(server),
        check_at: now + CHECK,
        server: server.clone(),
        ready: VecDeque::from([retry(RETRY)]),
        is_over: origin.is_over,
        runner: Awaited::new(origin.instance),
        request: origin.request,
        session,
        last,
        reading,
        follower,
    };
    Ok(event_stream(stream::unfold(state, |mut state| async move {
        let event = state.next().await?;
        Some((event, state))
    })))
}

struct Resumed {
    _place: Place,
    server: Server,
    session: Session,
    /// The last event that was sent.
    last: EventName,
    /// The id of the request, as JSON, if it is known.
    request: Option<String>,
    /// The instance that runs the call, or ran the last one.
    runner: Awaited,
    reading: Reading,
    follower: Follower,
    /// What goes out before anything else is waited for.
    ready: VecDeque<Bytes>,
    /// Whether nothing comes after what is ready.
    is_over: bool,
    keep_alive_at: Timestamp,
    check_at: Timestamp,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Resumed {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            let clock = self.server.clock();
            tokio::select! {
                biased;
                () = &mut self.over => self.end(Some(retry(come_back_in(self.server.entropy())))),
                () = self.reading.replaced().cancelled() => self.end(None),
                followed = self.follower.next() => match followed {
                    None => self.end(None),
                    Some(Ok(followed)) => {
                        self.note_writer();
                        self.take(followed);
                    }
                    // The store is away. The stream stays open until it is back.
                    Some(Err(_)) => clock.sleep(AGAIN).await,
                },
                () = clock.sleep_until(self.keep_alive_at) => self.still_here().await,
                () = clock.sleep_until(self.check_at) => self.check().await,
            }
        }
    }

    fn end(&mut self, last: Option<Bytes>) {
        self.ready.extend(last);
        self.is_over = true;
    }

    /// What is said comes from the instance that runs the call now: the stream may be that of a later
    /// call with the same id.
    fn note_writer(&mut self) {
        if let Some(writer) = self.follower.writer()
            && writer != self.runner.instance()
        {
            self.runner = Awaited::new(writer.to_owned());
        }
    }

    fn take(&mut self, followed: Followed) {
        match followed {
            Followed::Entry(_, Entry::Begun(_) | Entry::EndedOf(_) | Entry::Missing) => {}
            Followed::Entry(at, Entry::Said(message)) => self.send(at, &message),
            Followed::Entry(at, Entry::Answered(message)) => {
                self.send(at, &message);
                self.end(None);
            }
            Followed::Entry(_, Entry::Ended) => self.end(None),
            Followed::Gap => {
                let note = lost(self.session.record.wanted_level());
                self.ready.push_back(event(None, &note));
            }
        }
    }

    fn send(&mut self, at: store::EventId, message: &str) {
        self.last.at = at;
        self.ready.push_back(event(Some(&self.last.to_string()), message.as_bytes()));
    }

    /// Keeps the session, and ends with it.
    async fn still_here(&mut self) {
        self.keep_alive_at = keep_alive_at(&self.server);
        match self.server.sessions().keep(&self.session).await {
            Ok(false) => self.end(None),
            Ok(true) | Err(_) => self.ready.push_back(comment()),
        }
    }

    /// Looks whether the instance that runs the call is alive, and for what it has said unheard.
    async fn check(&mut self) {
        self.check_at = self.server.clock().now() + CHECK;
        self.follower.look();
        // While the store is away nobody knows who is gone.
        if let Ok(is_alive) = self.server.instances().is_alive(self.runner.instance()).await {
            self.runner.seen(is_alive);
        }
        if self.runner.is_gone() {
            self.bury().await;
        }
    }

    /// Ends a call whose instance has died, for whoever reads its stream.
    async fn bury(&mut self) {
        tracing::warn!(instance = self.runner.instance(), "a call was lost with its instance");
        self.server.flow().tell("answers a call whose instance is gone", true);
        let begun = self.request.as_deref();
        let begun = begun.and_then(|id| serde_json::from_str::<RequestId>(id).ok());
        let Some(id) = begun.or_else(|| self.last.stream.request()) else {
            return self.end(None);
        };
        let message = instance_lost(&id);
        let entry = Entry::Answered(String::from_utf8_lossy(&message).into_owned());
        let streams = self.server.sessions().streams();
        // What is written comes back through the follower, to every reader alike.
        if streams.append(&self.session.id, &self.last.stream, &entry).await.is_err() {
            self.ready.push_back(event(None, &message));
            self.end(None);
        }
        self.runner.seen(true);
    }
}

/// The answer to a call whose instance has died.
pub(super) fn instance_lost(id: &RequestId) -> Bytes {
    let message = "The instance that ran this call is gone; call again";
    let why = json!({ "reason": "instance_lost", "retryable": true });
    let error = ErrorObject::new(ErrorCode::INTERNAL_ERROR, message).with_data(why);
    error_message(Some(id), &error)
}

/// Says that messages of a stream are missing. What may be missing is not only what is logged, so a
/// client that wants to hear of less is told at the level from which it hears.
pub(super) fn lost(least: LogLevel) -> Bytes {
    let level = LogLevel::Warning.max(least);
    let data = json!("Messages of this stream are lost: it was left for too long");
    let params = LogParams { level, logger: Some("stream".to_owned()), data };
    note_message(&ServerNotification::Log(params))
}
