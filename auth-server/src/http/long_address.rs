//! Addresses that are longer than anybody's: refused before anything reads them.

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use chassis::{Around, Begun};
use http::StatusCode;
use shared::oauth::ErrorCode;

use super::answer::OAuthError;

/// The longest path with its query, in bytes. What is longer goes to `/par`, or is sent by POST.
const LONGEST: usize = 8 * 1024;

/// Answers such a request with 414 (RFC 9110 section 15.5.15).
#[derive(Clone)]
pub(super) struct LongAddress;

impl Around for LongAddress {
    type Kept = ();

    fn before(&self, request: &mut Request) -> Begun<()> {
        let length = request.uri().path_and_query().map_or(0, |whole| whole.as_str().len());
        if length <= LONGEST {
            return Begun::with(());
        }
        let text = "the address is longer than 8 KiB; send the parameters to /par, or by POST";
        let error = OAuthError::new(ErrorCode::InvalidRequest, text);
        Begun::refused((), error.with_status(StatusCode::URI_TOO_LONG).into_response())
    }

    fn after((): (), response: Response) -> Response {
        response
    }
}
