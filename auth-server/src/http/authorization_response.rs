//! The answer to an authorization request, by way of the browser (OAuth 2.1 section 4.1.2).

use axum::response::Response;
use http::StatusCode;
use shared::oauth::ErrorCode;

use super::{
    answer::{self, see_other},
    query,
};
use crate::{
    AuthServer,
    domain::{Destination, RedirectUri},
    pages::{ErrorPage, page},
};

/// The answer to the client, with its state and our name (RFC 9207), whatever it says.
pub(super) fn respond(
    issuer: &str,
    redirect_uri: &str,
    state: Option<&str>,
    result: &[(&str, &str)],
) -> Response {
    see_other(&address(issuer, redirect_uri, state, result))
}

fn address(
    issuer: &str,
    redirect_uri: &str,
    state: Option<&str>,
    result: &[(&str, &str)],
) -> String {
    let mut parameters = result.to_vec();
    parameters.extend(state.map(|state| ("state", state)));
    parameters.push(("iss", issuer));
    query::append(redirect_uri, &parameters)
}

/// The answer to the client when there is no code.
pub(super) fn fail(
    issuer: &str,
    redirect_uri: &str,
    state: Option<&str>,
    failure: (ErrorCode, &str),
) -> Response {
    see_other(&failure_address(issuer, redirect_uri, state, failure))
}

/// Where that answer is.
pub(super) fn failure_address(
    issuer: &str,
    redirect_uri: &str,
    state: Option<&str>,
    (code, description): (ErrorCode, &str),
) -> String {
    let description = answer::allowed(description.into());
    let result = [("error", code.as_str()), ("error_description", &*description)];
    address(issuer, redirect_uri, state, &result)
}

/// Whether a browser may be sent to `uri` before its user has done anything here (OAuth 2.1
/// section 7.12.2): something listens there on the user's own computer, or the operator has named the
/// client or the host. A scheme of an application starts a program, whoever has registered it.
pub(super) fn is_vouched_for(server: &AuthServer, client_id: &str, uri: &str) -> bool {
    RedirectUri::destination(uri) == Destination::ThisComputer
        || server.is_given(client_id)
        || server.config().redirect_hosts.vouch_for(uri)
}

/// The page for a user whose client cannot be told.
pub(super) fn unanswerable() -> Response {
    let (title, text) = (
        "This application cannot be answered",
        "It wants the answer to go to an address that is not registered for it. To be safe, \
         nothing was sent there.",
    );
    page(StatusCode::BAD_REQUEST, &ErrorPage::new(title, text))
}
