//! Tools that say something before their end.

use std::time::Duration;

use mcp_core::{Catalog, Ctx, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::mcp::LogLevel;

use crate::App;

/// The suite wants some time between messages.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .tool::<WithProgress>()
        .tool::<WithLogging>()
        .tool::<LoggingTool>()
        .tool::<StreamingElicitation>()
        .tool::<Reconnection>()
}

/// Reports progress three times.
#[derive(Deserialize, JsonSchema)]
struct WithProgress {}

impl Tool<App> for WithProgress {
    const NAME: &'static str = "test_tool_with_progress";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        for done in [0.0, 50.0, 100.0] {
            ctx.progress(done, 100.0, "working").await;
            ctx.clock().sleep(PAUSE).await;
        }
        Ok("Done.".to_owned())
    }
}

/// Logs three times.
#[derive(Deserialize, JsonSchema)]
struct WithLogging {}

impl Tool<App> for WithLogging {
    const NAME: &'static str = "test_tool_with_logging";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        for text in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
            ctx.log(LogLevel::Info, None, json!(text)).await;
            ctx.clock().sleep(PAUSE).await;
        }
        Ok("Done.".to_owned())
    }
}

/// Logs only if the request wants it.
#[derive(Deserialize, JsonSchema)]
struct LoggingTool {}

impl Tool<App> for LoggingTool {
    const NAME: &'static str = "test_logging_tool";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.log(LogLevel::Info, None, json!("logged on request")).await;
        Ok("Done.".to_owned())
    }
}

/// Reports progress and then returns.
#[derive(Deserialize, JsonSchema)]
struct StreamingElicitation {}

impl Tool<App> for StreamingElicitation {
    const NAME: &'static str = "test_streaming_elicitation";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.progress(1.0, 1.0, "asking nobody").await;
        Ok("Done.".to_owned())
    }
}

/// Lets the connection go before it answers.
#[derive(Deserialize, JsonSchema)]
struct Reconnection {}

impl Tool<App> for Reconnection {
    const NAME: &'static str = "test_reconnection";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.let_go().await;
        ctx.clock().sleep(PAUSE * 2).await;
        Ok("The client came back.".to_owned())
    }
}
