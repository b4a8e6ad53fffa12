//! The reserved members of `_meta`, typed.

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{ClientCapabilities, Implementation, LogLevel, RawJson, RequestId, jsonrpc::present};

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
}

/// A member of `_meta` does not have the type that its name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`_meta` is malformed: `{key}` has the wrong type")]
pub struct MalformedMeta {
    /// Which member, or `_meta` itself.
    pub key: &'static str,
}

#[derive(Deserialize)]
struct Holder<'a> {
    #[serde(borrow, rename = "_meta", default, deserialize_with = "present")]
    meta: Option<&'a RawValue>,
}

/// The members as they came; absent ones are none, a null is something.
#[derive(Default, Deserialize)]
struct Members<'a> {
    #[serde(
        borrow,
        rename = "io.modelcontextprotocol/protocolVersion",
        default,
        deserialize_with = "present"
    )]
    protocol_version: Option<&'a RawValue>,
    #[serde(
        borrow,
        rename = "io.modelcontextprotocol/clientCapabilities",
        default,
        deserialize_with = "present"
    )]
    client_capabilities: Option<&'a RawValue>,
    #[serde(
        borrow,
        rename = "io.modelcontextprotocol/clientInfo",
        default,
        deserialize_with = "present"
    )]
    client_info: Option<&'a RawValue>,
    #[serde(
        borrow,
        rename = "io.modelcontextprotocol/logLevel",
        default,
        deserialize_with = "present"
    )]
    log_level: Option<&'a RawValue>,
    #[serde(borrow, rename = "progressToken", default, deserialize_with = "present")]
    progress_token: Option<&'a RawValue>,
    #[serde(default)]
    traceparent: Option<Value>,
    #[serde(default)]
    tracestate: Option<Value>,
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
    pub fn of(params: Option<&RawJson>) -> Result<Self, MalformedMeta> {
        Self::claim(params).meta
    }

    /// The same, and what it says of the era: that can be told even of something malformed.
    #[must_use]
    pub fn claim(params: Option<&RawJson>) -> Claim {
        let Some(raw) = raw_meta(params) else {
            return Claim { is_modern: false, meta: Ok(Self::default()) };
        };
        match serde_json::from_str::<Members<'_>>(raw.get()) {
            Ok(members) => {
                Claim { is_modern: members.protocol_version.is_some(), meta: Self::typed(members) }
            }
            Err(_) => Claim { is_modern: false, meta: Err(MalformedMeta { key: "_meta" }) },
        }
    }

    fn typed(members: Members<'_>) -> Result<Self, MalformedMeta> {
        Ok(Self {
            protocol_version: typed(members.protocol_version, keys::PROTOCOL_VERSION)?,
            client_capabilities: typed(members.client_capabilities, keys::CLIENT_CAPABILITIES)?,
            client_info: typed(members.client_info, keys::CLIENT_INFO)?,
            log_level: typed(members.log_level, keys::LOG_LEVEL)?,
            progress_token: typed(members.progress_token, "progressToken")?,
            trace: TraceContext {
                traceparent: text(members.traceparent),
                tracestate: text(members.tracestate),
            },
        })
    }
}

fn raw_meta(params: Option<&RawJson>) -> Option<&RawValue> {
    params?.decode::<Holder<'_>>().ok()?.meta
}

fn typed<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    key: &'static str,
) -> Result<Option<T>, MalformedMeta> {
    // A list of members would do for a struct, and is none of the reserved types.
    let is_list = raw.is_some_and(|raw| raw.get().starts_with('['));
    let read = raw.filter(|_| !is_list).map(|raw| serde_json::from_str(raw.get())).transpose();
    read.ok().filter(|_| !is_list).ok_or(MalformedMeta { key })
}

/// Trace context is untrusted decoration: a wrong type is dropped, never an error.
fn text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(meta: &Value) -> Result<RequestMeta, MalformedMeta> {
        RequestMeta::of(Some(&RawJson::from(&json!({ "_meta": meta }))))
    }

    #[test]
    fn a_request_without_meta_says_nothing() {
        assert_eq!(RequestMeta::of(None), Ok(RequestMeta::default()));
        let params = RawJson::from(&json!({ "name": "x" }));
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
            let params = RawJson::from(&json!({ "_meta": { keys::PROTOCOL_VERSION: value } }));
            assert!(RequestMeta::claim(Some(&params)).is_modern);
        }
        let params = RawJson::from(&json!({ "_meta": { keys::CLIENT_CAPABILITIES: {} } }));
        assert!(!RequestMeta::claim(Some(&params)).is_modern);
    }

    #[test]
    fn trace_context_of_the_wrong_type_is_dropped() {
        let meta = of(&json!({ "traceparent": 5, "tracestate": "a=b" })).unwrap();
        assert_eq!(meta.trace.traceparent, None);
        assert_eq!(meta.trace.tracestate.as_deref(), Some("a=b"));
    }
}
