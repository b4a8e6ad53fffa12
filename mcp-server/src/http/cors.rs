//! Which pages of a browser may call, and what they may see.

use axum::{extract::Request, response::Response};
use chassis::{Around, Begun};
use http::{HeaderName, HeaderValue, Method, header};
use shared::mcp::headers;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::{Server, auth};

/// What a page may read of an answer.
const EXPOSED: [HeaderName; 6] = [
    HeaderName::from_static(headers::SESSION_ID),
    HeaderName::from_static(headers::PROTOCOL_VERSION),
    HeaderName::from_static("x-request-id"),
    header::WWW_AUTHENTICATE,
    header::RETRY_AFTER,
    auth::NONCE,
];

/// The endpoint: pages of the origins that the guard lets through. Preflights are answered before
/// anybody is asked for a token, because they cannot carry one.
pub(super) fn protected(server: &Server) -> CorsLayer {
    let guard = server.guard().clone();
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin: &HeaderValue, _| {
            guard.allows_origin(origin)
        }))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        // `Mcp-Param-*` cannot be listed: what is asked for is allowed. No cookies are used here.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
}

/// Documents that anybody may read.
pub(super) fn public() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::any())
        .allow_methods([Method::GET])
        .allow_headers(AllowHeaders::mirror_request())
}

/// What is refused further out than the endpoint, such as a body that is too large, can be read by
/// the pages that may call as well: otherwise a page learns no more than that something failed.
#[derive(Clone)]
pub(super) struct OnErrors(pub(super) Server);

impl Around for OnErrors {
    /// The origin of the page that asks, if it may.
    type Kept = Option<HeaderValue>;

    fn before(&self, request: &mut Request) -> Begun<Self::Kept> {
        let origin = request.headers().get(header::ORIGIN);
        Begun::with(origin.filter(|origin| self.0.guard().allows_origin(origin)).cloned())
    }

    fn after(origin: Self::Kept, mut response: Response) -> Response {
        let failed = response.status().is_client_error() || response.status().is_server_error();
        let headers = response.headers_mut();
        if let Some(origin) = origin
            && failed
            && !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.append(header::VARY, HeaderValue::from_static("origin"));
            for name in EXPOSED {
                headers.append(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from(name));
            }
        }
        response
    }
}
