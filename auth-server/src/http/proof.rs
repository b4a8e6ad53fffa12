//! The `DPoP` header of a request (RFC 9449): the key that its tokens will be bound to, or are.

use axum::response::{IntoResponse, Response};
use dpop::{BadProof, Request, Thumbprint};
use http::{HeaderMap, HeaderName, Method};
use shared::oauth::ErrorCode;
use store::StoreError;

use super::answer::{self, OAuthError};
use crate::AuthServer;

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Why a proof does not count.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProofError {
    #[error("there must be one DPoP header")]
    Several,
    #[error(transparent)]
    Bad(#[from] BadProof),
    #[error("the DPoP proof was used before; make one for every request")]
    Used,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for ProofError {
    fn into_response(self) -> Response {
        match self {
            Self::Store(error) => answer::store_failure(error),
            Self::Several | Self::Bad(_) | Self::Used => {
                tracing::warn!(reason = %self, "proof of possession refused");
                OAuthError::new(ErrorCode::InvalidDpopProof, self.to_string()).into()
            }
        }
    }
}

/// The key that a `POST` to `path` shows, if it shows one.
pub(super) async fn shown(
    server: &AuthServer,
    headers: &HeaderMap,
    path: &str,
) -> Result<Option<Thumbprint>, ProofError> {
    check(server, headers, (&Method::POST, path, None)).await
}

/// The key that a request to `path` shows for the access token it comes with, if it shows one.
pub(super) async fn shown_for(
    server: &AuthServer,
    headers: &HeaderMap,
    (method, path, token): (&Method, &str, &str),
) -> Result<Option<Thumbprint>, ProofError> {
    check(server, headers, (method, path, Some(token))).await
}

async fn check(
    server: &AuthServer,
    headers: &HeaderMap,
    (method, path, token): (&Method, &str, Option<&str>),
) -> Result<Option<Thumbprint>, ProofError> {
    let mut sent = headers.get_all(DPOP).iter();
    let Some(proof) = sent.next() else { return Ok(None) };
    if sent.next().is_some() {
        return Err(ProofError::Several);
    }
    let url = format!("{}{path}", server.issuer());
    let now = server.now();
    let request = Request { method: method.as_str(), url: &url, token, now };
    let proof = dpop::verify(proof.to_str().unwrap_or_default(), &request)?;
    if !server.repo().proofs.spend(&proof, now).await? {
        return Err(ProofError::Used);
    }
    Ok(Some(proof.key))
}
