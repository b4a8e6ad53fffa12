//! Sessions whose answers all go out on one stream (2024-11-05), whichever instance a message reaches.

use std::sync::Arc;

use bytes::Bytes;
use mcp_core::Principal;
use shared::mcp::{ErrorCode, ErrorObject, Incoming, Params, RequestId};
use store::StoreError;
use tokio::sync::oneshot;

use super::{Request, initialized, notified, terms};
use crate::{
    Server,
    http::{LastWords, Requests, error_message},
    operation::Asked,
    session::{Session, SessionId, Transport, voice::Voice},
};

/// Handles one message of a session whose answers all go out on its one stream (2024-11-05).
pub(crate) async fn serve_shared(
    server: &Server,
    principal: Arc<Principal>,
    session: Session,
    incoming: Incoming,
) -> Result<(), StoreError> {
    let voice = |call| Arc::new(Voice::shared(server.sessions(), &session.id, call));
    match incoming {
        Incoming::Request { id, method, params } if method == "initialize" => {
            let asked = Asked::initialize(&id, params.as_ref(), Transport::Sse);
            let begun = server.operations().begin(asked);
            let agreed = begun.watch(Box::pin(agree(server, &session.id, &id, params.as_ref())));
            let (message, voice) = (agreed.await?, voice(None));
            voice.conclude(Some(&message)).await;
            voice.catch_up_beside(server);
        }
        Incoming::Request { id, method, .. }
            if session.record.transport == Transport::SseOpening && method != "ping" =>
        {
            let voice = voice(None);
            voice.conclude(Some(&out_of_turn(&id, "The session begins with `initialize`"))).await;
            voice.catch_up_beside(server);
        }
        Incoming::Request { id, method, params } => {
            let voice = voice(Some(&id));
            let last_words = LastWords::new(server.lifecycle(), Requests::One(id.clone()));
            let request = Request { id, method, params };
            let call = request.call(server.clone(), principal, session, Arc::clone(&voice));
            // What the stream knows of has to end: whether the client waits here or not.
            let (told, known) = oneshot::channel();
            server.lifecycle().spawn(chassis::RequestId::keep(async move {
                voice.opening().await;
                // Nobody waits for it if the client has gone.
                let _ = told.send(());
                tokio::select! {
                    biased;
                    _ = call => {}
                    answer = last_words.spoken() => {
                        voice.conclude(answer.into_message().as_ref()).await;
                    }
                }
            }));
            // Before the message is accepted: if this instance dies, the stream knows what is lost.
            // Nothing is told at a hard stop only.
            let _ = known.await;
        }
        Incoming::Notification { method, params } => {
            notified(server, &session, &method, params.as_ref()).await?;
        }
        Incoming::Response { id, outcome } => {
            server.sessions().deliver(&session.id, &id, outcome).await?;
        }
    }
    Ok(())
}

/// The answer to `initialize` in a session that a stream has opened.
async fn agree(
    server: &Server,
    session: &SessionId,
    id: &RequestId,
    params: Option<&Params>,
) -> Result<Bytes, StoreError> {
    Ok(match terms(id, params, Transport::Sse) {
        Err(refused) => refused,
        Ok(terms) if server.sessions().agree(session, &terms).await? => {
            server.metrics().session_opened(terms.revision.as_str());
            initialized(server, id, terms.revision, Transport::Sse)
        }
        Ok(_) => out_of_turn(id, "The session is initialized already"),
    })
}

fn out_of_turn(id: &RequestId, message: &str) -> Bytes {
    error_message(Some(id), &ErrorObject::new(ErrorCode::INVALID_REQUEST, message))
}
