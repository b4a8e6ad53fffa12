//! Shows what progress looks like, and nothing else.

use std::time::Duration;

use mcp_core::{Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::features::{App, icons};

/// The pause between two steps.
const PAUSE: Duration = Duration::from_millis(200);

/// Demonstrate progress notifications
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DemoProgress {
    /// Number of progress steps
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 100))]
    steps: u8,
}

const fn five() -> u8 {
    5
}

impl Tool<App> for DemoProgress {
    const NAME: &'static str = "demo_progress";
    type Output = String;

    fn info(info: Info) -> Info {
        info.title("Demonstrate Progress")
            .icon(icons::BAR.icon())
            .read_only()
            .idempotent()
            .closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let steps = self.steps;
        for done in 0..=steps {
            if done > 0 {
                ctx.clock().sleep(PAUSE).await;
            }
            let share = f64::from(done) / f64::from(steps);
            ctx.progress(share, 1.0, &format!("Step {done}/{steps} completed")).await;
        }
        Ok(format!("Progress demonstration completed with {steps} steps"))
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::{Asker, both_eras};
    use serde_json::{Value, json};

    use crate::features::{App, catalog};

    async fn called(arguments: Value) -> Value {
        both_eras(catalog, App::default, "demo_progress", arguments, []).await
    }

    #[tokio::test]
    async fn it_reads_as_in_the_original() {
        let text = "Progress demonstration completed with 5 steps";
        assert_eq!(called(json!({})).await["content"][0]["text"], text);
        let text = "Progress demonstration completed with 2 steps";
        assert_eq!(called(json!({ "steps": 2 })).await["content"][0]["text"], text);
    }

    #[tokio::test]
    async fn every_step_is_told_from_none_to_all() {
        for asker in Asker::both(catalog, App::default) {
            let (_, notes) = asker.told("demo_progress", json!({ "steps": 2 })).await;
            let told = |note: &Value| (note["progress"].clone(), note["message"].clone());
            let expected = [
                (json!(0.0), json!("Step 0/2 completed")),
                (json!(0.5), json!("Step 1/2 completed")),
                (json!(1.0), json!("Step 2/2 completed")),
            ];
            assert_eq!(notes.iter().map(told).collect::<Vec<_>>(), expected);
        }
    }

    #[tokio::test]
    async fn steps_are_whole_and_bounded() {
        // C11: the original went on for 1e9 steps, and told `null` for none.
        for steps in [json!(0), json!(-1), json!(1.5), json!(101), json!(1e9)] {
            assert_eq!(called(json!({ "steps": steps })).await["isError"], true, "{steps}");
        }
    }
}
