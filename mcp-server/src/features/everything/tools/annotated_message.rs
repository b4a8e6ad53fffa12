//! Says something with hints on whom it is for and how much it matters.

use mcp_core::{Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{Annotations, ContentBlock, Role};

use crate::features::{App, everything::content::tiny_image, icons};

/// Demonstrates how annotations can be used to provide metadata about content.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnnotatedMessage {
    /// Type of message to demonstrate different annotation patterns
    message_type: MessageType,
    /// Whether to include an example image
    #[serde(default)]
    include_image: bool,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum MessageType {
    Error,
    Success,
    Debug,
}

impl MessageType {
    fn message(self) -> ContentBlock {
        // Errors are for everybody, success is for people, details are for models.
        let (text, priority, audience) = match self {
            Self::Error => ("Error: Operation failed", 1.0, vec![Role::User, Role::Assistant]),
            Self::Success => ("Operation completed successfully", 0.7, vec![Role::User]),
            Self::Debug => {
                ("Debug: Cache hit ratio 0.95, latency 150ms", 0.3, vec![Role::Assistant])
            }
        };
        ContentBlock::text(text).annotated(hints(priority, audience))
    }
}

fn hints(priority: f64, audience: Vec<Role>) -> Annotations {
    Annotations { audience, priority: Some(priority), last_modified: None }
}

impl Tool<App> for AnnotatedMessage {
    const NAME: &'static str = "annotated-message";
    type Output = Vec<ContentBlock>;

    fn info(info: Info) -> Info {
        info.title("Get Annotated Message Tool")
            .icon(icons::TAG.icon())
            .alias("annotatedMessage")
            .alias("get-annotated-message")
            .read_only()
            .idempotent()
            .closed_world()
    }

    async fn call(self, _: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        let mut content = vec![self.message_type.message()];
        if self.include_image {
            content.push(tiny_image().annotated(hints(0.5, vec![Role::User])));
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::{Value, json};

    use crate::features::{App, catalog};

    async fn content(arguments: Value) -> Value {
        let called = both_eras(catalog, App::default, "annotated-message", arguments, []).await;
        called["content"].clone()
    }

    #[tokio::test]
    async fn each_kind_of_message_has_its_hints() {
        let cases = [
            ("error", "Error: Operation failed", 1.0, json!(["user", "assistant"])),
            ("success", "Operation completed successfully", 0.7, json!(["user"])),
            ("debug", "Debug: Cache hit ratio 0.95, latency 150ms", 0.3, json!(["assistant"])),
        ];
        for (kind, text, priority, audience) in cases {
            let annotations = json!({ "audience": audience, "priority": priority });
            let expected = json!([{ "type": "text", "text": text, "annotations": annotations }]);
            assert_eq!(content(json!({ "messageType": kind })).await, expected);
        }
    }

    #[tokio::test]
    async fn the_picture_has_hints_of_its_own() {
        let content = content(json!({ "messageType": "success", "includeImage": true })).await;
        assert_eq!(content[1]["mimeType"], "image/png");
        let annotations = json!({ "audience": ["user"], "priority": 0.5 });
        assert_eq!(content[1]["annotations"], annotations);
    }

    #[tokio::test]
    async fn another_kind_is_refused() {
        let arguments = json!({ "messageType": "nope" });
        let result = both_eras(catalog, App::default, "annotatedMessage", arguments, []).await;
        assert_eq!(result["isError"], true);
    }
}
