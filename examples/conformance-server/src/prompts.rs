//! The prompts. Names and texts are the suite's.

use mcp_core::{Catalog, Ctx, Prompt, PromptError, user};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{ContentBlock, PromptMessage, ResourceContents};

use crate::{App, PNG};

pub(crate) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .prompt::<Simple>()
        .prompt::<WithArguments>()
        .prompt::<WithEmbeddedResource>()
        .prompt::<WithImage>()
        .prompt::<InputRequired>()
}

/// A simple prompt without arguments.
#[derive(Deserialize, JsonSchema)]
struct Simple {}

impl Prompt<App> for Simple {
    const NAME: &'static str = "test_simple_prompt";
    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        Ok(vec![user(ContentBlock::text("This is a simple prompt for testing."))])
    }
}

/// A prompt with two arguments.
#[derive(Deserialize, JsonSchema)]
struct WithArguments {
    /// First test argument
    arg1: String,
    /// Second test argument
    arg2: String,
}

impl Prompt<App> for WithArguments {
    const NAME: &'static str = "test_prompt_with_arguments";
    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        let Self { arg1, arg2 } = self;
        let text = format!("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'");
        Ok(vec![user(ContentBlock::text(text))])
    }
}

/// A prompt with a resource in it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WithEmbeddedResource {
    /// URI of the resource to embed
    resource_uri: String,
}

impl Prompt<App> for WithEmbeddedResource {
    const NAME: &'static str = "test_prompt_with_embedded_resource";
    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        let text = "Embedded resource content for testing.";
        let resource = ResourceContents::text(self.resource_uri, "text/plain", text);
        let ask = "Please process the embedded resource above.";
        Ok(vec![user(ContentBlock::resource(resource)), user(ContentBlock::text(ask))])
    }
}

/// A prompt with a picture in it.
#[derive(Deserialize, JsonSchema)]
struct WithImage {}

impl Prompt<App> for WithImage {
    const NAME: &'static str = "test_prompt_with_image";
    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        let image = ContentBlock::image(PNG, "image/png");
        Ok(vec![user(image), user(ContentBlock::text("Please analyze the image above."))])
    }
}

/// A prompt that asks the user for context.
#[derive(Deserialize, JsonSchema)]
struct InputRequired {}

/// The form.
#[derive(Deserialize, JsonSchema)]
struct Context {
    context: String,
}

impl Prompt<App> for InputRequired {
    const NAME: &'static str = "test_input_required_result_prompt";
    async fn render(self, ctx: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        let question = "What context should the prompt use?";
        let elicited = ctx.elicit::<Context>("user_context", question).await?;
        let Ok(Context { context }) = elicited.accepted() else {
            return Err(PromptError::Invalid("The user gave no context".to_owned()));
        };
        Ok(vec![user(ContentBlock::text(format!("Use this context: {context}")))])
    }
}
