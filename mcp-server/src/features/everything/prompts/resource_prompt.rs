//! A prompt with a resource in it, made of a number.

use mcp_core::{Argument, Ctx, ListCtx, Prompt, PromptError, PromptInfo, Suggestions, user};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{ContentBlock, PromptMessage};

use crate::features::{
    App,
    everything::{
        numbered::{Kind, Numbered, number},
        resources::itself,
    },
};

/// A prompt that includes an embedded resource reference
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResourcePrompt {
    /// Type of resource to fetch: Text or Blob
    resource_type: String,
    /// ID of the resource to fetch: a positive integer
    resource_id: String,
}

impl Prompt<App> for ResourcePrompt {
    const NAME: &'static str = "resource-prompt";

    fn info(info: PromptInfo) -> PromptInfo {
        info.title("Resource Prompt")
    }

    async fn render(self, ctx: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        let kind = Kind::named(&self.resource_type).ok_or_else(|| {
            let wrong = &self.resource_type;
            invalid(&format!("Invalid resourceType: {wrong}. Must be Text or Blob."))
        })?;
        let id = number(&self.resource_id).ok_or_else(|| {
            let wrong = &self.resource_id;
            invalid(&format!("Invalid resourceId: {wrong}. Must be a finite positive integer."))
        })?;
        let text = format!(
            "This prompt includes the {} resource with id: {id}. \
             Please analyze the following resource:",
            kind.name()
        );
        let resource = Numbered { kind, id }.contents(ctx.clock().now());
        Ok(vec![user(ContentBlock::text(text)), user(ContentBlock::resource(resource))])
    }

    async fn complete(_: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        match argument.name {
            "resourceType" => Suggestions::starting_with(argument.typed, Kind::NAMES),
            "resourceId" => itself(argument.typed),
            _ => Suggestions::default(),
        }
    }
}

/// Says what is wrong; what was given is cut, so that a mistake does not come back whole.
fn invalid(message: &str) -> PromptError {
    PromptError::Invalid(message.chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use mcp_core::Refusal;
    use serde_json::json;

    use crate::features::everything::prompts::testing::{made, says, suggested};

    const NAME: &str = "resource-prompt";

    #[tokio::test]
    async fn a_text_is_embedded() {
        let arguments = json!({ "resourceType": "Text", "resourceId": "2" });
        let messages = made(NAME, arguments).await.unwrap();
        let text = "This prompt includes the Text resource with id: 2. \
                    Please analyze the following resource:";
        assert_eq!(messages[0], says(text));
        let resource = &messages[1]["content"]["resource"];
        assert_eq!(resource["uri"], "demo://resource/dynamic/text/2");
        let text = resource["text"].as_str().unwrap();
        assert!(text.starts_with("Resource 2: This is a plaintext resource created at "), "{text}");
    }

    #[tokio::test]
    async fn what_is_no_resource_is_refused_as_a_wrong_argument() {
        // E18: the original failed with an internal error.
        let cases = [
            ("X", "3", "Invalid resourceType: X. Must be Text or Blob."),
            ("Text", "0", "Invalid resourceId: 0. Must be a finite positive integer."),
            ("Blob", "x", "Invalid resourceId: x. Must be a finite positive integer."),
        ];
        for (kind, id, message) in cases {
            let refused = made(NAME, json!({ "resourceType": kind, "resourceId": id })).await;
            assert_eq!(refused, Err(Refusal::InvalidParams(message.to_owned())));
        }
    }

    #[tokio::test]
    async fn arguments_are_completed() {
        let kinds = suggested(NAME, ["resourceType", ""], json!({})).await;
        assert_eq!(kinds, json!(["Text", "Blob"]));
        assert_eq!(suggested(NAME, ["resourceId", "12"], json!({})).await, json!(["12"]));
        for typed in ["0", "x"] {
            assert_eq!(suggested(NAME, ["resourceId", typed], json!({})).await, json!([]));
        }
    }
}
