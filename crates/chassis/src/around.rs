//! The small service that layers are made of: something before a request, something after it, and no
//! box. A layer that clones what is below it for every request, as a function of axum does, clones all
//! that is further in with it.

use std::{
    convert::Infallible,
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

    /// The service that does it.
    fn around<S>(self, inner: S) -> AroundService<Self, S> {
        AroundService { around: self, inner }
    }
}

/// What a service ends with.
pub type Answered = Result<Response, Infallible>;

/// A service that is called without being copied: nothing that is asked often is cloned for it.
pub trait Serve {
    /// The answer in the making.
    type Answering: Future<Output = Answered> + Send + 'static;

    /// Answers.
    fn serve(&self, request: Request) -> Self::Answering;
}

impl<A, S> Serve for AroundService<A, S>
where
    A: Around<Kept: Send> + 'static,
    S: Serve,
{
    type Answering = AroundFuture<A, S::Answering>;

    fn serve(&self, mut request: Request) -> Self::Answering {
        let begun = self.around.before(&mut request);
        begun.go_on(request, |request| self.inner.serve(request))
    }
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

    fn go_on<A, F>(self, request: Request, inner: impl FnOnce(Request) -> F) -> AroundFuture<A, F>
    where
        A: Around<Kept = K>,
    {
        let progress = match self.refusal {
            Some(response) => Progress::Refused { response: Some(response) },
            None => Progress::Inner { future: self.span.in_scope(|| inner(request)) },
        };
        AroundFuture { progress, span: self.span, kept: Some(self.kept) }
    }
}

/// An [`Around`] as a tower layer. The futures are named types: nothing is boxed per request.
#[derive(Clone, Debug)]
pub struct AroundLayer<A>(pub A);

impl<A: Around, S> Layer<S> for AroundLayer<A> {
    type Service = AroundService<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        self.0.clone().around(inner)
    }
}

/// What [`Around::around`] makes.
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
        let inner = &mut self.inner;
        begun.go_on(request, |request| inner.call(request))
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
