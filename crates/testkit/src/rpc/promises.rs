//! What the transport promises about every answer of an MCP endpoint.

use http::{HeaderMap, StatusCode};
use serde_json::Value;
use shared::mcp::{Era, Revision};

use super::sse::Event;
use crate::http::{check_head, check_text, header, media_type};

/// Which form the body of an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Stream,
    Other,
}

/// Checks the head of an answer and tells the form of its body.
pub(super) fn head(revision: Revision, status: StatusCode, headers: &HeaderMap) -> Form {
    check_head(status, headers);
    if revision.era() == Era::Modern {
        let session = header(headers, "mcp-session-id");
        assert_eq!(session, None, "2026-07-28 has no sessions");
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let wait = header(headers, "retry-after");
        assert!(wait.is_some(), "a 503 says when to come back: {headers:?}");
    }
    match media_type(headers) {
        Some("text/event-stream") => {
            assert_eq!(status, StatusCode::OK, "a stream is a success");
            let buffering = header(headers, "x-accel-buffering");
            assert_eq!(buffering, Some("no"), "no proxy may hold a stream back");
            Form::Stream
        }
        Some("application/json") => Form::Json,
        _ => Form::Other,
    }
}

/// Checks a body that is not a stream.
pub(super) fn body(revision: Revision, status: StatusCode, form: Form, text: &str) {
    check_text(text);
    match status.as_u16() {
        200 => assert_eq!(form, Form::Json, "an answer is JSON or a stream, not: {text}"),
        202 | 204 => assert_eq!(text, "", "{status} has no body"),
        // A client that looks for the era of a server reads the bodies of these: one that is no
        // error of JSON-RPC sends it to an older revision (2026-07-28 streamable-http).
        400 | 404 | 413 | 415 if revision.era() == Era::Modern => {
            let message: Option<Value> = serde_json::from_str(text).ok();
            let code = message.and_then(|message| message["error"]["code"].as_i64());
            assert!(code.is_some(), "{status} carries a JSON-RPC error, not: {text}");
        }
        _ => {}
    }
}

/// Checks that status and code of a single error fit (2026-07-28 streamable-http).
pub(super) fn error_status(revision: Revision, status: StatusCode, message: &Value) {
    let Some(code) = message["error"]["code"].as_i64() else { return };
    let expected = match (revision.era(), code) {
        (Era::Modern, -32601) => 404,
        (Era::Modern, -32700 | -32022..=-32020) => 400,
        // What HTTP has a word of its own for keeps it: wrong host, verb, form, size, type or pace.
        (Era::Modern, -32600) if matches!(status.as_u16(), 403 | 405 | 406 | 413 | 415 | 429) => {
            return;
        }
        (Era::Modern, -32600) => 400,
        _ => return,
    };
    assert_eq!(status.as_u16(), expected, "the status of {message}");
}

/// Checks one event of a stream.
pub(super) fn event(revision: Revision, event: &Event) {
    let name = event.name.as_deref().unwrap_or("message");
    assert_eq!(name, "message", "messages are the only events: {event:?}");
    if revision.era() == Era::Modern {
        let polling = event.id.is_some() || event.retry.is_some();
        assert!(!polling, "streams cannot be resumed since 2026-07-28: {event:?}");
    }
    if !revision.has_stream_polling() {
        let empty = event.data.as_deref() == Some("");
        assert!(!empty, "{revision} has no events without a message: {event:?}");
    }
    if let Some(data) = &event.data {
        check_text(data);
    }
}
