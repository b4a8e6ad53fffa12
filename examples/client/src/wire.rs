//! What goes over the wire in both eras: a message is posted, and the answer is one object or a
//! stream of events.

use std::{cell::RefCell, collections::BTreeSet, error::Error, fmt};

use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{CONTENT_TYPE, WWW_AUTHENTICATE},
};
use serde_json::Value;

use crate::Result;

/// The way to one endpoint.
pub(crate) struct Wire {
    http: Client,
    url: String,
    token: Option<String>,
    /// Names and addresses that were asked for.
    asked_for: RefCell<BTreeSet<String>>,
}

/// What the server has refused.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Value);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.0["message"], self.0["code"])
    }
}

impl Error for Refused {}

/// What the token is not good for: the scope that somebody has to agree to first.
#[derive(Debug)]
pub(crate) struct NeedsScope(pub(crate) String);

impl fmt::Display for NeedsScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token is not good for {}", self.0)
    }
}

impl Error for NeedsScope {}

impl Wire {
    pub(crate) fn new(http: Client, url: &str, token: Option<&str>) -> Self {
        Self {
            http,
            url: url.to_owned(),
            token: token.map(str::to_owned),
            asked_for: RefCell::default(),
        }
    }

    /// Whether a tool, a prompt or a resource was asked for.
    pub(crate) fn has_asked_for(&self, what: impl Fn(&str) -> bool) -> bool {
        self.asked_for.borrow().iter().any(|asked| what(asked))
    }

    /// Posts a message.
    pub(crate) async fn post(&self, message: &Value, headers: &[(&str, &str)]) -> Result<Answer> {
        let asked =
            ["name", "uri"].into_iter().filter_map(|member| message["params"][member].as_str());
        self.asked_for.borrow_mut().extend(asked.map(str::to_owned));
        let request =
            self.http.post(&self.url).header("accept", "application/json, text/event-stream");
        self.send(request.json(message), headers).await
    }

    /// Opens the stream of a session.
    pub(crate) async fn get(&self, headers: &[(&str, &str)]) -> Result<Answer> {
        self.send(self.http.get(&self.url).header("accept", "text/event-stream"), headers).await
    }

    /// Ends a session.
    pub(crate) async fn delete(&self, headers: &[(&str, &str)]) -> Result<Answer> {
        self.send(self.http.delete(&self.url), headers).await
    }

    async fn send(&self, mut request: RequestBuilder, headers: &[(&str, &str)]) -> Result<Answer> {
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err("the token is not good (any more)".into());
        }
        if response.status() == StatusCode::FORBIDDEN
            && let Some(scope) = challenge(&response, "scope")
        {
            return Err(NeedsScope(scope).into());
        }
        let media_type = response.headers().get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_stream = media_type.starts_with("text/event-stream");
        Ok(Answer { response, is_stream, read: String::new(), raw: Vec::new(), last_event: None })
    }
}

/// An answer as it arrives.
pub(crate) struct Answer {
    response: Response,
    is_stream: bool,
    /// What was read and is not used yet.
    read: String,
    /// The beginning of a character.
    raw: Vec<u8>,
    /// The id of the last event.
    last_event: Option<String>,
}

impl Answer {
    /// A header of the answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// What to come back with when the stream is lost.
    pub(crate) fn last_event(&self) -> Option<&str> {
        self.last_event.as_deref()
    }

    /// The next message; nothing at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n").filter(|_| self.is_stream) {
                // Comments and events without data keep the connection alive.
                let data: String =
                    event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
                let id = event.lines().find_map(|line| line.strip_prefix("id:"));
                self.last_event = id.map(|id| id.trim().to_owned()).or(self.last_event.take());
                self.read = String::from(rest);
                if !data.trim().is_empty() {
                    return Ok(Some(serde_json::from_str(&data)?));
                }
                continue;
            }
            match self.response.chunk().await? {
                Some(bytes) => self.take(&bytes),
                None if self.is_stream || self.read.trim().is_empty() => return Ok(None),
                None => return Ok(Some(serde_json::from_str(&std::mem::take(&mut self.read))?)),
            }
        }
    }

    /// Takes what was read, up to the last whole character.
    fn take(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.raw) {
            Ok(text) => text.len(),
            Err(cut) => cut.valid_up_to(),
        };
        let rest = self.raw.split_off(whole);
        self.read.push_str(&String::from_utf8_lossy(&self.raw).replace("\r\n", "\n"));
        self.raw = rest;
    }
}

/// A parameter of the challenge in an answer (RFC 6750 section 3).
pub(crate) fn challenge(response: &Response, parameter: &str) -> Option<String> {
    let challenge = response.headers().get(WWW_AUTHENTICATE)?.to_str().ok()?;
    let quoted = challenge.split(&format!("{parameter}=\"")).nth(1)?;
    quoted.split('"').next().map(str::to_owned)
}

/// The result in a message that answers a request.
pub(crate) fn result(message: &Value) -> Result<Value> {
    match message.get("error") {
        Some(error) => Err(Refused(error.clone()).into()),
        None => Ok(message["result"].clone()),
    }
}
