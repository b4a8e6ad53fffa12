//! The `DPoP` header of a request (RFC 9449): the key that its tokens will be bound to, or are.

use axum::response::{IntoResponse, Response};
use dpop::{BadProof, Proof, Request, Thumbprint};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use shared::oauth::ErrorCode;
use store::StoreError;

use super::answer::{self, OAuthError};
use crate::AuthServer;

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// What the next proof has to carry (section 8).
pub(super) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Why a proof does not count.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProofError {
    #[error("there must be one DPoP header")]
    Several,
    #[error(transparent)]
    Bad(#[from] BadProof),
    #[error("the DPoP proof was used before; make one for every request")]
    Used,
    #[error("this client is registered for tokens that are bound to a key; send a DPoP header")]
    Missing,
    #[error("the DPoP proof needs the nonce of the DPoP-Nonce header, which is a new one")]
    Nonce(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for ProofError {
    fn into_response(self) -> Response {
        match self {
            Self::Store(error) => answer::store_failure(error),
            Self::Nonce(ref nonce) => {
                let error = OAuthError::new(ErrorCode::UseDpopNonce, self.to_string());
                with_header(error.into(), nonce)
            }
            Self::Several | Self::Bad(_) | Self::Used | Self::Missing => {
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
    let url = server.issuer().at(path);
    let now = server.now();
    let request = Request { method: method.as_str(), url: &url, token, now };
    let proof = dpop::verify(proof.to_str().unwrap_or_default(), &request)?;
    if server.config().dpop_nonce && !is_recent(server, &proof).await? {
        let nonce = server.repo().nonces.current(now, server.entropy()).await?;
        return Err(ProofError::Nonce(nonce));
    }
    if !server.repo().proofs.spend(&proof, now).await? {
        return Err(ProofError::Used);
    }
    Ok(Some(proof.key))
}

/// Whether a proof was made just now, and not beforehand on a machine that somebody else has had.
async fn is_recent(server: &AuthServer, proof: &Proof) -> Result<bool, StoreError> {
    match &proof.nonce {
        Some(nonce) => Ok(server.repo().nonces.age(nonce, server.now()).await?.is_some()),
        None => Ok(false),
    }
}

/// The nonce for the next proof, with an answer that is good (section 8.2). That there is none now is
/// no reason to keep the answer back.
pub(super) async fn with_nonce(server: &AuthServer, response: Response) -> Response {
    if !server.config().dpop_nonce {
        return response;
    }
    match server.repo().nonces.current(server.now(), server.entropy()).await {
        Ok(nonce) => with_header(response, &nonce),
        Err(_) => response,
    }
}

pub(super) fn with_header(mut response: Response, nonce: &str) -> Response {
    if let Ok(nonce) = HeaderValue::from_str(nonce) {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
    response
}
