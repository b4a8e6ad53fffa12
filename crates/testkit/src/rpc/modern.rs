//! A client of 2026-07-28: every request says who speaks and what it can, and stands for itself.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use http::Method;
use serde_json::{Map, Value, json};
use shared::mcp::{Revision, headers::encode_value};

use super::{
    Draft, Exchange, Reply, Script,
    draft::{self, Body},
    wire::Wire,
};
use crate::fail::OrFail as _;

const REVISION: Revision = Revision::V2026_07_28;

/// How often a conversation goes back and forth before the test gives up.
const ROUNDS: usize = 10;

/// A client of the stateless revision. Clones share their request ids.
#[derive(Clone, Debug)]
pub struct Modern {
    wire: Wire,
    capabilities: Value,
    script: Script,
    next_id: Arc<AtomicU64>,
}

impl Modern {
    /// A client without credentials and without capabilities.
    #[must_use]
    pub fn new(endpoint: &str) -> Self {
        Self {
            wire: Wire::new(endpoint),
            capabilities: json!({}),
            script: Script::default(),
            next_id: Arc::new(AtomicU64::new(1)),
        }
    }

    /// Speaks with this access token.
    #[must_use]
    pub fn bearer(mut self, token: &str) -> Self {
        self.wire = self.wire.bearer(token);
        self
    }

    /// Speaks to another instance.
    #[must_use]
    pub fn at(mut self, endpoint: &str) -> Self {
        self.wire = self.wire.at(endpoint);
        self
    }

    /// Declares these capabilities on every request.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Value) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Answers questions like this, in [`converse`](Self::converse).
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// A correct request, to be changed or sent. `params` are completed with `_meta`.
    #[must_use]
    pub fn draft(&self, method: &str, params: Value) -> Draft {
        let mut headers = self.wire.headers();
        draft::set(&mut headers, "content-type", "application/json");
        draft::set(&mut headers, "mcp-protocol-version", REVISION.as_str());
        draft::set(&mut headers, "mcp-method", method);
        let named = ["name", "uri", "taskId"].into_iter().find_map(|member| params.get(member));
        if let Some(name) = named.and_then(Value::as_str) {
            draft::set(&mut headers, "mcp-name", &encode_value(name));
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let params = self.with_meta(params);
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        Draft::new(Method::POST, headers, Body::Message(message))
    }

    /// Sends a draft and reads the answer to its end.
    pub async fn send(&self, draft: Draft) -> Reply {
        self.open(draft).await.finish().await
    }

    /// Sends a draft and hands over the answer as it arrives.
    pub async fn open(&self, draft: Draft) -> Exchange {
        self.try_open(draft).await.or_fail("the server answers")
    }

    /// Sends a draft to a server that may be gone.
    pub async fn try_open(&self, draft: Draft) -> reqwest::Result<Exchange> {
        self.wire.send(draft, REVISION).await
    }

    /// Makes a correct request.
    pub async fn call(&self, method: &str, params: Value) -> Reply {
        self.send(self.draft(method, params)).await
    }

    /// Calls a tool.
    pub async fn tool(&self, name: &str, arguments: Value) -> Reply {
        self.call("tools/call", json!({"name": name, "arguments": arguments})).await
    }

    /// Makes a request and answers what the server asks with the script, until it is complete. The
    /// replies are in their order; the last is the final one.
    pub async fn converse(&self, method: &str, params: Value) -> Vec<Reply> {
        let mut replies = vec![self.call(method, params.clone()).await];
        for _ in 0..ROUNDS {
            let last = replies.last().and_then(|reply| reply.messages.last());
            let Some(result) = last.and_then(|message| message.get("result")) else {
                return replies;
            };
            if result["resultType"] != "input_required" {
                return replies;
            }
            let again = self.with_answers(params.clone(), result);
            replies.push(self.call(method, again).await);
        }
        panic!("the server still asks after {ROUNDS} rounds: {replies:#?}");
    }

    /// The parameters of the next round: answers from the script, and the state given back.
    #[must_use]
    pub fn with_answers(&self, mut params: Value, input_required: &Value) -> Value {
        let questions = input_required["inputRequests"].as_object().into_iter().flatten();
        let answers: Map<String, Value> = questions
            .filter_map(|(key, question)| Some((key.clone(), self.script.answer(question).ok()?)))
            .collect();
        params["inputResponses"] = answers.into();
        if let Some(state) = input_required.get("requestState") {
            params["requestState"] = state.clone();
        }
        params
    }

    fn with_meta(&self, mut params: Value) -> Value {
        if params.is_null() {
            params = json!({});
        }
        let meta = &mut params["_meta"];
        meta["io.modelcontextprotocol/protocolVersion"] = REVISION.as_str().into();
        meta["io.modelcontextprotocol/clientCapabilities"] = self.capabilities.clone();
        meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "testkit", "version": "1.0.0"});
        params
    }
}
