//! What a calculation leaves behind: an entry in its owner's history and a count for everybody.

use std::time::Duration;

use ambient::Timestamp;
use mcp_core::{Ctx, Kept, Metered, Shelf, State, StateError, Tally};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{
    OffsetDateTime, format_description::StaticFormatDescription, macros::format_description,
};

use super::{arithmetic, number};
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

/// Keeps calculations and counts them.
pub(super) async fn keep(
    ctx: &Ctx<App>,
    name: Option<&str>,
    made: &[Calculation],
) -> Result<(), StateError> {
    history(ctx.state(), name).append(made).await?;
    let mut rest = made;
    // Neighbours are counted together: a batch is mostly of one kind.
    while let Some(first) = rest.first() {
        let alike = rest.iter().take_while(|next| next.operation == first.operation).count();
        let by = u64::try_from(alike).unwrap_or(u64::MAX);
        ctx.state().count(CALCULATIONS, &first.operation, by).await?;
        rest = &rest[alike..];
    }
    Ok(())
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
