//! `POST /token` (OAuth 2.1 section 3.2): codes and refresh tokens are redeemed, and clients of the
//! operator get tokens for themselves.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use shared::oauth::{ErrorCode, TokenRequest};
use store::StoreError;

use super::{
    answer::{self, OAuthError},
    client_auth::{ClientAuth, ClientAuthError},
    jwks::KeyFailure,
    proof::{self, ProofError},
};
use crate::{
    AuthServer,
    assertions::AssertionError,
    domain::RefreshToken,
    grants::{
        GrantError, Presented, issue_to_client, redeem_assertion, redeem_code, redeem_device_code,
        redeem_refresh_token,
    },
    metrics::Redeemed,
};

/// Why nothing is issued.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error(transparent)]
    Client(#[from] ClientAuthError),
    #[error("the grant type is not one of those in the metadata")]
    UnsupportedGrantType,
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error(transparent)]
    Grant(#[from] GrantError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let code = match self {
            Self::Client(error) => return error.into_response(),
            Self::Proof(error) => return error.into_response(),
            Self::Grant(
                GrantError::Store(error) | GrantError::Assertion(AssertionError::Store(error)),
            ) => return answer::store_failure(error),
            Self::Grant(GrantError::Keys(error)) => return KeyFailure(error).into_response(),
            Self::Grant(ref error) => error.code().unwrap_or(ErrorCode::ServerError),
            Self::UnsupportedGrantType => ErrorCode::UnsupportedGrantType,
        };
        match &self {
            Self::Grant(error) if error.is_alarming() => {
                tracing::error!(reason = %self, "token refused: a code or token may be stolen");
            }
            _ => tracing::warn!(reason = %self, "token refused"),
        }
        let error = OAuthError::new(code, self.to_string());
        match code {
            ErrorCode::TemporarilyUnavailable => answer::later(error),
            _ => error.into(),
        }
    }
}

impl From<StoreError> for RouteError {
    fn from(error: StoreError) -> Self {
        Self::Grant(error.into())
    }
}

pub(super) async fn post(
    State(server): State<AuthServer>,
    headers: HeaderMap,
    auth: ClientAuth<TokenRequest>,
) -> Result<Response, RouteError> {
    let has_proof = auth.has_proof();
    // Both are looked up at once, and what is presented is looked at when it is known who presents it.
    let presented = presented(auth.form());
    let (called, presented) = tokio::join!(auth.client(&server), find(&server, presented));
    let (client, request) = called?;
    let grant = name(&request);
    let key = proof::shown(&server, &headers, "/token").await?;
    let shows_key = key.is_some();
    if client.shows_key && !shows_key {
        return Err(ProofError::Missing.into());
    }
    let answered = match request {
        TokenRequest::AuthorizationCode(request) => {
            redeem_code(&server, &client, request, key).await
        }
        TokenRequest::RefreshToken(request) => {
            redeem_refresh_token(&server, &client, (request, presented?), key).await
        }
        TokenRequest::ClientCredentials(request) => {
            issue_to_client(&server, &client, request, key).await
        }
        TokenRequest::DeviceCode(request) => {
            redeem_device_code(&server, &client, request, key).await
        }
        TokenRequest::JwtBearer(request) => {
            redeem_assertion(&server, (&client, has_proof), request, key).await
        }
        TokenRequest::Unsupported => return Err(RouteError::UnsupportedGrantType),
    };
    server.metrics().redeemed(grant, answered.as_ref().map_or_else(counted, |_| Redeemed::Issued));
    let response = answer::no_store(StatusCode::OK, answered?);
    Ok(if shows_key { proof::with_nonce(&server, response).await } else { response })
}

/// The refresh token of a request, if there is one.
fn presented(request: &TokenRequest) -> Option<RefreshToken> {
    match request {
        TokenRequest::RefreshToken(request) => RefreshToken::parse(request.refresh_token.expose()),
        _ => None,
    }
}

async fn find(
    server: &AuthServer,
    token: Option<RefreshToken>,
) -> Result<Option<Presented>, StoreError> {
    match token {
        Some(token) => Presented::find(server, token).await.map(Some),
        None => Ok(None),
    }
}

/// What metrics call a grant.
const fn name(request: &TokenRequest) -> &'static str {
    match request {
        TokenRequest::AuthorizationCode(_) => "authorization_code",
        TokenRequest::RefreshToken(_) => "refresh_token",
        TokenRequest::ClientCredentials(_) => "client_credentials",
        TokenRequest::DeviceCode(_) => "device_code",
        TokenRequest::JwtBearer(_) => "jwt_bearer",
        TokenRequest::Unsupported => "unsupported",
    }
}

fn counted(error: &GrantError) -> Redeemed {
    match error {
        GrantError::ReplayedCode => Redeemed::Replayed,
        GrantError::ReusedRefreshToken => Redeemed::Reused,
        other => Redeemed::Refused(other.code().unwrap_or(ErrorCode::ServerError).as_str()),
    }
}
