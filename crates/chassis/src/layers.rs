//! The one ordered list of layers around a router.

use ambient::{Clock, Entropy};
use axum::{Router, extract::DefaultBodyLimit, response::Response};
use http::HeaderName;
use tower::ServiceBuilder;

use crate::{
    RequestId,
    access_log::LogAccess,
    around::AroundLayer,
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
