//! Tools that a client's model may use while it answers a question of the server: what is lent, what
//! the model wants, and what came of it (2025-11-25 and 2026-07-28 client/sampling).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ContentBlock;

/// A tool as it is lent to a model: as much of a listed tool as a model reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SamplingTool {
    /// What the model calls it.
    pub name: String,
    /// For the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of the arguments, an object.
    pub input_schema: Value,
}

/// Whether a model uses the tools that it was lent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolChoice {
    /// Whether.
    #[serde(default)]
    pub mode: ToolChoiceMode,
}

/// The words of [`ToolChoice`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolChoiceMode {
    /// The model decides.
    #[default]
    Auto,
    /// It uses at least one before it answers.
    Required,
    /// It uses none.
    None,
}

impl From<ToolChoiceMode> for ToolChoice {
    fn from(mode: ToolChoiceMode) -> Self {
        Self { mode }
    }
}

/// A model wants a tool to be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolUse {
    /// Names this use in the conversation.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// With which arguments.
    pub input: Map<String, Value>,
    /// The client's own, given back to it with the conversation.
    #[serde(rename = "_meta", default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

/// What came of a use, for the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolUseResult {
    /// Which use.
    pub tool_use_id: String,
    /// What the tool says.
    pub content: Vec<ContentBlock>,
    /// The same for programs; in 2025-11-25 an object, since 2026-07-28 anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured_content: Option<Value>,
    /// The tool failed, and the content says why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    /// Members of a feature's own.
    #[serde(rename = "_meta", default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

/// Which model the server would like; the client decides (2026-07-28 client/sampling).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelPreferences {
    /// Names of models or parts of them, the best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<ModelHint>,
    /// How much a low price matters, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_priority: Option<f64>,
    /// How much a quick answer matters, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_priority: Option<f64>,
    /// How much a good answer matters, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intelligence_priority: Option<f64>,
}

/// A model, by a part of its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelHint {
    /// The part: `sonnet` means any model with that in its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What else of its conversations a client tells its model; what is more than nothing is deprecated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IncludeContext {
    /// Nothing: what a client assumes when nothing is said.
    None,
    /// What it has of this server; for clients that declare `sampling.context`.
    ThisServer,
    /// What it has of all servers; for clients that declare `sampling.context`.
    AllServers,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mcp::{OneOrMany, SamplingContent};

    #[test]
    fn uses_and_results_are_written_as_the_schema_says_and_read_again() {
        let wanted = json!({ "type": "tool_use", "id": "1", "name": "add", "input": { "a": 1 },
            "_meta": { "cache": true } });
        let told = json!({ "type": "tool_result", "toolUseId": "1", "isError": true,
            "content": [{ "type": "text", "text": "no" }] });
        for one in [wanted, told] {
            let read: SamplingContent = serde_json::from_value(one.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), one);
        }
    }

    #[test]
    fn one_piece_and_several_are_read_alike() {
        let text = json!({ "type": "text", "text": "x" });
        let one: OneOrMany<SamplingContent> = serde_json::from_value(text.clone()).unwrap();
        let many: OneOrMany<SamplingContent> = serde_json::from_value(json!([text])).unwrap();
        assert_eq!(one.as_slice(), many.as_slice());
    }

    #[test]
    fn a_choice_without_a_mode_leaves_it_to_the_model() {
        let read: ToolChoice = serde_json::from_value(json!({})).unwrap();
        assert_eq!(read, ToolChoiceMode::Auto.into());
        assert_eq!(json!(ToolChoice::from(ToolChoiceMode::None)), json!({ "mode": "none" }));
    }
}
