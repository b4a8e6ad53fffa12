//! Asks for problems to practise on.

use mcp_core::{Argument, Ctx, ListCtx, Prompt, PromptError, PromptInfo, Suggestions};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::PromptMessage;

use super::says;
use crate::features::App;

/// Generate math practice problems
#[derive(Deserialize, JsonSchema)]
pub(crate) struct GenerateProblems {
    /// Math topic (e.g., "fractions", "algebra", "geometry")
    topic: String,
    /// Difficulty level: easy, medium, hard
    difficulty: String,
    /// Number of problems to generate
    count: String,
}

impl Prompt<App> for GenerateProblems {
    const NAME: &'static str = "generate-problems";

    fn info(info: PromptInfo) -> PromptInfo {
        info.title("Generate Practice Problems")
    }

    fn description(&self) -> Option<String> {
        let Self { topic, difficulty, count } = self;
        Some(format!("Generate {count} {difficulty} {topic} problems"))
    }

    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        let Self { topic, difficulty, count } = self;
        Ok(says(format!(
            "Generate {count} {difficulty}-level practice problems for {topic}. \
             Include solutions and explanations."
        )))
    }

    async fn complete(_: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        let typed = argument.typed;
        match argument.name {
            "topic" => Suggestions::starting_with(typed, ["fractions", "algebra", "geometry"]),
            "difficulty" => Suggestions::starting_with(typed, ["easy", "medium", "hard"]),
            "count" => Suggestions::starting_with(typed, (1..=10).map(|n| n.to_string())),
            _ => Suggestions::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::Refusal;
    use serde_json::json;

    use crate::features::calculator::prompts::testing::{made, suggested};

    #[tokio::test]
    async fn it_reads_as_in_the_original() {
        let arguments = json!({ "topic": "algebra", "difficulty": "easy", "count": "3" });
        let text = "Generate 3 easy-level practice problems for algebra. \
                    Include solutions and explanations.";
        let expected = ["Generate 3 easy algebra problems", text];
        assert_eq!(made("generate-problems", arguments).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn an_argument_that_is_missing_is_named() {
        let refused = made("generate-problems", json!({ "topic": "algebra" })).await;
        let Err(Refusal::InvalidParams(message)) = refused else { panic!("{refused:?}") };
        assert!(message.contains("difficulty"), "{message}");
    }

    #[tokio::test]
    async fn arguments_are_completed() {
        assert_eq!(suggested("generate-problems", "topic", "ge").await, ["geometry"]);
        assert_eq!(suggested("generate-problems", "difficulty", "").await.len(), 3);
        assert_eq!(suggested("generate-problems", "count", "1").await, ["1", "10"]);
    }
}
