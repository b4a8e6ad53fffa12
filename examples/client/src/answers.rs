//! What the person, the model and the machine behind this client say when a server asks.

use serde_json::{Map, Value, json};

use crate::{Result, say};

/// What this client can be asked.
pub(crate) fn capabilities() -> Value {
    let pages = json!({ "mimeTypes": ["text/html;profile=mcp-app"] });
    json!({
        "elicitation": { "form": {}, "url": {} },
        "sampling": { "tools": {} },
        "roots": {},
        "extensions": { "io.modelcontextprotocol/ui": pages },
    })
}

/// The answer to a question: a real client would show it to somebody.
pub(crate) fn answer(question: &Value) -> Result<Value> {
    let params = &question["params"];
    say(format_args!("    the server asks: {} {}", question["method"], params["message"]));
    Ok(match question["method"].as_str() {
        // A browser would be shown the address first.
        Some("elicitation/create") if params["mode"] == "url" => json!({ "action": "accept" }),
        Some("elicitation/create") => {
            json!({ "action": "accept", "content": filled_in(&params["requestedSchema"]) })
        }
        Some("sampling/createMessage") => said(params),
        Some("roots/list") => json!({ "roots": [{ "uri": "file:///tmp", "name": "scratch" }] }),
        Some("ping") => json!({}),
        other => return Err(format!("nobody here can answer {other:?}").into()),
    })
}

/// What the model says: that it wants to use the first tool that it is lent, and once it has been
/// told what came of it, or has none, some words.
fn said(params: &Value) -> Value {
    let model = "none at all";
    let last = params["messages"].as_array().and_then(|messages| messages.last());
    let last = last.map_or(&Value::Null, |message| &message["content"]);
    let told = if last[0]["type"] == "tool_result" { &last[0] } else { last };
    let may_use = params["toolChoice"]["mode"] != "none";
    if let Some(tool) = params["tools"].get(0).filter(|_| may_use && told["type"] != "tool_result")
    {
        say(format_args!("    the model uses {}", tool["name"]));
        let input = filled_in(&tool["inputSchema"]);
        let used =
            json!({ "type": "tool_use", "id": "use-1", "name": tool["name"], "input": input });
        return json!({ "role": "assistant", "model": model, "content": used, "stopReason": "toolUse" });
    }
    let words = match told["content"][0]["text"].as_str() {
        Some(result) => format!("The tool says: {result}"),
        None => "What a nice question.".to_owned(),
    };
    let content = json!({ "type": "text", "text": words });
    json!({ "role": "assistant", "model": model, "content": content, "stopReason": "endTurn" })
}

/// A form with everything filled in that must be, or that has a value already.
fn filled_in(form: &Value) -> Map<String, Value> {
    let required = |name: &str| {
        form["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
    };
    let mut content = Map::new();
    for (name, field) in form["properties"].as_object().into_iter().flatten() {
        let value = match (&field["default"], required(name)) {
            (Value::Null, false) => continue,
            (Value::Null, true) => first(field),
            (value, _) => value.clone(),
        };
        content.insert(name.clone(), value);
    }
    content
}

fn first(field: &Value) -> Value {
    let choice = [&field["enum"][0], &field["oneOf"][0]["const"]];
    let choice = choice.into_iter().find(|choice| !choice.is_null());
    choice.cloned().unwrap_or_else(|| match field["type"].as_str() {
        Some("boolean") => json!(true),
        Some("number" | "integer") => json!(1),
        _ => json!("Ada Lovelace"),
    })
}
