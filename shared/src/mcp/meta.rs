//! The reserved members of `_meta`, typed.

use serde::{Deserialize, Serialize};

use super::{
    ClientCapabilities, Implementation, LogLevel, RequestId,
    params::{META, MetaMalformed, MetaMembers, Params},
};

/// The reserved names (2026-07-28 basic/index).
pub mod keys {
    /// On every request since 2026-07-28: the revision it speaks.
    pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    /// On every request since 2026-07-28: what the client can do.
    pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    /// On requests: who the client is.
    pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
    /// On requests: the least level of log messages wanted.
    pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
    /// On results: who the server is.
    pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
    /// On what a subscription brings: the id of the listen request.
    pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
}

/// Names a call in its progress notifications: a string or an integer of the client's choice.
pub type ProgressToken = RequestId;

/// Names what is said of a request's progress.
const PROGRESS_TOKEN: &str = "progressToken";

/// What a request says beside its parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestMeta {
    /// The revision the request claims to speak, as written; only since 2026-07-28.
    pub protocol_version: Option<String>,
    /// What the client can do for this request; only since 2026-07-28.
    pub client_capabilities: Option<ClientCapabilities>,
    /// Who the client says it is.
    pub client_info: Option<Implementation>,
    /// The least level of log messages wanted during this request.
    pub log_level: Option<LogLevel>,
    /// If the client wants to know how far the call is.
    pub progress_token: Option<ProgressToken>,
    /// W3C trace context: where this request belongs in the caller's trace.
    pub trace: TraceContext,
}

/// W3C trace context as the client wrote it. Not checked: whoever uses it parses it strictly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    /// Trace id, parent id and flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What vendors add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
    /// What the caller wants to go along with its trace (W3C Baggage).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baggage: Option<String>,
}

impl TraceContext {
    /// What the parameters of a message say of it.
    #[must_use]
    pub fn of(params: Option<&Params>) -> Self {
        let members = params.and_then(Params::meta).and_then(Result::ok);
        members.map(Self::read).unwrap_or_default()
    }

    fn read(members: MetaMembers<'_>) -> Self {
        Self {
            traceparent: text(members, "traceparent"),
            tracestate: text(members, "tracestate"),
            baggage: text(members, "baggage"),
        }
    }
}

/// A member of `_meta` does not have the type that its name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`_meta` is malformed: `{key}` has the wrong type")]
pub struct MalformedMeta {
    /// Which member, or `_meta` itself.
    pub key: &'static str,
}

/// What the parameters of a request claim about themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Whether they claim a revision of the modern kind: the key is there, whatever it holds. This,
    /// and nothing else about a request, decides its era.
    pub is_modern: bool,
    /// The whole of `_meta`, or what is wrong with it.
    pub meta: Result<RequestMeta, MalformedMeta>,
}

impl RequestMeta {
    /// Reads the `_meta` of a request's parameters.
    ///
    /// # Errors
    /// When `_meta` or one of its reserved members has the wrong type.
    pub fn of(params: Option<&Params>) -> Result<Self, MalformedMeta> {
        Self::claim(params).meta
    }

    /// What a request of a session says of its progress. The other members that are reserved since
    /// 2026-07-28 mean nothing there, whatever they are.
    ///
    /// # Errors
    /// When `_meta` or its `progressToken` has the wrong type.
    pub fn progress_token(params: Option<&Params>) -> Result<Option<ProgressToken>, MalformedMeta> {
        match params.and_then(Params::meta) {
            None => Ok(None),
            Some(Ok(members)) => typed(members, PROGRESS_TOKEN),
            Some(Err(MetaMalformed)) => Err(MalformedMeta { key: META }),
        }
    }

    /// The same, and what it says of the era: that can be told even of something malformed.
    #[must_use]
    pub fn claim(params: Option<&Params>) -> Claim {
        match params.and_then(Params::meta) {
            None => Claim { is_modern: false, meta: Ok(Self::default()) },
            Some(Ok(members)) => {
                let is_modern = members.get(keys::PROTOCOL_VERSION).is_some();
                Claim { is_modern, meta: Self::typed(members) }
            }
            Some(Err(MetaMalformed)) => {
                Claim { is_modern: false, meta: Err(MalformedMeta { key: META }) }
            }
        }
    }

    fn typed(members: MetaMembers<'_>) -> Result<Self, MalformedMeta> {
        Ok(Self {
            protocol_version: typed(members, keys::PROTOCOL_VERSION)?,
            client_capabilities: typed(members, keys::CLIENT_CAPABILITIES)?,
            client_info: typed(members, keys::CLIENT_INFO)?,
            log_level: typed(members, keys::LOG_LEVEL)?,
            progress_token: typed(members, PROGRESS_TOKEN)?,
            trace: TraceContext::read(members),
        })
    }
}

/// A reserved member: absent ones are none, a null is something.
fn typed<'a, T: Deserialize<'a>>(
    members: MetaMembers<'a>,
    key: &'static str,
) -> Result<Option<T>, MalformedMeta> {
    let Some(text) = members.get(key) else { return Ok(None) };
    // A list of members would do for a struct, and is none of the reserved types.
    let read = if text.starts_with(b"[") { None } else { serde_json::from_slice(text).ok() };
    read.map(Some).ok_or(MalformedMeta { key })
}

/// Trace context is untrusted decoration: a wrong type is dropped, never an error.
fn text(members: MetaMembers<'_>, key: &str) -> Option<String> {
    members.get(key).and_then(|text| serde_json::from_slice(text).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(meta: &Value) -> Result<RequestMeta, MalformedMeta> {
        RequestMeta::of(Some(&Params::from(&json!({ "_meta": meta }))))
    }

    #[test]
    fn a_request_without_meta_says_nothing() {
        assert_eq!(RequestMeta::of(None), Ok(RequestMeta::default()));
        let params = Params::from(&json!({ "name": "x" }));
        assert_eq!(RequestMeta::of(Some(&params)), Ok(RequestMeta::default()));
    }

    #[test]
    fn wrong_types_are_named() {
        let key = |meta| of(&meta).unwrap_err().key;
        assert_eq!(key(json!(5)), "_meta");
        assert_eq!(key(json!({ keys::PROTOCOL_VERSION: 5 })), keys::PROTOCOL_VERSION);
        assert_eq!(key(json!({ keys::CLIENT_CAPABILITIES: null })), keys::CLIENT_CAPABILITIES);
        assert_eq!(key(json!({ keys::CLIENT_CAPABILITIES: [] })), keys::CLIENT_CAPABILITIES);
        assert_eq!(key(json!({ keys::CLIENT_INFO: ["a", null, "1"] })), keys::CLIENT_INFO);
        assert_eq!(key(json!({ keys::LOG_LEVEL: "loud" })), keys::LOG_LEVEL);
        assert_eq!(key(json!({ "progressToken": 1.5 })), "progressToken");
    }

    #[test]
    fn the_key_alone_is_a_claim() {
        for value in [json!("2026-07-28"), json!(null), json!(5)] {
            let params = Params::from(&json!({ "_meta": { keys::PROTOCOL_VERSION: value } }));
            assert!(RequestMeta::claim(Some(&params)).is_modern);
        }
        let params = Params::from(&json!({ "_meta": { keys::CLIENT_CAPABILITIES: {} } }));
        assert!(!RequestMeta::claim(Some(&params)).is_modern);
    }

    #[test]
    fn trace_context_of_the_wrong_type_is_dropped() {
        let meta = json!({ "traceparent": 5, "tracestate": "a=b", "baggage": ["a=b"] });
        let meta = of(&meta).unwrap();
        assert_eq!((meta.trace.traceparent, meta.trace.baggage), (None, None));
        assert_eq!(meta.trace.tracestate.as_deref(), Some("a=b"));
    }
}
