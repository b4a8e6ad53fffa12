//! The answer to an authorization request, by way of the browser (OAuth 2.1 section 4.1.2).

use axum::response::Response;
use http::StatusCode;
use shared::oauth::ErrorCode;

use super::{
    answer::{self, see_other},
    query,
};
use crate::pages::{ErrorPage, page};

/// The answer to the client, with its state and our name (RFC 9207), whatever it says.
pub(super) fn respond(
    issuer: &str,
    redirect_uri: &str,
    state: Option<&str>,
    result: &[(&str, &str)],
) -> Response {
    let mut parameters = result.to_vec();
    parameters.extend(state.map(|state| ("state", state)));
    parameters.push(("iss", issuer));
    see_other(&query::append(redirect_uri, &parameters))
}

/// The answer to the client when there is no code.
pub(super) fn fail(
    issuer: &str,
    redirect_uri: &str,
    state: Option<&str>,
    (code, description): (ErrorCode, &str),
) -> Response {
    let description = answer::allowed(description.into());
    let result = [("error", code.as_str()), ("error_description", &*description)];
    respond(issuer, redirect_uri, state, &result)
}

/// The page for a user whose client cannot be told.
pub(super) fn unanswerable() -> Response {
    let (title, text) = (
        "This application cannot be answered",
        "It wants the answer to go to an address that is not registered for it. To be safe, \
         nothing was sent there.",
    );
    page(StatusCode::BAD_REQUEST, &ErrorPage { title, text })
}
