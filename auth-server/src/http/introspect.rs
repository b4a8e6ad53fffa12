//! `POST /introspect` (RFC 7662): the MCP server asks about a token.
//!
//! It must say who it is, and it learns only of tokens that are for it. Everything else is the same
//! `{"active": false}`: unknown, expired, revoked, forged, a refresh token, somebody else's.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use shared::oauth::{IntrospectionRequest, IntrospectionResponse};
use store::StoreError;

use super::{
    answer,
    client_auth::{ClientAuth, ClientAuthError},
};
use crate::{AuthServer, grants::good_token};

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
    let request = auth.resource_server(&server).await?;
    let found = good_token(&server, request.token.expose()).await;
    server.metrics().introspected(match &found {
        Ok(Some(_)) => "active",
        Ok(None) => "inactive",
        Err(_) => "error",
    });
    let described = found?.map(|record| record.describe(server.issuer().as_str()));
    let response =
        described.map_or_else(IntrospectionResponse::inactive, IntrospectionResponse::active);
    Ok(answer::no_store(StatusCode::OK, response))
}
