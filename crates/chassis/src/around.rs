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

    /// This and, further in, another one, as one: a request is not moved on from the first to the
    /// second, nor is the answer in the making. Only one of the two may open a span.
    fn and<B: Around>(self, inner: B) -> Both<Self, B> {
        Both { outer: self, inner }
    }

    /// The service that does it.
    fn around<S>(self, inner: S) -> AroundService<Self, S> {
        AroundService { around: self, inner }
    }
}

/// What [`Around::and`] makes.
#[derive(Clone, Debug)]
pub struct Both<A, B> {
    outer: A,
    inner: B,
}

impl<A: Around, B: Around> Around for Both<A, B> {
    /// Of the inner one nothing, if the outer one has refused.
    type Kept = (A::Kept, Option<B::Kept>);

    fn before(&self, request: &mut Request) -> Begun<Self::Kept> {
        let Begun { kept, span, refusal } = self.outer.before(request);
        if refusal.is_some() {
            return Begun { kept: (kept, None), span, refusal };
        }
        let inner = span.in_scope(|| self.inner.before(request));
        let span = if span.is_none() { inner.span } else { span };
        Begun { kept: (kept, Some(inner.kept)), span, refusal: inner.refusal }
    }

    fn after((outer, inner): Self::Kept, response: Response) -> Response {
        let response = match inner {
            Some(inner) => B::after(inner, response),
            None => response,
        };
        A::after(outer, response)
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

#[cfg(test)]
mod tests {
    use axum::{body::Body, response::IntoResponse as _};
    use http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;

    /// Writes its name into what goes along with the request, and with the answer.
    #[derive(Clone)]
    struct Told {
        name: &'static str,
        refuses: bool,
    }

    impl Around for Told {
        type Kept = &'static str;

        fn before(&self, request: &mut Request) -> Begun<&'static str> {
            request.extensions_mut().get_or_insert_default::<String>().push_str(self.name);
            if self.refuses {
                return Begun::refused(self.name, StatusCode::FORBIDDEN.into_response());
            }
            Begun::with(self.name)
        }

        fn after(name: &'static str, mut response: Response) -> Response {
            response.extensions_mut().get_or_insert_default::<String>().push_str(name);
            response
        }
    }

    async fn answer(refusing: &str) -> (StatusCode, String) {
        let told = |name| Told { name, refuses: name == refusing };
        let handler = tower::service_fn(async |request: Request| {
            let mut response = Response::new(Body::empty());
            let before = request.extensions().get::<String>().cloned().unwrap_or_default();
            response.extensions_mut().insert(before);
            Ok::<_, Infallible>(response)
        });
        let service = told("a").and(told("b").and(told("c"))).around(handler);
        let response = service.oneshot(Request::default()).await.unwrap();
        let said = response.extensions().get::<String>().cloned();
        (response.status(), said.unwrap_or_default())
    }

    #[tokio::test]
    async fn several_as_one_are_in_the_same_order_as_one_in_the_other() {
        assert_eq!(answer("").await, (StatusCode::OK, "abccba".to_owned()));
        assert_eq!(answer("b").await, (StatusCode::FORBIDDEN, "ba".to_owned()));
        assert_eq!(answer("a").await, (StatusCode::FORBIDDEN, "a".to_owned()));
    }
}
