//! The era of 2026-07-28: every request stands for itself.
//!
//! `_meta` says who speaks and what it can do; headers repeat what proxies need to see. A question
//! is not a message to the client but an answer, `input_required`, and the client calls again.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode};
use mcp_core::{
    Call, Principal, Refusal,
    flow::{Journal, NoteSink, Outcome, Peer, Replay},
};
use shared::mcp::{
    CacheHint, CacheScope, ClientProfile, ClientRequest, DiscoverResult, ErrorCode, ErrorObject,
    Head, InputRequiredResult, ListenFilter, ListenParams, Method, Outgoing, RawJson, RequestId,
    ResultType, Revision, ServerNotification, ServerResult, headers,
};
use tokio_util::sync::CancellationToken;

use super::{
    Envelope,
    exchange::{self, Exchange},
    refusal,
};
use crate::{
    Server,
    http::{
        Answer, Form, Outbox, Rejection, Running, SERVED, error_message, note_message, to_bytes,
    },
    subscriptions::{self, MOST_WATCHED},
};

/// Lists are the same for everybody and change only with a new version of the server.
const LIST_HINT: CacheHint = CacheHint { ttl_ms: 60_000, cache_scope: CacheScope::Public };

/// What a resource says may be meant for one caller, and may be different the next moment.
const READ_HINT: CacheHint = CacheHint { ttl_ms: 0, cache_scope: CacheScope::Private };

/// Serves one request as far as it is known whether the answer is JSON or a stream.
pub(crate) fn serve(
    server: &Server,
    principal: Arc<Principal>,
    headers: &HeaderMap,
    form: Form,
    envelope: Envelope,
) -> Result<Running, Rejection> {
    let id = envelope.id.clone();
    prepare(server, principal, headers, form, envelope).map_err(|rejection| rejection.to(&id))
}

fn prepare(
    server: &Server,
    principal: Arc<Principal>,
    headers: &HeaderMap,
    form: Form,
    envelope: Envelope,
) -> Result<Running, Rejection> {
    mirrored_method(headers, &envelope.method)?;
    let offered = |method: &Method| {
        method.exists_in(envelope.revision)
            && (*method == Method::Discover || server.features().offers(*method))
    };
    let Some(method) = Method::named(&envelope.method).filter(offered) else {
        let (status, error) = refusal::method_not_found(envelope.revision);
        return Err(Rejection::new(status, error.code, error.message));
    };
    mirrored_name(headers, method, envelope.params.as_ref())?;
    let outbox = Arc::<Outbox>::default();
    let decoded = ClientRequest::decode(method, envelope.params.as_ref());
    let call: BoxFuture<'static, Answer> = match decoded {
        Err(malformed) => {
            let error = ErrorObject::new(ErrorCode::INVALID_PARAMS, malformed.to_string());
            Box::pin(std::future::ready(Answer::ok(error_message(Some(&envelope.id), &error))))
        }
        Ok(ClientRequest::Discover) => {
            let result = discover(server);
            Box::pin(std::future::ready(answer(server, &envelope.id, result)))
        }
        Ok(ClientRequest::Listen(params)) => {
            listenable(form, &params)?;
            let wanted = params.notifications;
            Box::pin(listen(server.clone(), envelope.id, wanted, Arc::clone(&outbox)))
        }
        Ok(request) => {
            mirrored_params(server, headers, &request)?;
            Box::pin(run(server.clone(), principal, envelope, request, Arc::clone(&outbox)))
        }
    };
    Ok(Running::new(call, outbox, form))
}

/// `Mcp-Method` repeats the method, byte for byte.
fn mirrored_method(headers: &HeaderMap, method: &str) -> Result<(), Rejection> {
    match headers.get(headers::METHOD) {
        None => Err(Rejection::header_mismatch("Missing header: Mcp-Method")),
        Some(value) if value.as_bytes() == method.as_bytes() => Ok(()),
        Some(_) => Err(Rejection::header_mismatch("Mcp-Method differs from `method`")),
    }
}

/// `Mcp-Name` repeats the name of a tool or prompt, or the address of a resource.
fn mirrored_name(
    headers: &HeaderMap,
    method: Method,
    params: Option<&RawJson>,
) -> Result<(), Rejection> {
    let Some(member) = method.named_member() else { return Ok(()) };
    let named = params.and_then(|params| params.decode::<Named>().ok());
    let in_body = named.and_then(|named| if member == "uri" { named.uri } else { named.name });
    // Without the member the parameters are wrong, which says more than a missing header.
    let Some(in_body) = in_body else { return Ok(()) };
    let Some(value) = headers.get(headers::NAME) else {
        return Err(Rejection::header_mismatch("Missing header: Mcp-Name"));
    };
    if mirrors(value, &in_body) {
        Ok(())
    } else {
        Err(Rejection::header_mismatch(format!("Mcp-Name differs from `{member}`")))
    }
}

#[derive(serde::Deserialize)]
struct Named {
    name: Option<String>,
    uri: Option<String>,
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
    let arguments = call.arguments.as_ref().and_then(|arguments| arguments.decode().ok());
    let arguments: serde_json::Value = arguments.unwrap_or_default();
    for param in marked {
        let name = format!("{}{}", headers::PARAM_PREFIX, param.header.to_ascii_lowercase());
        let in_header = headers.get(&name);
        let matches = match (in_header, param.value_in(&arguments)) {
            (None, None) => true,
            (Some(value), Some(expected)) => {
                mirrors(value, &expected) || same_integer(value, &expected)
            }
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

/// Whole numbers are compared as numbers: `42.0` is `42`.
fn same_integer(value: &HeaderValue, expected: &str) -> bool {
    let Ok(expected) = expected.parse::<i64>() else { return false };
    let Ok(value) = value.to_str() else { return false };
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    fraction.bytes().all(|digit| digit == b'0') && whole.parse() == Ok(expected)
}

/// A subscription is a stream, and watches no more than it may.
fn listenable(form: Form, params: &ListenParams) -> Result<(), Rejection> {
    if form == Form::Json {
        let message = "Accept must include text/event-stream";
        let (status, code) = (StatusCode::NOT_ACCEPTABLE, ErrorCode::INVALID_REQUEST);
        return Err(Rejection::new(status, code, message));
    }
    if params.notifications.resource_subscriptions.len() > MOST_WATCHED {
        let message = format!("A subscription may watch {MOST_WATCHED} resources");
        return Err(Rejection::invalid_meta(message));
    }
    Ok(())
}

async fn listen(
    server: Server,
    id: RequestId,
    wanted: ListenFilter,
    outbox: Arc<Outbox>,
) -> Answer {
    match subscriptions::listen(&server, &id, wanted, outbox).await {
        Ok(result) => answer(&server, &id, result),
        Err(error) => {
            tracing::error!(%error, "a subscription could not begin");
            let message = "The subscription could not begin";
            failed(&id, &ErrorObject::new(ErrorCode::INTERNAL_ERROR, message))
        }
    }
}

fn discover(server: &Server) -> ServerResult {
    ServerResult::Discover(DiscoverResult {
        head: Head::default(),
        supported_versions: SERVED.to_vec(),
        capabilities: server.features().capabilities(Revision::V2026_07_28),
        instructions: server.features().instructions().map(str::to_owned),
        cache: None,
    })
}

/// Runs a call to its end or to its next question.
async fn run(
    server: Server,
    principal: Arc<Principal>,
    envelope: Envelope,
    mut request: ClientRequest,
    outbox: Arc<Outbox>,
) -> Answer {
    let Envelope { id, meta, revision, capabilities, .. } = envelope;
    let mut journal = Journal::default();
    let mut exchange = None;
    if let Some((parts, answers, state)) = exchange::parts(&mut request) {
        match parts.resume(&server, &principal, answers, state) {
            Ok(resumed) => journal = resumed,
            Err(error) => return Answer::ok(error_message(Some(&id), &error)),
        }
        exchange = Some(parts);
    }
    let profile = ClientProfile { revision, capabilities, info: meta.client_info };
    let peer = Peer { profile, progress_token: meta.progress_token, log_level: meta.log_level };
    let replay = Replay::new(journal, peer, Arc::new(Sink(outbox)));
    let cancelled = CancellationToken::new();
    let _cancel_when_dropped = cancelled.clone().drop_guard();
    let call = Call {
        client: replay.clone(),
        principal: Arc::clone(&principal),
        clock: server.clock().clone(),
        entropy: server.entropy().clone(),
        cancelled,
        changes: Arc::new(server.feed().clone()),
    };
    let work = replay.drive(server.features().dispatch(request, call));
    let Ok(outcome) = server.clock().timeout(crate::CALL_LIMIT, work).await else {
        return failed(&id, &timed_out());
    };
    match outcome {
        Outcome::Complete(Ok(result)) => answer(&server, &id, result),
        Outcome::Complete(Err(refusal)) => refused(&id, refusal, revision),
        Outcome::InputRequired { questions, journal } => {
            let state = exchange.map(|parts: Exchange| parts.suspend(&server, &principal, journal));
            match state.transpose() {
                Ok(request_state) => {
                    let head = Head::default();
                    let asked =
                        InputRequiredResult { head, input_requests: questions, request_state };
                    answer(&server, &id, ServerResult::InputRequired(asked))
                }
                Err(error) => failed(&id, &error),
            }
        }
    }
}

/// A result with what every modern result carries.
fn answer(server: &Server, id: &RequestId, mut result: ServerResult) -> Answer {
    let reads = matches!(result, ServerResult::ReadResource(_));
    if let Some(cache) = result.cache_mut() {
        cache.get_or_insert(if reads { READ_HINT } else { LIST_HINT });
    }
    let asks = matches!(result, ServerResult::InputRequired(_));
    let head = result.head_mut();
    head.result_type = Some(if asks { ResultType::InputRequired } else { ResultType::Complete });
    head.meta.server_info = Some(Arc::clone(server.features().implementation()));
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
            self.0.say(note_message(&note)).await;
        })
    }
}

#[cfg(test)]
mod tests {
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
    fn whole_numbers_are_compared_as_numbers() {
        assert!(same_integer(&value("42.0"), "42"));
        assert!(same_integer(&value("042"), "42"));
        assert!(!same_integer(&value("42.5"), "42"));
        assert!(!same_integer(&value("x"), "x"));
    }
}
