//! The transport of 2024-11-05: `GET /sse` opens a session and its one stream, `POST /message` takes
//! what the client says, and every answer goes out on the stream, from whichever instance.
//!
//! A session of this transport is over when its stream is: its client cannot come back.

use axum::{
    Extension,
    extract::{Query, Request, State, rejection::QueryRejection},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use serde::Deserialize;
use shared::mcp::Message;
use store::EventId;

use super::{
    Entrance, Rejection, endpoint, guard,
    standalone::{Aside, stream_of},
};
use crate::{
    Server,
    auth::{self, Caller},
    era::{self, legacy},
    quota::Place,
    session::{
        SessionId, Terms, Transport,
        streams::{EventName, StreamName},
    },
};

/// Where clients of this transport send their messages.
pub(super) const MESSAGES: &str = "/message";

/// Opens a session and its stream. The first event says where to send messages.
pub(super) async fn get(
    State(server): State<Server>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Rejection> {
    let place = server.streams().enter(&caller)?;
    let id = server.sessions().open(&caller, Terms::none_yet(), server.entropy()).await?;
    let ends = EndsSession { server: server.clone(), id: id.clone(), _place: place };
    let session = server.sessions().find(id.as_str(), &caller).await?;
    let session = session.ok_or_else(Rejection::session_not_found)?;
    let begin = EventName { stream: StreamName::sse(), at: EventId::ZERO, feed: None };
    let name = server.entropy().hex::<8>();
    let mut aside = Aside::open(&server, &caller, session, name, Some(begin)).await?;
    aside.ends_with(Box::new(ends));
    aside.carries_calls();
    let first = format!("event: endpoint\ndata: {MESSAGES}?sessionId={id}\n\n");
    Ok(stream_of(aside, first.into()))
}

/// Where a message belongs.
#[derive(Deserialize)]
pub(super) struct Address {
    #[serde(rename = "sessionId")]
    session: String,
}

/// Takes a message; what answers it goes out on the stream of the session.
pub(super) async fn post(
    State(server): State<Server>,
    Extension(caller): Extension<Caller>,
    address: Result<Query<Address>, QueryRejection>,
    request: Request,
) -> Result<Response, Rejection> {
    let Ok(Query(address)) = address else {
        let message = "One `sessionId` must be in the query; open a session with GET /sse";
        return Err(Rejection::invalid_request(message));
    };
    guard::content_type(request.headers())?;
    let refused = |rejection| server.operations().refused(rejection, Transport::Sse);
    let message = Message::parse(endpoint::body(&server, request).await?);
    let message = message.map_err(|malformed| refused(malformed.into()))?;
    let session = server.sessions().find(&address.session, &caller).await?;
    let is_ours = |transport| matches!(transport, Transport::Sse | Transport::SseOpening);
    let session = session.filter(|session| is_ours(session.record.transport));
    let session = session.ok_or_else(|| match &message {
        Message::One(incoming) => {
            endpoint::not_served(&server, incoming, Rejection::session_not_found(), Transport::Sse)
        }
        Message::Batch(_) => refused(Rejection::session_not_found()),
    })?;
    match message {
        Message::One(incoming) => {
            auth::allow_messages(Entrance::Sse, &server, &caller, [&incoming])?;
            legacy::serve_shared(&server, caller.principal(), session, incoming).await?;
        }
        Message::Batch(items) => {
            let items = era::members(items).map_err(refused)?;
            if !session.record.revision.has_batches() {
                let message = "Batches exist in revision 2025-03-26 only";
                return Err(refused(Rejection::invalid_request(message)));
            }
            auth::allow_messages(Entrance::Sse, &server, &caller, &items)?;
            for incoming in items {
                let (principal, session) = (caller.principal(), session.clone());
                legacy::serve_shared(&server, principal, session, incoming).await?;
            }
        }
    }
    Ok((StatusCode::ACCEPTED, "Accepted").into_response())
}

/// Another verb at `/sse`. A POST is what clients of newer revisions try first: it tells them to fall
/// back.
pub(super) async fn only_get() -> Rejection {
    Rejection::method_not_allowed("GET")
}

/// Another verb at `/message`.
pub(super) async fn only_post() -> Rejection {
    Rejection::method_not_allowed("POST")
}

/// Ends a session when its stream is gone.
struct EndsSession {
    server: Server,
    id: SessionId,
    _place: Place,
}

impl Drop for EndsSession {
    fn drop(&mut self) {
        let (server, id) = (self.server.clone(), self.id.clone());
        self.server.lifecycle().spawn(async move {
            let ended = async {
                let record = server.sessions().record(&id).await?;
                server.sessions().end(&id).await?;
                // One that was too old is counted among those that have ended by themselves.
                if let Some(record) = record {
                    server.vitals().ended(&id).await;
                    server.metrics().session_ended("stream", &record, server.clock().now());
                }
                server.control().cancel(&id, None).await
            };
            if let Err(error) = ended.await {
                tracing::warn!(%error, "a session whose stream is gone ends by its lifetime");
            }
        });
    }
}
