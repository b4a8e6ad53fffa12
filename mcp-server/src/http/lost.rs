//! An address where nothing is: a page for a person, with a way back, and JSON for a program.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use chassis::RequestId;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use shared::mcp::ErrorCode;

use super::{Rejection, splash};
use crate::config::ENDPOINT;

#[derive(Template)]
#[template(path = "lost.html")]
struct Lost<'a> {
    /// The same words that a program gets.
    text: &'a str,
    /// What a user quotes in a report.
    request_id: Option<RequestId>,
}

/// Answers whatever no route has.
pub(super) async fn not_found(method: Method, headers: HeaderMap) -> Response {
    let text = format!("Nothing is here; the MCP endpoint is {ENDPOINT}");
    let status = StatusCode::NOT_FOUND;
    let is_looked_at = matches!(method, Method::GET | Method::HEAD);
    let mut response = if is_looked_at && splash::prefers_html(&headers) {
        let page = Lost { text: &text, request_id: RequestId::current() };
        let mut response = splash::rendered(&page, splash::POLICY);
        // A page that cannot be rendered says so with its own status.
        if response.status().is_success() {
            *response.status_mut() = status;
        }
        response
    } else {
        Rejection::new(status, ErrorCode::INVALID_REQUEST, text).into_response()
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}
