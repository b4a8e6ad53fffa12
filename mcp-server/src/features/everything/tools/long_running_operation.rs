//! Takes its time, and says how far it is.

use std::time::Duration;

use mcp_core::{Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::features::App;

/// Demonstrates a long running operation with progress updates
#[derive(Deserialize, JsonSchema)]
pub(crate) struct LongRunningOperation {
    /// Duration of the operation in seconds
    #[serde(default = "ten")]
    #[schemars(range(min = 0.0, max = 300.0))]
    duration: f64,
    /// Number of steps in the operation
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 100))]
    steps: u32,
}

const fn ten() -> f64 {
    10.0
}

const fn five() -> u32 {
    5
}

impl Tool<App> for LongRunningOperation {
    const NAME: &'static str = "long-running-operation";
    type Output = String;

    fn info(info: Info) -> Info {
        info.title("Long Running Operation")
            .alias("longRunningOperation")
            .alias("trigger-long-running-operation")
            .read_only()
            .idempotent()
            .closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let Self { duration, steps } = self;
        let step = Duration::try_from_secs_f64(duration / f64::from(steps))
            .map_err(|_| ToolError::failed("The duration must be a number of seconds."))?;
        for done in 1..=steps {
            ctx.clock().sleep(step).await;
            let message = format!("Step {done} of {steps}");
            ctx.progress(f64::from(done), f64::from(steps), &message).await;
        }
        Ok(format!(
            "Long running operation completed. Duration: {duration} seconds, Steps: {steps}."
        ))
    }
}
