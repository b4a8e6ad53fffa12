//! How a caller without a good token is answered (RFC 6750 section 3, RFC 9728 section 5.1).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use shared::{
    mcp::{ErrorCode, ErrorObject},
    oauth::BearerChallenge,
};

use super::{Auth, dpop};
use crate::{
    Server,
    http::{Answer, error_message, metadata_url},
};

/// Why a request goes no further.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It has no token: 401.
    NoToken,
    /// Its `Authorization` header is not one: 400.
    Malformed(&'static str),
    /// Its token is no good: 401.
    InvalidToken(&'static str),
    /// Its token is good, but not in its hands: 401.
    Proof(&'static str, String),
    /// Its token allows too little: 403.
    InsufficientScope,
    /// Nobody can say whether its token is good: 503.
    Unavailable,
}

impl Refusal {
    /// The status, the challenge and a body for people.
    pub(super) fn answer(self, server: &Server, auth: &Auth) -> Response {
        let (status, error, description) = match &self {
            Self::Proof(error, why) => (StatusCode::UNAUTHORIZED, Some(*error), why.as_str()),
            Self::Unavailable => return unavailable(auth.issuer()),
            Self::NoToken => (StatusCode::UNAUTHORIZED, None, "A bearer token is needed"),
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, Some("invalid_request"), *why),
            Self::InvalidToken(why) => (StatusCode::UNAUTHORIZED, Some("invalid_token"), *why),
            Self::InsufficientScope => {
                (StatusCode::FORBIDDEN, Some("insufficient_scope"), "The token lacks a scope")
            }
        };
        let bearer = challenge(server, auth, error, description);
        let challenge = match &self {
            Self::Proof(..) => dpop::challenge(&bearer),
            _ => bearer.to_string(),
        };
        let body =
            json!({ "error": error.unwrap_or("invalid_token"), "error_description": description });
        let mut response = (status, axum::Json(body)).into_response();
        // A challenge is visible ASCII by its making.
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<dpop::Failure> for Refusal {
    fn from(failure: dpop::Failure) -> Self {
        match failure {
            dpop::Failure::Store(error) => {
                tracing::error!(%error, "proofs of possession cannot be checked");
                Self::Unavailable
            }
            other => Self::Proof(other.code(), other.to_string()),
        }
    }
}

/// One challenge that tells a client everything it needs. Without a token there is no `error` in
/// it: nothing was wrong.
fn challenge(
    server: &Server,
    auth: &Auth,
    error: Option<&str>,
    description: &str,
) -> BearerChallenge {
    BearerChallenge {
        error: error.map(str::to_owned),
        error_description: error.map(|_| description.to_owned()),
        scope: Some(auth.required_scopes().to_string()),
        resource_metadata: Some(metadata_url(server.config())),
    }
}

/// Degraded mode, in the original's words. No challenge: a login would fail as well.
fn unavailable(issuer: &str) -> Response {
    let hint = "The authentication server is not responding. \
                Please ensure it is running and try again.";
    let error = ErrorObject::new(ErrorCode::UNAVAILABLE, "Authentication service unavailable")
        .with_data(json!({ "authServerUrl": issuer, "hint": hint }));
    let message = error_message(None, &error);
    let answer = Answer::Message(StatusCode::SERVICE_UNAVAILABLE, message);
    ([(header::RETRY_AFTER, "2")], answer).into_response()
}
