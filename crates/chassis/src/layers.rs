//! The one ordered list of layers around a router.

use std::sync::Arc;

use ambient::{Clock, Entropy};
use axum::{Router, response::Response};
use http::HeaderName;
use tower::layer::layer_fn;

use crate::{
    RequestId,
    access_log::LogAccess,
    around::{Around as _, AroundService, Both},
    fault::{AnswerFaults, CatchPanic},
    headers::SecureHeaders,
    request_id::{KnowRequests, NameRequests},
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
    router.layer(layer_fn(move |inner| dressed(inner, &options, None)))
}

/// What is around every request, outermost first: what comes later is seen, named and logged by what
/// came before.
pub(crate) type Dressed<S> = Worn<NameRequests, KnowRequests<Worn<Seen, Safe<S>>>>;
type Safe<S> = CatchPanic<Worn<size::LimitBody, S>>;
type Seen = Both<TraceHttp, Both<MeasureHttp, Both<LogAccess, Both<SecureHeaders, AnswerFaults>>>>;
type Worn<A, S> = AroundService<A, S>;

/// Puts the layers around a service, which may be for one route only.
pub(crate) fn dressed<S>(inner: S, options: &Dress, route: Option<&'static str>) -> Dressed<S> {
    let (limit, https, clock) = (options.max_body, options.https, options.clock.clone());
    let (metrics, session) = (options.metrics.clone(), options.session.clone());
    let answered = SecureHeaders { https }.and(AnswerFaults);
    let logged = LogAccess { clock, session }.and(answered);
    let measured = MeasureHttp { metrics, route, usual: Arc::default() }.and(logged);
    let seen = TraceHttp { https, route }.and(measured);
    let limited = size::LimitBody { limit, too_large: options.too_large }.around(inner);
    let known = KnowRequests(seen.around(CatchPanic(limited)));
    NameRequests(options.entropy.clone()).around(known)
}
