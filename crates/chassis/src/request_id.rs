//! A name for every request: taken from the client if it fits, made here if not, and always echoed.
//!
//! Errors quote it, and they are made in many places, some of them long after the request was read. So
//! it is known wherever a request is worked on ([`RequestId::current`]), and work that outlives its
//! request takes it along ([`RequestId::keep`]).

use std::{convert::Infallible, fmt, future::Future, sync::Arc, task};

use ambient::Entropy;
use axum::{
    extract::{FromRequestParts, Request},
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};
use tokio::task::futures::TaskLocalFuture;
use tower::Service;
use tracing::{Instrument as _, Span};

use crate::{
    Fault,
    around::{Around, Begun, Serve},
};

/// `X-Request-Id`, in both directions.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const MAX_LENGTH: usize = 128;

/// What users quote when they report a problem: the id in every log line and error of a request.
///
/// An extractor in handlers, and an extension of every request below [`dress`](crate::dress).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

tokio::task_local! {
    static CURRENT: Option<RequestId>;
}

impl RequestId {
    /// The name of the request that is being worked on; nothing where there is none, as on a pipe.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok().flatten()
    }

    /// Work that belongs to the request of this moment, wherever and whenever it is done; so do the
    /// lines that it logs.
    pub fn keep<F: Future>(work: F) -> impl Future<Output = F::Output> {
        let id = Self::current();
        let span = id.as_ref().map_or_else(Span::none, Self::span);
        CURRENT.scope(id, work).instrument(span)
    }

    /// Every line that is logged within it has the id.
    fn span(&self) -> Span {
        tracing::info_span!(parent: None, "request", request_id = %self)
    }

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
        Self(entropy.hex_as::<16, _>())
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
        Begun::with_span(id.clone(), id.span())
    }

    fn after(id: RequestId, mut response: Response) -> Response {
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(X_REQUEST_ID, value);
        }
        response
    }
}

/// The service that lets [`RequestId::current`] know. It is called further in than [`NameRequests`].
#[derive(Clone)]
pub(crate) struct KnowRequests<S>(pub(crate) S);

/// Both the making of an answer and the waiting for it know the request.
fn knowing<F: Future>(
    request: Request,
    begin: impl FnOnce(Request) -> F,
) -> TaskLocalFuture<Option<RequestId>, F> {
    let id = request.extensions().get::<RequestId>().cloned();
    let answering = CURRENT.sync_scope(id.clone(), || begin(request));
    CURRENT.scope(id, answering)
}

impl<S: Serve> Serve for KnowRequests<S> {
    type Answering = TaskLocalFuture<Option<RequestId>, S::Answering>;

    fn serve(&self, request: Request) -> Self::Answering {
        knowing(request, |request| self.0.serve(request))
    }
}

impl<S> Service<Request> for KnowRequests<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = TaskLocalFuture<Option<RequestId>, S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        knowing(request, |request| self.0.call(request))
    }
}
