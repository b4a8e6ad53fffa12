//! What the text of the specification demands and its schemas do not.

use std::collections::HashSet;

use serde_json::Value;
use shared::mcp::{Era, Revision};

use super::{documents::Document, sampling};

/// Requests that may be answered with questions (2026-07-28 basic/patterns/mrtr).
const MAY_ASK: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// Members that exist since 2026-07-28 only. A session never sees them: older schemas would let
/// them pass, but a client that probes takes them for a sign of the newer revision.
const MODERN_ONLY: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];

const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// What is wrong with a result beyond its schema.
pub(super) fn result(
    document: &Document,
    method: &str,
    definition: &str,
    result: &Value,
) -> Vec<String> {
    let mut found = match document.revision.era() {
        Era::Modern => modern_result(method, result),
        Era::Legacy => legacy_result(definition, result),
    };
    found.extend(unknown_members(document, definition, result));
    found.extend(tool_list(result));
    found
}

/// What is wrong with an answer about a task beyond its schema (tasks extension).
pub(super) fn task(definition: &str, result: &Value) -> Vec<String> {
    let (expected, strange): (_, &[&str]) = match definition {
        "CreateTaskResult" => ("task", &["task", "result", "error", "inputRequests"]),
        "GetTaskResult" => ("complete", &["task"]),
        _ => ("complete", &["taskId", "status", "result", "error", "inputRequests"]),
    };
    let mut found = Vec::new();
    if result["resultType"] != expected {
        found.push(format!("the resultType of a {definition} is `{expected}`"));
    }
    let never = ["requestState", "ttl", "pollInterval", "cacheScope"];
    let present = strange.iter().chain(&never).filter(|member| result.get(**member).is_some());
    found.extend(present.map(|member| format!("a {definition} has no `{member}`")));
    found
}

fn modern_result(method: &str, result: &Value) -> Vec<String> {
    let has = |member| result.get(member).is_some();
    match result["resultType"].as_str() {
        Some("complete") => Vec::new(),
        Some("input_required") if !MAY_ASK.contains(&method) => {
            vec![format!("`{method}` cannot be answered with questions")]
        }
        Some("input_required") if !has("inputRequests") && !has("requestState") => {
            vec!["an input_required result has inputRequests or requestState".into()]
        }
        Some("input_required") => bare_questions(result),
        _ => vec!["resultType is `complete` or `input_required`".into()],
    }
}

/// Questions in a result are no messages of their own (2026-07-28 basic/patterns/mrtr).
fn bare_questions(result: &Value) -> Vec<String> {
    let questions = || result["inputRequests"].as_object().into_iter().flatten();
    let named = questions()
        .filter(|(_, question)| question.get("id").is_some() || question.get("jsonrpc").is_some())
        .map(|(key, _)| format!("the question `{key}` has an id or a jsonrpc member"));
    let models = questions().filter(|(_, question)| question["method"] == "sampling/createMessage");
    named.chain(models.flat_map(|(_, asked)| sampling::conversation(&asked["params"]))).collect()
}

fn legacy_result(definition: &str, result: &Value) -> Vec<String> {
    let mut found: Vec<String> = MODERN_ONLY
        .into_iter()
        .filter(|member| result.get(member).is_some())
        .map(|member| format!("`{member}` does not exist in a session"))
        .collect();
    // The official conformance suite wants `{}` exactly, although the schema is open.
    if definition == "EmptyResult" && result.as_object().is_some_and(|members| !members.is_empty())
    {
        found.push("an empty result is exactly {}".into());
    }
    found
}

/// The schemas are open, because a client must bear what it does not know. A server has no reason
/// to send what the revision of its client does not name. In `_meta` extensions speak, in revisions
/// older than they are as well.
fn unknown_members(document: &Document, definition: &str, result: &Value) -> Vec<String> {
    let mut found = strangers(document, definition, result);
    let items = |list: &str| result[list].as_array().into_iter().flatten();
    for (list, item) in [
        ("tools", "Tool"),
        ("resources", "Resource"),
        ("resourceTemplates", "ResourceTemplate"),
        ("prompts", "Prompt"),
    ] {
        found.extend(items(list).flat_map(|value| strangers(document, item, value)));
    }
    for block in items("content") {
        found.extend(strangers(document, content_definition(block), block));
    }
    found
}

fn strangers(document: &Document, definition: &str, value: &Value) -> Vec<String> {
    let (Some(known), Some(members)) = (document.members(definition), value.as_object()) else {
        return Vec::new();
    };
    let named = |member: &str| known.contains_key(member) || member == "_meta";
    let unknown = members.keys().filter(|member| !named(member));
    let revision = document.revision;
    unknown.map(|member| format!("{definition} of {revision} has no `{member}`")).collect()
}

fn content_definition(block: &Value) -> &'static str {
    match block["type"].as_str() {
        Some("image") => "ImageContent",
        Some("audio") => "AudioContent",
        Some("resource_link") => "ResourceLink",
        Some("resource") => "EmbeddedResource",
        _ => "TextContent",
    }
}

/// Names are unique, and schemas are schemas (server/tools; basic/index on JSON Schema).
fn tool_list(result: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut names = HashSet::new();
    for tool in result["tools"].as_array().into_iter().flatten() {
        let name = tool["name"].as_str().unwrap_or_default();
        if !names.insert(name) {
            found.push(format!("the tool `{name}` is listed twice"));
        }
        for member in ["inputSchema", "outputSchema"] {
            if let Some(schema) = tool.get(member)
                && let Err(error) = jsonschema::meta::validate(schema)
            {
                found.push(format!("{member} of `{name}` is no JSON Schema: {error}"));
            }
        }
    }
    found
}

/// Every notification of a subscription names it, and no other does (2026-07-28
/// basic/patterns/subscriptions).
pub(super) fn subscription(message: &Value, subscription: Option<&Value>) -> Vec<String> {
    let named = message["params"]["_meta"].get(SUBSCRIPTION_ID);
    match (subscription, named) {
        (Some(expected), Some(named)) if expected == named => Vec::new(),
        (None, None) => Vec::new(),
        (Some(expected), _) => vec![format!("it does not name the subscription {expected}")],
        (None, Some(named)) => vec![format!("it names the subscription {named} elsewhere")],
    }
}

/// The schema of an error that has one of its own.
pub(super) const fn error_definition(code: i64) -> Option<&'static str> {
    match code {
        -32020 => Some("HeaderMismatchError"),
        -32021 => Some("MissingRequiredClientCapabilityError"),
        -32022 => Some("UnsupportedProtocolVersionError"),
        _ => None,
    }
}

/// Codes that a revision must not use (2026-07-28 basic/index). In a session, the codes of the
/// newer revision would make a client that probes believe in a newer server.
pub(super) fn error_code(revision: Revision, code: i64) -> Vec<String> {
    let own = error_definition(code).is_some();
    match revision.era() {
        Era::Modern if !own && (-32099..=-32000).contains(&code) => {
            vec![format!("the code {code} is reserved and means nothing in {revision}")]
        }
        Era::Legacy if own => vec![format!("the code {code} does not exist in a session")],
        _ => Vec::new(),
    }
}
