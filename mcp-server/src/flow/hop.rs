//! One step of a message: from where to where, what it is, and to what it belongs.

use ambient::Timestamp;
use chassis::telemetry::context::current_span;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use shared::mcp::RequestId;

/// Where messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    Client,
    /// The instance that notes the hop.
    Instance,
    Store,
    Auth,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Request,
    /// What answers a request.
    Response,
    Notification,
    /// A request of the server.
    Question,
    /// What answers a question.
    Answer,
    /// Something kept, or passed on to another instance.
    Kept,
    /// Between a client and the authorization server.
    Oauth,
    /// No message: how an instance is, or what it needs.
    State,
}

/// A step, noted by the instance that took it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Hop {
    /// When, in milliseconds since 1970.
    at: u64,
    from: Place,
    to: Place,
    kind: Kind,
    /// A method and its target, a channel, a path, a status.
    what: String,
    /// The id of the JSON-RPC message.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The digest of the session's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// The id of the HTTP request, as the log and errors have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    /// The id of the trace, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    #[serde(skip_serializing_if = "is_false")]
    failed: bool,
}

/// Which request and which trace something belongs to. What a stream says is said when nothing of its
/// request is left but this.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    request: Option<String>,
    trace: Option<String>,
}

impl Origin {
    /// Those of this moment. A trace that is not recorded is none: nobody could look at it.
    pub(crate) fn here() -> Self {
        let (request, span) = (chassis::RequestId::current(), current_span());
        let request = request.map(|id| id.to_string());
        Self { request, trace: span.is_sampled().then(|| span.trace_id().to_string()) }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands members over by reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// What a client has chosen may be long; people need no more of it than this.
const LONGEST: usize = 120;

impl Hop {
    pub(crate) fn new(from: Place, to: Place, kind: Kind, what: impl Into<String>) -> Self {
        let mut what = what.into();
        what.truncate(what.floor_char_boundary(LONGEST));
        let (id, session, ms, bytes) = (None, None, None, None);
        let (request, trace) = (None, None);
        Self { at: 0, from, to, kind, what, id, session, request, trace, ms, bytes, failed: false }
    }

    /// No message, but something that happens to an instance: `is_trouble` if somebody should look.
    pub(super) fn state(what: impl Into<String>, is_trouble: bool) -> Self {
        Self::new(Place::Instance, Place::Instance, Kind::State, what).failed(is_trouble)
    }

    /// When it is; during which request and trace, if it has not been said where it belongs.
    pub(super) fn now(mut self, moment: Timestamp) -> Self {
        self.at = moment.as_millis();
        if self.request.is_none() { self.of(Origin::here()) } else { self }
    }

    /// To which request and trace it belongs.
    pub(super) fn of(self, origin: Origin) -> Self {
        Self { request: origin.request, trace: origin.trace, ..self }
    }

    pub(crate) fn id(mut self, id: Option<&RequestId>) -> Self {
        self.id = id.map(|id| match id {
            RequestId::Number(number) => number.to_string(),
            RequestId::String(text) => text[..text.floor_char_boundary(40)].to_owned(),
        });
        self
    }

    /// Only its digest leaves this function: whoever has the name has the session.
    pub(crate) fn session(mut self, name: Option<&str>) -> Self {
        self.session = name.map(|name| const_hex::encode(&Sha256::digest(name.as_bytes())[..4]));
        self
    }

    pub(crate) const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = Some(bytes);
        self
    }

    pub(crate) const fn took(mut self, ms: u64) -> Self {
        self.ms = Some(ms);
        self
    }

    pub(crate) const fn failed(mut self, failed: bool) -> Self {
        self.failed = failed;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_short_and_does_not_open_a_session() {
        let name = "0123456789abcdef0123456789abcdef";
        let hop = Hop::new(Place::Client, Place::Instance, Kind::Request, "ä".repeat(1000));
        let hop = hop.session(Some(name)).id(Some(&RequestId::String("x".repeat(500))));
        let (request, trace) = (Some("r".repeat(128)), Some("0".repeat(32)));
        let text = serde_json::to_string(&hop.of(Origin { request, trace })).unwrap();
        assert!(text.len() < 600 && !text.contains(name), "{text}");
        assert!(text.contains("\"from\":\"client\",\"to\":\"instance\",\"kind\":\"request\""));
    }
}
