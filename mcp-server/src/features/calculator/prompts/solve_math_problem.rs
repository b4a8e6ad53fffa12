//! Asks for the solution of a problem.

use mcp_core::{Argument, Ctx, ListCtx, Prompt, PromptError, PromptInfo, Suggestions};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::PromptMessage;

use super::says;
use crate::features::App;

/// Step-by-step problem solving
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SolveMathProblem {
    /// The problem to solve
    problem: String,
    /// Show detailed work
    show_work: String,
}

impl Prompt<App> for SolveMathProblem {
    const NAME: &'static str = "solve_math_problem";

    fn info(info: PromptInfo) -> PromptInfo {
        info.title("Solve Math Problem")
    }

    fn description(&self) -> Option<String> {
        Some(format!("Solve: {}", self.problem))
    }

    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        // An argument is a text: only this one means yes.
        let wish = if self.show_work == "true" {
            "Show all work and explain each step."
        } else {
            "Provide the solution."
        };
        Ok(says(format!("Solve this problem: {}. {wish}", self.problem)))
    }

    async fn complete(_: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        match argument.name {
            "showWork" => Suggestions::starting_with(argument.typed, ["true", "false"]),
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
        let cases = [
            ("true", "Solve this problem: x+1=2. Show all work and explain each step."),
            ("no", "Solve this problem: x+1=2. Provide the solution."),
        ];
        for (show, text) in cases {
            let arguments = json!({ "problem": "x+1=2", "showWork": show });
            let made = made("solve_math_problem", arguments).await.unwrap();
            assert_eq!(made, ["Solve: x+1=2", text]);
        }
    }

    #[tokio::test]
    async fn whether_work_is_shown_is_completed() {
        assert_eq!(suggested("solve_math_problem", "showWork", "T").await, ["true"]);
    }
}
