//! A prompt with one of the hundred static resources in it.

use mcp_core::{Argument, Ctx, ListCtx, Prompt, PromptError, PromptInfo, Suggestions, user};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{ContentBlock, PromptMessage};

use crate::features::{App, everything::resources::static_resource};

/// A prompt that includes an embedded resource reference
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FormerResourcePrompt {
    /// Resource ID to include (1-100)
    resource_id: String,
}

impl Prompt<App> for FormerResourcePrompt {
    const NAME: &'static str = "resource_prompt";

    fn info(info: PromptInfo) -> PromptInfo {
        info.title("Static Resource Prompt")
    }

    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        let id = static_resource::parsed(&self.resource_id).ok_or_else(|| {
            let wrong: String = self.resource_id.chars().take(100).collect();
            let message =
                format!("Invalid resourceId: {wrong}. Must be a number between 1 and 100.");
            PromptError::Invalid(message)
        })?;
        let text =
            format!("This prompt includes Resource {id}. Please analyze the following resource:");
        let resource = static_resource::contents(id);
        Ok(vec![user(ContentBlock::text(text)), user(ContentBlock::resource(resource))])
    }

    async fn complete(_: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        match argument.name {
            "resourceId" => static_resource::ids(argument.typed),
            _ => Suggestions::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::Refusal;
    use serde_json::json;

    use crate::features::everything::prompts::testing::{made, says, suggested};

    const NAME: &str = "resource_prompt";

    #[tokio::test]
    async fn one_of_the_hundred_is_embedded() {
        let messages = made(NAME, json!({ "resourceId": "3" })).await.unwrap();
        let text = "This prompt includes Resource 3. Please analyze the following resource:";
        assert_eq!(messages[0], says(text));
        assert_eq!(messages[1]["content"]["resource"]["uri"], "test://static/resource/3");
    }

    #[tokio::test]
    async fn another_number_is_refused() {
        for id in ["0", "101", "x", "1.5"] {
            let message = format!("Invalid resourceId: {id}. Must be a number between 1 and 100.");
            let refused = made(NAME, json!({ "resourceId": id })).await;
            assert_eq!(refused, Err(Refusal::InvalidParams(message)));
        }
    }

    #[tokio::test]
    async fn the_number_is_completed() {
        let values = suggested(NAME, ["resourceId", "10"], json!({})).await;
        assert_eq!(values, json!(["10", "100"]));
    }
}
