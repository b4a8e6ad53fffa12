//! The resources, one file each.

mod constants;
mod formulas;
mod history;
mod named_history;
mod session_info;
mod stats;
mod whole_history;
mod whole_named_history;

use mcp_core::{ReadError, State, StateError, Suggestions};
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
    whole_named_history::WholeNamedHistory,
};
use super::history::{self as kept, Calculation};

const JSON: &str = "application/json";

/// Where the history of a session or of a caller without one is.
pub(super) const WHOLE_HISTORY: &str = "calculator://history";

/// Where the statistics of all are.
pub(super) const STATS: &str = "calculator://stats";

/// Where a history with a name is.
pub(super) fn named_history(name: &str) -> String {
    format!("calculator://histories/{name}")
}

/// Where a session reads about itself.
pub(super) fn session_info(own: &str) -> String {
    format!("session://info/{own}")
}

/// A value as the one content of a resource, laid out as the original did.
fn json(uri: &str, value: &impl Serialize) -> Result<Vec<ResourceContents>, ReadError> {
    Ok(vec![ResourceContents::text(uri, JSON, serde_json::to_string_pretty(value)?)])
}

/// A member of a family, as it is listed.
fn member(uri: String, name: String, title: String) -> Resource {
    Resource { title: Some(title), mime_type: Some(JSON.to_owned()), ..Resource::new(uri, name) }
}

/// What is kept, oldest first, so that a list grows at its end; nothing while it cannot be read. A
/// list or a suggestion that lacks the history is worth more than none.
fn listed(entries: Result<Vec<Calculation>, StateError>) -> Vec<Calculation> {
    entries.unwrap_or_else(|error| {
        tracing::warn!(%error, "a history could not be listed");
        Vec::new()
    })
}

/// The same, newest first.
fn newest_first(entries: Result<Vec<Calculation>, StateError>) -> Vec<Calculation> {
    let mut entries = listed(entries);
    entries.reverse();
    entries
}

/// The names that begin with what has been typed, of those that the caller has given to histories;
/// the newest first.
async fn names(state: State<'_>, typed: &str) -> Suggestions {
    let mut names = kept::names(state).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the names of histories could not be listed");
        Vec::new()
    });
    names.reverse();
    Suggestions::starting_with(typed, names)
}

/// The ids that begin with what has been typed, newest first.
fn ids(typed: &str, entries: Vec<Calculation>) -> Suggestions {
    Suggestions::starting_with(typed, entries.into_iter().map(|entry| entry.id))
}
