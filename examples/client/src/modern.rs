//! Since 2026-07-28: every request stands for itself, a question is an answer, and the answer to it
//! another request.

use serde_json::{Map, Value, json};

use crate::{
    Result,
    answers::{answer, capabilities},
    say,
    wire::{Answer, Wire, result},
};

const VERSION: &str = "2026-07-28";

/// A client without sessions.
pub(crate) struct Modern {
    wire: Wire,
    last_id: u64,
    /// What it says with every request that it can do.
    pub(crate) able: Value,
}

impl Modern {
    pub(crate) fn new(wire: Wire) -> Self {
        let mut able = capabilities();
        able["extensions"]["io.modelcontextprotocol/tasks"] = json!({});
        Self { wire, last_id: 0, able }
    }

    /// What this client has asked for.
    pub(crate) const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Sends a request, and hands over the answer as it arrives.
    pub(crate) async fn open(&mut self, method: &str, params: &Value) -> Result<Answer> {
        self.last_id += 1;
        let mut params = params.clone();
        let meta = &mut params["_meta"];
        meta["io.modelcontextprotocol/protocolVersion"] = json!(VERSION);
        meta["io.modelcontextprotocol/clientInfo"] =
            json!({ "name": "example-client", "version": "0.1.0" });
        meta["io.modelcontextprotocol/clientCapabilities"] = self.able.clone();
        meta["io.modelcontextprotocol/logLevel"] = json!("debug");
        // Whoever stands between reads the headers, which say the same as the body.
        let mut headers = vec![("mcp-protocol-version", VERSION), ("mcp-method", method)];
        let name = ["name", "uri", "taskId"].into_iter().find_map(|member| params[member].as_str());
        headers.extend(name.map(|name| ("mcp-name", name)));
        let message =
            json!({ "jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params });
        self.wire.post(&message, &headers).await
    }

    /// Makes a request, and answers what the server wants to know, until there is a result. It may be
    /// that of a call, or a task in its place, which `follow` leads to the end.
    pub(crate) async fn call(&mut self, method: &str, mut params: Value) -> Result<Value> {
        loop {
            let mut incoming = self.open(method, &params).await?;
            let mut found = Value::Null;
            while let Some(message) = incoming.next().await? {
                match message["method"].as_str() {
                    Some(told) => say(format_args!("    {told}: {}", message["params"])),
                    None => found = result(&message)?,
                }
            }
            if found["resultType"] != "input_required" {
                return Ok(found);
            }
            params["inputResponses"] = answers(&found)?.into();
            params["requestState"] = found["requestState"].clone();
        }
    }

    /// Asks for a task until it has ended, and answers what it wants to know.
    pub(crate) async fn follow(&mut self, id: &Value) -> Result<Value> {
        let mut said = Value::Null;
        loop {
            let task = self.call("tasks/get", json!({ "taskId": id })).await?;
            if said != task["statusMessage"] {
                said = task["statusMessage"].clone();
                say(format_args!("    the task is {}: {said}", task["status"]));
            }
            match task["status"].as_str() {
                Some("completed") => return Ok(task["result"].clone()),
                Some("working") => {
                    ambient::Clock::system().sleep(pause(&task["pollIntervalMs"])).await;
                }
                Some("input_required") => {
                    let update = json!({ "taskId": id, "inputResponses": answers(&task)? });
                    self.call("tasks/update", update).await?;
                }
                other => return Err(format!("the task has ended: {other:?}").into()),
            }
        }
    }
}

/// How long the server wants to be left alone between two looks at a task, in milliseconds.
pub(crate) fn pause(interval: &Value) -> std::time::Duration {
    std::time::Duration::from_millis(interval.as_u64().unwrap_or(1000).min(5000))
}

/// Answers to all that is asked, by their keys.
fn answers(asking: &Value) -> Result<Map<String, Value>> {
    let questions = asking["inputRequests"].as_object().into_iter().flatten();
    questions.map(|(key, question)| Ok((key.clone(), answer(question)?))).collect()
}
