//! The legacy side of the era seam: a question goes out on the stream of its call, the call waits,
//! and the answer comes back as a POST, to whichever instance.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ambient::{Clock, Entropy};
use bytes::Bytes;
use chassis::telemetry::context;
use futures_util::future::BoxFuture;
use mcp_core::flow::{AskError, Client, NoSteps, Peer, Steps};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::mcp::{
    ErrorCode, ErrorObject, InputRequest, Outgoing, RawJson, RequestId, ServerNotification,
};
use store::{Delivery, Record, Subscription};

use super::{SessionId, Sessions, voice::Voice};
use crate::{
    era::downgrade,
    http::to_bytes,
    operation::{self, Question},
    tasks::Answer,
};

/// How long a call waits for a person.
const PATIENCE: Duration = Duration::from_mins(10);

/// How long it may take to tell the client that a question needs no answer any more.
const HEARD: Duration = Duration::from_secs(5);

/// How often a call that waits looks for an answer of which it has not heard: messages may be lost
/// between the nodes of a cluster. Each question is a GET so often, and there are few.
const LOOK: Duration = Duration::from_secs(5);

/// A client with a session, as one call sees it.
pub(crate) struct Live {
    pub(crate) peer: Peer,
    pub(crate) session: SessionId,
    /// Whether the client had said that it is ready when the call came.
    pub(crate) initialized: bool,
    pub(crate) sessions: Sessions,
    pub(crate) voice: Arc<Voice>,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    /// The questions that were put and have no answer yet.
    pub(crate) open: Mutex<Vec<RequestId>>,
}

/// An answer of a client on its way to the call that asked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Delivered {
    id: RequestId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<RawJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject>,
    /// Where in a trace the answer came in, as `traceparent` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

impl Delivered {
    pub(super) fn new(id: RequestId, outcome: Result<RawJson, ErrorObject>) -> Self {
        let (result, error) = match outcome {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error)),
        };
        Self { id, result, error, place: context::traceparent() }
    }

    fn into_answer(self) -> Result<Value, AskError> {
        match (self.result, self.error) {
            (_, Some(error)) => Err(AskError::Refused(error)),
            (Some(result), None) => Ok(result.decode().unwrap_or(Value::Null)),
            (None, None) => Ok(Value::Null),
        }
    }

    pub(super) fn to_json(&self) -> String {
        // It was JSON when it came.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Kept under `mcp:answer:{sessionId}:{questionId}`.
impl Record for Delivered {
    const PREFIX: &'static str = "mcp:answer:";
}

/// What the ids of our questions begin with.
const QUESTION: &str = "ask-";

/// Whether a text is an id that we give to questions.
pub(super) fn is_question(text: &str) -> bool {
    text.strip_prefix(QUESTION).is_some_and(|rest| {
        rest.len() == 16 && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

impl Live {
    async fn put(&self, question: &InputRequest) -> Result<Value, AskError> {
        let revision = self.peer.profile.revision;
        let params = downgrade::question(question, revision);
        let answer = self.send(&self.question_id(), question.method(), params).await?;
        Ok(downgrade::answer(question, answer, revision))
    }

    /// Asks on behalf of a task (2025-11-25 basic/utilities/tasks), until nobody wants to know any
    /// more: then there is no answer, and the question is withdrawn.
    pub(crate) async fn ask_for_task(
        &self,
        task: &str,
        question: &InputRequest,
        settled: impl Future<Output = ()>,
    ) -> Option<Answer> {
        let mut params = downgrade::question(question, self.peer.profile.revision);
        params["_meta"]["io.modelcontextprotocol/related-task"] = json!({ "taskId": task });
        let id = self.question_id();
        tokio::select! {
            biased;
            answer = self.send(&id, question.method(), params) => Some(match answer {
                Ok(value) => Answer::Given(value),
                Err(AskError::Refused(error)) => Answer::Refused(error),
                Err(other) => {
                    Answer::Refused(ErrorObject::new(ErrorCode::INTERNAL_ERROR, other.to_string()))
                }
            }),
            () = settled => {
                self.withdraw(&id).await;
                None
            }
        }
    }

    /// Withdraws the questions that nobody waits for any more: those of a call that was cancelled or has
    /// run out of time, and those of an author who has asked and not waited.
    pub(crate) async fn withdraw_all(&self) {
        let open = std::mem::take(&mut *self.open());
        let all = async {
            for id in &open {
                self.withdraw(id).await;
            }
        };
        // A client that reads nothing need not be told, and the call has ended.
        if self.clock.timeout(HEARD, all).await.is_err() {
            tracing::debug!("a client does not hear that its answers are not needed any more");
        }
    }

    /// Whether there are such questions.
    pub(crate) fn has_open_questions(&self) -> bool {
        !self.open().is_empty()
    }

    /// Tells the client that a question needs no answer any more.
    async fn withdraw(&self, id: &RequestId) {
        self.close(id);
        self.voice.say(withdrawn(id)).await;
    }

    fn close(&self, id: &RequestId) {
        self.open().retain(|open| open != id);
    }

    fn open(&self) -> MutexGuard<'_, Vec<RequestId>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn question_id(&self) -> RequestId {
        RequestId::String(format!("{QUESTION}{}", self.entropy.hex::<8>()))
    }

    async fn send(
        &self,
        id: &RequestId,
        method: &'static str,
        mut params: Value,
    ) -> Result<Value, AskError> {
        if matches!(*self.voice, Voice::Silent) {
            return Err(AskError::NoStream);
        }
        self.client_is_ready().await?;
        operation::write_place(&mut params);
        operation::note_question(id);
        // Listening comes before asking: an answer cannot be faster than that.
        let answers = self.sessions.to_server(&self.session).await.map_err(|error| {
            tracing::error!(%error, "a question cannot be put");
            AskError::Disconnected
        })?;
        let message = to_bytes(&Outgoing::Request { id, method, params: &params });
        if !self.voice.say(message).await {
            return Err(AskError::Disconnected);
        }
        self.open().push(id.clone());
        let answer = tokio::select! {
            biased;
            answer = self.clock.timeout(PATIENCE, self.answer_to(id, answers)) => answer,
            () = self.voice.silenced() => Ok(Err(AskError::Disconnected)),
        };
        if let Ok(answer) = answer {
            self.close(id);
            return answer;
        }
        self.withdraw(id).await;
        Err(AskError::TimedOut)
    }

    /// Waits for `notifications/initialized`, before which a client should be asked nothing (2025-11-25
    /// basic/lifecycle), for a while. Calls may come before it: it is another POST, which may be slower.
    async fn client_is_ready(&self) -> Result<(), AskError> {
        if self.initialized {
            return Ok(());
        }
        match Box::pin(self.sessions.until_initialized(&self.session)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(AskError::Disconnected),
            Err(error) => {
                tracing::error!(%error, "a question cannot be put");
                Err(AskError::Disconnected)
            }
        }
    }

    /// Waits for the answer to one question among all that the client sends to the session.
    async fn answer_to(
        &self,
        id: &RequestId,
        mut answers: Subscription,
    ) -> Result<Value, AskError> {
        loop {
            let delivery = tokio::select! {
                biased;
                delivery = answers.next() => delivery.ok_or(AskError::Disconnected)?,
                () = self.clock.sleep(LOOK) => {
                    // The question itself may wait for the store.
                    self.voice.keep_what_waits().await;
                    Delivery::Gap
                }
            };
            let delivered = match delivery {
                Delivery::Message(text) => serde_json::from_str::<Delivered>(&text).ok(),
                // The answer may have been missed. If it cannot be looked for now, the next look
                // finds it.
                Delivery::Gap => self.sessions.delivered(&self.session, id).await.ok().flatten(),
            };
            if let Some(delivered) = delivered.filter(|delivered| delivered.id == *id) {
                let shown = "mcp:shttp:toserver: an answer";
                self.sessions.flow().fetched(shown, Some(id), Some(self.session.as_str()));
                let _seen =
                    operation::received("mcp:shttp:toserver", delivered.place.as_deref()).entered();
                return delivered.into_answer();
            }
        }
    }
}

/// Tells the client that a question needs no answer any more.
fn withdrawn(id: &RequestId) -> Bytes {
    let params = json!({ "requestId": id, "reason": "The server has stopped waiting" });
    to_bytes(&Outgoing::Notification { method: "notifications/cancelled", params: &params })
}

impl Client for Live {
    fn ask<'a>(
        &'a self,
        _key: &'a str,
        question: &'a InputRequest,
    ) -> BoxFuture<'a, Result<Value, AskError>> {
        let asked = Question {
            method: question.method(),
            session: &self.session,
            revision: self.peer.profile.revision,
        };
        Box::pin(operation::asking(asked, self.put(question)))
    }

    /// Nothing is remembered: the next question is put anew anyway.
    fn discard(&self, _key: &str) {}

    fn steps(&self) -> &dyn Steps {
        &NoSteps
    }

    fn notify(&self, note: ServerNotification) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.voice.say(operation::note_in_place(&note)).await;
        })
    }

    fn let_go(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.voice.let_go())
    }

    fn request<'a>(
        &'a self,
        method: &'static str,
        params: Value,
    ) -> BoxFuture<'a, Result<Value, AskError>> {
        Box::pin(async move { self.send(&self.question_id(), method, params).await })
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use ambient::Timestamp;
    use futures_util::FutureExt as _;
    use shared::mcp::{ClientCapabilities, ClientProfile, Revision};
    use store::{Line, Start, Store};
    use testkit::eventually;

    use super::*;
    use crate::{
        http::Outbox,
        session::{
            SessionLimits,
            streams::{Entry, Followed, StreamName},
        },
    };

    struct Scene {
        live: Arc<Live>,
        outbox: Arc<Outbox>,
        clock: Clock,
    }

    fn scene() -> Scene {
        let clock = Clock::manual(Timestamp::from_secs(0));
        let entropy = Entropy::seeded(1);
        let outbox = Arc::<Outbox>::default();
        let profile = ClientProfile {
            revision: Revision::V2025_11_25,
            capabilities: ClientCapabilities::default(),
            info: None,
        };
        let live = Live {
            peer: Peer { profile, progress_token: None, log_level: None },
            session: SessionId::random(&entropy),
            initialized: true,
            sessions: Sessions::new(
                &Store::memory(clock.clone()),
                &clock,
                SessionLimits::default(),
                "i",
            ),
            voice: Arc::new(Voice::Fleeting(Arc::clone(&outbox))),
            clock: clock.clone(),
            entropy,
            open: Mutex::default(),
        };
        Scene { live: Arc::new(live), outbox, clock }
    }

    async fn asked_id(outbox: &Outbox) -> RequestId {
        let message: Value = serde_json::from_slice(&outbox.next().await.unwrap().message).unwrap();
        assert_eq!(message["method"], "roots/list");
        serde_json::from_value(message["id"].clone()).unwrap()
    }

    #[tokio::test]
    async fn a_question_is_answered_by_its_own_answer_and_no_other() {
        let Scene { live, outbox, .. } = scene();
        let client = async {
            let id = asked_id(&outbox).await;
            let (sessions, session) = (&live.sessions, &live.session);
            let other = RequestId::String("ask-0000000000000000".to_owned());
            sessions.deliver(session, &other, Ok(RawJson::from(&json!(1)))).await.unwrap();
            sessions
                .deliver(session, &id, Ok(RawJson::from(&json!({ "roots": [] }))))
                .await
                .unwrap();
        };
        let (answer, ()) = tokio::join!(live.ask("roots", &InputRequest::Roots {}), client);
        assert_eq!(answer.unwrap(), json!({ "roots": [] }));
    }

    #[tokio::test]
    async fn an_answer_is_found_that_nobody_was_told_of() {
        let Scene { live, outbox, clock } = scene();
        let client = async {
            let id = asked_id(&outbox).await;
            let outcome = Ok(RawJson::from(&json!({ "roots": [] })));
            live.sessions.keep_answer(&live.session, &id, outcome).await.unwrap();
            clock.advance(LOOK);
        };
        let (answer, ()) = tokio::join!(live.ask("roots", &InputRequest::Roots {}), client);
        assert_eq!(answer.unwrap(), json!({ "roots": [] }));
    }

    #[tokio::test]
    async fn what_answers_no_question_of_ours_is_not_kept() {
        let Scene { live, .. } = scene();
        let (sessions, session) = (&live.sessions, &live.session);
        for id in ["", "ask-", "ask-0000", "ask-000000000000000G", "0000000000000000"] {
            let outcome = Ok(RawJson::from(&json!({})));
            let id = RequestId::String(id.to_owned());
            assert!(sessions.keep_answer(session, &id, outcome).await.unwrap().is_none(), "{id:?}");
        }
    }

    #[tokio::test]
    async fn a_question_that_could_not_be_kept_is_put_when_it_can() {
        let (Scene { live, clock, .. }, store_is_down) = (scene(), Arc::new(AtomicBool::new(true)));
        let refusing = Line::refusing(&clock, "append", &store_is_down);
        let store = Store::memory(clock.clone()).over_line(refusing);
        let sessions = Sessions::new(&store, &clock, SessionLimits::default(), "i");
        let (session, stream) = (live.session.clone(), StreamName::sse());
        let mut follower =
            sessions.streams().follow(&session, &stream, Start::Oldest).await.unwrap();
        let voice = Arc::new(Voice::shared(&sessions, &session, None));
        let Live { peer, clock, entropy, .. } = Arc::into_inner(live).unwrap();
        let open = Mutex::default();
        let live = Live { peer, session, initialized: true, sessions, voice, clock, entropy, open };
        let client = async {
            eventually(testkit::PATIENCE, async || live.has_open_questions().then_some(())).await;
            assert!(follower.next().now_or_never().is_none(), "the store did not take it");
            store_is_down.store(false, Ordering::Relaxed);
            live.clock.advance(LOOK);
            let heard = follower.next().await.unwrap().unwrap();
            let Followed::Entry(_, Entry::Said(text)) = heard else { unreachable!("{heard:?}") };
            let question: Value = serde_json::from_str(&text).unwrap();
            let id = serde_json::from_value(question["id"].clone()).unwrap();
            let outcome = Ok(RawJson::from(&json!({ "roots": [] })));
            live.sessions.deliver(&live.session, &id, outcome).await.unwrap();
        };
        let (answer, ()) = tokio::join!(live.ask("roots", &InputRequest::Roots {}), client);
        assert_eq!(answer.unwrap(), json!({ "roots": [] }));
    }

    #[tokio::test]
    async fn a_client_that_refuses_is_heard() {
        let Scene { live, outbox, .. } = scene();
        let client = async {
            let id = asked_id(&outbox).await;
            let error = ErrorObject::new(shared::mcp::ErrorCode(-1), "no");
            live.sessions.deliver(&live.session, &id, Err(error)).await.unwrap();
        };
        let (answer, ()) = tokio::join!(live.ask("roots", &InputRequest::Roots {}), client);
        assert!(matches!(answer, Err(AskError::Refused(error)) if error.message == "no"));
    }

    #[tokio::test]
    async fn patience_ends_and_the_question_is_withdrawn() {
        let Scene { live, outbox, clock } = scene();
        let client = async {
            asked_id(&outbox).await;
            clock.advance(PATIENCE);
            let message: Value =
                serde_json::from_slice(&outbox.next().await.unwrap().message).unwrap();
            assert_eq!(message["method"], "notifications/cancelled");
        };
        let (answer, ()) = tokio::join!(live.ask("roots", &InputRequest::Roots {}), client);
        assert!(matches!(answer, Err(AskError::TimedOut)));
    }

    #[tokio::test]
    async fn a_client_that_is_gone_cannot_be_asked() {
        let Scene { live, outbox, .. } = scene();
        let client = async {
            asked_id(&outbox).await;
            outbox.close();
        };
        let (answer, ()) = tokio::join!(live.ask("roots", &InputRequest::Roots {}), client);
        assert!(matches!(answer, Err(AskError::Disconnected)));
        assert!(live.ask("roots", &InputRequest::Roots {}).await.is_err());
    }
}
