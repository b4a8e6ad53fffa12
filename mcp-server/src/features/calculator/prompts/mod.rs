//! The prompts, one file each. Their words are the original's.

mod calculator_assistant;
mod explain_calculation;
mod explain_formula;
mod generate_problems;
mod solve_math_problem;

use mcp_core::user;
use shared::mcp::{ContentBlock, PromptMessage};

pub(super) use self::{
    calculator_assistant::CalculatorAssistant, explain_calculation::ExplainCalculation,
    explain_formula::ExplainFormula, generate_problems::GenerateProblems,
    solve_math_problem::SolveMathProblem,
};

/// One message of the user.
fn says(text: String) -> Vec<PromptMessage> {
    vec![user(ContentBlock::text(text))]
}

#[cfg(test)]
mod testing {
    use mcp_core::{Refusal, testing::Asker};
    use serde_json::{Value, json};
    use shared::mcp::Method;

    use crate::features::{App, catalog};

    /// Gets a prompt in both eras: its description and its one text.
    pub(super) async fn made(name: &str, arguments: Value) -> Result<[String; 2], Refusal> {
        let mut made = Vec::new();
        for asker in Asker::both(catalog, App::default) {
            let params = json!({ "name": name, "arguments": arguments });
            made.push(asker.ask(Method::GetPrompt, params).await);
        }
        assert_eq!(made[0], made[1], "the eras differ");
        let result = made.remove(0)?;
        assert_eq!(result["messages"].as_array().unwrap().len(), 1);
        let message = &result["messages"][0];
        assert_eq!(message["role"], "user");
        Ok([&result["description"], &message["content"]["text"]]
            .map(|text| text.as_str().unwrap().to_owned()))
    }

    /// What an argument could be.
    pub(super) async fn suggested(name: &str, argument: &str, typed: &str) -> Vec<String> {
        let [_, asker] = Asker::both(catalog, App::default);
        let params = json!({
            "ref": { "type": "ref/prompt", "name": name },
            "argument": { "name": argument, "value": typed },
        });
        let result = asker.ask(Method::Complete, params).await.unwrap();
        serde_json::from_value(result["completion"]["values"].clone()).unwrap()
    }
}
