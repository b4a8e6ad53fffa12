//! The era of 2026-07-28: every request stands for itself.
//!
//! `_meta` says who speaks and what it can do; headers repeat what proxies need to see. A question
//! is not a message to the client but an answer, `input_required`, and the client calls again.

use std::{borrow::Cow, sync::Arc};

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode};
use mcp_core::{
    Call, Principal, Refusal,
    flow::{Client, Journal, NoteSink, Outcome, Peer, Replay},
};
use serde_json::Value;
use shared::mcp::{
    CacheHint, CacheScope, ClientCapabilities, ClientProfile, ClientRequest, DiscoverResult,
    ErrorCode, ErrorObject, Head, InputRequiredResult, ListenParams, MalformedParams, Method,
    Outgoing, Params, RawJson, RequestId, ResultType, Revision, ServerNotification, ServerResult,
    TASKS_EXTENSION, TaskBody, TaskResult, TaskSupport, headers,
};
use tokio_util::sync::CancellationToken;

use super::{
    Envelope,
    exchange::{self, Exchange},
    refusal, tasks,
};
use crate::{
    Server,
    auth::{self, Caller},
    http::{
        Answer, Form, LastWords, Outbox, Rejection, Requests, Running, SERVED, Said, error_message,
        to_bytes,
    },
    operation::{self, Asked},
    session::Transport,
    subscriptions::{self, MOST_FOLLOWED, MOST_WATCHED, Wanted},
    tasks::{Starter, Starting},
};

/// Lists are the same for everybody and change only with a new version of the server.
const LIST_HINT: CacheHint = CacheHint { ttl_ms: 60_000, cache_scope: CacheScope::Public };

/// What a resource says may be meant for one caller, and may be different the next moment.
const READ_HINT: CacheHint = CacheHint { ttl_ms: 0, cache_scope: CacheScope::Private };

/// Serves one request as far as it is known whether the answer is JSON or a stream. A transport that
/// has no headers has none to compare.
pub(crate) fn serve(
    server: &Server,
    caller: Caller,
    headers: Option<&HeaderMap>,
    form: Form,
    envelope: Box<Envelope>,
) -> Result<Running, Rejection> {
    let id = envelope.id.clone();
    prepare(server, caller, headers, form, envelope).map_err(|rejection| rejection.to(&id))
}

fn prepare(
    server: &Server,
    caller: Caller,
    headers: Option<&HeaderMap>,
    form: Form,
    envelope: Box<Envelope>,
) -> Result<Running, Rejection> {
    let begun = server.operations().begin(Asked {
        id: Some(&envelope.id),
        method: &envelope.method,
        params: envelope.params.as_ref(),
        revision: Some(envelope.revision),
        session: None,
        transport: headers.map_or(Transport::Stdio, |_| Transport::Streamable),
    });
    match call_of(server, caller, headers, form, envelope) {
        Ok(Prepared { call, outbox, last_words, lasts }) => {
            let running = Running::new(begun.watch(call), outbox, form).or(last_words);
            Ok(if lasts { running.lasting() } else { running })
        }
        Err(rejection) => {
            begun.refuse(rejection.error(), rejection.is_callers_fault());
            Err(rejection)
        }
    }
}

/// A call that is about to begin.
struct Prepared {
    call: BoxFuture<'static, Answer>,
    outbox: Arc<Outbox>,
    last_words: LastWords,
    lasts: bool,
}

fn call_of(
    server: &Server,
    caller: Caller,
    headers: Option<&HeaderMap>,
    form: Form,
    envelope: Box<Envelope>,
) -> Result<Prepared, Rejection> {
    headers.map_or(Ok(()), |headers| mirrored_method(headers, &envelope.method))?;
    let offered = |method: &Method| {
        method.exists_in(envelope.revision)
            && (*method == Method::Discover || server.features().offers(*method))
    };
    let Some(method) = Method::named(&envelope.method).filter(offered) else {
        let (status, error) = refusal::method_not_found(envelope.revision);
        return Err(Rejection::new(status, error.code, error.message));
    };
    let lasts = method == Method::Listen;
    let last_words = LastWords::new(server.lifecycle(), Requests::One(envelope.id.clone()));
    let decoded = decode(headers, method, &envelope)?;
    let outbox = Arc::<Outbox>::default();
    let call: BoxFuture<'static, Answer> = match decoded {
        Err(malformed) => {
            let error = ErrorObject::new(ErrorCode::INVALID_PARAMS, malformed.to_string());
            Box::pin(async move { Answer::ok(error_message(Some(&envelope.id), &error)) })
        }
        Ok(ClientRequest::Discover) => {
            let server = server.clone();
            let revisions: &[_] = if headers.is_some() { &SERVED } else { &Revision::ALL };
            Box::pin(async move { answer(&server, &envelope.id, discover(&server, revisions)) })
        }
        Ok(ClientRequest::Listen(params)) => {
            listenable(form, &params, &envelope)?;
            let Envelope { id, capabilities, .. } = *envelope;
            let wanted = Wanted { filter: params.notifications, capabilities };
            subscription(server, caller, id, wanted, Arc::clone(&outbox))?
        }
        Ok(
            request @ (ClientRequest::GetTask(_)
            | ClientRequest::UpdateTask(_)
            | ClientRequest::CancelTask(_)),
        ) => Box::pin(of_task(server.clone(), caller.principal(), envelope, request)),
        Ok(request) => {
            auth::allow(server, &caller, server.features().required_scopes(&request))?;
            headers.map_or(Ok(()), |headers| mirrored_params(server, headers, &request))?;
            Box::pin(run(
                server.clone(),
                caller.principal(),
                envelope,
                request,
                Arc::clone(&outbox),
            ))
        }
    };
    Ok(Prepared { call, outbox, last_words, lasts })
}

/// Reads the parameters. What is wrong with them counts for less than a header that names something
/// else, and what a task is like is nobody's business who cannot follow one.
fn decode(
    headers: Option<&HeaderMap>,
    method: Method,
    envelope: &Envelope,
) -> Result<Result<ClientRequest, MalformedParams>, Rejection> {
    let params = envelope.params.as_ref();
    let decoded = ClientRequest::decode(method, params);
    if let Some(headers) = headers {
        mirrored_name(headers, method, &decoded, params)?;
    }
    if method.is_of_tasks() {
        follows_tasks(envelope)?;
    }
    Ok(decoded)
}

/// `Mcp-Method` repeats the method, byte for byte.
fn mirrored_method(headers: &HeaderMap, method: &str) -> Result<(), Rejection> {
    match sole(headers, headers::METHOD)? {
        None => Err(Rejection::header_mismatch("Missing header: Mcp-Method")),
        Some(value) if value.as_bytes() == method.as_bytes() => Ok(()),
        Some(_) => Err(Rejection::header_mismatch("Mcp-Method differs from `method`")),
    }
}

/// `Mcp-Name` repeats the name of a tool or prompt, or the address of a resource. It is compared
/// with what will be used: a second reading of the body could read something else. Where nothing
/// will be used, because something else is wrong, it is compared with what the body says.
fn mirrored_name(
    headers: &HeaderMap,
    method: Method,
    decoded: &Result<ClientRequest, MalformedParams>,
    params: Option<&Params>,
) -> Result<(), Rejection> {
    let Some(member) = method.named_by() else { return Ok(()) };
    let in_body = match decoded {
        Ok(request) => request.name().map(Cow::Borrowed),
        Err(_) => params.and_then(|params| method.name_in(params)).map(Cow::Owned),
    };
    let Some(in_body) = in_body else { return Ok(()) };
    match sole(headers, headers::NAME)? {
        None => Err(Rejection::header_mismatch("Missing header: Mcp-Name")),
        Some(value) if mirrors(value, &in_body) => Ok(()),
        Some(_) => Err(Rejection::header_mismatch(format!("Mcp-Name differs from `{member}`"))),
    }
}

/// The one value of a header. Of two, nobody can tell which one a proxy has acted on.
fn sole<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>, Rejection> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Rejection::header_mismatch(format!("Given more than once: {name}")));
    }
    Ok(first)
}

/// `Mcp-Param-*` repeat the arguments that a tool's schema marks for it.
fn mirrored_params(
    server: &Server,
    headers: &HeaderMap,
    request: &ClientRequest,
) -> Result<(), Rejection> {
    let ClientRequest::CallTool(call) = request else { return Ok(()) };
    let marked = server.features().mirrored_params(&call.name);
    if marked.is_empty() {
        return Ok(());
    }
    // A tool can be called with arguments that cannot be looked at, such as numbers beyond all bounds.
    let arguments = call.arguments.as_ref().map(RawJson::decode::<Value>).transpose();
    let arguments = arguments.map_err(|error| {
        let message = format!("`arguments` cannot be read: {error}");
        Rejection::new(StatusCode::BAD_REQUEST, ErrorCode::INVALID_PARAMS, message)
    })?;
    let arguments = arguments.unwrap_or_default();
    for param in marked {
        let name = format!("{}{}", headers::PARAM_PREFIX, param.header.to_ascii_lowercase());
        let matches = match (sole(headers, &name)?, param.value_in(&arguments)) {
            (None, None) => true,
            (Some(value), Some(argument)) => repeats(value, argument),
            _ => false,
        };
        if !matches {
            return Err(Rejection::header_mismatch(format!(
                "Mcp-Param-{} does not repeat the argument that it stands for",
                param.header
            )));
        }
    }
    Ok(())
}

/// Whether a header holds a text, in the encoding of the specification.
fn mirrors(value: &HeaderValue, text: &str) -> bool {
    let plain = value.to_str().map(|value| value.trim_matches([' ', '\t']));
    plain.is_ok_and(|value| headers::decode_value(value).is_ok_and(|decoded| decoded == text))
}

/// Whether a header holds an argument. Texts are compared as they are, whole numbers as numbers:
/// `42.0` is `42`.
fn repeats(value: &HeaderValue, argument: &Value) -> bool {
    match argument {
        Value::String(text) => mirrors(value, text),
        Value::Number(number) => {
            let number = number.to_string();
            let in_header = value.to_str().ok().and_then(integer);
            mirrors(value, &number) || in_header.is_some_and(|i| integer(&number) == Some(i))
        }
        other => mirrors(value, &other.to_string()),
    }
}

fn integer(text: &str) -> Option<i64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    fraction.bytes().all(|digit| digit == b'0').then(|| whole.parse().ok()).flatten()
}

/// A subscription is a stream, and watches no more than it may.
fn listenable(form: Form, params: &ListenParams, envelope: &Envelope) -> Result<(), Rejection> {
    if form == Form::Json {
        let message = "Accept must include text/event-stream";
        let (status, code) = (StatusCode::NOT_ACCEPTABLE, ErrorCode::INVALID_REQUEST);
        return Err(Rejection::new(status, code, message));
    }
    let wanted = &params.notifications;
    if wanted.resource_subscriptions.len() > MOST_WATCHED {
        let message = format!("A subscription may watch {MOST_WATCHED} resources");
        return Err(Rejection::invalid_params(message));
    }
    if wanted.task_ids.len() > MOST_FOLLOWED {
        let message = format!("A subscription may follow {MOST_FOLLOWED} tasks");
        return Err(Rejection::invalid_params(message));
    }
    // Before a task is looked for, as with the methods of tasks.
    if wanted.task_ids.is_empty() { Ok(()) } else { follows_tasks(envelope) }
}

/// Whether the client has declared on this request that it can follow tasks.
fn follows_tasks(envelope: &Envelope) -> Result<(), Rejection> {
    if envelope.capabilities.has_extension(TASKS_EXTENSION) {
        return Ok(());
    }
    let needed = Box::new(ClientCapabilities::of_extension(TASKS_EXTENSION));
    let (status, error) = refusal::error(Refusal::MissingCapability(needed), envelope.revision);
    Err(Rejection::of(status, error))
}

/// A subscription, if there is room for one more.
fn subscription(
    server: &Server,
    caller: Caller,
    id: RequestId,
    wanted: Wanted,
    outbox: Arc<Outbox>,
) -> Result<BoxFuture<'static, Answer>, Rejection> {
    let place = server.streams().enter(&caller)?;
    let call = listen(server.clone(), caller, id, wanted, outbox);
    Ok(Box::pin(async move {
        let _place = place;
        call.await
    }))
}

async fn listen(
    server: Server,
    caller: Caller,
    id: RequestId,
    wanted: Wanted,
    outbox: Arc<Outbox>,
) -> Answer {
    match subscriptions::listen(&server, &caller, &id, wanted, outbox).await {
        Ok(result) => answer(&server, &id, result),
        Err(error) => {
            tracing::error!(%error, "a subscription could not begin");
            let message = "The subscription could not begin";
            failed(&id, &ErrorObject::new(ErrorCode::INTERNAL_ERROR, message))
        }
    }
}

fn discover(server: &Server, revisions: &[Revision]) -> ServerResult {
    ServerResult::Discover(DiscoverResult {
        head: Head::default(),
        supported_versions: revisions.to_vec(),
        capabilities: server.features().capabilities(Revision::V2026_07_28),
        instructions: server.features().instructions().map(str::to_owned),
        cache: None,
    })
}

/// Runs a call to its end or to its next question.
async fn run(
    server: Server,
    principal: Arc<Principal>,
    envelope: Box<Envelope>,
    mut request: ClientRequest,
    outbox: Arc<Outbox>,
) -> Answer {
    let becomes_task = task_support(&server, &envelope.capabilities, &request);
    match (Round::begin(server, principal, envelope, &mut request, outbox), becomes_task) {
        // In a box: it is large, and most calls cannot become a task.
        (Ok(round), Some(support)) => Box::pin(round.run_or_become_task(request, support)).await,
        (Ok(round), None) => round.run(request).await,
        (Err(refused), _) => refused,
    }
}

/// One round of a call: from a request to its answer.
struct Round {
    server: Server,
    principal: Arc<Principal>,
    id: RequestId,
    revision: Revision,
    exchange: Option<Exchange>,
    replay: Arc<Replay>,
}

/// How a round has ended, if it did so in time.
type Ended = Result<Outcome<Result<ServerResult, Refusal>>, ambient::Elapsed>;

impl Round {
    fn begin(
        server: Server,
        principal: Arc<Principal>,
        envelope: Box<Envelope>,
        request: &mut ClientRequest,
        outbox: Arc<Outbox>,
    ) -> Result<Self, Answer> {
        let Envelope { id, meta, revision, capabilities, .. } = *envelope;
        let mut journal = Journal::default();
        let mut exchange = None;
        if let Some((parts, answers, state)) = exchange::parts(request) {
            match parts.resume(&server, &principal, answers, state) {
                Ok(resumed) => journal = resumed,
                Err(error) => return Err(Answer::ok(error_message(Some(&id), &error))),
            }
            exchange = Some(parts);
        }
        let profile = ClientProfile { revision, capabilities, info: meta.client_info };
        let peer = Peer { profile, progress_token: meta.progress_token, log_level: meta.log_level };
        let replay = Replay::new(journal, peer, Arc::new(Sink(outbox)));
        Ok(Self { server, principal, id, revision, exchange, replay })
    }

    fn call(&self, client: Arc<dyn Client>, cancelled: CancellationToken) -> Call {
        Call {
            client,
            principal: Arc::clone(&self.principal),
            clock: self.server.clock().clone(),
            entropy: self.server.entropy().clone(),
            cancelled,
            changes: self.server.changes(),
            lent: self.server.lent(None),
        }
    }

    async fn run(self, request: ClientRequest) -> Answer {
        let cancelled = CancellationToken::new();
        let _cancel_when_dropped = cancelled.clone().drop_guard();
        let call = self.call(self.replay.clone(), cancelled);
        let work = self.replay.drive(self.server.features().dispatch(request, call));
        let ended = self.server.clock().timeout(crate::CALL_LIMIT, work).await;
        self.finish(ended)
    }

    /// The same for a call that may be answered before its end, with a task.
    async fn run_or_become_task(self, request: ClientRequest, support: TaskSupport) -> Answer {
        let cancelled = CancellationToken::new();
        let cancel_when_dropped = cancelled.clone().drop_guard();
        let starter = Starter {
            tasks: self.server.tasks().clone(),
            principal: Arc::clone(&self.principal),
            is_needed: support == TaskSupport::Required,
        };
        let starting = Arc::new(Starting::new(self.replay.clone(), starter));
        let call = self.call(starting.clone(), cancelled);
        let mut work = self.server.features().dispatch(request, call);
        let round = self.replay.drive(&mut work);
        let ended = tokio::select! {
            biased;
            ended = self.server.clock().timeout(crate::CALL_LIMIT, round) => Some(ended),
            () = starting.begun() => None,
        };
        let Some((task, record)) = starting.task() else {
            return match ended {
                Some(ended) => self.finish(ended),
                None => failed(&self.id, &timed_out()),
            };
        };
        let cancelled = cancel_when_dropped.disarm();
        if let Some(Ok(Outcome::Complete(done))) = ended {
            // It has ended in the same breath.
            let outcome = tasks::outcome(done, self.revision);
            tasks::conclude(&self.server, task, outcome).await;
        } else {
            tasks::run_on(&self.server, task.clone(), self.revision, work, cancelled);
        }
        answer(&self.server, &self.id, tasks::created(task, record))
    }

    fn finish(self, ended: Ended) -> Answer {
        let Self { server, principal, id, revision, exchange, .. } = self;
        let Ok(outcome) = ended else {
            return failed(&id, &timed_out());
        };
        let (questions, journal) = match outcome {
            Outcome::Complete(Ok(result)) => return answer(&server, &id, result),
            Outcome::Complete(Err(refusal)) => return refused(&id, refusal, revision),
            Outcome::InputRequired { questions, journal } => (questions, journal),
        };
        let state = exchange.map(|parts| parts.suspend(&server, &principal, journal));
        match state.transpose() {
            Ok(request_state) => {
                let head = Head::default();
                let asked = InputRequiredResult { head, input_requests: questions, request_state };
                answer(&server, &id, ServerResult::InputRequired(asked))
            }
            Err(error) => failed(&id, &error),
        }
    }
}

/// Answers what is asked about a task.
async fn of_task(
    server: Server,
    principal: Arc<Principal>,
    envelope: Box<Envelope>,
    request: ClientRequest,
) -> Answer {
    let Envelope { id, revision, capabilities, .. } = *envelope;
    match tasks::modern(&server, &principal, revision, &capabilities, &request).await {
        Ok(result) => answer(&server, &id, result),
        Err(refusal) => refused(&id, refusal, revision),
    }
}

/// Whether a call may or must go on as a task: the client can follow one, and the tool says so.
fn task_support(
    server: &Server,
    capabilities: &ClientCapabilities,
    request: &ClientRequest,
) -> Option<TaskSupport> {
    let ClientRequest::CallTool(call) = request else { return None };
    let follows = capabilities.has_extension(TASKS_EXTENSION);
    server.features().task_support(&call.name).filter(|_| follows)
}

/// A result with what every modern result carries.
fn answer(server: &Server, id: &RequestId, mut result: ServerResult) -> Answer {
    let reads = matches!(result, ServerResult::ReadResource(_));
    if let Some(cache) = result.cache_mut() {
        cache.get_or_insert(if reads { READ_HINT } else { LIST_HINT });
    }
    let result_type = match &result {
        ServerResult::InputRequired(_) => ResultType::InputRequired,
        ServerResult::Task(TaskResult { body: TaskBody::Created(_), .. }) => ResultType::Task,
        _ => ResultType::Complete,
    };
    let head = result.head_mut();
    head.result_type = Some(result_type);
    head.meta.server_info = Some(Arc::clone(server.features().implementation()));
    operation::note_result(&result);
    Answer::ok(to_bytes(&Outgoing::Result { id, result: &result }))
}

fn refused(id: &RequestId, refusal: Refusal, revision: Revision) -> Answer {
    let (status, error) = refusal::error(refusal, revision);
    Answer::Message(status, error_message(Some(id), &error))
}

fn failed(id: &RequestId, error: &ErrorObject) -> Answer {
    Answer::Message(StatusCode::OK, error_message(Some(id), error))
}

/// The work took longer than any call may.
pub(super) fn timed_out() -> ErrorObject {
    ErrorObject::new(ErrorCode::INTERNAL_ERROR, "The call took too long and was ended")
}

/// Notifications of a call go out on its own stream.
struct Sink(Arc<Outbox>);

impl NoteSink for Sink {
    fn send(&self, note: ServerNotification) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.0.say(Said { id: None, message: operation::note_in_place(&note) }).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &'static str) -> HeaderValue {
        HeaderValue::from_static(text)
    }

    #[test]
    fn a_header_mirrors_a_text_in_its_encoding_and_without_outer_space() {
        assert!(mirrors(&value("Hello"), "Hello"));
        assert!(mirrors(&value("=?base64?SGVsbG8=?="), "Hello"));
        assert!(mirrors(&value("  Hello  "), "Hello"));
        assert!(!mirrors(&value("hello"), "Hello"));
        assert!(!mirrors(&value("=?base64?SGVsbG8?="), "Hello"));
    }

    #[test]
    fn any_name_in_a_header_is_let_through_for_its_body_and_for_no_other() {
        type Tried = (String, String, Vec<u8>);
        bolero::check!().with_iterations(2000).with_type::<Tried>().for_each(|tried| {
            let (text, other, bytes) = tried;
            let header = HeaderValue::from_str(&headers::encode_value(text)).unwrap();
            assert!(mirrors(&header, text), "{header:?}");
            assert_eq!(mirrors(&header, other), text == other, "{header:?}");
            // Of any other header, at most one text is let through.
            let Ok(any) = HeaderValue::from_bytes(bytes) else { return };
            assert!(!(mirrors(&any, text) && mirrors(&any, other)) || text == other, "{any:?}");
        });
    }

    #[test]
    fn whole_numbers_are_compared_as_numbers() {
        assert!(repeats(&value("42.0"), &json!(42)));
        assert!(repeats(&value("042"), &json!(42)));
        assert!(repeats(&value("42"), &json!(42.0)));
        assert!(!repeats(&value("42.5"), &json!(42)));
        assert!(!repeats(&value("42.0"), &json!("42")));
        assert!(!repeats(&value("x"), &json!(42)));
    }
}
