//! What goes over the wire in both eras: a message is posted, and the answer is one object or a
//! stream of events.

use reqwest::{Client, RequestBuilder, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;

use crate::Result;

/// The way to one endpoint.
pub(crate) struct Wire {
    http: Client,
    url: String,
    token: Option<String>,
}

impl Wire {
    pub(crate) fn new(http: Client, url: &str, token: Option<&str>) -> Self {
        Self { http, url: url.to_owned(), token: token.map(str::to_owned) }
    }

    /// Posts a message.
    pub(crate) async fn post(&self, message: &Value, headers: &[(&str, &str)]) -> Result<Answer> {
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

/// The result in a message that answers a request.
pub(crate) fn result(message: &Value) -> Result<Value> {
    match message.get("error") {
        Some(error) => Err(format!("{} (code {})", error["message"], error["code"]).into()),
        None => Ok(message["result"].clone()),
    }
}
