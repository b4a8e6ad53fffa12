//! A request on its way out, which can still be changed.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use crate::{fail::OrFail as _, schema::Asked};

/// A request that has not been sent. Fresh from a client it is correct.
#[derive(Clone, Debug)]
pub struct Draft {
    pub(super) verb: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    /// Whether what it says is wrong on purpose, and accepted nevertheless.
    pub(super) is_malformed: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    None,
    Message(Value),
    Raw(Bytes),
}

impl Draft {
    pub(super) fn new(verb: Method, headers: HeaderMap, body: Body) -> Self {
        Self { verb, headers, body, is_malformed: false }
    }

    /// Sets a header field, in place of any of that name.
    #[must_use]
    #[track_caller]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        set(&mut self.headers, name, value);
        self
    }

    /// Adds a header field beside any of that name.
    #[must_use]
    #[track_caller]
    pub fn another_header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().or_fail("a header name");
        self.headers.append(name, HeaderValue::from_str(value).or_fail("a header value"));
        self
    }

    /// Leaves a header field out.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Says that the message is wrong on purpose, and is going to be accepted nevertheless: a test of
    /// what a server puts up with. Without it, what is accepted has to be right.
    #[must_use]
    pub fn malformed(mut self) -> Self {
        self.is_malformed = true;
        self
    }

    /// Sends with another method, for example `PUT`.
    #[must_use]
    pub fn verb(mut self, verb: Method) -> Self {
        self.verb = verb;
        self
    }

    /// Sends these bytes instead of the message.
    #[must_use]
    pub fn raw(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = Body::Raw(bytes.into());
        self
    }

    /// Sends this message, or anything else that is JSON, instead.
    #[must_use]
    pub fn message(mut self, message: Value) -> Self {
        self.body = Body::Message(message);
        self
    }

    /// Changes the message; the header fields stay as they are.
    #[must_use]
    #[track_caller]
    pub fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        match &mut self.body {
            Body::Message(message) => change(message),
            _ => panic!("only a message can be edited"),
        }
        self
    }

    /// Sets the id of the request, of whatever type.
    #[must_use]
    #[track_caller]
    pub fn id(self, id: impl Into<Value>) -> Self {
        self.edit(|message| message["id"] = id.into())
    }

    /// Sets a member of `params`.
    #[must_use]
    #[track_caller]
    pub fn param(self, name: &str, value: impl Into<Value>) -> Self {
        self.edit(|message| message["params"][name] = value.into())
    }

    /// Sets a member of `params._meta`.
    #[must_use]
    #[track_caller]
    pub fn meta(self, key: &str, value: impl Into<Value>) -> Self {
        self.edit(|message| message["params"]["_meta"][key] = value.into())
    }

    /// Leaves a member of `params._meta` out.
    #[must_use]
    #[track_caller]
    pub fn without_meta(self, key: &str) -> Self {
        self.edit(|message| {
            let meta = message["params"]["_meta"].as_object_mut().or_fail("there is a _meta");
            meta.remove(key);
        })
    }

    /// The message, unless it is wrong on purpose.
    pub(super) fn meant(&self) -> Option<Value> {
        match &self.body {
            Body::Message(message) if !self.is_malformed => Some(message.clone()),
            _ => None,
        }
    }

    /// What this asks, if it can be read at all.
    pub(super) fn asked(&self) -> Asked {
        match &self.body {
            Body::None => Asked::nothing(),
            Body::Message(message) if self.is_malformed => Asked::by(message).however_odd(),
            Body::Message(message) => Asked::by(message),
            Body::Raw(bytes) => Asked::by_raw(bytes.clone()),
        }
    }
}

/// Sets a header field, in place of any of that name.
#[track_caller]
pub(super) fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    let name: HeaderName = name.parse().or_fail("a header name");
    headers.insert(name, HeaderValue::from_str(value).or_fail("a header value"));
}
