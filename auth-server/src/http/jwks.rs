//! `GET /jwks` (RFC 7517): the public keys that signatures of this server are checked with.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chassis::Fault;
use http::header;

use super::answer;
use crate::{AuthServer, keys::KeyError};

/// Less than a key is told before it signs: an instance may have read the keys some seconds ago.
const CACHE: &str = "public, max-age=290";

pub(super) async fn get(State(server): State<AuthServer>) -> Result<Response, KeyFailure> {
    let keys = server.keys().public().await?;
    Ok(([(header::CACHE_CONTROL, CACHE)], Json(keys)).into_response())
}

/// Keys that cannot be had, told to a program.
#[derive(Debug)]
pub(crate) struct KeyFailure(pub(crate) KeyError);

impl From<KeyError> for KeyFailure {
    fn from(error: KeyError) -> Self {
        Self(error)
    }
}

impl IntoResponse for KeyFailure {
    fn into_response(self) -> Response {
        match self.0 {
            KeyError::Store(error) => answer::store_failure(error),
            error @ (KeyError::Sealed | KeyError::Crypto) => Fault::from(error).into_response(),
        }
    }
}
