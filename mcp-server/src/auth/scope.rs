//! What an operation needs beyond a good token: 403 with everything it needs in one challenge, so
//! that a client asks its user once (2026-07-28 authorization, "Scope Challenge Handling").

use std::collections::BTreeSet;

use http::StatusCode;
use mcp_core::Principal;
use shared::{
    mcp::{ClientRequest, ErrorCode, Incoming, Method, Params},
    oauth::{BearerChallenge, Scope},
};

use crate::{
    Server,
    http::{Entrance, Rejection},
};

/// Lets the caller on if it has all of these scopes; else the refusal names them, together with
/// those that every request needs: a client that asks for less would come back with less.
pub(crate) fn allow(
    server: &Server,
    principal: &Principal,
    needed: &[String],
) -> Result<(), Rejection> {
    allow_at(Entrance::Endpoint, server, principal, needed)
}

fn allow_at(
    entrance: Entrance,
    server: &Server,
    principal: &Principal,
    needed: &[String],
) -> Result<(), Rejection> {
    let Some(lacking) = needed.iter().find(|scope| !principal.may(scope)) else { return Ok(()) };
    let always = server.auth().map(|auth| auth.required_scopes().iter().map(Scope::as_str));
    let all: BTreeSet<_> =
        always.into_iter().flatten().chain(needed.iter().map(String::as_str)).collect();
    let description = format!("This needs the scope {lacking}");
    let challenge = BearerChallenge {
        error: Some("insufficient_scope".to_owned()),
        error_description: Some(description.clone()),
        scope: Some(all.into_iter().collect::<Vec<_>>().join(" ")),
        resource_metadata: Some(entrance.metadata_url(server.config())),
    };
    let rejection = Rejection::new(StatusCode::FORBIDDEN, ErrorCode::INVALID_REQUEST, description);
    Err(rejection.challenged(&challenge))
}

/// The same for a message that has not been decoded yet. One that cannot be is let on: whoever
/// decodes it says what is wrong with it.
pub(crate) fn allow_message(
    server: &Server,
    principal: &Principal,
    method: &str,
    params: Option<&Params>,
) -> Result<(), Rejection> {
    allow(server, principal, &needed(server, method, params))
}

/// The same for everything that was sent at once, to any entrance: all of it, or nothing.
pub(crate) fn allow_messages<'a>(
    entrance: Entrance,
    server: &Server,
    principal: &Principal,
    messages: impl IntoIterator<Item = &'a Incoming>,
) -> Result<(), Rejection> {
    let needed = messages.into_iter().flat_map(|message| match message {
        Incoming::Request { method, params, .. } => needed(server, method, params.as_ref()),
        Incoming::Notification { .. } | Incoming::Response { .. } => Vec::new(),
    });
    allow_at(entrance, server, principal, &needed.collect::<Vec<_>>())
}

/// What a message needs.
fn needed(server: &Server, method: &str, params: Option<&Params>) -> Vec<String> {
    let Some(Method::CallTool) = Method::named(method) else { return Vec::new() };
    ClientRequest::decode(Method::CallTool, params)
        .map(|request| server.features().required_scopes(&request).to_vec())
        .unwrap_or_default()
}
