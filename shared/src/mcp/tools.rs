//! Tools: how they are described and what they return.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CacheHint, ContentBlock, Head, Icon, TaskSupport, ToolExecution, Written};

/// A tool, as it is listed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// For programs: 1 to 128 of `A-Z a-z 0-9 _ - .`.
    pub name: String,
    /// For people; since 2025-06-18.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// For the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Since 2025-11-25.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub icons: Vec<Icon>,
    /// JSON Schema of the arguments, an object.
    pub input_schema: Value,
    /// JSON Schema of the structured result; since 2025-06-18.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// Hints; since 2025-03-26.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<ToolAnnotations>,
    /// How it is run; 2025-11-25 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution: Option<ToolExecution>,
    /// Whether it may go on as a task; not written here.
    #[serde(skip)]
    pub task_support: Option<TaskSupport>,
    /// Members of a feature's own; since 2025-06-18.
    #[serde(rename = "_meta", skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

/// What a client may expect of a tool. Hints, not promises.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolAnnotations {
    /// For people, where a tool has no title beside its hints: in 2025-03-26.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// It changes nothing; false when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only_hint: Option<bool>,
    /// It may destroy something; true when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destructive_hint: Option<bool>,
    /// Twice is as good as once; false when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotent_hint: Option<bool>,
    /// It reaches beyond this server; true when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_world_hint: Option<bool>,
}

/// The answer to `tools/list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListToolsResult {
    /// What every result has.
    #[serde(flatten)]
    pub head: Head,
    /// The tools, always in the same order.
    pub tools: Vec<Arc<Written<Tool>>>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How long this stays good.
    #[serde(flatten)]
    pub cache: Option<CacheHint>,
}

/// The answer to `tools/call`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallToolResult {
    /// What every result has.
    #[serde(flatten)]
    pub head: Head,
    /// For the model.
    pub content: Vec<ContentBlock>,
    /// For programs; since 2025-06-18 an object, since 2026-07-28 anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_content: Option<Value>,
    /// The tool failed, and the content says why.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    /// Whether the failure is the caller's, such as arguments that do not fit. Not on the wire: it is
    /// for those who count failures.
    #[serde(skip)]
    pub is_callers_fault: bool,
}

impl CallToolResult {
    /// A result of these pieces.
    #[must_use]
    pub fn of(content: Vec<ContentBlock>) -> Self {
        Self { content, ..Self::default() }
    }

    /// A failure that the model reads.
    #[must_use]
    pub fn failure(message: impl Into<String>) -> Self {
        Self { content: vec![ContentBlock::text(message)], is_error: true, ..Self::default() }
    }

    /// The same, where the caller has failed and the tool has not.
    #[must_use]
    pub fn callers_fault(message: impl Into<String>) -> Self {
        Self { is_callers_fault: true, ..Self::failure(message) }
    }
}
