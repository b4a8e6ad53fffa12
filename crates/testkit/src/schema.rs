//! The official JSON schemas, and what the specification says beyond them.
//!
//! A message is held against the definition that fits it: a result against the one of the method
//! it answers, a notification or a question against the one of its own. The schemas leave a lot
//! open that the text of the specification closes; that is checked as well.

mod client;
mod documents;
mod rules;
mod sampling;

use bytes::Bytes;
use serde_json::Value;
use shared::mcp::{Era, Incoming, MalformedMessage, Message, Revision};

pub use self::client::{Heard, check_client_message, client_violations};
use self::documents::Document;

/// What a client has asked, so that answers can be told from each other.
#[derive(Clone, Debug, Default)]
pub struct Asked(Vec<Request>);

/// A request as it was sent.
#[derive(Clone, Debug)]
struct Request {
    id: Value,
    method: String,
    /// All of it; nothing of a body that was sent byte by byte.
    message: Option<Value>,
}

impl Asked {
    /// Nothing: a stream that answers no request.
    #[must_use]
    pub const fn nothing() -> Self {
        Self(Vec::new())
    }

    /// The requests in a message or batch that a client sends. What has no valid id asks nothing.
    #[must_use]
    pub fn by(sent: &Value) -> Self {
        let messages = sent.as_array().map_or(std::slice::from_ref(sent), Vec::as_slice);
        Self(messages.iter().filter_map(request).collect())
    }

    /// The same requests, which a server may grant although they are not as they should be.
    #[must_use]
    pub fn however_odd(mut self) -> Self {
        for asked in &mut self.0 {
            asked.message = None;
        }
        self
    }

    /// The request in a body that was sent as it is, however odd.
    #[must_use]
    pub fn by_raw(sent: Bytes) -> Self {
        if let Ok(message) = serde_json::from_slice(&sent) {
            return Self::by(&message);
        }
        match Message::parse(sent) {
            Ok(Message::One(Incoming::Request { id, method, .. })) => {
                Self(vec![Request { id: serde_json::json!(id), method, message: None }])
            }
            Err(MalformedMessage::NotAMessage { id: Some(id), .. }) => {
                let (id, method) = (serde_json::json!(id), String::new());
                Self(vec![Request { id, method, message: None }])
            }
            _ => Self::nothing(),
        }
    }

    /// Remembers one more message.
    pub fn and(&mut self, sent: &Value) {
        self.0.extend(Self::by(sent).0);
    }

    /// The method of the request with this id.
    #[must_use]
    pub fn method(&self, id: &Value) -> Option<&str> {
        self.request(id).map(|asked| asked.method.as_str())
    }

    fn request(&self, id: &Value) -> Option<&Request> {
        self.0.iter().rev().find(|asked| asked.id == *id)
    }

    /// How many requests there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The id of the only request, if it has opened a subscription.
    fn subscription(&self) -> Option<&Value> {
        match self.0.as_slice() {
            [Request { id, method, .. }] if method == "subscriptions/listen" => Some(id),
            _ => None,
        }
    }
}

/// Something malformed may still have an id, and its refusal names it.
fn request(message: &Value) -> Option<Request> {
    let id = message.get("id").filter(|id| id.is_string() || id.is_i64() || id.is_u64())?;
    let is_answer = message.get("result").is_some() || message.get("error").is_some();
    let method = message.get("method").and_then(Value::as_str).unwrap_or_default();
    let message = Some(message.clone());
    (!is_answer).then(|| Request { id: id.clone(), method: method.to_owned(), message })
}

/// Fails the test if `message` is not what a server of `revision` may write to a client that has
/// asked `asked`.
#[track_caller]
pub fn check_server_message(revision: Revision, message: &Value, asked: &Asked) {
    let mut violations = violations(revision, message, asked);
    violations.extend(granted(revision, message, asked));
    assert!(
        violations.is_empty(),
        "the server wrote a message that {revision} does not allow:\n- {}\nin {message:#}",
        violations.join("\n- ")
    );
}

/// Fails the test if `message` does not have the shape of an error. For answers of what stands
/// before the protocol, such as a missing token or an outage: their codes are their own.
#[track_caller]
pub fn check_refusal(revision: Revision, message: &Value) {
    let document = Document::of(revision);
    let found = document.check(document.error_envelope(), &with_id(message));
    assert!(found.is_empty(), "an error has another shape: {found:#?} in {message:#}");
}

/// The transport pages allow an error without an id as the body of an HTTP error; the older schemas
/// do not know that form, so they are shown one with an id.
fn with_id(message: &Value) -> Value {
    let mut message = message.clone();
    if message.get("id").is_none() {
        message["id"] = Value::from(0);
    }
    message
}

/// Everything that is wrong with a message or batch of a server, one sentence each.
#[must_use]
pub fn violations(revision: Revision, message: &Value, asked: &Asked) -> Vec<String> {
    match message.as_array() {
        None => one(revision, message, asked),
        Some(_) if !revision.has_batches() => vec!["the revision has no batches".into()],
        Some(batch) if batch.is_empty() => vec!["a batch is not empty".into()],
        Some(batch) => batch.iter().flat_map(|message| one(revision, message, asked)).collect(),
    }
}

/// The kinds of message, told apart by their members.
enum Kind<'a> {
    Question(&'a str),
    Notification(&'a str),
    Result(&'a Value),
    Error(&'a Value),
}

fn one(revision: Revision, message: &Value, asked: &Asked) -> Vec<String> {
    let document = Document::of(revision);
    match kind(message) {
        Err(problem) => vec![problem],
        Ok(Kind::Question(method)) => question(document, message, method),
        Ok(Kind::Notification(method)) => notification(document, message, method, asked),
        Ok(Kind::Result(result)) => answer(document, message, result, asked),
        Ok(Kind::Error(error)) => refusal(document, message, error, asked),
    }
}

fn kind(message: &Value) -> Result<Kind<'_>, String> {
    let has = |member| message.get(member).is_some();
    match (message.get("method"), message.get("result"), message.get("error")) {
        (Some(Value::String(method)), None, None) if has("id") => Ok(Kind::Question(method)),
        (Some(Value::String(method)), None, None) => Ok(Kind::Notification(method)),
        (None, Some(result), None) => Ok(Kind::Result(result)),
        (None, None, Some(error)) => Ok(Kind::Error(error)),
        _ => Err("it is neither a request, a notification, a result nor an error".into()),
    }
}

fn question(document: &Document, message: &Value, method: &str) -> Vec<String> {
    if document.revision.era() == Era::Modern {
        return vec![format!("a server asks nothing by itself since 2026-07-28: `{method}`")];
    }
    let mut found = document.check("JSONRPCRequest", message);
    match document.definition_of("ServerRequest", method) {
        Some(definition) => found.extend(document.check(definition, message)),
        None => found.push(format!("a server has no request `{method}`")),
    }
    if method == "sampling/createMessage" {
        found.extend(sampling::conversation(&message["params"]));
    }
    found
}

fn notification(document: &Document, message: &Value, method: &str, asked: &Asked) -> Vec<String> {
    let mut found = document.check("JSONRPCNotification", message);
    match document.definition_of("ServerNotification", method) {
        _ if document.revision.era() == Era::Modern && method == "notifications/tasks" => {
            found.extend(Document::check_task_notification(message));
        }
        Some(definition) => found.extend(document.check(definition, message)),
        None => found.push(format!("a server has no notification `{method}`")),
    }
    if document.revision.era() == Era::Modern {
        found.extend(rules::subscription(message, asked.subscription()));
    }
    found
}

fn answer(document: &Document, message: &Value, result: &Value, asked: &Asked) -> Vec<String> {
    let mut found = document.check(document.result_envelope(), message);
    let Some(request) = message.get("id").and_then(|id| asked.request(id)) else {
        found.push("it answers a request that was not made".into());
        return found;
    };
    let method = request.method.as_str();
    if document.revision.era() == Era::Modern
        && let Some((tasks, definition)) = Document::of_tasks(method, result)
    {
        found.extend(tasks.check(definition, result));
        found.extend(rules::task(definition, result));
        return found;
    }
    if document.revision.era() == Era::Modern
        && let Some((skills, definition)) = Document::of_skills(method)
    {
        found.extend(skills.check(definition, result));
        for child in result["resources"].as_array().into_iter().flatten() {
            found.extend(document.check("Resource", child));
        }
        return found;
    }
    let Some(definition) = document.result_definition(method, result) else {
        found.push(format!("the revision has no method `{method}` that could succeed"));
        return found;
    };
    found.extend(document.check(&definition, result));
    found.extend(rules::result(document, method, &definition, result));
    found
}

/// What was granted was asked for in the right form: neither do our own clients send what they must
/// not, nor does a server put up with it.
fn granted(revision: Revision, message: &Value, asked: &Asked) -> Vec<String> {
    let messages = message.as_array().map_or(std::slice::from_ref(message), Vec::as_slice);
    let results = messages.iter().filter(|message| message.get("result").is_some());
    let requests = results.filter_map(|message| asked.request(message.get("id")?));
    requests.flat_map(|request| malformed(revision, request)).collect()
}

fn malformed(revision: Revision, Request { method, message, .. }: &Request) -> Vec<String> {
    let known = Document::of_request(revision, method);
    let (Some((document, definition)), Some(message)) = (known, message) else {
        return Vec::new();
    };
    let found = document.check(definition, message).into_iter();
    found.map(|wrong| format!("it grants a request that is none: {wrong}")).collect()
}

fn refusal(document: &Document, message: &Value, error: &Value, asked: &Asked) -> Vec<String> {
    let mut found = match message.get("id") {
        Some(id) if asked.method(id).is_none() => {
            vec!["it refuses a request that was not made".into()]
        }
        _ => Vec::new(),
    };
    let message = with_id(message);
    found.extend(document.check(document.error_envelope(), &message));
    let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
    if document.revision.era() == Era::Modern
        && let Some(definition) = rules::error_definition(code)
    {
        found.extend(document.check(definition, &message));
    }
    found.extend(rules::error_code(document.revision, code));
    found
}

#[cfg(test)]
mod tests;
