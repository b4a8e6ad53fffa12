//! A request that is refused before it reaches a call: an HTTP status and a JSON-RPC error.
//!
//! Every refusal has a JSON body, whatever it is about: a client of 2026-07-28 tells the era of a
//! server by it.

use std::{borrow::Borrow, fmt};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use shared::mcp::{
    ErrorCode, ErrorObject, MalformedMessage, Outgoing, Params, RequestId, Revision,
};
use shared::oauth::BearerChallenge;

use super::reply::Answer;
use crate::session::OpenError;

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(crate) struct Rejection {
    status: StatusCode,
    id: Option<RequestId>,
    error: ErrorObject,
    allow: Option<&'static str>,
    challenge: Option<Box<HeaderValue>>,
    about: Option<Box<About>>,
}

/// What was asked for, as far as that could be read: for telemetry.
#[derive(Clone)]
pub(crate) struct About {
    pub(crate) method: String,
    pub(crate) params: Option<Params>,
}

/// A refusal is logged, and what a caller has sent is not.
impl fmt::Debug for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("About")
    }
}

impl Rejection {
    /// A refusal with a status and a code.
    pub(crate) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            status,
            id: None,
            error: ErrorObject::new(code, message),
            allow: None,
            challenge: None,
            about: None,
        }
    }

    /// The message is one, but not one for here: 400 and -32600.
    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::INVALID_REQUEST, message)
    }

    /// Parameters that a request must have are missing or wrong, `_meta` first: 400 and -32602.
    pub(crate) fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::INVALID_PARAMS, message)
    }

    /// A header is missing or differs from the body: 400 and -32020.
    pub(crate) fn header_mismatch(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::HEADER_MISMATCH, message)
    }

    /// A revision that is not served to stateless requests: 400 and -32022.
    pub(crate) fn unsupported_version(requested: &str, served: &[Revision]) -> Self {
        // A legacy revision that is claimed by a stateless request must not be listed, or the
        // client would try it again the same way.
        let claimed_legacy = requested.parse::<Revision>().is_ok();
        let supported = served.iter().filter(|r| !claimed_legacy || **r == Revision::V2026_07_28);
        let data = json!({ "supported": supported.collect::<Vec<_>>(), "requested": requested });
        let code = ErrorCode::UNSUPPORTED_PROTOCOL_VERSION;
        let error = ErrorObject::new(code, "Unsupported protocol version").with_data(data);
        Self::of(StatusCode::BAD_REQUEST, error)
    }

    /// An error with its status.
    pub(crate) fn of(status: StatusCode, error: ErrorObject) -> Self {
        Self { error, ..Self::new(status, ErrorCode::INTERNAL_ERROR, "") }
    }

    /// An unknown, ended or foreign session: 404, which makes a client open a new one.
    pub(crate) fn session_not_found() -> Self {
        let message = "Session not found; open a new one with `initialize`";
        Self::new(StatusCode::NOT_FOUND, ErrorCode::SESSION_NOT_FOUND, message)
    }

    /// A verb that the endpoint does not have for this era.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("This HTTP method is not served here; allowed: {allow}");
        let code = ErrorCode::INVALID_REQUEST;
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, code, message) }
    }

    /// The same, telling the client which token would do.
    #[must_use]
    pub(crate) fn challenged(mut self, challenge: &BearerChallenge) -> Self {
        // Visible ASCII by its making.
        self.challenge = HeaderValue::from_str(&challenge.to_string()).ok().map(Box::new);
        self
    }

    /// The same, answering a request whose id is known.
    #[must_use]
    pub(crate) fn to(mut self, id: &RequestId) -> Self {
        self.id = Some(id.clone());
        self
    }

    /// The same, refusing a message that could be read.
    #[must_use]
    pub(crate) fn about(mut self, method: String, params: Option<Params>) -> Self {
        self.about = Some(Box::new(About { method, params }));
        self
    }

    /// What was refused, told once.
    pub(crate) fn take_about(&mut self) -> Option<Box<About>> {
        self.about.take()
    }

    /// The request that is answered, if it is known.
    pub(crate) const fn id(&self) -> Option<&RequestId> {
        self.id.as_ref()
    }

    /// What the caller is told.
    pub(crate) const fn error(&self) -> &ErrorObject {
        &self.error
    }

    /// Whether another request would have been answered.
    pub(crate) fn is_callers_fault(&self) -> bool {
        self.status.is_client_error()
    }
}

/// Goes with the response of a [`Rejection`], for who counts them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rejected(pub(crate) ErrorCode);

/// The revisions of the endpoint, newest first.
pub(crate) const SERVED: [Revision; 4] =
    [Revision::V2026_07_28, Revision::V2025_11_25, Revision::V2025_06_18, Revision::V2025_03_26];

impl From<MalformedMessage> for Rejection {
    fn from(malformed: MalformedMessage) -> Self {
        let error = malformed.to_error();
        let id = match malformed {
            MalformedMessage::NotAMessage { id, .. } => id,
            MalformedMessage::NotJson => None,
        };
        Self { id, ..Self::of(StatusCode::BAD_REQUEST, error) }
    }
}

impl From<store::StoreError> for Rejection {
    fn from(error: store::StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        let message = "The session store is not available; try again shortly";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::UNAVAILABLE, message)
    }
}

impl From<OpenError> for Rejection {
    fn from(error: OpenError) -> Self {
        let message = match error {
            OpenError::Store(error) => return error.into(),
            OpenError::TooManyOfOwner(most) => format!(
                "You have {most} sessions open, which is all you may have; end some with DELETE, or \
                 wait until unused ones have ended"
            ),
            OpenError::TooMany => "There are too many sessions; try again shortly".to_owned(),
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::UNAVAILABLE, message)
    }
}

impl Rejection {
    /// The error as a message, for a transport without statuses.
    pub(crate) fn to_message(&self) -> Bytes {
        error_message(self.id.as_ref(), &self.error)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let message = self.to_message();
        let mut response = Answer::Message(self.status, message).into_response();
        response.extensions_mut().insert(Rejected(self.error.code));
        let headers = response.headers_mut();
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, *challenge);
        }
        let retry_after = match self.status {
            StatusCode::SERVICE_UNAVAILABLE => Some("2"),
            StatusCode::TOO_MANY_REQUESTS => Some("1"),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }
}

/// An error as it goes over the wire, with the name of the HTTP request that it answers.
pub(crate) fn error_message(id: Option<&RequestId>, error: &ErrorObject) -> Bytes {
    crate::operation::note_error(error);
    let named = chassis::RequestId::current().and_then(|name| named(error, name.as_str()));
    let error = named.as_ref().unwrap_or(error);
    let message: Outgoing<'_, ()> = Outgoing::Error { id, error };
    to_bytes(&message)
}

/// The same error with what a user quotes in a report, where there is room for it: what a code says
/// in another form than an object stays as it is.
fn named(error: &ErrorObject, name: &str) -> Option<ErrorObject> {
    let mut data = match error.data.as_ref().map(Borrow::<Value>::borrow) {
        None => Map::new(),
        Some(Value::Object(data)) => data.clone(),
        Some(_) => return None,
    };
    data.insert("requestId".to_owned(), name.into());
    Some(ErrorObject::new(error.code, &*error.message).with_data(data.into()))
}

/// Instead of a message that could not be written.
const FAILED: &[u8] = br#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"Internal error"}}"#;

/// Room for a message of the usual length, in bytes: most grow no further.
const USUAL: usize = 512;

/// A message as it goes over the wire.
pub(crate) fn to_bytes<T: serde::Serialize>(message: &Outgoing<'_, T>) -> Bytes {
    let mut bytes = Vec::with_capacity(USUAL);
    // The types of the protocol have string keys and finite numbers, so they can be written.
    if let Err(error) = serde_json::to_writer(&mut bytes, message) {
        tracing::error!(%error, "a message could not be written");
        return Bytes::from_static(FAILED);
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_version_is_answered_with_what_is_served() {
        let listed = |requested| {
            let rejected = |served| Rejection::unsupported_version(requested, served).error.data;
            let count = |served| rejected(served).unwrap()["supported"].as_array().unwrap().len();
            (count(&SERVED), count(&Revision::ALL))
        };
        assert_eq!(listed("v999.0.0"), (SERVED.len(), Revision::ALL.len()));
        assert_eq!(listed("2025-06-18"), (1, 1));
    }

    #[test]
    fn an_error_is_named_where_its_data_is_an_object_or_nothing() {
        let bare = ErrorObject::new(ErrorCode(-32000), "x");
        let data = |error: &ErrorObject| {
            named(error, "r1").map(|named| serde_json::to_value(named).unwrap()["data"].take())
        };
        assert_eq!(data(&bare), Some(json!({ "requestId": "r1" })));
        let both = json!({ "uri": "test://x", "requestId": "r1" });
        assert_eq!(data(&bare.clone().with_data(json!({ "uri": "test://x" }))), Some(both));
        assert_eq!(data(&bare.with_data(json!(["x"]))), None);
    }
}
