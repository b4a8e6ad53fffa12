//! A client over lines of text, as on the standard streams of a process: every revision.

use serde_json::{Value, json};
use shared::mcp::{Revision, keys};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, Lines,
};

use crate::{
    fail::OrFail as _,
    schema::{Asked, Heard, check_client_message, check_refusal, check_server_message},
    wait::PATIENCE,
    within,
};

/// The client's end of a pipe.
pub struct Pipe {
    lines: Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>,
    input: Box<dyn AsyncWrite + Send + Unpin>,
    asked: Asked,
    heard: Heard,
    /// What the server's messages are checked against.
    pub revision: Revision,
}

impl Pipe {
    /// A client that reads and writes lines.
    #[must_use]
    pub fn new(
        output: impl AsyncRead + Send + Unpin + 'static,
        input: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        let output: Box<dyn AsyncRead + Send + Unpin> = Box::new(output);
        Self {
            lines: BufReader::new(output).lines(),
            input: Box::new(input),
            asked: Asked::nothing(),
            heard: Heard::default(),
            revision: Revision::LATEST_LEGACY,
        }
    }

    /// Writes any bytes.
    pub async fn write(&mut self, bytes: &[u8]) {
        within(PATIENCE, self.input.write_all(bytes)).await.or_fail("the server reads");
        self.input.flush().await.or_fail("the server reads");
    }

    /// Writes a message as one line. What is wrong on purpose is written with [`write`](Self::write).
    pub async fn send(&mut self, message: &Value) {
        check_client_message(self.revision, message, &self.heard);
        self.asked.and(message);
        self.write(format!("{message}\n").as_bytes()).await;
    }

    /// Writes a request of a session.
    pub async fn request(&mut self, id: impl Into<Value>, method: &str, params: Value) {
        let message =
            json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params});
        self.send(&message).await;
    }

    /// Writes a request of 2026-07-28 that declares these capabilities.
    pub async fn stateless(
        &mut self,
        id: impl Into<Value>,
        method: &str,
        mut params: Value,
        capabilities: &Value,
    ) {
        params["_meta"][keys::PROTOCOL_VERSION] = json!("2026-07-28");
        params["_meta"][keys::CLIENT_CAPABILITIES] = capabilities.clone();
        self.request(id, method, params).await;
    }

    /// The next message of the server; none when its output has ended.
    pub async fn next(&mut self) -> Option<Value> {
        let line = within(PATIENCE, self.lines.next_line()).await.or_fail("lines of UTF-8")?;
        let message = serde_json::from_str::<Value>(&line).or_fail("a line holds one message");
        if message["error"].is_object() && message["id"].is_null() {
            check_refusal(self.revision, &message);
        } else {
            check_server_message(self.revision, &message, &self.asked);
        }
        self.heard.note(&message);
        Some(message)
    }

    /// Opens a session.
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

    /// Ends the input.
    pub async fn end(&mut self) {
        self.input.shutdown().await.or_fail("the input can be ended");
        self.input = Box::new(tokio::io::sink());
    }
}
