//! Tools that announce a change.

use mcp_core::{Catalog, Change, Ctx, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::App;

pub(super) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog.tool::<ToolChange>().tool::<PromptChange>()
}

/// Announces that the tools have changed.
#[derive(Deserialize, JsonSchema)]
struct ToolChange {}

impl Tool<App> for ToolChange {
    const NAME: &'static str = "test_trigger_tool_change";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.announce(Change::Tools).await;
        Ok("Announced.".to_owned())
    }
}

/// Announces that the prompts have changed.
#[derive(Deserialize, JsonSchema)]
struct PromptChange {}

impl Tool<App> for PromptChange {
    const NAME: &'static str = "test_trigger_prompt_change";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.announce(Change::Prompts).await;
        Ok("Announced.".to_owned())
    }
}
