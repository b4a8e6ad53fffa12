//! Says back what it is told: the smallest tool there is.

use mcp_core::{Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::features::{App, icons};

/// Echoes back the input
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Echo {
    /// Message to echo
    #[schemars(length(max = 100_000))]
    message: String,
}

impl Tool<App> for Echo {
    const NAME: &'static str = "echo";
    type Output = String;

    fn info(info: Info) -> Info {
        info.title("Echo Tool").icon(icons::BUBBLE.icon()).read_only().idempotent().closed_world()
    }

    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        Ok(format!("Echo: {}", self.message))
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::json;

    use crate::features::{App, catalog};

    async fn called(arguments: serde_json::Value) -> serde_json::Value {
        both_eras(catalog, App::default, "echo", arguments, []).await
    }

    #[tokio::test]
    async fn it_says_back_what_it_is_told() {
        let result = called(json!({ "message": "hi", "ignored": 1 })).await;
        assert_eq!(result["content"][0]["text"], "Echo: hi");
    }

    #[tokio::test]
    async fn a_message_has_a_bound() {
        let longest = "x".repeat(100_000);
        let result = called(json!({ "message": longest })).await;
        assert_eq!(result["content"][0]["text"].as_str().unwrap().len(), 100_006);
        let result = called(json!({ "message": format!("{longest}x") })).await;
        assert_eq!(result["isError"], true);
    }
}
