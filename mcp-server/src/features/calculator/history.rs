//! What a calculation leaves behind: an entry in its owner's history and a count for everybody.

use std::time::Duration;

use ambient::Timestamp;
use mcp_core::{Change, Ctx, Kept, Metered, Shelf, State, StateError, Tally};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{
    OffsetDateTime, format_description::StaticFormatDescription, macros::format_description,
};

use super::{arithmetic, number, resources};
use crate::features::{App, uuid};

/// How many calculations have been made, by operation, on all instances.
pub(super) const CALCULATIONS: Tally =
    Tally { name: "calculations", lifetime: Duration::from_hours(24 * 365) };

/// The same, for operators.
pub(super) fn metered() -> Metered {
    Metered {
        tally: CALCULATIONS,
        metric: "mcp.calculations",
        meaning: "Calculations that were made, on all instances",
        label: "operation",
        values: arithmetic::names().collect(),
    }
}

/// A calculation that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Calculation {
    /// Names it in the history, where it can be read
    pub(super) id: String,
    /// When it was made, in ISO 8601
    pub(super) timestamp: String,
    /// What was done
    pub(super) operation: String,
    /// With which numbers, in the order of the result's text
    pub(super) inputs: Vec<f64>,
    /// What came of it
    pub(super) result: f64,
}

impl Kept for Calculation {
    const SHELF: &'static str = "calculation";
    const MOST: u16 = 50;
    // Many, for without authorization they are everybody's; they take up some ten megabytes.
    const SHELVES: u16 = 1024;
    // Long enough to come back the next day; a session that is used keeps its history.
    const LIFETIME: Duration = Duration::from_hours(24);
}

impl Calculation {
    /// A calculation that is made now.
    pub(super) fn new(ctx: &Ctx<App>, operation: &str, inputs: Vec<f64>, result: f64) -> Self {
        Self {
            id: uuid::random(ctx.entropy()),
            timestamp: iso_8601(ctx.clock().now()),
            operation: operation.to_owned(),
            inputs,
            result,
        }
    }

    /// In a line, for people.
    pub(super) fn words(&self) -> String {
        let inputs: Vec<_> = self.inputs.iter().map(|input| number::text(*input)).collect();
        format!("{}({}) = {}", self.operation, inputs.join(", "), number::text(self.result))
    }
}

/// The history that a call belongs to: that of a name of the caller's own, or its session's, or its
/// caller's.
pub(super) fn history<'a>(state: State<'a>, name: Option<&str>) -> Shelf<'a, Calculation> {
    name.map_or_else(|| state.shelf(), |name| state.shelf_named(name))
}

/// A name that a caller has given to a history.
#[derive(Serialize, Deserialize)]
struct Name(String);

impl Kept for Name {
    const SHELF: &'static str = "history";
    const MOST: u16 = 50;
    // One for each client of a user.
    const SHELVES: u16 = 64;
    const LIFETIME: Duration = Calculation::LIFETIME;
}

/// Where the names are.
fn of_names(state: State<'_>) -> Shelf<'_, Name> {
    state.shelf_named("names")
}

/// The names that the caller has given to histories, each once, that which was used last at the end.
pub(super) async fn names(state: State<'_>) -> Result<Vec<String>, StateError> {
    let mut names: Vec<String> = Vec::new();
    for Name(name) in of_names(state).entries().await? {
        names.retain(|known| *known != name);
        names.push(name);
    }
    Ok(names)
}

/// Remembers the name of a history, so that it can be completed. The names live as long as what was
/// added last, and histories each for itself: so a name is added whenever its history is; and with it
/// the others, which the same name again and again would push out.
async fn remember(state: State<'_>, name: &str) -> Result<(), StateError> {
    let mut names = names(state).await?;
    names.retain(|known| known != name);
    names.push(name.to_owned());
    let names: Vec<_> = names.into_iter().map(Name).collect();
    of_names(state).append(&names).await
}

/// Keeps calculations and counts them, and tells those who watch.
pub(super) async fn keep(
    ctx: &Ctx<App>,
    name: Option<&str>,
    made: &[Calculation],
) -> Result<(), StateError> {
    if let Some(name) = name.filter(|_| !made.is_empty()) {
        remember(ctx.state(), name).await?;
    }
    history(ctx.state(), name).append(made).await?;
    let mut rest = made;
    // Neighbours are counted together: a batch is mostly of one kind.
    while let Some(first) = rest.first() {
        let alike = rest.iter().take_while(|next| next.operation == first.operation).count();
        let by = u64::try_from(alike).unwrap_or(u64::MAX);
        ctx.state().count(CALCULATIONS, &first.operation, by).await?;
        rest = &rest[alike..];
    }
    if !made.is_empty() {
        announce(ctx, name).await;
    }
    Ok(())
}

/// Tells that a history has changed to those whose it is, and everybody that the statistics have.
async fn announce(ctx: &Ctx<App>, name: Option<&str>) {
    let own = async {
        match (name, ctx.session()) {
            (Some(name), _) => {
                let uri = resources::named_history(name);
                ctx.announce_to_caller(vec![Change::Resource(uri)]).await;
            }
            (None, session) => ctx.announce_own(changed(session)).await,
        }
    };
    tokio::join!(own, ctx.announce(Change::Resource(resources::STATS.to_owned())));
}

/// What a calculation changes for its session, or for its caller without one. A session lists its
/// calculations; without one a list does not change as a side effect of other requests.
fn changed(session: Option<&str>) -> Vec<Change> {
    let history = Change::Resource(resources::WHOLE_HISTORY.to_owned());
    let of_session =
        session.map(|own| [Change::Resource(resources::session_info(own)), Change::Resources]);
    [history].into_iter().chain(of_session.into_iter().flatten()).collect()
}

/// A moment as `Date.prototype.toISOString` of ECMAScript writes it.
pub(super) fn iso_8601(at: Timestamp) -> String {
    const FORM: StaticFormatDescription =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let nanos = i128::from(at.as_millis()) * 1_000_000;
    let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos);
    // Only a year beyond 9999 has no such form; no clock shows it.
    moment.ok().and_then(|moment| moment.format(FORM).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_milliseconds() {
        let at = Timestamp::from_millis(1_795_227_360_216);
        assert_eq!(iso_8601(at), "2026-11-21T02:16:00.216Z");
        assert_eq!(iso_8601(Timestamp::from_secs(0)), "1970-01-01T00:00:00.000Z");
    }
}
