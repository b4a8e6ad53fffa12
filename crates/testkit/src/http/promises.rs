//! What every answer of either server promises, whatever was asked.

use http::{HeaderMap, StatusCode};

use super::Answer;
use crate::fail::OrFail as _;

/// Traces of the inside: none of them may ever be seen outside.
const INTERNAL: [&str; 6] = [
    "panicked at",
    "stack backtrace",
    "RUST_BACKTRACE",
    "Result::unwrap",
    ".cargo/registry",
    "src/main.rs",
];

/// Fails the test if the answer breaks a promise.
pub(super) fn check(answer: &Answer) {
    check_head(answer.status, &answer.headers);
    check_text(&String::from_utf8_lossy(&answer.body));
    if media_type(&answer.headers) == Some("application/json") {
        let json = serde_json::from_slice::<serde_json::Value>(&answer.body);
        assert!(json.is_ok(), "a body that calls itself JSON is JSON: {answer}");
    }
}

/// The promises of status and header fields.
pub(crate) fn check_head(status: StatusCode, headers: &HeaderMap) {
    let field = |name| header(headers, name);
    assert!(field("x-request-id").is_some(), "every answer has a request id: {headers:?}");
    assert_eq!(
        field("x-content-type-options"),
        Some("nosniff"),
        "no content type is left to be guessed: {headers:?}"
    );
    if status == StatusCode::METHOD_NOT_ALLOWED {
        assert!(field("allow").is_some(), "a 405 says what is allowed (RFC 9110 15.5.6)");
    }
    if status == StatusCode::UNAUTHORIZED {
        assert!(
            headers.contains_key("www-authenticate"),
            "a 401 says how to authenticate (RFC 9110 15.5.2): {headers:?}"
        );
    }
}

/// The promise that nothing of the inside is told.
pub(crate) fn check_text(text: &str) {
    for trace in INTERNAL {
        assert!(!text.contains(trace), "`{trace}` has come out: {text}");
    }
}

/// The one field of this name; fails the test if there are several.
#[track_caller]
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    assert!(values.next().is_none(), "`{name}` is there once: {headers:?}");
    Some(first.to_str().or_fail(format!("`{name}` is visible ASCII")))
}

/// The content type without its parameters.
#[track_caller]
pub(crate) fn media_type(headers: &HeaderMap) -> Option<&str> {
    header(headers, "content-type").map(|value| value.split(';').next().unwrap_or(value).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let always = [("x-request-id", "1"), ("x-content-type-options", "nosniff")];
        let fields = always.iter().chain(fields);
        fields.map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn an_answer_that_keeps_the_promises_passes() {
        check_head(StatusCode::OK, &headers(&[]));
        check_head(StatusCode::METHOD_NOT_ALLOWED, &headers(&[("allow", "POST")]));
        check_head(StatusCode::UNAUTHORIZED, &headers(&[("www-authenticate", "Bearer")]));
        check_text("an ordinary sentence");
    }

    #[test]
    #[should_panic(expected = "request id")]
    fn an_answer_without_a_request_id_fails() {
        check_head(StatusCode::OK, &HeaderMap::new());
    }

    #[test]
    #[should_panic(expected = "how to authenticate")]
    fn a_401_without_a_challenge_fails() {
        check_head(StatusCode::UNAUTHORIZED, &headers(&[]));
    }

    #[test]
    #[should_panic(expected = "has come out")]
    fn a_panic_message_in_a_body_fails() {
        check_text("thread 'main' panicked at x");
    }

    #[test]
    fn parameters_are_no_part_of_a_media_type() {
        let fields = headers(&[("content-type", "text/html; charset=utf-8")]);
        assert_eq!(media_type(&fields), Some("text/html"));
    }
}
