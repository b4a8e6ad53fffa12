//! Asks the client's model, and follows the task that the client makes of it.

use std::time::Duration;

use mcp_core::{Ctx, Delegated, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{followed, sampling_request::Asked};
use crate::features::{App, icons};

/// How long the client keeps the task, and we look at it. The original looked for one minute and
/// asked for five.
const KEEP: Duration = Duration::from_mins(5);

/// Trigger an async sampling request that the CLIENT executes as a background task. Demonstrates
/// bidirectional MCP tasks where the server sends a request and the client executes it
/// asynchronously, allowing the server to poll for progress and results.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct SamplingRequestAsync {
    #[serde(flatten)]
    asked: Asked,
}

impl Tool<App> for SamplingRequestAsync {
    const NAME: &'static str = "sampling-request-async";
    type Output = String;

    fn info(info: Info) -> Info {
        info.title("Trigger Async Sampling Request Tool")
            .icon(icons::SPARK.icon())
            .alias("trigger-sampling-request-async")
            .additive()
            .open_world()
            .client_tasks()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let question = self.asked.question(Self::NAME);
        let task = match ctx.delegate_sampling(question, KEEP).await? {
            Delegated::Answered(answer) => return Ok(followed::at_once(&answer)?),
            Delegated::Followed(task) => task,
        };
        let Some(result) = &task.result else { return Ok(followed::without_result(&task)) };
        let (progress, told) = (followed::progress(&task), serde_json::to_string_pretty(result)?);
        Ok(format!(
            "[COMPLETED] Async sampling completed!\n\n**Progress:**\n{progress}\n\n\
             **Result:**\n{told}"
        ))
    }
}
