//! Asks for an explanation of a formula.

use mcp_core::{Argument, Ctx, ListCtx, Prompt, PromptError, PromptInfo, Suggestions};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::PromptMessage;

use super::says;
use crate::features::{App, calculator::resources::FORMULAS};

/// Detailed formula explanation
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ExplainFormula {
    /// The formula to explain
    formula: String,
    /// Application context
    context: Option<String>,
}

impl Prompt<App> for ExplainFormula {
    const NAME: &'static str = "explain_formula";

    fn info(info: PromptInfo) -> PromptInfo {
        info.title("Explain Formula")
    }

    fn description(&self) -> Option<String> {
        Some(format!("Explain the formula: {}", self.formula))
    }

    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        let Self { formula, context } = self;
        let context = context.map(|it| format!(" in the context of {it}")).unwrap_or_default();
        Ok(says(format!(
            "Explain the formula \"{formula}\"{context}. \
             Include what each variable represents and when to use this formula."
        )))
    }

    async fn complete(_: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        match argument.name {
            "formula" => Suggestions::starting_with(argument.typed, FORMULAS),
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
        let plain = made("explain_formula", json!({ "formula": "E=mc²" })).await.unwrap();
        let text = "Explain the formula \"E=mc²\". Include what each variable represents and \
                    when to use this formula.";
        assert_eq!(plain, ["Explain the formula: E=mc²", text]);
        let arguments = json!({ "formula": "E=mc²", "context": "physics" });
        let text = "Explain the formula \"E=mc²\" in the context of physics. Include what each \
                    variable represents and when to use this formula.";
        assert_eq!(made("explain_formula", arguments).await.unwrap()[1], text);
    }

    #[tokio::test]
    async fn formulas_of_the_library_are_suggested() {
        assert_eq!(suggested("explain_formula", "formula", "a²").await, ["a² + b² = c²"]);
    }
}
