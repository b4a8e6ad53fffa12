//! Prompts: messages made to measure.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CacheHint, ContentBlock, Head, Icon, InputResponses, Role};

/// A prompt, as it is listed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prompt {
    /// For programs.
    pub name: String,
    /// For people; since 2025-06-18.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it can be given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<PromptArgument>,
    /// Since 2025-11-25.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub icons: Vec<Icon>,
    /// Members of a feature's own; since 2025-06-18.
    #[serde(rename = "_meta", skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

/// An argument of a prompt: always a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PromptArgument {
    /// For programs.
    pub name: String,
    /// For people; since 2025-06-18.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// It must be given.
    pub required: bool,
}

/// One message of a prompt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PromptMessage {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: ContentBlock,
}

/// The answer to `prompts/list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPromptsResult {
    /// What every result has.
    #[serde(flatten)]
    pub head: Head,
    /// The prompts, always in the same order.
    pub prompts: Vec<Arc<Prompt>>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How long this stays good.
    #[serde(flatten)]
    pub cache: Option<CacheHint>,
}

/// The parameters of `prompts/get`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetPromptParams {
    /// Which prompt.
    pub name: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: BTreeMap<String, String>,
    /// Answers to what an earlier round asked; since 2026-07-28.
    #[serde(default)]
    pub input_responses: Option<InputResponses>,
    /// What an earlier round gave along; since 2026-07-28.
    #[serde(default)]
    pub request_state: Option<String>,
}

/// The answer to `prompts/get`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GetPromptResult {
    /// What every result has.
    #[serde(flatten)]
    pub head: Head,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The messages.
    pub messages: Vec<PromptMessage>,
}
