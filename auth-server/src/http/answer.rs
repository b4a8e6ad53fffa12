//! Answers that several endpoints give: OAuth errors, outages, redirects.

use std::borrow::Cow;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use chassis::{Fault, RequestId};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use shared::oauth::{ErrorBody, ErrorCode};
use store::StoreError;

use crate::pages::{ErrorPage, page};

/// A connection heals within half a second; who waits this long finds it healed.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// An error of RFC 6749 section 5.2: 400 unless something else is said.
#[derive(Debug)]
pub(crate) struct OAuthError {
    status: StatusCode,
    body: ErrorBody,
}

impl OAuthError {
    /// The description is for developers, and goes to the client: it names no secret and no inside.
    pub(crate) fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        let description = allowed(description.into());
        let request_id = RequestId::current().map(|id| id.to_string());
        let body = ErrorBody { error: code, error_description: Some(description), request_id };
        Self { status: StatusCode::BAD_REQUEST, body }
    }

    /// The same error with another status.
    #[must_use]
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl From<OAuthError> for Response {
    fn from(error: OAuthError) -> Self {
        let mut response = no_store(error.status, error.body);
        if error.status == StatusCode::UNAUTHORIZED {
            // RFC 6749 asks for it after a failed Basic authentication, RFC 9110 in every 401.
            let challenge = HeaderValue::from_static("Basic realm=\"oauth\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        self.into()
    }
}

/// JSON that no cache may keep.
pub(crate) fn no_store(status: StatusCode, body: impl Serialize) -> Response {
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ];
    (status, headers, Json(body)).into_response()
}

/// An answer that may be another in a moment.
pub(crate) fn later(error: OAuthError) -> Response {
    let response: Response = error.with_status(StatusCode::SERVICE_UNAVAILABLE).into();
    ([(header::RETRY_AFTER, RETRY_AFTER)], response).into_response()
}

/// A store that does not work, told to a program. Never 400 or 401: clients would throw good tokens
/// and registrations away.
pub(crate) fn store_failure(error: StoreError) -> Response {
    match error {
        StoreError::Unavailable(_) | StoreError::Refused(_) => {
            tracing::error!(%error, "the store does not work");
            let text = "the server cannot look things up now; try again";
            later(OAuthError::new(ErrorCode::TemporarilyUnavailable, text))
        }
        StoreError::Corrupt { .. } => Fault::from(error).into_response(),
    }
}

/// A store that does not work, told to a person.
pub(crate) fn store_failure_page(error: StoreError) -> Response {
    match error {
        StoreError::Unavailable(_) | StoreError::Refused(_) => {
            tracing::error!(%error, "the store does not work");
            let page = page(
                StatusCode::SERVICE_UNAVAILABLE,
                &ErrorPage::new(
                    "Not available right now",
                    "The server cannot look things up at the moment. Reload this page in a few \
                     seconds.",
                ),
            );
            ([(header::RETRY_AFTER, RETRY_AFTER)], page).into_response()
        }
        StoreError::Corrupt { .. } => Fault::from(error).into_response(),
    }
}

/// Sends a browser elsewhere. 303: what was a form before is fetched there (RFC 9700 section 4.12
/// warns of 307, which would send the password on).
pub(crate) fn see_other(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => {
            let no_store = HeaderValue::from_static("no-store");
            let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, no_store)];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(error) => Fault::from(error).into_response(),
    }
}

/// RFC 6749 section 5.2: visible ASCII and space, without `"` and `\`.
pub(super) fn allowed(text: Cow<'_, str>) -> Cow<'_, str> {
    let fits = |c: char| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~');
    if text.chars().all(fits) {
        return text;
    }
    text.chars().map(|c| if fits(c) { c } else { '?' }).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_keeps_to_its_alphabet() {
        assert_eq!(allowed("a `b` c".into()), "a `b` c");
        assert_eq!(allowed("\"ä\\\r\n".into()), "?????");
    }
}
