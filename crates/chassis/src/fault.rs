//! The 500 nobody expected: the chain of causes is logged once, the client gets an id to quote.

use std::{
    any::Any,
    convert::Infallible,
    error::Error,
    fmt,
    future::Future,
    panic::{self, AssertUnwindSafe, Location},
    sync::Arc,
    task::{Context, Poll},
    thread,
};

use axum::{
    Json,
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::{
    FutureExt as _,
    future::{CatchUnwind, Either, Map, Ready, ready},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use tower::Service;

use crate::{
    RequestId,
    around::{Answered, Around, Begun, Serve},
};

type Cause = Box<dyn Error + Send + Sync>;

/// A failure that is nobody's input and has no answer in a specification.
///
/// Made by `?` from any error. It answers 500 with
/// `{"error": "internal_error", "request_id": "…"}`; its causes go to the log, never to the client.
#[derive(Debug)]
pub struct Fault {
    cause: Cause,
    place: &'static Location<'static>,
}

impl Fault {
    /// A fault without an error underneath; `reason` goes to the log.
    #[must_use]
    #[track_caller]
    pub fn because(reason: impl Into<String>) -> Self {
        Self { cause: reason.into().into(), place: Location::caller() }
    }

    /// Writes the fault to the log. Only for whoever does not return it from a handler.
    pub fn report(&self, id: Option<&RequestId>) {
        let request_id = id.map(RequestId::as_str);
        tracing::error!(request_id, error = %self, place = %self.place, "unexpected failure");
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Fault {
    #[track_caller]
    fn from(error: E) -> Self {
        Self { cause: error.into(), place: Location::caller() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)?;
        let mut source = self.cause.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = answer(None);
        // The layer outside knows the request; it logs and answers with its id.
        response.extensions_mut().insert(Unreported(Arc::new(self)));
        response
    }
}

fn answer(id: Option<&RequestId>) -> Response {
    let mut body = json!({ "error": "internal_error" });
    if let Some(id) = id {
        body["request_id"] = id.as_str().into();
    }
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::INTERNAL_SERVER_ERROR, no_store, Json(body)).into_response()
}

/// A fault on its way out, in the extensions of its response.
#[derive(Clone)]
struct Unreported(Arc<Fault>);

/// The layer that logs faults and answers them with the request's id.
#[derive(Clone)]
pub(crate) struct AnswerFaults;

impl Around for AnswerFaults {
    type Kept = Option<RequestId>;

    fn before(&self, request: &mut Request) -> Begun<Self::Kept> {
        Begun::with(request.extensions().get().cloned())
    }

    fn after(id: Self::Kept, mut response: Response) -> Response {
        match response.extensions_mut().remove::<Unreported>() {
            Some(Unreported(fault)) => {
                fault.report(id.as_ref());
                answer(id.as_ref())
            }
            None => response,
        }
    }
}

/// The service that makes a panic a [`Fault`]: as tower-http's of this name, without its boxing of
/// every body.
#[derive(Clone)]
pub(crate) struct CatchPanic<S>(pub(crate) S);

type Caught = thread::Result<Answered>;
type Catching<F> =
    Map<Either<CatchUnwind<AssertUnwindSafe<F>>, Ready<Caught>>, fn(Caught) -> Answered>;

fn catching<F: Future<Output = Answered>>(call: impl FnOnce() -> F) -> Catching<F> {
    let caught = match panic::catch_unwind(AssertUnwindSafe(call)) {
        Ok(future) => Either::Left(AssertUnwindSafe(future).catch_unwind()),
        Err(panic) => Either::Right(ready(Err(panic))),
    };
    caught.map(answered)
}

impl<S: Serve> Serve for CatchPanic<S> {
    type Answering = Catching<S::Answering>;

    fn serve(&self, request: Request) -> Self::Answering {
        catching(|| self.0.serve(request))
    }
}

impl<S> Service<Request> for CatchPanic<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Catching<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        catching(|| self.0.call(request))
    }
}

fn answered(caught: Caught) -> Answered {
    caught.unwrap_or_else(|panic| Ok(Fault::because(message(&*panic)).into_response()))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("without a message"))
}
