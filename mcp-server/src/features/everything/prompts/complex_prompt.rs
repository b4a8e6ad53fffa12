//! A conversation of three messages, one of them a picture.

use mcp_core::{
    Argument, Ctx, ListCtx, Prompt, PromptError, PromptInfo, Suggestions, assistant, user,
};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{ContentBlock, PromptMessage};

use crate::features::{App, everything::content::tiny_image};

/// A prompt with arguments
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ComplexPrompt {
    /// Temperature setting, such as 0, 0.5, 0.7 or 1.0
    temperature: String,
    /// Output style, such as casual, formal, technical or friendly
    style: Option<String>,
}

const REPLY: &str = "I understand. You've provided a complex prompt with temperature and style \
                     arguments. How would you like me to proceed?";

impl Prompt<App> for ComplexPrompt {
    const NAME: &'static str = "complex_prompt";

    fn info(info: PromptInfo) -> PromptInfo {
        info.title("Complex Prompt")
    }

    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        let temperature = self.temperature;
        // The original wrote `undefined` for a style that was not given.
        let style = self.style.map(|style| format!(", style={style}")).unwrap_or_default();
        let text =
            format!("This is a complex prompt with arguments: temperature={temperature}{style}");
        Ok(vec![
            user(ContentBlock::text(text)),
            assistant(ContentBlock::text(REPLY)),
            user(tiny_image()),
        ])
    }

    async fn complete(_: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        let values = match argument.name {
            "temperature" => ["0", "0.5", "0.7", "1.0"],
            "style" => ["casual", "formal", "technical", "friendly"],
            _ => return Suggestions::default(),
        };
        Suggestions::starting_with(argument.typed, values)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::features::everything::prompts::testing::{made, says, suggested};

    const NAME: &str = "complex_prompt";

    #[tokio::test]
    async fn it_is_a_conversation_with_a_picture() {
        let arguments = json!({ "temperature": "0.7", "style": "formal" });
        let messages = made(NAME, arguments).await.unwrap();
        let text = "This is a complex prompt with arguments: temperature=0.7, style=formal";
        assert_eq!(messages[0], says(text));
        assert_eq!(messages[1]["role"], "assistant");
        assert_eq!(messages[2]["content"]["mimeType"], "image/png");
    }

    #[tokio::test]
    async fn the_style_may_be_left_out_and_the_temperature_may_not() {
        let messages = made(NAME, json!({ "temperature": "1" })).await.unwrap();
        let text = "This is a complex prompt with arguments: temperature=1";
        assert_eq!(messages[0], says(text));
        assert!(made(NAME, json!({ "style": "formal" })).await.is_err());
    }

    #[tokio::test]
    async fn arguments_are_completed_and_no_name_reaches_further() {
        let values = suggested(NAME, ["temperature", "0"], json!({})).await;
        assert_eq!(values, json!(["0", "0.5", "0.7"]));
        assert_eq!(suggested(NAME, ["style", "f"], json!({})).await, json!(["formal", "friendly"]));
        // This name reached an inherited property of the original's table.
        assert_eq!(suggested(NAME, ["constructor", ""], json!({})).await, json!([]));
    }
}
