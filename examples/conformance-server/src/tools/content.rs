//! One tool for every kind of content.

use mcp_core::{Catalog, Ctx, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{ContentBlock, ResourceContents};

use crate::{App, PNG};

/// A WAV file of no samples.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

pub(super) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .tool::<SimpleText>()
        .tool::<ImageContent>()
        .tool::<AudioContent>()
        .tool::<EmbeddedResource>()
        .tool::<MultipleContentTypes>()
        .tool::<ErrorHandling>()
}

/// Returns a text.
#[derive(Deserialize, JsonSchema)]
struct SimpleText {}

impl Tool<App> for SimpleText {
    const NAME: &'static str = "test_simple_text";
    type Output = String;
    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        Ok("This is a simple text response for testing.".to_owned())
    }
}

/// Returns a picture.
#[derive(Deserialize, JsonSchema)]
struct ImageContent {}

impl Tool<App> for ImageContent {
    const NAME: &'static str = "test_image_content";
    type Output = Vec<ContentBlock>;
    async fn call(self, _: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        Ok(vec![ContentBlock::image(PNG, "image/png")])
    }
}

/// Returns sound.
#[derive(Deserialize, JsonSchema)]
struct AudioContent {}

impl Tool<App> for AudioContent {
    const NAME: &'static str = "test_audio_content";
    type Output = Vec<ContentBlock>;
    async fn call(self, _: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        Ok(vec![ContentBlock::audio(WAV, "audio/wav")])
    }
}

/// Returns a resource with its content.
#[derive(Deserialize, JsonSchema)]
struct EmbeddedResource {}

impl Tool<App> for EmbeddedResource {
    const NAME: &'static str = "test_embedded_resource";
    type Output = Vec<ContentBlock>;
    async fn call(self, _: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        let text = "This is an embedded resource content.";
        let resource = ResourceContents::text("test://embedded-resource", "text/plain", text);
        Ok(vec![ContentBlock::resource(resource)])
    }
}

/// Returns a text, a picture and a resource.
#[derive(Deserialize, JsonSchema)]
struct MultipleContentTypes {}

impl Tool<App> for MultipleContentTypes {
    const NAME: &'static str = "test_multiple_content_types";
    type Output = Vec<ContentBlock>;
    async fn call(self, _: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        let (uri, json) = ("test://mixed-content-resource", r#"{"test":"data","value":123}"#);
        Ok(vec![
            ContentBlock::text("Multiple content types test:"),
            ContentBlock::image(PNG, "image/png"),
            ContentBlock::resource(ResourceContents::text(uri, "application/json", json)),
        ])
    }
}

/// Always fails.
#[derive(Deserialize, JsonSchema)]
struct ErrorHandling {}

impl Tool<App> for ErrorHandling {
    const NAME: &'static str = "test_error_handling";
    type Output = String;
    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        Err(ToolError::failed("This tool intentionally returns an error for testing"))
    }
}
