//! JSON-RPC 2.0 messages: the four shapes, batches, error codes.
//!
//! A received body is parsed once. What this layer does not look into, the parameters and the
//! result, stays a slice of that body: nothing is copied and nothing is decoded twice.

use std::fmt;

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, IgnoredAny, SeqAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::{Value, value::RawValue};

use super::{
    depth::is_too_deep,
    params::{Found, Params},
    request_id::RequestId,
};

/// A JSON text that was received: a slice of the body it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct RawJson(Bytes);

impl RawJson {
    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Decodes the text.
    ///
    /// # Errors
    /// When it does not have the shape of `T`.
    pub fn decode<'de, T: Deserialize<'de>>(&'de self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }

    /// The text, shared.
    pub(super) const fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// A part of this text, found in it by borrowing.
    fn part(&self, raw: &RawValue) -> Self {
        Self(self.0.slice_ref(raw.get().as_bytes()))
    }
}

impl From<Bytes> for RawJson {
    fn from(text: Bytes) -> Self {
        Self(text)
    }
}

impl From<&Value> for RawJson {
    fn from(value: &Value) -> Self {
        Self(value.to_string().into())
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_slice::<&RawValue>(&self.0)
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(Box::<str>::from(raw).into_string().into()))
    }
}

/// What a body or a line holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// One message.
    One(Incoming),
    /// Several messages, of revision 2025-03-26 only; each for itself may be malformed.
    Batch(Vec<Result<Incoming, MalformedMessage>>),
}

/// A message from the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Wants an answer.
    Request {
        /// Goes into the answer.
        id: RequestId,
        /// What is wanted.
        method: String,
        /// With what; an object.
        params: Option<Params>,
    },
    /// Wants none.
    Notification {
        /// What has happened.
        method: String,
        /// With what; an object.
        params: Option<Params>,
    },
    /// Answers a request of ours.
    Response {
        /// Of our request.
        id: RequestId,
        /// What it gave.
        outcome: Result<RawJson, ErrorObject>,
    },
}

/// Why something is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedMessage {
    /// Not JSON: code -32700.
    #[error("Parse error: the body is not JSON")]
    NotJson,
    /// JSON, but no JSON-RPC 2.0 message: code -32600.
    #[error("Invalid request: {reason}")]
    NotAMessage {
        /// The id of a request, if one could be read.
        id: Option<RequestId>,
        /// What is wrong with it.
        reason: &'static str,
        /// Whether its sender may wait for an answer: not to what is a notification or a response, by
        /// the members that it has.
        wants_answer: bool,
    },
}

impl MalformedMessage {
    const fn because(reason: &'static str) -> Self {
        Self::NotAMessage { id: None, reason, wants_answer: true }
    }

    /// Whether its sender may wait for an answer.
    #[must_use]
    pub const fn wants_answer(&self) -> bool {
        match self {
            Self::NotJson => true,
            Self::NotAMessage { wants_answer, .. } => *wants_answer,
        }
    }

    /// The error that answers it.
    #[must_use]
    pub fn to_error(&self) -> ErrorObject {
        let code = match self {
            Self::NotJson => ErrorCode::PARSE_ERROR,
            Self::NotAMessage { .. } => ErrorCode::INVALID_REQUEST,
        };
        ErrorObject::new(code, self.to_string())
    }
}

impl Message {
    /// Whether its sender waits for an answer: to a request, or to what may have been one.
    #[must_use]
    pub fn wants_answer(&self) -> bool {
        match self {
            Self::One(message) => message.is_request(),
            Self::Batch(items) => {
                items.iter().any(|item| item.as_ref().map_or(true, Incoming::is_request))
            }
        }
    }

    /// Reads a body.
    ///
    /// # Errors
    /// When it is not JSON, nested too deeply, an empty array, or an object that is no message.
    pub fn parse(body: Bytes) -> Result<Self, MalformedMessage> {
        let body = RawJson(body);
        let message = Self::read(&body)?;
        if is_too_deep(body.as_bytes()) {
            let reason = "the body is nested more than 128 deep";
            let (wants_answer, id) = (message.wants_answer(), message.into_id());
            return Err(MalformedMessage::NotAMessage { id, reason, wants_answer });
        }
        Ok(message)
    }

    /// The id of the one request that this is.
    fn into_id(self) -> Option<RequestId> {
        match self {
            Self::One(Incoming::Request { id, .. }) => Some(id),
            _ => None,
        }
    }

    fn read(body: &RawJson) -> Result<Self, MalformedMessage> {
        match body.0.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => Incoming::parse(body).map(Self::One),
            Some(b'[') => Self::parse_batch(body),
            _ => match body.decode::<IgnoredAny>() {
                Ok(_) => Err(MalformedMessage::because("a message is an object")),
                Err(_) => Err(MalformedMessage::NotJson),
            },
        }
    }

    fn parse_batch(body: &RawJson) -> Result<Self, MalformedMessage> {
        let Items(items) = body.decode().map_err(|error| {
            if error.is_data() {
                MalformedMessage::because("the batch holds more than 100 messages")
            } else {
                MalformedMessage::NotJson
            }
        })?;
        if items.is_empty() {
            return Err(MalformedMessage::because("the batch is empty"));
        }
        Ok(Self::Batch(items.into_iter().map(|item| Incoming::parse(&body.part(item))).collect()))
    }
}

/// How many messages a batch may hold. A body of some megabytes has room for a million, and each
/// costs many times its own length.
const MOST_IN_BATCH: usize = 100;

/// The items of a batch, none of them looked into; reading ends with the first one too many.
struct Items<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Few).map(Self)
    }
}

struct Few;

impl<'de> Visitor<'de> for Few {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MOST_IN_BATCH} messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = items.next_element()? {
            if found.len() == MOST_IN_BATCH {
                return Err(A::Error::invalid_length(found.len() + 1, &self));
            }
            found.push(item);
        }
        Ok(found)
    }
}

/// The members of a message. Of the parameters is known what members they have; nothing else is
/// looked into.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<Found<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// Tells a member that is `null` from one that is absent.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

impl Incoming {
    const fn is_request(&self) -> bool {
        matches!(self, Self::Request { .. })
    }

    fn parse(text: &RawJson) -> Result<Self, MalformedMessage> {
        // Looked at once as a whole, and not again string by string.
        let body = str::from_utf8(&text.0).map_err(|_| MalformedMessage::NotJson)?;
        let members: Members<'_> = serde_json::from_str(body).map_err(|error| {
            if error.is_data() {
                MalformedMessage::because("a message is an object with each member once")
            } else {
                MalformedMessage::NotJson
            }
        })?;
        let id = members.id.map(|raw| serde_json::from_str::<RequestId>(raw.get()));
        let answers = members.method.is_none() && (members.result.or(members.error)).is_some();
        let wants_answer = !answers && (members.method.is_none() || id.is_some());
        let wrong = |reason| MalformedMessage::NotAMessage {
            // That of a response is of a question of ours.
            id: id.as_ref().filter(|_| wants_answer).and_then(|id| id.as_ref().ok()).cloned(),
            reason,
            wants_answer,
        };
        if members.jsonrpc.is_none_or(|raw| !is_2_0(raw.get())) {
            return Err(wrong("`jsonrpc` must be \"2.0\""));
        }
        let params = match members.params {
            None => None,
            Some(Found::Object(object)) if object.is_sound => Some(Params::found(&text.0, &object)),
            Some(Found::Object(_)) => {
                return Err(wrong("`params` has a member twice, or more than 256"));
            }
            Some(Found::Other) => return Err(wrong("`params` must be an object")),
        };
        if let Some(method) = members.method {
            let method = serde_json::from_str(method.get())
                .map_err(|_| wrong("`method` must be a string"))?;
            return match id {
                None => Ok(Self::Notification { method, params }),
                Some(Ok(id)) => Ok(Self::Request { id, method, params }),
                Some(Err(_)) => Err(wrong("`id` must be a string or an integer of 64 bits")),
            };
        }
        let outcome = match (members.result, members.error) {
            (Some(result), None) => Ok(text.part(result)),
            // Whatever else it is, it is no result, and somebody waits for it.
            (_, Some(error)) => {
                Err(serde_json::from_str(error.get()).unwrap_or_else(|_| unreadable()))
            }
            (None, None) => {
                return Err(wrong("a message has a `method`, a `result` or an `error`"));
            }
        };
        match id {
            Some(Ok(id)) => Ok(Self::Response { id, outcome }),
            _ => Err(wrong("a response has the `id` of its request")),
        }
    }
}

/// What stands for an error that the other side has not written as one.
fn unreadable() -> ErrorObject {
    let message = "`error` must have an integer `code` and a `message`";
    ErrorObject::new(ErrorCode::INVALID_REQUEST, message)
}

/// Whether a text of JSON says `2.0`, in whichever way; hardly anybody escapes it.
fn is_2_0(text: &str) -> bool {
    text == "\"2.0\"" || serde_json::from_str::<String>(text).is_ok_and(|text| text == "2.0")
}

/// A code of a JSON-RPC error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorCode(pub i64);

impl ErrorCode {
    /// The body is not JSON.
    pub const PARSE_ERROR: Self = Self(-32700);
    /// JSON, but not a message that can be handled here.
    pub const INVALID_REQUEST: Self = Self(-32600);
    /// The method does not exist, or is not offered.
    pub const METHOD_NOT_FOUND: Self = Self(-32601);
    /// The parameters are wrong: unknown tool, missing `_meta` field, bad cursor.
    pub const INVALID_PARAMS: Self = Self(-32602);
    /// The server failed.
    pub const INTERNAL_ERROR: Self = Self(-32603);
    /// Not in the specification: the service cannot answer now, as the original server says it.
    pub const UNAVAILABLE: Self = Self(-32000);
    /// Not in the specification: an unknown, ended or foreign session, as the original says it.
    pub const SESSION_NOT_FOUND: Self = Self(-32001);
    /// There is no such resource; until 2025-11-25.
    pub const RESOURCE_NOT_FOUND: Self = Self(-32002);
    /// The user must go to a page first; in 2025-11-25 only.
    pub const URL_ELICITATION_REQUIRED: Self = Self(-32042);
    /// A required header is missing or differs from the body; since 2026-07-28.
    pub const HEADER_MISMATCH: Self = Self(-32020);
    /// The client did not declare what the request needs; since 2026-07-28.
    pub const MISSING_CLIENT_CAPABILITY: Self = Self(-32021);
    /// The declared revision is not served; since 2026-07-28.
    pub const UNSUPPORTED_PROTOCOL_VERSION: Self = Self(-32022);
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// Which kind of error.
    pub code: ErrorCode,
    /// One sentence.
    pub message: String,
    /// Details, by code. Few errors have any, and they would make every result large that may be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<Value>>,
}

impl ErrorObject {
    /// An error without details.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The same with details.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(Box::new(data));
        self
    }
}

/// A message to the other side.
#[derive(Debug)]
pub enum Outgoing<'a, T> {
    /// Answers a request with a result.
    Result {
        /// Of the request.
        id: &'a RequestId,
        /// What it gave.
        result: &'a T,
    },
    /// Answers a request, or something unreadable, with an error.
    Error {
        /// Of the request, if it could be read.
        id: Option<&'a RequestId>,
        /// What went wrong.
        error: &'a ErrorObject,
    },
    /// Asks the client; never since 2026-07-28.
    Request {
        /// Ours.
        id: &'a RequestId,
        /// What is wanted.
        method: &'a str,
        /// With what.
        params: &'a T,
    },
    /// Tells the client.
    Notification {
        /// What has happened.
        method: &'a str,
        /// With what.
        params: &'a T,
    },
}

impl<T: Serialize> Serialize for Outgoing<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("jsonrpc", "2.0")?;
        match self {
            Self::Result { id, result } => {
                map.serialize_entry("id", id)?;
                map.serialize_entry("result", result)?;
            }
            Self::Error { id, error } => {
                if let Some(id) = id {
                    map.serialize_entry("id", id)?;
                }
                map.serialize_entry("error", error)?;
            }
            Self::Request { id, method, params } => {
                map.serialize_entry("id", id)?;
                map.serialize_entry("method", method)?;
                map.serialize_entry("params", params)?;
            }
            Self::Notification { method, params } => {
                map.serialize_entry("method", method)?;
                map.serialize_entry("params", params)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod any;

#[cfg(test)]
mod tests;
