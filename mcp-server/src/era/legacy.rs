//! The era of sessions: `initialize`, then messages that belong to it, then `DELETE`.
//!
//! A client that goes away does not cancel its call: the call runs on, as a tracked task, until it
//! is done or cancelled by a notification.

mod one_stream;

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use chassis::Lifecycle;
use futures_util::future::{BoxFuture, join_all};
use http::StatusCode;
use mcp_core::{Call, Principal, flow::Peer};
use serde_json::Value;
use shared::mcp::{
    CancelledParams, ClientRequest, EmptyResult, ErrorCode, ErrorObject, Head, Incoming,
    InitializeResult, Method, Outgoing, Params, RequestId, RequestMeta, Revision, ServerResult,
};

use store::StoreError;
use tokio_util::sync::CancellationToken;

pub(crate) use self::one_stream::serve_shared;
use super::{
    downgrade,
    modern::timed_out,
    refusal, tasks,
    wants::{Wants, lists_tasks, wants},
};
use crate::{
    Server, auth,
    http::{
        Answer, Entrance, Form, LastWords, Outbox, Rejection, Requests, Resumable, Running, Said,
        array, error_message, to_bytes,
    },
    operation::{self, Asked},
    session::{
        OpenError, Session, SessionId, SessionRecord, Terms, Transport, WatchError, live::Live,
        voice::Voice,
    },
    subscriptions::{LONGEST_WATCHED, is_watchable},
};

/// How much a client may say of itself, in bytes of `initialize`. It is kept as long as the session
/// and copied into each of its calls.
const MOST_SAID: usize = 64 * 1024;

/// Opens a session; gives the answer and the session's name.
pub(crate) async fn open(
    server: &Server,
    principal: &Principal,
    id: &RequestId,
    params: Option<&Params>,
    transport: Transport,
) -> Result<(Answer, Option<SessionId>), OpenError> {
    let terms = match terms(id, params, transport) {
        Ok(terms) => terms,
        Err(refused) => return Ok((Answer::ok(refused), None)),
    };
    let revision = terms.revision;
    let session = server.sessions().open(principal, terms, server.entropy()).await?;
    server.metrics().session_opened(revision.as_str());
    server.vitals().opened(&session).await;
    Ok((Answer::ok(initialized(server, id, revision, transport)), Some(session)))
}

/// What a client wants of a session, or the error that answers it.
fn terms(id: &RequestId, params: Option<&Params>, transport: Transport) -> Result<Terms, Bytes> {
    let refused = |message: String| {
        error_message(Some(id), &ErrorObject::new(ErrorCode::INVALID_PARAMS, message))
    };
    if params.is_some_and(|params| params.size() > MOST_SAID) {
        return Err(refused(format!("`initialize` may have {MOST_SAID} bytes of parameters")));
    }
    match ClientRequest::decode(Method::Initialize, params) {
        Ok(ClientRequest::Initialize(params)) => {
            let revision = negotiate(&params.protocol_version);
            Ok(Terms::new(revision, *params, transport))
        }
        Ok(_) => Err(refused("`initialize` expected".to_owned())),
        Err(malformed) => Err(refused(malformed.to_string())),
    }
}

/// The answer to `initialize`.
fn initialized(server: &Server, id: &RequestId, revision: Revision, transport: Transport) -> Bytes {
    operation::note_agreed(revision);
    let features = server.features();
    let mut capabilities = features.capabilities(revision);
    if let Some(Value::Object(tasks)) = &mut capabilities.tasks
        && !lists_tasks(server, transport)
    {
        tasks.shift_remove("list");
    }
    let result = ServerResult::Initialize(InitializeResult {
        head: Head::default(),
        protocol_version: revision,
        capabilities,
        server_info: Arc::clone(features.implementation()),
        instructions: features.instructions().map(str::to_owned),
    });
    answer(id, result, revision)
}

/// The requested revision if it has sessions, the newest that has otherwise. Clients that ask for
/// 2024-11-05 over this newer transport exist, and what they ask for can be given.
fn negotiate(requested: &str) -> Revision {
    let known = requested.parse::<Revision>().ok();
    known
        .filter(|revision| revision.era() == shared::mcp::Era::Legacy)
        .unwrap_or(Revision::LATEST_LEGACY)
}

/// What becomes of a message within a session.
pub(crate) enum Handled {
    /// Nothing to say: 202.
    Accepted,
    /// A call.
    Running(Running),
}

/// Handles one message.
pub(crate) async fn serve(
    server: &Server,
    principal: Arc<Principal>,
    session: Session,
    form: Form,
    incoming: Incoming,
) -> Result<Handled, Rejection> {
    match incoming {
        Incoming::Request { id, method, params } => {
            auth::allow_message(server, &principal, &method, params.as_ref())
                .map_err(|rejection| rejection.to(&id))?;
            let outbox = Arc::<Outbox>::default();
            let voice = Arc::new(voice(server, &session, &id, form, &outbox));
            let is_primed = session.record.revision.has_stream_polling();
            let asked = Requests::One(id.clone());
            let request = Request { id, method, params };
            let call = request.call(server.clone(), principal, session, Arc::clone(&voice));
            let running =
                running(server, call, outbox, form).or(LastWords::new(server.lifecycle(), asked));
            let (lifecycle, entropy) = (server.lifecycle().clone(), server.entropy().clone());
            let resumable = Resumable { voice, is_primed, lifecycle, entropy };
            Ok(Handled::Running(running.resumable(resumable)))
        }
        Incoming::Notification { method, params } => {
            // In boxes, these two: what they need would be carried by every call.
            Box::pin(notified(server, &session, &method, params.as_ref())).await?;
            Ok(Handled::Accepted)
        }
        Incoming::Response { id, outcome } => {
            Box::pin(server.sessions().deliver(&session.id, &id, outcome)).await?;
            Ok(Handled::Accepted)
        }
    }
}

/// How a call speaks: a client that reads one object only hears nothing but the answer.
fn voice(
    server: &Server,
    session: &Session,
    id: &RequestId,
    form: Form,
    outbox: &Arc<Outbox>,
) -> Voice {
    let outbox = Arc::clone(outbox);
    match form {
        _ if session.record.transport == Transport::Stdio => Voice::Fleeting(outbox),
        Form::Json => Voice::Silent,
        Form::Either | Form::Stream => {
            let reader = server.entropy().hex::<8>();
            Voice::of_call(server.sessions(), session, id, outbox, reader)
        }
    }
}

/// Handles several messages of revision 2025-03-26; their answers come as one array.
pub(crate) async fn batch(
    server: &Server,
    principal: &Arc<Principal>,
    session: &Session,
    form: Form,
    items: Vec<Incoming>,
) -> Result<Handled, Rejection> {
    if !session.record.revision.has_batches() {
        return Err(Rejection::invalid_request("Batches exist in revision 2025-03-26 only"));
    }
    auth::allow_messages(Entrance::Endpoint, server, principal, &items)?;
    let outbox = Arc::<Outbox>::default();
    let (mut calls, mut asked) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Incoming::Request { id, method, params } => {
                asked.push(id.clone());
                let request = Request { id, method, params };
                let (server, principal) = (server.clone(), Arc::clone(principal));
                let voice = Arc::new(match form {
                    Form::Json => Voice::Silent,
                    Form::Either | Form::Stream => Voice::Fleeting(Arc::clone(&outbox)),
                });
                calls.push(request.call(server, principal, session.clone(), voice));
            }
            Incoming::Notification { method, params } => {
                notified(server, session, &method, params.as_ref()).await?;
            }
            Incoming::Response { id, outcome } => {
                server.sessions().deliver(&session.id, &id, outcome).await?;
            }
        }
    }
    if calls.is_empty() {
        return Ok(Handled::Accepted);
    }
    let call = Box::pin(async { all(&join_all(calls).await) });
    let last_words = LastWords::new(server.lifecycle(), Requests::Batch(asked));
    Ok(Handled::Running(running(server, call, outbox, form).or(last_words)))
}

/// The answers of a batch as one.
fn all(answers: &[Answer]) -> Answer {
    let messages = answers.iter().filter_map(|answer| match answer {
        Answer::Message(_, message) | Answer::Last(Said { message, .. }) => Some(message),
        Answer::Nothing => None,
    });
    let messages: Vec<_> = messages.collect();
    if messages.is_empty() { Answer::Nothing } else { Answer::ok(array(&messages)) }
}

async fn notified(
    server: &Server,
    session: &Session,
    method: &str,
    params: Option<&Params>,
) -> Result<(), StoreError> {
    let begun = server.operations().begin(Asked {
        id: None,
        method,
        params,
        revision: Some(session.record.revision),
        session: Some(&session.id),
        transport: session.record.transport,
    });
    let taking = async move {
        // Others tell nothing that is kept: roots that have changed, progress.
        if method == "notifications/initialized" {
            server.sessions().initialized(session).await?;
        }
        if method == "notifications/cancelled"
            && let Some(Ok(cancelled)) = params.map(Params::decode::<CancelledParams>)
            && let Some(id) = cancelled.request_id
        {
            tracing::debug!(reason = cancelled.reason.as_deref(), "a client cancels its request");
            server.control().cancel(&session.id, Some(id)).await?;
        }
        operation::note_taken();
        Ok(())
    };
    begun.watch(Box::pin(taking)).await
}

fn running(
    server: &Server,
    call: BoxFuture<'static, Answer>,
    outbox: Arc<Outbox>,
    form: Form,
) -> Running {
    let call = Detaching { call: Some(call), lifecycle: server.lifecycle().clone() };
    Running::new(Box::pin(call), outbox, form)
}

/// A call that is not cancelled by a client that goes away: dropped before its end, it moves into
/// a task. A call that ends in time never needs one.
struct Detaching {
    call: Option<BoxFuture<'static, Answer>>,
    lifecycle: Lifecycle,
}

impl Future for Detaching {
    type Output = Answer;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let Some(call) = &mut self.call else { return Poll::Ready(Answer::Nothing) };
        let answer = std::task::ready!(call.as_mut().poll(cx));
        self.call = None;
        Poll::Ready(answer)
    }
}

impl Drop for Detaching {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            self.lifecycle.spawn(chassis::RequestId::keep(async move {
                call.await;
            }));
        }
    }
}

/// A request within a session.
struct Request {
    id: RequestId,
    method: String,
    params: Option<Params>,
}

impl Request {
    fn call(
        self,
        server: Server,
        principal: Arc<Principal>,
        session: Session,
        voice: Arc<Voice>,
    ) -> BoxFuture<'static, Answer> {
        let begun = server.operations().begin(Asked {
            id: Some(&self.id),
            method: &self.method,
            params: self.params.as_ref(),
            revision: Some(session.record.revision),
            session: Some(&session.id),
            transport: session.record.transport,
        });
        begun.watch(Box::pin(async move {
            let revision = session.record.revision;
            let ran = self.run(&server, principal, &session, &voice).await;
            let (status, message) = match ran {
                Ok(Some(result)) => (StatusCode::OK, answer(&self.id, result, revision)),
                Ok(None) => {
                    voice.conclude(None).await;
                    voice.catch_up_beside(&server);
                    return Answer::Nothing;
                }
                Err(Failed { status, error }) => (status, error_message(Some(&self.id), &error)),
            };
            let concluded = voice.conclude(Some(&message)).await;
            voice.catch_up_beside(&server);
            match concluded {
                Some(id) => Answer::Last(Said { id: Some(id), message }),
                None => Answer::Message(status, message),
            }
        }))
    }

    /// The result, or nothing if the call was cancelled.
    async fn run(
        &self,
        server: &Server,
        principal: Arc<Principal>,
        session: &Session,
        voice: &Arc<Voice>,
    ) -> Result<Option<ServerResult>, Failed> {
        let revision = session.record.revision;
        let not_found = || refusal::method_not_found(revision).1;
        let method = Method::named(&self.method)
            .filter(|method| method.exists_in(revision) && *method != Method::Initialize)
            .ok_or_else(not_found)?;
        let request = ClientRequest::decode(method, self.params.as_ref()).map_err(|malformed| {
            ErrorObject::new(ErrorCode::INVALID_PARAMS, malformed.to_string())
        })?;
        match request {
            ClientRequest::Ping => return Ok(Some(empty())),
            ClientRequest::SetLevel(params) if server.features().offers(method) => {
                Box::pin(server.sessions().set_level(&session.id, params.level)).await?;
                return Ok(Some(empty()));
            }
            _ if !server.features().offers(method) => return Err(not_found().into()),
            ClientRequest::ListTasks(_) if !lists_tasks(server, session.record.transport) => {
                return Err(not_found().into());
            }
            ClientRequest::Subscribe(params) => {
                return Box::pin(watch(server, session, params.uri, true)).await.map(Some);
            }
            ClientRequest::Unsubscribe(params) => {
                return Box::pin(watch(server, session, params.uri, false)).await.map(Some);
            }
            _ => {}
        }
        Ok(self.dispatch(request, server, principal, session, voice).await?)
    }

    async fn dispatch(
        &self,
        request: ClientRequest,
        server: &Server,
        principal: Arc<Principal>,
        session: &Session,
        voice: &Arc<Voice>,
    ) -> Result<Option<ServerResult>, ErrorObject> {
        let registered = server
            .calls()
            .register(&session.id, &self.id)
            .map_err(|refused| ErrorObject::new(ErrorCode::INVALID_REQUEST, refused.reason()))?;
        let progress_token = RequestMeta::progress_token(self.params.as_ref())
            .map_err(|wrong| ErrorObject::new(ErrorCode::INVALID_PARAMS, wrong.to_string()))?;
        let record = &session.record;
        let peer = Peer { profile: record.profile(), progress_token, log_level: record.level };
        let live = Arc::new(Live {
            peer,
            session: session.id.clone(),
            initialized: record.initialized,
            sessions: server.sessions().clone(),
            voice: Arc::clone(voice),
            clock: server.clock().clone(),
            entropy: server.entropy().clone(),
            open: Mutex::default(),
        });
        let asked = Arc::clone(&live);
        let work = work(server, principal, record, live, (request, registered.token()))?;
        let counted = server.vitals().used(&session.id);
        let work = async { tokio::join!(counted, work).1 };
        let done = tokio::select! {
            biased;
            done = server.clock().timeout(crate::CALL_LIMIT, work) => {
                done.unwrap_or_else(|_| Err(timed_out())).map(Some)
            }
            () = registered.token().cancelled() => Ok(None),
            never = lingering(server, session, voice) => match never {},
        };
        if asked.has_open_questions() {
            Box::pin(asked.withdraw_all()).await;
        }
        done
    }
}

/// What answers a request, and has not begun yet.
fn work<'a>(
    server: &'a Server,
    principal: Arc<Principal>,
    record: &'a SessionRecord,
    live: Arc<Live>,
    (request, cancelled): (ClientRequest, &CancellationToken),
) -> Result<BoxFuture<'a, Result<ServerResult, ErrorObject>>, ErrorObject> {
    Ok(match wants(server, record, &request)? {
        Wants::Task(ttl) => {
            Box::pin(
                async move { tasks::start_core(server, &principal, request, &live, ttl).await },
            )
        }
        Wants::OfTask => {
            Box::pin(async move { tasks::core(server, &principal, &live, &request).await })
        }
        Wants::Answer => {
            let lent = server.lent(Some(&live.session));
            let call = Call {
                client: live,
                principal,
                clock: server.clock().clone(),
                entropy: server.entropy().clone(),
                cancelled: cancelled.clone(),
                changes: server.changes(),
                lent,
            };
            let work = server.features().dispatch(request, call);
            let refused = |refused| refusal::error(refused, record.revision).1;
            Box::pin(async move { work.await.map_err(refused) })
        }
    })
}

/// Keeps the session of a call, and what the call has said, while it goes on without a word: a client
/// that waits for its answer, or for a person who is asked, sends nothing meanwhile.
async fn lingering(server: &Server, session: &Session, voice: &Voice) -> std::convert::Infallible {
    loop {
        server.clock().sleep(server.vitals().stays_every()).await;
        Box::pin(async {
            voice.linger().await;
            match server.sessions().keep(session).await {
                Ok(true) => server.vitals().stays(&session.id).await,
                // It has ended, and the call with it.
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the session of a call could not be kept"),
            }
        })
        .await;
    }
}

/// Begins or ends to watch a resource.
async fn watch(
    server: &Server,
    session: &Session,
    uri: String,
    wanted: bool,
) -> Result<ServerResult, Failed> {
    if !is_watchable(&uri) {
        let message =
            format!("What is watched has an absolute URI of up to {LONGEST_WATCHED} bytes");
        return Err(ErrorObject::new(ErrorCode::INVALID_PARAMS, message).into());
    }
    match server.sessions().watch(&session.id, uri, wanted).await {
        Ok(()) => Ok(empty()),
        Err(WatchError::TooMany) => {
            let message = "The session watches as many resources as it may";
            Err(ErrorObject::new(ErrorCode::INVALID_PARAMS, message).into())
        }
        Err(WatchError::Store(error)) => Err(error.into()),
    }
}

/// Why a request has no result.
struct Failed {
    /// The status, where the answer has one of its own.
    status: StatusCode,
    error: ErrorObject,
}

impl From<ErrorObject> for Failed {
    fn from(error: ErrorObject) -> Self {
        Self { status: StatusCode::OK, error }
    }
}

/// Half of it may have been done: what is asked for here can be asked for again.
impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        let error = Rejection::from(error).error().clone();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, error }
    }
}

/// The answer to `ping` where there is no session yet (2025-11-25 basic/lifecycle).
pub(crate) fn pong(id: &RequestId) -> Bytes {
    answer(id, empty(), Revision::LATEST_LEGACY)
}

fn empty() -> ServerResult {
    ServerResult::Empty(EmptyResult::default())
}

fn answer(id: &RequestId, result: ServerResult, revision: Revision) -> Bytes {
    operation::note_result(&result);
    let result = downgrade::result(result, revision);
    to_bytes(&Outgoing::Result { id, result: &result })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_speaks_the_requested_revision_if_it_can() {
        let cases = [
            ("2025-11-25", Revision::V2025_11_25),
            ("2025-03-26", Revision::V2025_03_26),
            ("2024-11-05", Revision::V2024_11_05),
            ("2026-07-28", Revision::V2025_11_25),
            ("1.0", Revision::V2025_11_25),
        ];
        for (requested, expected) in cases {
            assert_eq!(negotiate(requested), expected, "{requested}");
        }
    }

    #[test]
    fn answers_of_a_batch_are_one_array_without_the_cancelled() {
        let answers = vec![Answer::ok("1".into()), Answer::Nothing, Answer::ok("2".into())];
        assert!(matches!(all(&answers), Answer::Message(_, message) if message == "[1,2]"));
        assert!(matches!(all(&[Answer::Nothing]), Answer::Nothing));
    }
}
