//! Until 2025-11-25: a session is opened and ended, and the server asks in the middle of a call.

use serde_json::{Value, json};

use crate::{
    Result,
    answers::capabilities,
    own::{self, OwnTasks},
    say,
    wire::{Answer, Wire, result},
};

/// A client with a session.
pub(crate) struct Session {
    wire: Wire,
    id: String,
    version: String,
    last_id: u64,
    own_tasks: OwnTasks,
    /// What the server has said of itself.
    pub(crate) initialized: Value,
}

impl Session {
    /// Agrees on a revision and on what both sides can do.
    pub(crate) async fn open(wire: Wire) -> Result<Self> {
        let mut able = capabilities();
        able["tasks"] = own::capability();
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": able,
            "clientInfo": { "name": "example-client", "version": "0.1.0" },
        });
        let message =
            json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let mut incoming = wire.post(&message, &[]).await?;
        let id = incoming.header("mcp-session-id").unwrap_or_default().to_owned();
        let initialized = result(&incoming.next().await?.ok_or("no answer")?)?;
        let version = initialized["protocolVersion"].as_str().unwrap_or_default().to_owned();
        let own_tasks = OwnTasks::default();
        let session = Self { wire, id, version, last_id: 0, own_tasks, initialized };
        session.tell("notifications/initialized", json!({})).await?;
        Ok(session)
    }

    fn headers(&self) -> [(&'static str, &str); 2] {
        [("mcp-session-id", &self.id), ("mcp-protocol-version", &self.version)]
    }

    /// Sends a request, and hands over the answer as it arrives, with the id of the request.
    pub(crate) async fn open_call(
        &mut self,
        method: &str,
        params: &Value,
    ) -> Result<(u64, Answer)> {
        self.last_id += 1;
        let message =
            json!({ "jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params });
        Ok((self.last_id, self.wire.post(&message, &self.headers()).await?))
    }

    /// Makes a request, and answers what the server asks meanwhile.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        let (_, mut incoming) = self.open_call(method, &params).await?;
        while let Some(message) = incoming.next().await? {
            match (message.get("method"), message.get("id")) {
                (Some(_), Some(id)) => {
                    let answer = self.own_tasks.answer(&message)?;
                    self.respond(id, &answer).await?;
                }
                (Some(told), None) => say(format_args!("    {told}: {}", message["params"])),
                _ => return result(&message),
            }
        }
        Err("the stream has ended without an answer".into())
    }

    /// What this client has asked for.
    pub(crate) const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The stream on which the server tells what belongs to no call.
    pub(crate) async fn listen(&self) -> Result<Answer> {
        self.wire.get(&self.headers()).await
    }

    /// What came after an event on a stream that was lost.
    pub(crate) async fn resume(&self, last: &str) -> Result<Answer> {
        let [session, version] = self.headers();
        self.wire.get(&[session, version, ("last-event-id", last)]).await
    }

    /// Tells the server something.
    pub(crate) async fn tell(&self, method: &str, params: Value) -> Result<()> {
        let message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        self.wire.post(&message, &self.headers()).await.map(drop)
    }

    async fn respond(&self, id: &Value, result: &Value) -> Result<()> {
        let message = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        self.wire.post(&message, &self.headers()).await.map(drop)
    }

    /// Ends the session.
    pub(crate) async fn end(&self) -> Result<()> {
        self.wire.delete(&self.headers()).await.map(drop)
    }
}
