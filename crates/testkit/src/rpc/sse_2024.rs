//! A client of the transport of 2024-11-05: one stream for everything, messages by POST.

use futures_util::{StreamExt as _, stream::BoxStream};
use serde_json::{Value, json};
use shared::mcp::Revision;
use url::Url;

use super::sse::{Event, Parser};
use crate::{
    fail::OrFail as _,
    http::client,
    schema::{Asked, Heard, check_client_message, check_server_message},
    wait::PATIENCE,
    within,
};

/// An open stream, and where its messages go.
pub struct OldSession {
    bytes: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    parser: Parser,
    ready: std::collections::VecDeque<Event>,
    asked: Asked,
    heard: Heard,
    /// Where messages go: what the first event said.
    pub messages: Url,
    /// The token of the caller.
    pub bearer: Option<String>,
    /// What the server's messages are checked against.
    pub revision: Revision,
}

impl OldSession {
    /// Opens the stream at `{base}/sse`.
    pub async fn open(base: &str, bearer: Option<&str>) -> Self {
        let url = Url::parse(base).and_then(|base| base.join("/sse")).or_fail("a base URL");
        let mut request = client().get(url.clone()).header("accept", "text/event-stream");
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        let response = within(PATIENCE, request.send()).await.or_fail("the server answers");
        assert_eq!(response.status().as_u16(), 200, "GET /sse opens a stream");
        let mut session = Self {
            bytes: response.bytes_stream().boxed(),
            parser: Parser::default(),
            ready: std::collections::VecDeque::new(),
            asked: Asked::nothing(),
            heard: Heard::default(),
            messages: url.clone(),
            bearer: bearer.map(str::to_owned),
            revision: Revision::V2024_11_05,
        };
        let first = session.next_event().await.or_fail("an event");
        assert_eq!(first.name.as_deref(), Some("endpoint"), "the first event is the endpoint");
        session.messages = url.join(&first.data.unwrap_or_default()).or_fail("an address");
        session
    }

    /// Sends a message; gives the status of the answer, which says nothing more.
    pub async fn send(&mut self, message: &Value) -> u16 {
        check_client_message(self.revision, message, &self.heard);
        self.asked.and(message);
        let mut request = client().post(self.messages.clone()).json(message);
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        within(PATIENCE, request.send()).await.or_fail("the server answers").status().as_u16()
    }

    /// Sends a request.
    pub async fn request(&mut self, id: impl Into<Value>, method: &str, params: Value) {
        let message =
            json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params});
        assert_eq!(self.send(&message).await, 202, "{message}");
    }

    /// Opens the session of the protocol.
    pub async fn initialize(&mut self, revision: Revision, capabilities: Value) -> Value {
        let client = json!({"name": "testkit", "version": "1.0.0"});
        let params = json!({
            "protocolVersion": revision.as_str(), "capabilities": capabilities, "clientInfo": client
        });
        self.revision = revision;
        self.request("open", "initialize", params).await;
        let answer = self.next().await.or_fail("an answer to `initialize`");
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        answer
    }

    /// The next message on the stream; none when it has ended.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let event = self.next_event().await?;
            let Some(data) = event.message() else { continue };
            let message = serde_json::from_str(data).or_fail("the data of an event is JSON");
            check_server_message(self.revision, &message, &self.asked);
            self.heard.note(&message);
            return Some(message);
        }
    }

    async fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let bytes =
                within(PATIENCE, self.bytes.next()).await?.or_fail("a stream ends in order");
            self.ready.extend(self.parser.push(&bytes));
        }
    }
}
