//! What a server answers with: a router, and a shortcut past it.
//!
//! For every request a router copies each layer further in, and boxes a future at each of them. What
//! is asked more often than all the rest goes another way: the same layers around it, none of them
//! copied, and one box (decision 0035 has the numbers).

use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{Router, extract::Request, response::Response, routing::future::RouteFuture};
use futures_util::future::{BoxFuture, Either};
use tower::Service;

use crate::{
    around::{Answered, Serve},
    layers::{Dress, Dressed, dressed},
};

/// A dressed router, and perhaps a shortcut. Cheap to clone.
#[derive(Clone)]
pub struct App {
    router: Router,
    shortcut: Option<Arc<dyn Way>>,
}

impl From<Router> for App {
    fn from(router: Router) -> Self {
        Self { router, shortcut: None }
    }
}

impl App {
    /// Sends the requests that `wants` picks to `service`, past the router. What it answers must be
    /// what the router would have answered. `route` is its path, as telemetry names it; `options` are
    /// those of [`dress`](crate::dress).
    #[must_use]
    pub fn with_shortcut<S>(
        self,
        route: &'static str,
        wants: impl Fn(&Request) -> bool + Send + Sync + 'static,
        service: S,
        options: &Dress,
    ) -> Self
    where
        S: Serve + Send + Sync + 'static,
    {
        let service = dressed(service, options, Some(route));
        Self { shortcut: Some(Arc::new(Shortcut { wants, service })), ..self }
    }

    /// Answers a request.
    pub(crate) fn answer(&self, request: Request) -> Answering {
        match &self.shortcut {
            Some(way) if way.wants(&request) => Either::Left(way.go(request)),
            _ => Either::Right(self.router.clone().call(request)),
        }
    }
}

/// The answer in the making.
pub(crate) type Answering = Either<BoxFuture<'static, Answered>, RouteFuture<Infallible>>;

impl Service<Request> for App {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Neither is ever busy.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Answering {
        self.answer(request)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("has_shortcut", &self.shortcut.is_some())
            .finish_non_exhaustive()
    }
}

/// A [`Shortcut`], whatever its type.
trait Way: Send + Sync {
    fn wants(&self, request: &Request) -> bool;
    fn go(&self, request: Request) -> BoxFuture<'static, Answered>;
}

struct Shortcut<W, S> {
    wants: W,
    service: Dressed<S>,
}

impl<W, S> Way for Shortcut<W, S>
where
    W: Fn(&Request) -> bool + Send + Sync,
    S: Serve + Send + Sync + 'static,
{
    fn wants(&self, request: &Request) -> bool {
        (self.wants)(request)
    }

    fn go(&self, request: Request) -> BoxFuture<'static, Answered> {
        Box::pin(self.service.serve(request))
    }
}
