//! Takes its time, and says how far it is.

use std::time::Duration;

use mcp_core::{Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::features::{App, calculator::number, icons};

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
        info.title("Long Running Operation Tool")
            .icon(icons::HOURGLASS.icon())
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
            "Long running operation completed. Duration: {} seconds, Steps: {steps}.",
            number::text(duration)
        ))
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::json;

    use crate::features::{App, catalog};

    async fn called(arguments: serde_json::Value) -> serde_json::Value {
        both_eras(catalog, App::default, "long-running-operation", arguments, []).await
    }

    #[tokio::test]
    async fn it_takes_its_time_and_ends() {
        let result = called(json!({ "duration": 2, "steps": 4 })).await;
        let text = "Long running operation completed. Duration: 2 seconds, Steps: 4.";
        assert_eq!(result["content"][0]["text"], text);
        let result = called(json!({ "duration": 1e-9, "steps": 1 })).await;
        assert!(result["content"][0]["text"].as_str().unwrap().contains("Duration: 1e-9 seconds"));
        let result = called(json!({})).await;
        assert!(result["content"][0]["text"].as_str().unwrap().contains("Duration: 10 seconds"));
    }

    #[tokio::test]
    async fn it_cannot_be_made_to_occupy_the_server() {
        for wrong in [
            json!({ "duration": 1e9 }),
            json!({ "duration": -1 }),
            json!({ "steps": 0 }),
            json!({ "steps": 2.5 }),
            json!({ "steps": 200_000 }),
        ] {
            assert_eq!(called(wrong).await["isError"], true);
        }
    }
}
