//! `GET /userinfo` (`OpenID` Connect Core section 5.3): who is behind an access token.
//!
//! The token comes in the header and nowhere else (RFC 6750), and must have the scope `openid`. One
//! that is bound to a key comes with a proof (RFC 9449 section 7), and never as a bearer token.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use shared::oauth::{BearerChallenge, TokenType, UserInfo};
use store::StoreError;

use super::{
    answer,
    proof::{self, ProofError},
};
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
    #[error("the Authorization header is neither Bearer nor DPoP with one token")]
    Malformed,
    #[error("the token is not good")]
    BadToken(TokenType),
    #[error("the token is bound to a key: send it as DPoP, with a proof of that key")]
    Bound,
    #[error("the token is not bound to a key: send it as Bearer")]
    NotBound,
    #[error(transparent)]
    Proof(ProofError),
    #[error("the token was not issued for the scope openid")]
    Scope(TokenType),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ProofError> for RouteError {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Store(error) => Self::Store(error),
            error => Self::Proof(error),
        }
    }
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let (status, code) = match self {
            Self::Store(error) => return answer::store_failure(error),
            // RFC 6750 section 3.1: who shows nothing is told nothing but that something is needed.
            Self::NoToken => (StatusCode::UNAUTHORIZED, None),
            Self::Malformed => (StatusCode::BAD_REQUEST, Some("invalid_request")),
            Self::BadToken(_) | Self::Bound | Self::NotBound => {
                (StatusCode::UNAUTHORIZED, Some("invalid_token"))
            }
            Self::Proof(ProofError::Nonce(_)) => (StatusCode::UNAUTHORIZED, Some("use_dpop_nonce")),
            Self::Proof(_) => (StatusCode::UNAUTHORIZED, Some("invalid_dpop_proof")),
            Self::Scope(_) => (StatusCode::FORBIDDEN, Some("insufficient_scope")),
        };
        tracing::warn!(reason = %self, "userinfo refused");
        let challenge = BearerChallenge {
            error: code.map(ToOwned::to_owned),
            error_description: code.map(|_| self.to_string()),
            scope: matches!(self, Self::Scope(_)).then(|| OPENID.to_owned()),
            resource_metadata: None,
        };
        let mut response = answer::no_store(status, serde_json::json!({}));
        // What is not visible ASCII has been left out of the challenge.
        let challenge = challenge.to_string();
        let challenge = match (&self, challenge.split_once(' ')) {
            (
                Self::Bound
                | Self::Proof(_)
                | Self::BadToken(TokenType::Dpop)
                | Self::Scope(TokenType::Dpop),
                Some((_, parameters)),
            ) => {
                format!("DPoP algs=\"{}\", {parameters}", dpop::ALGORITHMS.join(" "))
            }
            _ => challenge,
        };
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        match &self {
            Self::Proof(ProofError::Nonce(nonce)) => proof::with_header(response, nonce),
            _ => response,
        }
    }
}

pub(super) async fn get(
    State(server): State<AuthServer>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, RouteError> {
    let (kind, token) = credentials(&headers)?;
    let record = good_token(&server, token).await?.ok_or(RouteError::BadToken(kind))?;
    match (&record.grant.key, kind) {
        (None, TokenType::Bearer) => {}
        (None, TokenType::Dpop) => return Err(RouteError::NotBound),
        (Some(_), TokenType::Bearer) => return Err(RouteError::Bound),
        (Some(key), TokenType::Dpop) => {
            let request = (&method, "/userinfo", token);
            if proof::shown_for(&server, &headers, request).await?.as_ref() != Some(key) {
                return Err(RouteError::Bound);
            }
        }
    }
    if !record.grant.scope.contains(OPENID) {
        return Err(RouteError::Scope(kind));
    }
    Ok(answer::no_store(StatusCode::OK, told(record)))
}

fn credentials(headers: &HeaderMap) -> Result<(TokenType, &str), RouteError> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = sent.next() else { return Err(RouteError::NoToken) };
    let parts = value.to_str().ok().and_then(|text| text.split_once(' '));
    let (Some((scheme, token)), None) = (parts, sent.next()) else {
        return Err(RouteError::Malformed);
    };
    let kinds = [("Bearer", TokenType::Bearer), ("DPoP", TokenType::Dpop)];
    let kind = kinds.into_iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name));
    let (_, kind) = kind.ok_or(RouteError::Malformed)?;
    Ok((kind, token.trim()))
}

/// What the scopes of the token allow to tell.
fn told(record: AccessRecord) -> UserInfo {
    let (user, scope) = (record.grant.user, record.grant.scope);
    let email = user.email.filter(|_| scope.contains(EMAIL));
    UserInfo {
        name: scope.contains(PROFILE).then_some(user.name),
        email_verified: email.is_some().then_some(user.is_email_verified),
        email,
        sub: user.sub,
    }
}
