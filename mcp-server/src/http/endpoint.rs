//! `/mcp`: POST, GET and DELETE, told apart by era and handed on.

use axum::{
    BoxError, Extension,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use shared::mcp::{ErrorCode, Incoming, Message, headers};

use super::{Rejection, guard, resume, standalone};
use crate::{
    Server,
    auth::Caller,
    era::{self, Era, legacy, modern},
    operation::Asked,
    session::{
        Session, Transport,
        streams::{EventName, StreamName},
    },
};

/// The methods it has, as `Allow` names them.
pub(super) const METHODS: &str = "POST, GET, DELETE";

/// Every message of a client is a POST.
pub(super) async fn post(
    State(server): State<Server>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Rejection> {
    message(&server, caller, request).await
}

/// Answers a message of a caller.
pub(super) async fn message(
    server: &Server,
    caller: Caller,
    mut request: Request,
) -> Result<Response, Rejection> {
    let headers = std::mem::take(request.headers_mut());
    guard::content_type(&headers)?;
    let form = guard::accepted(&headers)?;
    let body = body(server, request).await?;
    let era = Message::parse(body).map_err(Rejection::from);
    let era = era.and_then(|message| Era::of(&headers, message));
    let refused = |rejection| server.operations().refused(rejection, Transport::Streamable);
    match era.map_err(refused)? {
        Era::Modern(envelope) => {
            let running = modern::serve(server, caller, Some(&headers), form, envelope)?;
            Ok(running.reply(server.clock()).await)
        }
        Era::ModernNotification(_) => Ok(StatusCode::ACCEPTED.into_response()),
        Era::Opening { id, params } => {
            let (params, transport) = (params.as_ref(), Transport::Streamable);
            let begun = server.operations().begin(Asked::initialize(&id, params, transport));
            let open = legacy::open(server, &caller, &id, params, transport);
            let opened = begun.watch(Box::pin(open)).await;
            let (answer, session) = opened.map_err(|error| Rejection::from(error).to(&id))?;
            let mut response = answer.into_response();
            // A session's name is visible ASCII by its making.
            if let Some(Ok(name)) = session.map(|id| HeaderValue::from_str(id.as_str())) {
                response.headers_mut().insert(headers::SESSION_ID, name);
            }
            Ok(response)
        }
        Era::Legacy(incoming) => {
            let session = session_of(server, &caller, &headers).await;
            let session =
                session.map_err(|why| not_served(server, &incoming, why, Transport::Streamable))?;
            let handled =
                legacy::serve(server, caller.principal(), session, form, incoming).await?;
            Ok(reply(server, handled).await)
        }
        Era::Batch(items) => {
            let session = session_of(server, &caller, &headers).await.map_err(refused)?;
            let principal = caller.principal();
            let handled = legacy::batch(server, &principal, &session, form, items);
            let handled = Box::pin(handled).await?;
            Ok(reply(server, handled).await)
        }
    }
}

/// Watches a message that was to belong to a session and is refused. An answer is no operation,
/// whatever becomes of it.
pub(super) fn not_served(
    server: &Server,
    incoming: &Incoming,
    rejection: Rejection,
    transport: Transport,
) -> Rejection {
    let (rejection, method, params) = match incoming {
        Incoming::Request { id, method, params } => (rejection.to(id), method, params),
        Incoming::Notification { method, params } => (rejection, method, params),
        Incoming::Response { .. } => return rejection,
    };
    let rejection = rejection.about(method.clone(), params.clone());
    server.operations().refused(rejection, transport)
}

/// A client of a session listens to what is not about one of its calls.
pub(super) async fn get(
    State(server): State<Server>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Rejection> {
    era::session_verb(&headers)?;
    let session = session_of(&server, &caller, &headers).await?;
    if !guard::accepts(&headers, guard::EVENT_STREAM) {
        let message = "Accept must include text/event-stream";
        return Err(Rejection::new(
            StatusCode::NOT_ACCEPTABLE,
            ErrorCode::INVALID_REQUEST,
            message,
        ));
    }
    match last_event(&headers)? {
        Some(last) if last.stream != StreamName::standalone() => {
            resume::resume(&server, &caller, session, last).await
        }
        last => standalone::listen(&server, &caller, session, last).await,
    }
}

/// The last event that a client had before it lost its stream.
fn last_event(headers: &HeaderMap) -> Result<Option<EventName>, Rejection> {
    let mut values = headers.get_all("last-event-id").iter();
    let Some(value) = values.next().filter(|value| !value.is_empty()) else { return Ok(None) };
    if values.next().is_some() {
        return Err(Rejection::invalid_request("Given more than once: Last-Event-ID"));
    }
    let name = value.to_str().ok().and_then(EventName::parse);
    let message = "Last-Event-ID is not the id of an event of this server";
    name.map(Some).ok_or_else(|| Rejection::invalid_request(message))
}

/// A client ends its session.
pub(super) async fn delete(
    State(server): State<Server>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<StatusCode, Rejection> {
    era::session_verb(&headers)?;
    let session = session_of(&server, &caller, &headers).await?;
    server.sessions().end(&session.id).await?;
    server.control().cancel(&session.id, None).await?;
    server.vitals().ended(&session.id).await;
    server.metrics().session_ended("delete", &session.record, server.clock().now());
    Ok(StatusCode::NO_CONTENT)
}

/// Verbs that no revision has.
pub(super) async fn other() -> Rejection {
    Rejection::method_not_allowed(METHODS)
}

/// The session that a message belongs to, if it is the caller's.
async fn session_of(
    server: &Server,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Session, Rejection> {
    let mut names = headers.get_all(headers::SESSION_ID).iter();
    let Some(name) = names.next() else {
        let message = "Missing header: Mcp-Session-Id; open a session with `initialize`";
        return Err(Rejection::invalid_request(message));
    };
    // Of two, nobody can tell which one a proxy has acted on.
    if names.next().is_some() {
        return Err(Rejection::invalid_request("Given more than once: Mcp-Session-Id"));
    }
    let found = match name.to_str() {
        Ok(name) => server.sessions().find(name, caller).await?,
        Err(_) => None,
    };
    let found = found.filter(|session| session.record.transport == Transport::Streamable);
    found.ok_or_else(Rejection::session_not_found)
}

/// The whole body. Mostly it is one piece, which is taken as it is.
pub(super) async fn body(server: &Server, request: Request) -> Result<Bytes, Rejection> {
    let mut body = Limited::new(request.into_body(), server.config().max_body);
    let Some(first) = body.frame().await else { return Ok(Bytes::new()) };
    let first = first.map_err(|error| unread(&error))?.into_data().unwrap_or_default();
    if body.is_end_stream() {
        return Ok(first);
    }
    let rest = body.collect().await.map_err(|error| unread(&error))?.aggregate();
    let length = first.len() + rest.remaining();
    Ok(first.chain(rest).copy_to_bytes(length))
}

/// Why a body was not read to its end.
fn unread(error: &BoxError) -> Rejection {
    if error.is::<LengthLimitError>() {
        let message = "The body is too large; see MAX_BODY_BYTES";
        return Rejection::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::INVALID_REQUEST, message);
    }
    Rejection::invalid_request("The body could not be read to its end")
}

async fn reply(server: &Server, handled: legacy::Handled) -> Response {
    match handled {
        legacy::Handled::Accepted => StatusCode::ACCEPTED.into_response(),
        legacy::Handled::Running(running) => running.reply(server.clock()).await,
    }
}
