//! The smallest prompt there is.

use mcp_core::{Ctx, Prompt, PromptError, PromptInfo, user};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{ContentBlock, PromptMessage};

use crate::features::App;

/// A prompt with no arguments
#[derive(Deserialize, JsonSchema)]
pub(crate) struct SimplePrompt {}

impl Prompt<App> for SimplePrompt {
    const NAME: &'static str = "simple-prompt";

    fn info(info: PromptInfo) -> PromptInfo {
        info.title("Simple Prompt").alias("simple_prompt")
    }

    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        Ok(vec![user(ContentBlock::text("This is a simple prompt without arguments."))])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::features::everything::prompts::testing::{made, says};

    #[tokio::test]
    async fn it_says_the_same_under_both_names() {
        let expected = json!([says("This is a simple prompt without arguments.")]);
        for name in ["simple-prompt", "simple_prompt"] {
            assert_eq!(made(name, json!({})).await.unwrap(), expected);
        }
    }
}
