//! What the text of the specification demands of a conversation with a model: uses of tools and their
//! results are balanced (2025-11-25 and 2026-07-28 client/sampling).

use std::collections::BTreeSet;

use serde_json::Value;

/// What is wrong with the parameters of `sampling/createMessage` beyond their schema.
pub(super) fn conversation(params: &Value) -> Vec<String> {
    let messages = params["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let mut found = Vec::new();
    let mut open = BTreeSet::new();
    for message in messages {
        let results = ids(message, "tool_result", "toolUseId");
        if results != open {
            found.push(format!("the uses {open:?} are answered with results for {results:?}"));
        }
        if !results.is_empty() && results.len() != pieces(message).len() {
            found.push("a message with results of tools has nothing else in it".into());
        }
        if !results.is_empty() && message["role"] != "user" {
            found.push("results of tools are told by the user".into());
        }
        open = ids(message, "tool_use", "id");
        if !open.is_empty() && message["role"] != "assistant" {
            found.push("tools are used by the assistant".into());
        }
    }
    if !open.is_empty() {
        found.push(format!("the uses {open:?} have no results"));
    }
    found
}

fn pieces(message: &Value) -> &[Value] {
    let content = &message["content"];
    content.as_array().map_or(std::slice::from_ref(content), Vec::as_slice)
}

fn ids(message: &Value, kind: &str, member: &str) -> BTreeSet<String> {
    let of_kind = pieces(message).iter().filter(|piece| piece["type"] == kind);
    of_kind.filter_map(|piece| piece[member].as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(messages: &Value) -> usize {
        conversation(&json!({ "messages": messages })).len()
    }

    #[test]
    fn every_use_is_answered_in_the_next_message_and_nothing_else_is() {
        let wants = json!({ "role": "assistant", "content": { "type": "tool_use", "id": "1" } });
        let told = json!({ "type": "tool_result", "toolUseId": "1" });
        let tells = json!({ "role": "user", "content": [told] });
        let text = json!({ "type": "text", "text": "x" });
        let says = json!({ "role": "user", "content": text });
        assert_eq!(found(&json!([says, wants, tells, says])), 0);
        assert_eq!(found(&json!([wants])), 1);
        assert_eq!(found(&json!([says, tells])), 1);
        assert_eq!(found(&json!([wants, says])), 1);
        assert_eq!(found(&json!([wants, { "role": "user", "content": [told, text] }])), 1);
        assert_eq!(found(&json!([wants, { "role": "assistant", "content": told }])), 1);
    }
}
