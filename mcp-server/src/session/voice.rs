//! How a call of a session speaks to its client: what it says is kept in the log of its stream first,
//! and then sent to whoever is connected. A client that is gone reads it later, on any instance.

use std::sync::Arc;

use bytes::Bytes;
use shared::mcp::RequestId;
use store::StoreError;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::{
    Session, SessionId, Sessions,
    readers::{Readers, Reading},
    streams::{Entry, EventName, StreamName, Streams},
};
use crate::http::{Outbox, Said};

/// One call's way to its client.
pub(crate) enum Voice {
    /// The client reads one object, the answer; what is said before that is lost.
    Silent,
    /// Whoever is connected hears it, and nobody later.
    Fleeting(Arc<Outbox>),
    /// The call has a stream of its own, which a client can come back to.
    Call(Box<Kept>),
    /// All calls of the session share its one stream.
    Shared { streams: Streams, session: SessionId },
}

/// The stream of a call. It begins with the first word.
pub(crate) struct Kept {
    outbox: Arc<Outbox>,
    streams: Streams,
    readers: Readers,
    session: SessionId,
    stream: StreamName,
    request: RequestId,
    /// Whether the client comes back to a stream that ends early.
    polls: bool,
    /// The name of the client's connection among the readers of the stream.
    reader: String,
    begun: OnceCell<Begun>,
}

/// A stream that a client may come back to.
struct Begun {
    /// Where it begins; unknown if that could not be written down.
    at: Option<String>,
    reading: Reading,
}

impl Voice {
    /// Answers a request of a session. `reader` is unique over all instances.
    pub(crate) fn of_call(
        sessions: &Sessions,
        session: &Session,
        request: &RequestId,
        outbox: Arc<Outbox>,
        reader: String,
    ) -> Self {
        Self::Call(Box::new(Kept {
            outbox,
            streams: sessions.streams().clone(),
            readers: sessions.readers().clone(),
            session: session.id.clone(),
            stream: StreamName::of_call(request),
            request: request.clone(),
            polls: session.record.revision.has_stream_polling(),
            reader,
            begun: OnceCell::new(),
        }))
    }

    /// Speaks on the one stream of a session.
    pub(crate) fn shared(sessions: &Sessions, session: &SessionId) -> Self {
        Self::Shared { streams: sessions.streams().clone(), session: session.clone() }
    }

    /// Says something; false when nobody can hear it, now or later.
    pub(crate) async fn say(&self, message: Bytes) -> bool {
        match self {
            Self::Silent => false,
            Self::Fleeting(outbox) => outbox.say(Said { id: None, message }).await,
            Self::Call(kept) => {
                kept.begin().await;
                let id = kept.write(&Entry::Said(text(&message))).await;
                let is_kept = id.is_some();
                kept.outbox.say(Said { id, message }).await || is_kept
            }
            Self::Shared { streams, session } => {
                let entry = Entry::Said(text(&message));
                let written = streams.append(session, &StreamName::sse(), &entry).await;
                written.inspect_err(not_kept).is_ok()
            }
        }
    }

    /// The answer has come, or the call has ended without one: written down if the stream has begun.
    /// Gives the name of the answer as an event.
    pub(crate) async fn conclude(&self, message: Option<&Bytes>) -> Option<String> {
        match self {
            Self::Call(kept) if kept.begun.initialized() => {
                let entry = message.map_or(Entry::Ended, |message| Entry::Answered(text(message)));
                // What only streams need takes no room in the calls that have none.
                Box::pin(kept.write(&entry)).await
            }
            Self::Silent | Self::Fleeting(_) | Self::Call(_) => None,
            Self::Shared { .. } => {
                if let Some(message) = message {
                    Box::pin(self.say(message.clone())).await;
                }
                None
            }
        }
    }

    /// Begins the stream, if it is one that a client can come back to; gives the name of its first
    /// event.
    pub(crate) async fn opening(&self) -> Option<String> {
        match self {
            Self::Call(kept) => kept.begin().await.at.clone(),
            Self::Silent | Self::Fleeting(_) | Self::Shared { .. } => None,
        }
    }

    /// Whether there is a stream that the client can come back to.
    pub(crate) fn has_begun(&self) -> bool {
        matches!(self, Self::Call(kept) if kept.begun.initialized())
    }

    /// Cancelled when the client reads on over another connection.
    pub(crate) fn replaced(&self) -> Option<CancellationToken> {
        match self {
            Self::Call(kept) => Some(kept.begun.get()?.reading.replaced().clone()),
            Self::Silent | Self::Fleeting(_) | Self::Shared { .. } => None,
        }
    }

    /// Lets the connection go, where the client comes back for the rest: revisions before
    /// 2025-11-25 keep the stream until the answer (basic/transports).
    pub(crate) async fn let_go(&self) {
        if let Self::Call(kept) = self
            && kept.polls
            && kept.begin().await.at.is_some()
        {
            kept.outbox.finish();
        }
    }

    /// Ready when nobody can hear anything any more.
    pub(crate) async fn silenced(&self) {
        match self {
            Self::Fleeting(outbox) => outbox.closed().await,
            Self::Silent | Self::Call(_) | Self::Shared { .. } => std::future::pending().await,
        }
    }

    /// Keeps what was said, while the call has nothing to say.
    pub(crate) async fn linger(&self) {
        if let Self::Call(kept) = self
            && kept.begun.initialized()
            && let Err(error) = kept.streams.keep(&kept.session, &kept.stream).await
        {
            not_kept(&error);
        }
    }
}

impl Kept {
    async fn begin(&self) -> &Begun {
        let begin = || async {
            let reading = self.readers.enter(&self.session, &self.stream, self.reader.clone());
            // An id can be written as JSON.
            let request = serde_json::to_string(&self.request).unwrap_or_default();
            Begun { at: self.write(&Entry::Begun(request)).await, reading }
        };
        self.begun.get_or_init(begin).await
    }

    /// Writes an entry; gives its name as an event. While the store is away clients hear what is
    /// said, but cannot come back for it.
    async fn write(&self, entry: &Entry) -> Option<String> {
        let written = self.streams.append(&self.session, &self.stream, entry).await;
        let at = written.inspect_err(not_kept).ok()?;
        Some(EventName { stream: self.stream.clone(), at, feed: None }.to_string())
    }
}

fn not_kept(error: &StoreError) {
    tracing::warn!(%error, "what a call says could not be kept");
}

/// Messages are JSON, and so UTF-8.
fn text(message: &Bytes) -> String {
    String::from_utf8_lossy(message).into_owned()
}
