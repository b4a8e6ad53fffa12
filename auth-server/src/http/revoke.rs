//! `POST /revoke` (RFC 7009): a client gives a token back. A refresh token ends everything that came
//! of its login, an access token only itself.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;
use shared::oauth::{ErrorCode, RevocationRequest};
use store::StoreError;

use super::{
    answer::{self, OAuthError},
    client_auth::{ClientAuth, ClientAuthError},
};
use crate::{
    AuthServer,
    audit::{Event, Line},
    domain::{Client, Family, IssuedToken, RefreshToken},
};

/// Why nothing is revoked.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error(transparent)]
    Client(#[from] ClientAuthError),
    #[error("the token was issued to another client")]
    Foreign,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        match self {
            Self::Client(error) => error.into_response(),
            Self::Store(error) => answer::store_failure(error),
            // RFC 7009 section 2.1: refused, and the client is told. Who holds a token learns
            // nothing by that.
            Self::Foreign => {
                tracing::warn!(reason = %self, "revocation refused");
                OAuthError::new(ErrorCode::InvalidGrant, self.to_string()).into()
            }
        }
    }
}

/// 200 also for what is unknown: it is as the client wants it, gone (RFC 7009 section 2.2).
pub(super) async fn post(
    State(server): State<AuthServer>,
    auth: ClientAuth<RevocationRequest>,
) -> Result<Response, RouteError> {
    let (client, request) = auth.client(&server).await?;
    let text = request.token.expose();
    if let Some(token) = IssuedToken::parse(text) {
        revoke_access(&server, &client, &token).await?;
    } else if let Some(token) = RefreshToken::parse(text) {
        revoke_refresh(&server, &client, &token).await?;
    }
    server.metrics().revoked();
    Ok(answer::no_store(StatusCode::OK, json!({})))
}

async fn revoke_access(
    server: &AuthServer,
    client: &Client,
    token: &IssuedToken,
) -> Result<(), RouteError> {
    let tokens = &server.repo().tokens;
    match tokens.find_access(token).await? {
        None => Ok(()),
        Some(record) if record.grant.client_id != client.id => {
            let line = Event::ForeignToken.line().client(&client.id).login(&record.family);
            line.about(&record.id).subject(&record.grant.user.sub).write();
            Err(RouteError::Foreign)
        }
        Some(record) => {
            tokens.remove_access(token).await?;
            let line = Event::TokenRevoked.line().client(&client.id).login(&record.family);
            line.about(&record.id).subject(&record.grant.user.sub).write();
            Ok(())
        }
    }
}

async fn revoke_refresh(
    server: &AuthServer,
    client: &Client,
    token: &RefreshToken,
) -> Result<(), RouteError> {
    let tokens = &server.repo().tokens;
    match tokens.find_refresh(token).await? {
        None => Ok(()),
        Some(record) if record.client_id != client.id => {
            let family = tokens.find_family(&record.family).await?;
            let line = Event::ForeignToken.line().client(&client.id).login(&record.family);
            family.iter().filter_map(Family::user).fold(line, Line::subject).write();
            Err(RouteError::Foreign)
        }
        Some(record) => {
            tokens.revoke_family(&record.family, server.lifetimes().family).await?;
            Event::TokenRevoked.line().client(&client.id).login(&record.family).write();
            Ok(())
        }
    }
}
