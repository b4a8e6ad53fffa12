//! Returns a picture between two texts, in the words of two generations of the original.

use mcp_core::{Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::ContentBlock;

use crate::features::{App, everything::content::tiny_image, icons};

/// Returns a tiny MCP logo image.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct GetTinyImage {}

impl Tool<App> for GetTinyImage {
    const NAME: &'static str = "get-tiny-image";
    type Output = Vec<ContentBlock>;

    fn info(info: Info) -> Info {
        // A frame with a mountain in it.
        info.title("Get Tiny Image Tool")
            .icon(icons::PICTURE.icon())
            .read_only()
            .idempotent()
            .closed_world()
    }

    async fn call(self, _: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        Ok(between("Here's the image you requested:", "The image above is the MCP logo."))
    }
}

/// Returns the tiny image
#[derive(Deserialize, JsonSchema)]
pub(crate) struct FormerTinyImage {}

impl Tool<App> for FormerTinyImage {
    const NAME: &'static str = "getTinyImage";
    type Output = Vec<ContentBlock>;

    fn info(info: Info) -> Info {
        info.title("Get Tiny Image").unlisted()
    }

    async fn call(self, _: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        Ok(between("This is a tiny image:", "The image above is the MCP tiny image."))
    }
}

fn between(before: &str, after: &str) -> Vec<ContentBlock> {
    vec![ContentBlock::text(before), tiny_image(), ContentBlock::text(after)]
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::json;

    use crate::features::{App, catalog};

    async fn texts(name: &str) -> [String; 2] {
        let result = both_eras(catalog, App::default, name, json!({}), []).await;
        assert_eq!(result["content"][1]["type"], "image");
        [0, 2].map(|n| result["content"][n]["text"].as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn each_name_has_the_words_of_its_server() {
        let now = ["Here's the image you requested:", "The image above is the MCP logo."];
        assert_eq!(texts("get-tiny-image").await, now);
        let former = ["This is a tiny image:", "The image above is the MCP tiny image."];
        assert_eq!(texts("getTinyImage").await, former);
    }
}
