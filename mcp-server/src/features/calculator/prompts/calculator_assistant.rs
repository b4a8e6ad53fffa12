//! Asks for help with anything that can be calculated.

use mcp_core::{Ctx, Prompt, PromptError, PromptInfo};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::PromptMessage;

use super::says;
use crate::features::App;

/// General calculation assistance
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CalculatorAssistant {
    /// What you need help calculating
    query: String,
}

impl Prompt<App> for CalculatorAssistant {
    const NAME: &'static str = "calculator_assistant";

    fn info(info: PromptInfo) -> PromptInfo {
        info.title("Calculator Assistant")
    }

    fn description(&self) -> Option<String> {
        Some("Calculator assistance request".to_owned())
    }

    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        let query = self.query;
        Ok(says(format!(
            "I need help with this calculation: {query}. Please provide step-by-step guidance."
        )))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::features::calculator::prompts::testing::made;

    #[tokio::test]
    async fn it_reads_as_in_the_original() {
        let text = "I need help with this calculation: tip. Please provide step-by-step guidance.";
        let made = made("calculator_assistant", json!({ "query": "tip" })).await.unwrap();
        assert_eq!(made, ["Calculator assistance request", text]);
    }
}
