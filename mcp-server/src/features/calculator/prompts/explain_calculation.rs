//! Asks for an explanation of a calculation.

use mcp_core::{Argument, Ctx, ListCtx, Prompt, PromptError, PromptInfo, Suggestions};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::PromptMessage;

use super::says;
use crate::features::App;

/// Explain how to perform a calculation step by step
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ExplainCalculation {
    /// The calculation to explain
    operation: String,
    /// Explanation level: basic, intermediate, advanced
    level: Option<String>,
}

impl ExplainCalculation {
    fn level(&self) -> &str {
        self.level.as_deref().unwrap_or("basic")
    }
}

impl Prompt<App> for ExplainCalculation {
    const NAME: &'static str = "explain-calculation";

    fn info(info: PromptInfo) -> PromptInfo {
        info.title("Explain Calculation")
    }

    fn description(&self) -> Option<String> {
        let (operation, level) = (&self.operation, self.level());
        Some(format!("Step-by-step explanation of {operation} at {level} level"))
    }

    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        let (operation, level) = (&self.operation, self.level());
        Ok(says(format!(
            "Please explain how to {operation} step by step at a {level} level. \
             Include examples and common mistakes to avoid."
        )))
    }

    async fn complete(_: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        match argument.name {
            "level" => {
                Suggestions::starting_with(argument.typed, ["basic", "intermediate", "advanced"])
            }
            _ => Suggestions::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::features::calculator::prompts::testing::{made, suggested};

    #[tokio::test]
    async fn it_reads_as_in_the_original() {
        let basic = made("explain-calculation", json!({ "operation": "2+2" })).await.unwrap();
        let description = "Step-by-step explanation of 2+2 at basic level";
        let text = "Please explain how to 2+2 step by step at a basic level. \
                    Include examples and common mistakes to avoid.";
        assert_eq!(basic, [description, text]);
        let arguments = json!({ "operation": "2+2", "level": "advanced" });
        let advanced = made("explain-calculation", arguments).await.unwrap();
        assert!(advanced[1].contains("at a advanced level"), "{advanced:?}");
    }

    #[tokio::test]
    async fn levels_are_completed() {
        // C17: the original suggested nothing at all.
        assert_eq!(suggested("explain-calculation", "level", "a").await, ["advanced"]);
    }
}
