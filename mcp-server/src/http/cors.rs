//! Which pages of a browser may call, and what they may see.

use http::{HeaderName, HeaderValue, Method, header};
use shared::mcp::headers;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::Server;

/// The endpoint: pages of the origins that the guard lets through. Preflights are answered before
/// anybody is asked for a token, because they cannot carry one.
pub(super) fn protected(server: &Server) -> CorsLayer {
    let guard = server.guard().clone();
    let exposed = [headers::SESSION_ID, headers::PROTOCOL_VERSION, "x-request-id"];
    let exposed = exposed.into_iter().map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin: &HeaderValue, _| {
            guard.allows_origin(origin)
        }))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        // `Mcp-Param-*` cannot be listed: what is asked for is allowed. No cookies are used here.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(
            exposed.chain([header::WWW_AUTHENTICATE, header::RETRY_AFTER]).collect::<Vec<_>>(),
        )
}

/// Documents that anybody may read.
pub(super) fn public() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::any())
        .allow_methods([Method::GET])
        .allow_headers(AllowHeaders::mirror_request())
}
