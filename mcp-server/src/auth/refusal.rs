//! How a caller without a good token is answered (RFC 6750 section 3, RFC 9728 section 5.1).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use chassis::RequestId;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use shared::{
    mcp::{ErrorCode, ErrorObject},
    oauth::BearerChallenge,
};

use super::{
    Auth, Trouble,
    dpop::{self, Shown},
    token::Inactive,
    validator::RETRY_AFTER,
};
use crate::{
    Server,
    http::{Answer, Entrance, error_message},
};

/// Why a request goes no further.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has no token: 401.
    NoToken,
    /// Its `Authorization` header is not one: 400.
    Malformed(&'static str),
    /// Its token is no good: 401.
    InvalidToken(Inactive),
    /// Its token is good, but not in its hands: 401.
    Proof(&'static str, String),
    /// The same, until the proof has this nonce: 401.
    Nonce(String),
    /// Its token allows too little: 403. With the nonce for the next proof, if there is a new one.
    InsufficientScope(Option<String>),
    /// Nobody can say whether its token is good: 503. It may be known after this time.
    Unavailable(Duration),
}

impl Refusal {
    /// All that metrics call one.
    pub(crate) const NAMES: [&str; 6] =
        ["no_token", "malformed", "invalid_token", "proof", "insufficient_scope", "unavailable"];

    /// What a client gets whose token was revoked: for those who ask for it.
    pub(crate) const fn revoked() -> Self {
        Self::InvalidToken(Inactive::NotActive)
    }

    /// What a client gets while the authorization server is away: for those who ask for it.
    pub(crate) const fn outage() -> Self {
        Self::Unavailable(RETRY_AFTER)
    }

    /// What metrics call it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::Malformed(_) => "malformed",
            Self::InvalidToken(_) => "invalid_token",
            Self::Proof(..) | Self::Nonce(_) => "proof",
            Self::InsufficientScope(_) => "insufficient_scope",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// The status, the challenge and a body for people, to `request`, in whose scheme the challenge is
    /// (RFC 9449 section 7.1).
    pub(crate) fn answer(self, server: &Server, auth: &Auth, request: Shown<'_>) -> Response {
        let mut is_proof = dpop::is_scheme(request.headers);
        let mut nonce = None;
        let (status, error, description) = match self {
            Self::Unavailable(retry_after) => return unavailable(auth, retry_after),
            Self::NoToken => {
                (StatusCode::UNAUTHORIZED, None, "A bearer token is needed".to_owned())
            }
            Self::Malformed(why) => {
                (StatusCode::BAD_REQUEST, Some("invalid_request"), why.to_owned())
            }
            Self::InvalidToken(why) => {
                (StatusCode::UNAUTHORIZED, Some("invalid_token"), why.to_string())
            }
            Self::Proof(error, why) => {
                is_proof = true;
                (StatusCode::UNAUTHORIZED, Some(error), why)
            }
            Self::Nonce(new) => {
                (is_proof, nonce) = (true, Some(new));
                let why = "The DPoP proof needs the nonce of the DPoP-Nonce header";
                (StatusCode::UNAUTHORIZED, Some("use_dpop_nonce"), why.to_owned())
            }
            Self::InsufficientScope(new) => {
                nonce = new;
                let description = "The token lacks a scope".to_owned();
                (StatusCode::FORBIDDEN, Some("insufficient_scope"), description)
            }
        };
        let needed = auth.required_scopes().to_string();
        let body = json!({
            "error": error.unwrap_or("invalid_token"),
            "error_description": description,
            "request_id": RequestId::current().map(|id| id.to_string()),
        });
        let bearer = challenge((server, Entrance::of(request.path)), needed, error, &description);
        let challenge = if is_proof { dpop::challenge(&bearer) } else { bearer.to_string() };
        let response = challenged(status, &challenge, axum::Json(body));
        nonce.iter().fold(response, |response, nonce| with_nonce(response, nonce))
    }
}

/// An answer with the nonce for the next proof of possession (RFC 9449 section 8).
pub(super) fn with_nonce(mut response: Response, nonce: &str) -> Response {
    // It is hexadecimal by its making.
    if let Ok(nonce) = HeaderValue::from_str(nonce) {
        response.headers_mut().insert(dpop::NONCE, nonce);
    }
    response
}

impl From<dpop::Failure> for Refusal {
    fn from(failure: dpop::Failure) -> Self {
        match failure {
            dpop::Failure::Store(error) => {
                tracing::error!(%error, "proofs of possession cannot be checked");
                Self::Unavailable(RETRY_AFTER)
            }
            dpop::Failure::Nonce(nonce) => Self::Nonce(nonce),
            other => Self::Proof(other.code(), other.to_string()),
        }
    }
}

/// An answer with its challenge.
fn challenged(status: StatusCode, challenge: &str, body: impl IntoResponse) -> Response {
    let mut response = (status, body).into_response();
    // A challenge is visible ASCII by its making.
    if let Ok(challenge) = HeaderValue::from_str(challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// One challenge that tells a client everything it needs. Without a token there is no `error` in
/// it: nothing was wrong.
fn challenge(
    (server, entrance): (&Server, Entrance),
    needed: String,
    error: Option<&str>,
    description: &str,
) -> BearerChallenge {
    BearerChallenge {
        error: error.map(str::to_owned),
        error_description: error.map(|_| description.to_owned()),
        scope: (!needed.is_empty()).then_some(needed),
        resource_metadata: Some(entrance.metadata_url(server.config())),
    }
}

/// Degraded mode, in the original's words. No challenge: a login would fail as well.
fn unavailable(auth: &Auth, retry_after: Duration) -> Response {
    let hint = auth.trouble().unwrap_or(Trouble::Away).hint();
    let error = ErrorObject::new(ErrorCode::UNAVAILABLE, "Authentication service unavailable")
        .with_data(json!({ "authServerUrl": auth.issuer(), "hint": hint }));
    let message = error_message(None, &error);
    let answer = Answer::Message(StatusCode::SERVICE_UNAVAILABLE, message);
    // Whole seconds, and never none.
    let seconds = retry_after.as_millis().div_ceil(1000).max(1).to_string();
    ([(header::RETRY_AFTER, seconds)], answer).into_response()
}
