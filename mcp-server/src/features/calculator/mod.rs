//! The toolset of the calculator: a server with state that its callers can see.
//!
//! Names and texts are those of the original. Its history is real here: every calculation has an
//! id, is kept for whoever made it, and can be read, listed and completed.

mod arithmetic;
mod history;
pub(super) mod number;
mod prompts;
mod resources;
mod tools;

use mcp_core::{Catalog, ToolError, UnusableName};

use self::arithmetic::Undefined;
use super::App;

/// Adds the toolset to a catalog.
pub(super) fn add(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .metered(history::metered())
        .tool::<tools::Calculate>()
        .tool::<tools::BatchCalculate>()
        .tool::<tools::AdvancedCalculate>()
        .tool::<tools::DemoProgress>()
        .resource::<resources::Constants>()
        .resource::<resources::WholeHistory>()
        .resource::<resources::History>()
        .resource::<resources::WholeNamedHistory>()
        .resource::<resources::NamedHistory>()
        .resource::<resources::Stats>()
        .resource::<resources::SessionInfo>()
        .resource::<resources::Formulas>()
        .prompt::<prompts::ExplainCalculation>()
        .prompt::<prompts::GenerateProblems>()
        .prompt::<prompts::SolveMathProblem>()
        .prompt::<prompts::ExplainFormula>()
        .prompt::<prompts::CalculatorAssistant>()
}

/// Adds the sample tool under the name that the operator has chosen.
pub(super) fn add_sample(catalog: Catalog<App>, name: &str) -> Result<Catalog<App>, UnusableName> {
    catalog.tool_named_as::<tools::Sample>(name)
}

/// A calculation that has no result. The original's clients know the words that its SDK put in
/// front.
fn refused(undefined: Undefined) -> ToolError {
    ToolError::failed(format!("MCP error -32602: {undefined}"))
}
