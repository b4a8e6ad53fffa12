//! `GET /userinfo` (`OpenID` Connect Core section 5.3): who is behind an access token.
//!
//! The token comes in the header and nowhere else (RFC 6750), and must have the scope `openid`.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use shared::oauth::{BearerChallenge, UserInfo};
use store::StoreError;

use super::answer;
use crate::{
    AuthServer,
    domain::{AccessRecord, EMAIL, OPENID, PROFILE},
    grants::good_token,
};

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error("there is no token")]
    NoToken,
    #[error("the Authorization header is not Bearer with one token")]
    Malformed,
    #[error("the token is not good")]
    BadToken,
    #[error("the token was not issued for the scope openid")]
    Scope,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let (status, code) = match self {
            Self::Store(error) => return answer::store_failure(error),
            // RFC 6750 section 3.1: who shows nothing is told nothing but that something is needed.
            Self::NoToken => (StatusCode::UNAUTHORIZED, None),
            Self::Malformed => (StatusCode::BAD_REQUEST, Some("invalid_request")),
            Self::BadToken => (StatusCode::UNAUTHORIZED, Some("invalid_token")),
            Self::Scope => (StatusCode::FORBIDDEN, Some("insufficient_scope")),
        };
        tracing::warn!(reason = %self, "userinfo refused");
        let challenge = BearerChallenge {
            error: code.map(ToOwned::to_owned),
            error_description: code.map(|_| self.to_string()),
            scope: matches!(self, Self::Scope).then(|| OPENID.to_owned()),
            resource_metadata: None,
        };
        let mut response = answer::no_store(status, serde_json::json!({}));
        // What is not visible ASCII has been left out of the challenge.
        if let Ok(challenge) = HeaderValue::from_str(&challenge.to_string()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

pub(super) async fn get(
    State(server): State<AuthServer>,
    headers: HeaderMap,
) -> Result<Response, RouteError> {
    let token = bearer(&headers)?;
    let record = good_token(&server, token).await?.ok_or(RouteError::BadToken)?;
    if !record.grant.scope.contains(OPENID) {
        return Err(RouteError::Scope);
    }
    Ok(answer::no_store(StatusCode::OK, told(record)))
}

fn bearer(headers: &HeaderMap) -> Result<&str, RouteError> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = sent.next() else { return Err(RouteError::NoToken) };
    let parts = value.to_str().ok().and_then(|text| text.split_once(' '));
    match (parts, sent.next()) {
        (Some((scheme, token)), None) if scheme.eq_ignore_ascii_case("Bearer") => Ok(token.trim()),
        _ => Err(RouteError::Malformed),
    }
}

/// What the scopes of the token allow to tell.
fn told(record: AccessRecord) -> UserInfo {
    let (user, scope) = (record.grant.user, record.grant.scope);
    let email = user.email.filter(|_| scope.contains(EMAIL));
    UserInfo {
        name: scope.contains(PROFILE).then_some(user.name),
        email_verified: email.is_some().then_some(false),
        email,
        sub: user.sub,
    }
}
