//! The cases: what a client sends, header by header.

use std::fmt::Write as _;

use http::{Method, Request, header};
use serde_json::{Value, json};

/// A case that can be measured as one request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `tools/call` of `echo` in 2026-07-28.
    Call,
    /// The same in a session of 2025-11-25.
    SessionCall,
    /// `tools/list` in 2026-07-28.
    List,
    /// `server/discover`.
    Discover,
    /// `initialize`, which opens a session.
    Initialize,
    /// `resources/read` of a short text.
    Read,
    /// `resources/read` of 1 MiB, of the server that `bin/large.rs` is.
    ReadLarge,
    /// `tools/call` of `echo` with 100,000 characters, in and out.
    Large,
    /// `tools/call` with a stream of 20 notifications of progress.
    Progress,
}

/// A request before it is one: what a load generator needs as well.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Names and values, without those that every HTTP client writes by itself.
    pub headers: Vec<(&'static str, String)>,
    /// JSON, or a form.
    pub body: String,
}

impl Case {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 9] = [
        Self::Call,
        Self::SessionCall,
        Self::List,
        Self::Discover,
        Self::Initialize,
        Self::Read,
        Self::ReadLarge,
        Self::Large,
        Self::Progress,
    ];

    /// What it is called in tables and on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::SessionCall => "session-call",
            Self::List => "list",
            Self::Discover => "discover",
            Self::Initialize => "initialize",
            Self::Read => "read",
            Self::ReadLarge => "read-large",
            Self::Large => "large",
            Self::Progress => "progress",
        }
    }

    /// The case of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.name() == name)
    }

    /// What a client with this token, and this session if it has one, sends.
    #[must_use]
    pub fn ask(self, token: Option<&str>, session: Option<&str>) -> Ask {
        match self {
            Self::Call => modern(token, "tools/call", Some("echo"), echo("hello")),
            Self::Large => modern(token, "tools/call", Some("echo"), echo(&"x".repeat(100_000))),
            Self::Read => modern(token, "resources/read", Some(TEXT), json!({ "uri": TEXT })),
            Self::ReadLarge => {
                modern(token, "resources/read", Some(LARGE), json!({ "uri": LARGE }))
            }
            Self::Progress => modern(token, "tools/call", Some(SLOW), progress()),
            Self::List => modern(token, "tools/list", None, json!({})),
            Self::Discover => modern(token, "server/discover", None, json!({})),
            Self::SessionCall => {
                let mut ask = legacy(token, "tools/call", &echo("hello"));
                ask.headers.push(("mcp-protocol-version", "2025-11-25".to_owned()));
                ask.headers.extend(session.map(|id| ("mcp-session-id", id.to_owned())));
                ask
            }
            Self::Initialize => opening(token),
        }
    }
}

impl Ask {
    /// The headers as they go over the wire, a line each.
    #[must_use]
    pub fn header_lines(&self) -> String {
        self.headers.iter().fold(String::new(), |mut lines, (name, value)| {
            // A text takes whatever is written.
            let _ = write!(lines, "{name}: {value}\r\n");
            lines
        })
    }

    /// The request to the MCP endpoint.
    ///
    /// # Panics
    /// When a token or the name of a session cannot be in a header.
    #[must_use]
    pub fn request<B: From<String>>(&self, host: &str) -> Request<B> {
        self.request_to("/mcp", host)
    }

    /// The request to a path.
    ///
    /// # Panics
    /// When a token or the name of a session cannot be in a header.
    #[must_use]
    pub fn request_to<B: From<String>>(&self, path: &str, host: &str) -> Request<B> {
        let request = Request::builder().method(Method::POST).uri(path).header(header::HOST, host);
        let request = self
            .headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, value));
        request.body(B::from(self.body.clone())).expect("tokens and sessions are visible ASCII")
    }
}

/// A tool that tells what its user has filled in.
pub const ASKS: &str = "elicitInputs";

/// What the user has filled in.
pub const NAME: &str = "Ada Lovelace";

/// What a client declares whose user can be asked.
#[must_use]
pub fn able() -> Value {
    json!({ "elicitation": {} })
}

/// The user's answer.
#[must_use]
pub fn filled_in() -> Value {
    json!({ "action": "accept", "content": { "name": NAME } })
}

/// A call of 2026-07-28 that asks; with the state of its question it has the answer.
#[must_use]
pub fn asking(token: &str, state: Option<&Value>) -> Ask {
    let meta = json!({ "io.modelcontextprotocol/clientCapabilities": able() });
    let mut params = json!({ "name": ASKS, "arguments": {}, "_meta": meta });
    if let Some(state) = state {
        params["inputResponses"] = json!({ "answers": filled_in() });
        params["requestState"] = state.clone();
    }
    modern(Some(token), "tools/call", Some(ASKS), params)
}

/// A form, as OAuth's endpoints take it.
#[must_use]
pub fn form(body: String, authorization: Option<String>) -> Ask {
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
    headers.extend(authorization.map(|value| ("authorization", value)));
    Ask { headers, body }
}

/// What opens a session.
#[must_use]
pub fn opening(token: Option<&str>) -> Ask {
    opening_able(token, &json!({}))
}

/// What opens a session of a client that can do this.
#[must_use]
pub fn opening_able(token: Option<&str>, capabilities: &Value) -> Ask {
    legacy(
        token,
        "initialize",
        &json!({
            "protocolVersion": "2025-11-25",
            "capabilities": capabilities,
            "clientInfo": { "name": "bench", "version": "1" },
        }),
    )
}

/// What a client says when its session is open.
#[must_use]
pub fn initialized(token: Option<&str>, session: &str) -> Ask {
    let said = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    in_session(token, session, &said)
}

/// A message in a session of 2025-11-25.
#[must_use]
pub fn in_session(token: Option<&str>, session: &str, message: &Value) -> Ask {
    let mut headers = common(token);
    headers.push(("mcp-protocol-version", "2025-11-25".to_owned()));
    headers.push(("mcp-session-id", session.to_owned()));
    Ask { headers, body: message.to_string() }
}

/// A resource that is a short text.
const TEXT: &str = "test://static/resource/1";

/// A resource that is a text of 1 MiB.
pub const LARGE: &str = "bench://large";

/// The tool that tells how far it is.
const SLOW: &str = "long-running-operation";

fn echo(message: &str) -> Value {
    json!({ "name": "echo", "arguments": { "message": message } })
}

fn progress() -> Value {
    let meta = json!({ "progressToken": "p" });
    json!({ "name": SLOW, "arguments": { "duration": 0, "steps": 20 }, "_meta": meta })
}

/// A request of 2026-07-28, of a client that can do nothing but what `params` says already.
#[must_use]
pub fn modern(token: Option<&str>, method: &str, name: Option<&str>, mut params: Value) -> Ask {
    let meta = &mut params["_meta"];
    meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "bench", "version": "1" });
    let capabilities = &mut meta["io.modelcontextprotocol/clientCapabilities"];
    if capabilities.is_null() {
        *capabilities = json!({});
    }
    let mut ask = legacy(token, method, &params);
    ask.headers.push(("mcp-protocol-version", "2026-07-28".to_owned()));
    ask.headers.push(("mcp-method", method.to_owned()));
    ask.headers.extend(name.map(|name| ("mcp-name", name.to_owned())));
    ask
}

fn legacy(token: Option<&str>, method: &str, params: &Value) -> Ask {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    Ask { headers: common(token), body: body.to_string() }
}

fn common(token: Option<&str>) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("accept", "application/json, text/event-stream".to_owned()),
    ];
    headers.extend(token.map(|token| ("authorization", format!("Bearer {token}"))));
    headers
}
