//! An answer that has been read to its end.

use std::fmt;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::{fail::OrFail as _, http::header};

/// A complete answer of an MCP endpoint.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The messages of JSON-RPC in it, in their order.
    pub messages: Vec<Value>,
    /// The body of an answer that was no stream.
    pub text: String,
    /// Whether it came as a stream.
    pub streamed: bool,
}

impl Reply {
    /// Fails the test unless this is the status.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self}");
        self
    }

    /// The one header field of this name, if it is there.
    #[must_use]
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The result, without which the test fails.
    #[must_use]
    #[track_caller]
    pub fn result(&self) -> &Value {
        let last = self.messages.last().and_then(|message| message.get("result"));
        last.or_fail(format!("a result was expected, not {self}"))
    }

    /// The error, without which the test fails.
    #[must_use]
    #[track_caller]
    pub fn error(&self) -> &Value {
        let last = self.messages.last().and_then(|message| message.get("error"));
        last.or_fail(format!("an error was expected, not {self}"))
    }

    /// Fails the test unless this is an error with this status and code, which names the request as
    /// the header does.
    #[must_use]
    #[track_caller]
    pub fn expect_error(self, status: u16, code: i64) -> Self {
        assert_eq!(self.error()["code"], code, "{self}");
        self.expect_named().expect(status)
    }

    /// Fails the test unless the error names the request as the header does. Where there is no HTTP
    /// there is no header, and nothing to name.
    #[must_use]
    #[track_caller]
    pub fn expect_named(self) -> Self {
        let named = self.error().pointer("/data/requestId").and_then(Value::as_str);
        assert_eq!(named, self.header("x-request-id"), "{self}");
        self
    }

    /// The text of the only content block of a tool's result.
    #[must_use]
    #[track_caller]
    pub fn content_text(&self) -> &str {
        let content = self.result()["content"].as_array().map_or(&[][..], Vec::as_slice);
        let [block] = content else { panic!("one content block was expected, not {self}") };
        block["text"].as_str().or_fail(format!("a text was expected, not {self}"))
    }

    /// The parameters of the notifications with this method, in their order.
    #[must_use]
    pub fn notifications(&self, method: &str) -> Vec<&Value> {
        let notes = self.messages.iter().filter(|message| message["method"] == method);
        notes.map(|note| &note["params"]).collect()
    }

    /// The body of an answer that speaks no JSON-RPC, such as a 503.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).or_fail(self)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        if self.streamed {
            self.messages.iter().try_for_each(|message| write!(f, "\n{message:#}"))
        } else {
            write!(f, "\n{}", self.text)
        }
    }
}
