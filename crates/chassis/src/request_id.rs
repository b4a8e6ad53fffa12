//! A name for every request: taken from the client if it fits, made here if not, and always echoed.

use std::{fmt, sync::Arc};

use ambient::Entropy;
use axum::{
    extract::{FromRequestParts, Request},
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};

use crate::{
    Fault,
    around::{Around, Begun},
};

/// `X-Request-Id`, in both directions.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const MAX_LENGTH: usize = 128;

/// What users quote when they report a problem: the id in every log line and error of a request.
///
/// An extractor in handlers, and an extension of every request below [`dress`](crate::dress).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id as text: 1 to 128 characters of `[A-Za-z0-9._-]`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The client's own id, if it sent exactly one that cannot do harm in a log.
    fn accept(headers: &HeaderMap) -> Option<Self> {
        let mut sent = headers.get_all(X_REQUEST_ID).iter();
        let (Some(id), None) = (sent.next(), sent.next()) else {
            return None;
        };
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        let fits = (1..=MAX_LENGTH).contains(&id.len()) && id.as_bytes().iter().all(is_plain);
        let text = id.to_str().ok().filter(|_| fits)?;
        Some(Self(text.into()))
    }

    fn make(entropy: &Entropy) -> Self {
        Self(entropy.hex::<16>().into())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Fault;

    /// # Errors
    /// When the router was not dressed: a mistake of the program, not of the client.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Fault::because("the request has no id: its router was not dressed"))
    }
}

/// The layer that names requests and echoes their names.
#[derive(Clone)]
pub(crate) struct NameRequests(pub(crate) Entropy);

impl Around for NameRequests {
    type Kept = RequestId;

    fn before(&self, request: &mut Request) -> Begun<RequestId> {
        let id = RequestId::accept(request.headers()).unwrap_or_else(|| RequestId::make(&self.0));
        request.extensions_mut().insert(id.clone());
        Begun::with_span(id.clone(), tracing::info_span!("request", request_id = %id))
    }

    fn after(id: RequestId, mut response: Response) -> Response {
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(X_REQUEST_ID, value);
        }
        response
    }
}
