//! How a call of a session speaks to its client: what it says is kept in the log of its stream first,
//! and then sent to whoever is connected. A client that is gone reads it later, on any instance.
//!
//! What cannot be kept, because the store is away, is kept before whatever comes next ([`ledger`]).

mod ledger;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ambient::Clock;
use bytes::Bytes;
use shared::mcp::RequestId;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use self::ledger::{Ledger, not_kept};
use super::{
    Session, SessionId, Sessions,
    readers::{Readers, Reading},
    streams::{Entry, EventName, StreamName},
};
use crate::{
    Server,
    http::{Outbox, Said},
};

/// How long to wait before what could not be kept is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// How seldom in the end.
const SELDOM: Duration = Duration::from_secs(4);

/// One call's way to its client.
pub(crate) enum Voice {
    /// The client reads one object, the answer; what is said before that is lost.
    Silent,
    /// Whoever is connected hears it, and nobody later.
    Fleeting(Arc<Outbox>),
    /// The call has a stream of its own, which a client can come back to.
    Call(Box<Kept>),
    /// All calls of the session share its one stream.
    Shared(Box<Sharing>),
}

/// What one call says on a stream that others share.
pub(crate) struct Sharing {
    ledger: Ledger,
    /// The id of the call as JSON, where the stream is to know how it ends.
    call: Option<String>,
    /// Whether that was said, though it may not be written yet.
    is_over: AtomicBool,
}

/// The stream of a call. It begins with the first word.
pub(crate) struct Kept {
    outbox: Arc<Outbox>,
    ledger: Ledger,
    readers: Readers,
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
        let stream = StreamName::of_call(request);
        Self::Call(Box::new(Kept {
            outbox,
            ledger: Ledger::new(sessions.streams(), &session.id, stream),
            readers: sessions.readers().clone(),
            request: request.clone(),
            polls: session.record.revision.has_stream_polling(),
            reader,
            begun: OnceCell::new(),
        }))
    }

    /// Speaks on the one stream of a session, for a call if that may outlive the message it came in.
    pub(crate) fn shared(
        sessions: &Sessions,
        session: &SessionId,
        call: Option<&RequestId>,
    ) -> Self {
        let ledger = Ledger::new(sessions.streams(), session, StreamName::sse());
        // An id can be written as JSON.
        let call = call.map(|id| serde_json::to_string(id).unwrap_or_default());
        Self::Shared(Box::new(Sharing { ledger, call, is_over: AtomicBool::new(false) }))
    }

    /// Says something; false when nobody can hear it, now or later.
    pub(crate) async fn say(&self, message: Bytes) -> bool {
        match self {
            Self::Silent => false,
            Self::Fleeting(outbox) => outbox.say(Said { id: None, message }).await,
            Self::Call(kept) => {
                kept.begin().await;
                let id = kept.write(Entry::Said(text(&message))).await;
                let is_kept = id.is_some();
                kept.outbox.say(Said { id, message }).await || is_kept
            }
            // What is not kept now is kept later, and heard then.
            Self::Shared(sharing) => {
                sharing.ledger.write(Entry::Said(text(&message))).await;
                true
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
                Box::pin(kept.write(entry)).await
            }
            Self::Silent | Self::Fleeting(_) | Self::Call(_) => None,
            // The stream knows an answer when it hears one.
            Self::Shared(sharing) => {
                // Whoever has not heard yet how it ended hears that, and not another end.
                if sharing.is_over.swap(true, Ordering::Relaxed) {
                    sharing.ledger.catch_up().await;
                    return None;
                }
                let ended = || sharing.call.clone().map(Entry::EndedOf);
                let last = message.map(|message| Entry::Said(text(message))).or_else(ended);
                if let Some(last) = last {
                    Box::pin(sharing.ledger.write(last)).await;
                }
                None
            }
        }
    }

    /// Begins the stream, if it is one that a client can come back to; gives the name of its first
    /// event. A stream that others share is told that there is a call.
    pub(crate) async fn opening(&self) -> Option<String> {
        match self {
            Self::Call(kept) => kept.begin().await.at.clone(),
            Self::Shared(sharing) => {
                if let Some(call) = &sharing.call {
                    sharing.ledger.write(Entry::Begun(call.clone())).await;
                }
                None
            }
            Self::Silent | Self::Fleeting(_) => None,
        }
    }

    /// Tries to keep what could not be kept so far.
    pub(crate) async fn keep_what_waits(&self) {
        if let Some(ledger) = self.behind() {
            ledger.catch_up().await;
        }
    }

    /// What could not be kept so far, if there is any.
    fn behind(&self) -> Option<&Ledger> {
        let ledger = match self {
            Self::Call(kept) => &kept.ledger,
            Self::Shared(sharing) => &sharing.ledger,
            Self::Silent | Self::Fleeting(_) => return None,
        };
        ledger.is_behind().then_some(ledger)
    }

    /// Keeps the end of a call that the store could not take as soon as it can. Whoever comes back to
    /// the stream waits for that, and the instance is alive, so nobody else will say how it ended.
    pub(crate) fn catch_up_beside(self: Arc<Self>, server: &Server) {
        let Some(ledger) = self.behind() else { return };
        let Some(place) = ledger.place() else {
            tracing::warn!("too much waits for the store: what a call has said is lost");
            return;
        };
        let (clock, idle) = (server.clock().clone(), server.config().sessions.idle);
        let sessions = server.sessions().clone();
        let last_moment = server.lifecycle().nearly_over();
        server.lifecycle().spawn(async move {
            let _place = place;
            tokio::select! {
                biased;
                () = self.catch_up(&clock, idle, &sessions) => {}
                () = last_moment => {}
            }
        });
    }

    /// Gives up after `limit`, when nobody comes back for it any more, or when the session has ended.
    async fn catch_up(&self, clock: &Clock, limit: Duration, sessions: &Sessions) {
        let catching_up = async {
            let mut pause = AGAIN;
            while let Some(ledger) = self.behind() {
                clock.sleep(pause).await;
                if matches!(sessions.record(&ledger.session).await, Ok(None)) {
                    return;
                }
                ledger.catch_up().await;
                // A store that answers late does everything that it was asked to.
                pause = (pause * 2).min(SELDOM);
            }
        };
        if clock.timeout(limit, catching_up).await.is_err() {
            tracing::warn!("what a call has said is lost to whoever comes back for it");
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
            Self::Silent | Self::Fleeting(_) | Self::Shared(_) => None,
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
            Self::Silent | Self::Call(_) | Self::Shared(_) => std::future::pending().await,
        }
    }

    /// Keeps what was said, while the call has nothing to say.
    pub(crate) async fn linger(&self) {
        if let Self::Call(kept) = self
            && kept.begun.initialized()
            && let Err(error) = kept.ledger.keep().await
        {
            not_kept(&error);
        }
    }
}

impl Kept {
    async fn begin(&self) -> &Begun {
        let begin = || async {
            let Ledger { session, stream, .. } = &self.ledger;
            let reading = self.readers.enter(session, stream, self.reader.clone());
            // An id can be written as JSON.
            let request = serde_json::to_string(&self.request).unwrap_or_default();
            Begun { at: self.write(Entry::Begun(request)).await, reading }
        };
        self.begun.get_or_init(begin).await
    }

    /// Writes an entry; gives its name as an event, if it is kept already. While the store is away
    /// clients hear what is said, and may hear it again when they come back.
    async fn write(&self, entry: Entry) -> Option<String> {
        let at = self.ledger.write(entry).await?;
        Some(EventName { stream: self.ledger.stream.clone(), at, feed: None }.to_string())
    }
}

/// Messages are JSON, and so UTF-8.
fn text(message: &Bytes) -> String {
    String::from_utf8_lossy(message).into_owned()
}

#[cfg(test)]
mod tests {
    use ambient::{Entropy, Timestamp};
    use futures_util::FutureExt as _;
    use mcp_core::Principal;
    use shared::mcp::Revision;
    use store::{Line, Start, Store};

    use super::{
        super::{SessionLimits, Terms, streams::Followed},
        *,
    };

    struct Scene {
        clock: Clock,
        sessions: Sessions,
        session: Session,
        /// While it is set, nothing can be written.
        is_full: Arc<AtomicBool>,
    }

    async fn scene() -> Scene {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let is_full = Arc::new(AtomicBool::new(false));
        let line = Line::refusing(&clock, "append", &is_full);
        let store = Store::memory(clock.clone()).over_line(line);
        let sessions = Sessions::new(&store, &clock, SessionLimits::default(), "i");
        let nobody = Principal::anonymous();
        let terms = Terms { revision: Revision::V2025_11_25, ..Terms::none_yet() };
        let id = sessions.open(&nobody, terms, &Entropy::seeded(1)).await.unwrap();
        let session = sessions.find(id.as_str(), &nobody).await.unwrap().unwrap();
        Scene { clock, sessions, session, is_full }
    }

    impl Scene {
        /// A call whose client comes back to its stream, and the client's connection.
        fn call(&self) -> (Voice, Arc<Outbox>) {
            let outbox = Arc::<Outbox>::default();
            let id = RequestId::Number(1);
            let (one, reader) = (Arc::clone(&outbox), "r".to_owned());
            let voice = Voice::of_call(&self.sessions, &self.session, &id, one, reader);
            (voice, outbox)
        }

        fn shared(&self) -> Voice {
            Voice::shared(&self.sessions, &self.session.id, Some(&RequestId::Number(1)))
        }

        /// All that is kept of a stream.
        async fn kept(&self, stream: &StreamName) -> Vec<Entry> {
            let follower = self.sessions.streams().follow(&self.session.id, stream, Start::Oldest);
            let (mut follower, mut entries) = (follower.await.unwrap(), Vec::new());
            while let Some(heard) = follower.next().now_or_never() {
                match heard.unwrap().unwrap() {
                    Followed::Entry(_, entry) => entries.push(entry),
                    Followed::Gap => unreachable!("nothing was dropped"),
                }
            }
            entries
        }
    }

    fn said(text: &str) -> Entry {
        Entry::Said(text.to_owned())
    }

    #[tokio::test]
    async fn a_call_on_a_shared_stream_ends_once() {
        let scene = scene().await;
        let voice = scene.shared();
        for last in [Some(Bytes::from("answer")), Some(Bytes::from("too late")), None] {
            voice.conclude(last.as_ref()).await;
        }
        assert_eq!(scene.kept(&StreamName::sse()).await, [said("answer")]);
    }

    #[tokio::test]
    async fn an_end_that_could_not_be_kept_is_kept_when_the_call_ends_once_more() {
        let scene = scene().await;
        let voice = scene.shared();
        scene.is_full.store(true, Ordering::Relaxed);
        voice.conclude(Some(&Bytes::from("answer"))).await;
        assert!(scene.kept(&StreamName::sse()).await.is_empty());
        scene.is_full.store(false, Ordering::Relaxed);
        voice.conclude(None).await;
        assert_eq!(scene.kept(&StreamName::sse()).await, [said("answer")]);
    }

    #[tokio::test]
    async fn what_is_kept_can_be_heard_though_nobody_is_connected() {
        let scene = scene().await;
        let (voice, outbox) = scene.call();
        assert!(voice.say(Bytes::from("1")).await);
        outbox.close();
        assert!(voice.say(Bytes::from("2")).await);
        scene.is_full.store(true, Ordering::Relaxed);
        assert!(!voice.say(Bytes::from("3")).await, "nobody hears it now, and it may be lost");
    }

    #[tokio::test]
    async fn a_connection_is_let_go_only_if_the_client_can_come_back() {
        let scene = scene().await;
        scene.is_full.store(true, Ordering::Relaxed);
        let (voice, outbox) = scene.call();
        voice.let_go().await;
        assert!(outbox.next().now_or_never().is_none(), "it stays open");
        scene.is_full.store(false, Ordering::Relaxed);
        let (voice, outbox) = scene.call();
        voice.let_go().await;
        assert!(matches!(outbox.next().now_or_never(), Some(None)));
    }

    #[tokio::test]
    async fn what_was_said_is_kept_as_long_as_the_call_lingers() {
        let scene = scene().await;
        let (voice, _outbox) = scene.call();
        voice.say(Bytes::from("1")).await;
        let stream = StreamName::of_call(&RequestId::Number(1));
        let most = SessionLimits::default().idle.mul_f32(0.9);
        for _ in 0..3 {
            scene.clock.advance(most);
            voice.linger().await;
        }
        assert_eq!(scene.kept(&stream).await, [Entry::Begun("1".to_owned()), said("1")]);
        scene.clock.advance(most * 2);
        assert!(scene.kept(&stream).await.is_empty(), "and no longer");
    }
}
