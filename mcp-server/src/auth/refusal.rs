//! How a caller without a good token is answered (RFC 6750 section 3, RFC 9728 section 5.1).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use shared::{
    mcp::{ErrorCode, ErrorObject},
    oauth::BearerChallenge,
};

use super::Auth;
use crate::{
    Server,
    http::{Answer, error_message, metadata_url},
};

/// Why a request goes no further.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has no token: 401.
    NoToken,
    /// Its `Authorization` header is not one: 400.
    Malformed(&'static str),
    /// Its token is no good: 401.
    InvalidToken(&'static str),
    /// Its token allows too little: 403.
    InsufficientScope,
    /// Nobody can say whether its token is good: 503.
    Unavailable,
}

impl Refusal {
    /// All that metrics call one.
    pub(crate) const NAMES: [&str; 5] =
        ["no_token", "malformed", "invalid_token", "insufficient_scope", "unavailable"];

    /// What metrics call it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::Malformed(_) => "malformed",
            Self::InvalidToken(_) => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::Unavailable => "unavailable",
        }
    }

    /// The status, the challenge and a body for people.
    pub(super) fn answer(self, server: &Server, auth: &Auth) -> Response {
        let (status, error, description) = match self {
            Self::Unavailable => return unavailable(auth.issuer()),
            Self::NoToken => (StatusCode::UNAUTHORIZED, None, "A bearer token is needed"),
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, Some("invalid_request"), why),
            Self::InvalidToken(why) => (StatusCode::UNAUTHORIZED, Some("invalid_token"), why),
            Self::InsufficientScope => {
                (StatusCode::FORBIDDEN, Some("insufficient_scope"), "The token lacks a scope")
            }
        };
        let challenge = challenge(server, auth, error, description);
        let body =
            json!({ "error": error.unwrap_or("invalid_token"), "error_description": description });
        let mut response = (status, axum::Json(body)).into_response();
        // A challenge is visible ASCII by its making.
        if let Ok(challenge) = HeaderValue::from_str(&challenge.to_string()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
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
