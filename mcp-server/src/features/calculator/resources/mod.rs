//! The resources, one file each.

mod constants;
mod formulas;
mod history;
mod named_history;
mod session_info;
mod stats;
mod whole_history;

use mcp_core::{ReadError, StateError, Suggestions};
use serde::Serialize;
use shared::mcp::{Resource, ResourceContents};

pub(super) use self::{
    constants::Constants,
    formulas::{FORMULAS, Formulas},
    history::History,
    named_history::NamedHistory,
    session_info::SessionInfo,
    stats::Stats,
    whole_history::WholeHistory,
};
use super::history::Calculation;

const JSON: &str = "application/json";

/// A value as the one content of a resource, laid out as the original did.
fn json(uri: &str, value: &impl Serialize) -> Result<Vec<ResourceContents>, ReadError> {
    Ok(vec![ResourceContents::text(uri, JSON, serde_json::to_string_pretty(value)?)])
}

/// A member of a family, as it is listed.
fn member(uri: String, name: String, title: String) -> Resource {
    Resource { title: Some(title), mime_type: Some(JSON.to_owned()), ..Resource::new(uri, name) }
}

/// What is kept, newest first; nothing while it cannot be read. A list or a suggestion that lacks
/// the history is worth more than none.
fn newest_first(entries: Result<Vec<Calculation>, StateError>) -> Vec<Calculation> {
    match entries {
        Ok(mut entries) => {
            entries.reverse();
            entries
        }
        Err(error) => {
            tracing::warn!(%error, "a history could not be listed");
            Vec::new()
        }
    }
}

/// The ids that begin with what has been typed, newest first.
fn ids(typed: &str, entries: Vec<Calculation>) -> Suggestions {
    Suggestions::starting_with(typed, entries.into_iter().map(|entry| entry.id))
}
