//! Completion: suggestions for an argument that is being typed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Head, object};

/// The parameters of `completion/complete`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CompleteParams {
    /// Whose argument.
    #[serde(rename = "ref", deserialize_with = "object::required")]
    pub reference: CompletionReference,
    /// The argument so far.
    #[serde(deserialize_with = "object::required")]
    pub argument: CompletionArgument,
    /// What is filled in already; since 2025-06-18.
    #[serde(default, deserialize_with = "object::required")]
    pub context: CompletionContext,
}

/// Whose argument is being typed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type")]
pub enum CompletionReference {
    /// A prompt's.
    #[serde(rename = "ref/prompt")]
    Prompt {
        /// Its name.
        name: String,
    },
    /// A template's.
    #[serde(rename = "ref/resource")]
    Resource {
        /// The template, or an address of it.
        uri: String,
    },
}

/// An argument that is being typed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CompletionArgument {
    /// Which.
    pub name: String,
    /// What has been typed.
    pub value: String,
}

/// What is filled in already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct CompletionContext {
    /// By argument.
    #[serde(default)]
    pub arguments: BTreeMap<String, String>,
}

/// The answer to `completion/complete`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CompleteResult {
    /// What every result has.
    #[serde(flatten)]
    pub head: Head,
    /// The suggestions.
    pub completion: Completion,
}

/// Suggestions, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Completion {
    /// A hundred at the most.
    pub values: Vec<String>,
    /// How many there are in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<usize>,
    /// There are more than these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
}
