//! `POST /introspect` (RFC 7662): the MCP server asks about a token.
//!
//! It must say who it is, and it learns only of tokens that are for it. Everything else is the same
//! `{"active": false}`: unknown, expired, revoked, forged, a refresh token, somebody else's.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use shared::oauth::{ActiveToken, IntrospectionRequest, IntrospectionResponse};
use store::StoreError;

use super::{
    answer,
    client_auth::{ClientAuth, ClientAuthError},
};
use crate::{
    AuthServer,
    domain::{AccessToken, Family, client_id},
};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error(transparent)]
    Client(#[from] ClientAuthError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        match self {
            Self::Client(error) => error.into_response(),
            Self::Store(error) => answer::store_failure(error),
        }
    }
}

pub(super) async fn post(
    State(server): State<AuthServer>,
    auth: ClientAuth<IntrospectionRequest>,
) -> Result<Response, RouteError> {
    let request = auth.resource_server(&server)?;
    let found = look_up(&server, request.token.expose()).await?;
    let response =
        found.map_or_else(IntrospectionResponse::inactive, IntrospectionResponse::active);
    Ok(answer::no_store(StatusCode::OK, response))
}

/// The token, if it is good.
async fn look_up(server: &AuthServer, token: &str) -> Result<Option<ActiveToken>, StoreError> {
    let Some(token) = AccessToken::parse(token) else { return Ok(None) };
    let tokens = &server.repo().tokens;
    let Some(record) = tokens.find_access(&token).await? else { return Ok(None) };
    // The only resource server that can ask is that of the known resources.
    let audience = &record.grant.resource;
    let is_for_caller = server.resources().audience(audience) == Some(audience.as_str());
    if record.expires_at <= server.now() || !is_for_caller {
        return Ok(None);
    }
    let client = &record.grant.client_id;
    let (family, is_gone) =
        tokio::join!(tokens.find_family(&record.family), is_gone(server, client));
    let is_alive = matches!(family?, Some(Family::Alive(_))) && !is_gone?;
    Ok(is_alive.then(|| record.describe(server.issuer())))
}

/// Whether the token's client has deleted itself. Most cannot, and are not asked for.
async fn is_gone(server: &AuthServer, client: &str) -> Result<bool, StoreError> {
    if !client_id::can_be_deleted(client) {
        return Ok(false);
    }
    Ok(server.repo().clients.find(client).await?.is_none())
}
