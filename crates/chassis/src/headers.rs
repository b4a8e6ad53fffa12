//! The headers that make every answer harmless in a browser.

use axum::{extract::Request, response::Response};
use http::{HeaderName, HeaderValue, header};

use crate::around::{Around, Begun};

/// Nothing may be loaded or framed: right for data, and for a page that has not chosen its own.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const ONE_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

/// The layer that adds them. A header that the handler has set is kept: a page chooses its own
/// `Content-Security-Policy`. `Cache-Control` is left to handlers altogether.
#[derive(Clone)]
pub(crate) struct SecureHeaders {
    pub(crate) https: bool,
}

impl Around for SecureHeaders {
    type Kept = bool;

    fn before(&self, _: &mut Request) -> Begun<bool> {
        Begun::with(self.https)
    }

    fn after(https: bool, mut response: Response) -> Response {
        let headers = response.headers_mut();
        let always = [
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (header::CONTENT_SECURITY_POLICY, NOTHING),
            (CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin")),
        ];
        // RFC 6797, section 7.2: not to be sent over plain HTTP.
        let secure = https.then_some((header::STRICT_TRANSPORT_SECURITY, ONE_YEAR));
        for (name, value) in always.into_iter().chain(secure) {
            headers.entry(name).or_insert(value);
        }
        response
    }
}
