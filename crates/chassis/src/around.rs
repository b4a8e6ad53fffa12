//! The small service that layers are made of: something before a request, something after it, and no
//! box. A layer that clones what is below it for every request, as a function of axum does, clones all
//! that is further in with it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{extract::Request, response::Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::Span;

/// Something done before a request is handled and after it was.
pub trait Around: Clone {
    /// What is remembered in between.
    type Kept;

    /// Looks at a request, and lets it on or not.
    fn before(&self, request: &mut Request) -> Begun<Self::Kept>;

    /// Looks at the answer, or at the refusal.
    fn after(kept: Self::Kept, response: Response) -> Response;
}

/// How a request goes on after [`Around::before`].
#[derive(Debug)]
pub struct Begun<K> {
    kept: K,
    span: Span,
    refusal: Option<Response>,
}

impl<K> Begun<K> {
    /// The request goes on.
    #[must_use]
    pub fn with(kept: K) -> Self {
        Self::with_span(kept, Span::none())
    }

    /// Everything further in happens in `span`.
    pub(crate) fn with_span(kept: K, span: Span) -> Self {
        Self { kept, span, refusal: None }
    }

    /// The request goes no further and is answered with `refusal`.
    #[must_use]
    pub fn refused(kept: K, refusal: Response) -> Self {
        Self { kept, span: Span::none(), refusal: Some(refusal) }
    }
}

/// An [`Around`] as a tower layer. The futures are named types: nothing is boxed per request.
#[derive(Clone, Debug)]
pub struct AroundLayer<A>(pub A);

impl<A: Around, S> Layer<S> for AroundLayer<A> {
    type Service = AroundService<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService { around: self.0.clone(), inner }
    }
}

/// What [`AroundLayer`] makes.
#[derive(Clone, Debug)]
pub struct AroundService<A, S> {
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
    /// What [`AroundService`] answers with.
    pub struct AroundFuture<A: Around, F> {
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
