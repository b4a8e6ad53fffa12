//! A client of the revisions with sessions, over Streamable HTTP: 2025-03-26 to 2025-11-25.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use ambient::Clock;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use shared::mcp::Revision;

use super::{
    Draft, Exchange, Left, Reply, Script,
    draft::{self, Body},
    wire::Wire,
};
use crate::fail::OrFail as _;

/// How a session is going to be opened.
#[derive(Clone, Debug)]
pub struct Opening {
    wire: Wire,
    revision: Revision,
    capabilities: Value,
    script: Script,
}

impl Opening {
    /// Speaks with this access token.
    #[must_use]
    pub fn bearer(mut self, token: &str) -> Self {
        self.wire = self.wire.bearer(token);
        self
    }

    /// Asks for this revision; 2025-11-25 without it.
    #[must_use]
    pub const fn revision(mut self, revision: Revision) -> Self {
        self.revision = revision;
        self
    }

    /// Declares these capabilities.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Value) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Answers the server's questions like this.
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// A correct `initialize` request, to be changed or sent.
    #[must_use]
    pub fn draft(&self) -> Draft {
        let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": self.revision.as_str(),
            "capabilities": self.capabilities,
            "clientInfo": {"name": "testkit", "version": "1.0.0"},
        }});
        let mut headers = self.wire.headers();
        draft::set(&mut headers, "content-type", "application/json");
        Draft::new(Method::POST, headers, Body::Message(message))
    }

    /// Sends a draft of `initialize` and reads the answer, whatever it is.
    pub async fn send(&self, draft: Draft) -> Reply {
        let exchange = self.wire.send(draft, self.revision).await.or_fail("the server answers");
        exchange.finish().await
    }

    /// Opens the session: `initialize`, then `notifications/initialized`.
    pub async fn open(self) -> Session {
        let session = self.begin().await;
        let _ = session.notify("notifications/initialized", Value::Null).await.expect(202);
        session
    }

    /// Sends `initialize`, and nothing after it.
    pub async fn begin(self) -> Session {
        let reply = self.send(self.draft()).await.expect(200);
        let initialized = reply.result().clone();
        let negotiated = initialized["protocolVersion"].as_str().unwrap_or_default();
        let session = Session {
            revision: negotiated.parse().or_fail("the server answers with a known revision"),
            id: reply.header("mcp-session-id").map(ToOwned::to_owned),
            wire: self.wire,
            initialized,
            script: self.script,
            questions: Arc::default(),
            next_id: Arc::new(AtomicU64::new(1)),
        };
        let visible = |id: &String| id.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
        assert!(session.id.as_ref().is_none_or(visible), "a session id is visible ASCII");
        session
    }
}

/// An open session. Clones are the same session.
#[derive(Clone, Debug)]
pub struct Session {
    wire: Wire,
    /// What was negotiated.
    pub revision: Revision,
    /// The id the server gave, if it gave one.
    pub id: Option<String>,
    /// The result of `initialize`.
    pub initialized: Value,
    script: Script,
    questions: Arc<Mutex<Vec<Value>>>,
    next_id: Arc<AtomicU64>,
}

impl Session {
    /// A session to be opened at this endpoint: the newest revision that has sessions, no
    /// capabilities, no credentials.
    #[must_use]
    pub fn opening(endpoint: &str) -> Opening {
        Opening {
            wire: Wire::new(endpoint),
            revision: Revision::LATEST_LEGACY,
            capabilities: json!({}),
            script: Script::default(),
        }
    }

    /// The same session with another access token: what a thief of its id would hold.
    #[must_use]
    pub fn as_bearer(&self, token: &str) -> Self {
        Self { wire: self.wire.clone().bearer(token), ..self.clone() }
    }

    /// The same session at another instance.
    #[must_use]
    pub fn at(&self, endpoint: &str) -> Self {
        Self { wire: self.wire.clone().at(endpoint), ..self.clone() }
    }

    /// What the server has asked so far.
    #[must_use]
    pub fn questions(&self) -> Vec<Value> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A correct request, to be changed or sent. Without parameters if they are `null`.
    #[must_use]
    pub fn draft(&self, method: &str, params: Value) -> Draft {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method});
        if !params.is_null() {
            message["params"] = params;
        }
        self.post(message)
    }

    /// A `POST` of any message.
    #[must_use]
    pub fn post(&self, message: Value) -> Draft {
        let mut headers = self.headers();
        draft::set(&mut headers, "content-type", "application/json");
        Draft::new(Method::POST, headers, Body::Message(message))
    }

    /// Sends a draft and reads the answer to its end, answering what the server asks meanwhile, and
    /// coming back if the server ends the connection before it has answered.
    pub async fn send(&self, draft: Draft) -> Reply {
        let mut exchange = self.open(draft).await;
        self.follow(&mut exchange).await;
        while !exchange.is_answered() {
            let Some(last) = exchange.last_event_id().map(ToOwned::to_owned) else { break };
            Clock::system().sleep(exchange.retry().unwrap_or_default()).await;
            exchange.go_on_with(self.listen(Some(&last)).await);
            self.follow(&mut exchange).await;
            let stuck = !exchange.is_answered() && exchange.last_event_id() == Some(&last);
            assert!(!stuck, "the stream ended without an answer: {}", exchange.into_reply());
        }
        exchange.into_reply()
    }

    /// Sends a draft and hands over the answer as it arrives. Questions in it are not answered.
    pub async fn open(&self, draft: Draft) -> Exchange {
        self.try_open(draft).await.or_fail("the server answers")
    }

    /// Sends a draft to a server that may be gone.
    pub async fn try_open(&self, draft: Draft) -> reqwest::Result<Exchange> {
        self.wire.send(draft, self.revision).await
    }

    /// Makes a correct request.
    pub async fn call(&self, method: &str, params: Value) -> Reply {
        self.send(self.draft(method, params)).await
    }

    /// Calls a tool.
    pub async fn tool(&self, name: &str, arguments: Value) -> Reply {
        self.call("tools/call", json!({"name": name, "arguments": arguments})).await
    }

    /// Sends a notification.
    pub async fn notify(&self, method: &str, params: Value) -> Reply {
        let mut message = json!({"jsonrpc": "2.0", "method": method});
        if !params.is_null() {
            message["params"] = params;
        }
        self.open(self.post(message)).await.finish().await
    }

    /// Answers a question of the server, with a result or an error.
    pub async fn respond(&self, id: &Value, answer: Result<Value, Value>) -> Reply {
        let mut message = json!({"jsonrpc": "2.0", "id": id});
        match answer {
            Ok(result) => message["result"] = result,
            Err(error) => message["error"] = error,
        }
        self.open(self.post(message)).await.finish().await
    }

    /// Opens the stream of the session, after an event if there is one to go on from.
    pub async fn listen(&self, after: Option<&str>) -> Exchange {
        self.open(self.listen_draft(after)).await
    }

    /// Takes up a stream where it was left.
    pub async fn come_back(&self, left: &Left) -> Exchange {
        self.listen(Some(&left.last_event_id)).await.answering(left)
    }

    /// The `GET` that opens the stream of the session, to be changed or sent.
    #[must_use]
    pub fn listen_draft(&self, after: Option<&str>) -> Draft {
        let mut headers = self.headers();
        draft::set(&mut headers, "accept", "text/event-stream");
        if let Some(id) = after {
            draft::set(&mut headers, "last-event-id", id);
        }
        Draft::new(Method::GET, headers, Body::None)
    }

    /// Ends the session.
    pub async fn end(&self) -> Reply {
        let draft = Draft::new(Method::DELETE, self.headers(), Body::None);
        self.open(draft).await.finish().await
    }

    /// Reads to the end of a stream and answers what the server asks in it.
    pub async fn follow(&self, exchange: &mut Exchange) {
        while let Some(message) = exchange.next().await {
            if message.get("method").is_none() || message.get("id").is_none() {
                continue;
            }
            self.questions.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
            let reply = self.respond(&message["id"], self.script.answer(&message)).await;
            let _ = reply.expect(202);
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = self.wire.headers();
        if let Some(id) = &self.id {
            draft::set(&mut headers, "mcp-session-id", id);
        }
        if has_version_header(self.revision) {
            draft::set(&mut headers, "mcp-protocol-version", self.revision.as_str());
        }
        headers
    }
}

/// Whether clients of the revision name it in a header field.
const fn has_version_header(revision: Revision) -> bool {
    !matches!(revision, Revision::V2024_11_05 | Revision::V2025_03_26)
}
