//! What the person, the model and the machine behind this client say when a server asks.

use serde_json::{Map, Value, json};

use crate::{Result, say};

/// What this client can be asked.
pub(crate) fn capabilities() -> Value {
    json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {} })
}

/// The answer to a question: a real client would show it to somebody.
pub(crate) fn answer(question: &Value) -> Result<Value> {
    let params = &question["params"];
    say(format_args!("    the server asks: {} {}", question["method"], params["message"]));
    Ok(match question["method"].as_str() {
        Some("elicitation/create") if params["mode"] == "url" => json!({ "action": "decline" }),
        Some("elicitation/create") => {
            json!({ "action": "accept", "content": filled_in(&params["requestedSchema"]) })
        }
        Some("sampling/createMessage") => {
            let content = json!({ "type": "text", "text": "What a nice question." });
            json!({ "role": "assistant", "model": "none at all", "content": content })
        }
        Some("roots/list") => json!({ "roots": [{ "uri": "file:///tmp", "name": "scratch" }] }),
        Some("ping") => json!({}),
        other => return Err(format!("nobody here can answer {other:?}").into()),
    })
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
