//! `POST /par` (RFC 9126): a client hands in an authorization request itself, and sends the browser
//! with its name. Nobody on the way can read or change it.

use std::collections::BTreeMap;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use shared::oauth::ErrorCode;

use super::{
    answer::{self, OAuthError},
    authorization_request::{self, AuthorizationRequestError, PREFIX},
    client_auth::{ClientAuth, ClientAuthError},
    params::Params,
    proof::{self, ProofError},
};
use crate::{
    AuthServer,
    domain::{PushedName, Ticket},
    repo::{PUSHED_LIFE, PushedRequest},
};

/// The answer to a request that was taken (RFC 9126 section 2.2).
#[derive(Serialize)]
struct Taken {
    request_uri: String,
    expires_in: u64,
}

/// Why a request is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error(transparent)]
    Client(#[from] ClientAuthError),
    #[error("request_uri is what this endpoint answers with")]
    Nested,
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error("dpop_jkt is not the key of the DPoP proof")]
    OtherKey,
    #[error(transparent)]
    Request(#[from] AuthorizationRequestError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let code = match self {
            Self::Client(error) => return error.into_response(),
            Self::Proof(error) => return error.into_response(),
            Self::Request(AuthorizationRequestError::Store(error)) => {
                return answer::store_failure(error);
            }
            Self::Request(AuthorizationRequestError::Request(ref refused)) => refused.error.code(),
            Self::Nested | Self::OtherKey | Self::Request(_) => ErrorCode::InvalidRequest,
        };
        tracing::warn!(reason = %self, "pushed request refused");
        OAuthError::new(code, self.to_string()).into()
    }
}

pub(super) async fn post(
    State(server): State<AuthServer>,
    headers: HeaderMap,
    auth: ClientAuth<BTreeMap<String, String>>,
) -> Result<Response, RouteError> {
    let (client_id, client, mut parameters) = auth.claimant(&server).await?;
    if parameters.contains_key("request_uri") {
        return Err(RouteError::Nested);
    }
    // RFC 9449 section 10.1: a proof here is a promise to show the same key for the code.
    if let Some(key) = proof::shown(&server, &headers, "/par").await? {
        let key = key.to_string();
        if parameters.insert("dpop_jkt".to_owned(), key.clone()).is_some_and(|said| said != key) {
            return Err(RouteError::OtherKey);
        }
    }
    if let Some(client) = client {
        // The same parser as for browsers; what it makes of it is made again when one comes.
        let params = Params::pushed(parameters.clone());
        authorization_request::request(&server, &client, params).await?;
    }
    let name: PushedName = Ticket::random(server.entropy());
    let expires_at = server.now() + PUSHED_LIFE;
    let request = PushedRequest { client_id, parameters, expires_at };
    let kept = server.repo().pushed.add(&name, &request).await;
    kept.map_err(AuthorizationRequestError::from)?;
    let request_uri = format!("{PREFIX}{}", name.expose());
    let taken = Taken { request_uri, expires_in: PUSHED_LIFE.as_secs() };
    Ok(answer::no_store(StatusCode::CREATED, taken))
}
