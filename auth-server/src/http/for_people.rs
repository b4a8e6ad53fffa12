//! What a person reads who has taken a wrong turn: a page, where a program gets JSON.
//!
//! The answers themselves are made where nobody knows who asks, some of them outside of the router.

use std::sync::Arc;

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use chassis::{Around, Begun};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::{
    Issuer,
    pages::{ErrorPage, page},
};

/// What programs send their forms to. Some of those say that they like HTML, and cannot read it.
const FOR_PROGRAMS: [&str; 7] =
    ["/token", "/register", "/revoke", "/par", "/device_authorization", "/introspect", "/userinfo"];

/// Turns the answer into a page, if it is one of those and a person asks.
#[derive(Clone)]
pub(super) struct Pages(pub(super) Arc<Issuer>);

impl Around for Pages {
    /// Whether a person asks.
    type Kept = bool;

    fn before(&self, request: &mut Request) -> Begun<bool> {
        // Beside the issuer, where a program that was told no path asks, its endpoints are known too.
        let path = request.uri().path();
        let path = self.0.below(path).unwrap_or(path);
        let is_programs = FOR_PROGRAMS.iter().any(|known| path.starts_with(known));
        let is_persons = request.method() == Method::GET || !is_programs;
        Begun::with(is_persons && prefers_html(request.headers()))
    }

    fn after(is_wanted: bool, response: Response) -> Response {
        match words(response.status()) {
            Some((title, text)) if is_wanted && is_json(&response) => {
                let error_page = ErrorPage::new(title, text).of(request_id(&response));
                let shown = page(response.status(), &error_page);
                with_headers_of(&response, shown)
            }
            _ => response,
        }
    }
}

const fn words(status: StatusCode) -> Option<(&'static str, &'static str)> {
    match status {
        StatusCode::NOT_FOUND => Some((
            "Nothing is here",
            "The address is wrong, or what was there has gone. Go back to the application and start \
             again.",
        )),
        StatusCode::METHOD_NOT_ALLOWED => Some((
            "This page cannot be opened like this",
            "It is a step on the way of a login, or is for programs. Go back to the application and \
             start again.",
        )),
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::URI_TOO_LONG => Some((
            "This request cannot be read",
            "It is too large. Open the page again, or go back to the application and start again.",
        )),
        _ => None,
    }
}

/// Browsers name HTML when they open a page; programs name JSON, or anything, or nothing.
fn prefers_html(headers: &HeaderMap) -> bool {
    let sent = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let kinds: Vec<_> = sent.flat_map(|value| value.split(',')).map(str::trim).collect();
    let names = |kind: &str| {
        let is_it = |range: &&str| range.split(';').next().is_some_and(|it| it.trim() == kind);
        kinds.iter().any(is_it)
    };
    names("text/html") && !names("application/json")
}

/// What the answer is named by. Out here nobody else knows it.
fn request_id(response: &Response) -> Option<String> {
    let id = response.headers().get("x-request-id");
    id.and_then(|id| id.to_str().ok()).map(str::to_owned)
}

fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

/// What the answer has beside its body: the request's name, the methods that are allowed.
fn with_headers_of(response: &Response, mut shown: Response) -> Response {
    let body = [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::CONTENT_SECURITY_POLICY];
    for (name, value) in response.headers() {
        if !body.contains(name) && !shown.headers().contains_key(name) {
            shown.headers_mut().insert(name, value.clone());
        }
    }
    shown.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    shown.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_for_those_who_name_it_and_not_json() {
        let table = [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("text/html", true),
            ("*/*", false),
            ("application/json, text/plain, */*", false),
            ("application/json, text/html", false),
            ("", false),
        ];
        for (accept, prefers) in table {
            let headers = [(header::ACCEPT, HeaderValue::from_static(accept))];
            assert_eq!(prefers_html(&headers.into_iter().collect()), prefers, "{accept}");
        }
    }
}
