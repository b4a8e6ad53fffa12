//! The one ordered list of layers around a router, and the small service all of them are made of.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ambient::{Clock, Entropy};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    response::Response,
};
use http::HeaderName;
use pin_project_lite::pin_project;
use tower::{Layer, Service, ServiceBuilder};
use tracing::Span;

use crate::{
    RequestId,
    access_log::LogAccess,
    fault::AnswerFaults,
    headers::SecureHeaders,
    request_id::NameRequests,
    size,
    telemetry::http::{HttpMetrics, MeasureHttp, TraceHttp},
};

/// What [`dress`] puts around a router. Made by [`Dress::new`] and struct update:
/// `Dress { max_body: 64 * 1024, ..Dress::new(clock, entropy) }`.
#[derive(Clone)]
pub struct Dress {
    /// For durations in the access log.
    pub clock: Clock,
    /// For request ids.
    pub entropy: Entropy,
    /// Whether the public URL is https; only then is `Strict-Transport-Security` sent.
    pub https: bool,
    /// The longest request body, in bytes.
    ///
    /// A longer `Content-Length` is answered 413 before the body is read. A body without one is
    /// cut at the limit by axum's extractors, which then answer 413 in plain text; that answer is
    /// replaced as well. A handler that reads the body without an extractor calls
    /// [`RequestExt::into_limited_body`](axum::RequestExt::into_limited_body).
    pub max_body: usize,
    /// The header that names a session, if there are sessions: the access log has its hash.
    pub session: Option<HeaderName>,
    /// Measures every request, if anything is measured.
    pub metrics: Option<HttpMetrics>,
    /// Makes the 413, so that each server can answer in its own words (JSON-RPC, for example).
    pub too_large: fn(&RequestId) -> Response,
}

impl Dress {
    /// 4 MiB bodies, no https, and `{"error": "request_too_large", "request_id": …}` beyond.
    #[must_use]
    pub fn new(clock: Clock, entropy: Entropy) -> Self {
        let (https, metrics, too_large) = (false, None, size::too_large);
        let max_body = 4 * 1024 * 1024;
        Self { clock, entropy, https, max_body, session: None, metrics, too_large }
    }
}

/// Puts the layers around `router`, its fallbacks included. Layers added afterwards are outside.
pub fn dress(router: Router, options: Dress) -> Router {
    let (limit, https) = (options.max_body, options.https);
    router.layer(
        // Outermost first: what comes later is seen, named and logged by what came before.
        ServiceBuilder::new()
            .layer(AroundLayer(NameRequests(options.entropy)))
            .layer(AroundLayer(TraceHttp { https }))
            .layer(AroundLayer(MeasureHttp { metrics: options.metrics, https }))
            .layer(AroundLayer(LogAccess { clock: options.clock, session: options.session }))
            .layer(AroundLayer(SecureHeaders { https }))
            .layer(AroundLayer(AnswerFaults))
            .layer(crate::fault::CatchPanicLayer)
            .layer(AroundLayer(size::LimitBody { limit, too_large: options.too_large }))
            .layer(DefaultBodyLimit::max(limit)),
    )
}

/// Something done before a request is handled and after it was.
pub(crate) trait Around: Clone {
    /// What is remembered in between.
    type Kept;

    fn before(&self, request: &mut Request) -> Begun<Self::Kept>;
    fn after(kept: Self::Kept, response: Response) -> Response;
}

/// How a request goes on after [`Around::before`].
pub(crate) struct Begun<K> {
    kept: K,
    span: Span,
    refusal: Option<Response>,
}

impl<K> Begun<K> {
    pub(crate) fn with(kept: K) -> Self {
        Self::with_span(kept, Span::none())
    }

    /// Everything further in happens in `span`.
    pub(crate) fn with_span(kept: K, span: Span) -> Self {
        Self { kept, span, refusal: None }
    }

    /// The request goes no further and is answered with `refusal`.
    pub(crate) fn refused(kept: K, refusal: Response) -> Self {
        Self { kept, span: Span::none(), refusal: Some(refusal) }
    }
}

/// An [`Around`] as a tower layer. The futures are named types: nothing is boxed per request.
#[derive(Clone)]
pub(crate) struct AroundLayer<A>(pub(crate) A);

impl<A: Around, S> Layer<S> for AroundLayer<A> {
    type Service = AroundService<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService { around: self.0.clone(), inner }
    }
}

#[derive(Clone)]
pub(crate) struct AroundService<A, S> {
    around: A,
    inner: S,
}

impl<A, S> Service<Request> for AroundService<A, S>
where
    A: Around,
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = AroundFuture<A, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let begun = self.around.before(&mut request);
        let progress = match begun.refusal {
            Some(response) => Progress::Refused { response: Some(response) },
            None => Progress::Inner { future: begun.span.in_scope(|| self.inner.call(request)) },
        };
        AroundFuture { progress, span: begun.span, kept: Some(begun.kept) }
    }
}

pin_project! {
    pub(crate) struct AroundFuture<A: Around, F> {
        #[pin]
        progress: Progress<F>,
        span: Span,
        kept: Option<A::Kept>,
    }
}

pin_project! {
    #[project = ProgressProjection]
    enum Progress<F> {
        Inner {
            #[pin]
            future: F,
        },
        Refused {
            response: Option<Response>,
        },
    }
}

impl<A, F, E> Future for AroundFuture<A, F>
where
    A: Around,
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        let response = match this.progress.project() {
            ProgressProjection::Inner { future } => ready!(future.poll(cx))?,
            ProgressProjection::Refused { response } => {
                response.take().expect("a future is not polled after its end")
            }
        };
        let kept = this.kept.take().expect("a future is not polled after its end");
        Poll::Ready(Ok(A::after(kept, response)))
    }
}
