//! Tools that go on as tasks.

use std::time::Duration;

use mcp_core::{Catalog, Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::TaskSupport;

use crate::App;

/// How long a job takes that has nothing to do.
const WORK: Duration = Duration::from_millis(500);

pub(super) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .tool::<Greet>()
        .tool::<SlowCompute>()
        .tool::<FailingJob>()
        .tool::<ProtocolErrorJob>()
        .tool::<ConfirmDelete>()
        .tool::<MultiInput>()
        .tool::<AskThenTask>()
}

/// Greets, and is never a task.
#[derive(Deserialize, JsonSchema)]
struct Greet {
    /// Whom.
    name: String,
}

impl Tool<App> for Greet {
    const NAME: &'static str = "greet";
    type Output = String;
    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        Ok(format!("Hello, {}!", self.name))
    }
}

/// Takes its time.
#[derive(Deserialize, JsonSchema)]
struct SlowCompute {
    /// How long.
    #[schemars(range(min = 0.0, max = 60.0))]
    seconds: f64,
    /// What for.
    #[serde(default)]
    label: String,
}

impl Tool<App> for SlowCompute {
    const NAME: &'static str = "slow_compute";
    type Output = String;
    fn info(info: Info) -> Info {
        info.task(TaskSupport::Optional)
    }
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.become_task().await?;
        ctx.clock().sleep(Duration::from_secs_f64(self.seconds)).await;
        Ok(format!("Computed {} in {} s.", self.label, self.seconds))
    }
}

/// Fails after a while.
#[derive(Deserialize, JsonSchema)]
struct FailingJob {}

impl Tool<App> for FailingJob {
    const NAME: &'static str = "failing_job";
    type Output = String;
    fn info(info: Info) -> Info {
        info.task(TaskSupport::Required)
    }
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.become_task().await?;
        ctx.clock().sleep(WORK).await;
        Err(ToolError::failed("The job has failed, as it should."))
    }
}

/// Ends with an error of the protocol.
#[derive(Deserialize, JsonSchema)]
struct ProtocolErrorJob {}

impl Tool<App> for ProtocolErrorJob {
    const NAME: &'static str = "protocol_error_job";
    type Output = String;
    fn info(info: Info) -> Info {
        info.task(TaskSupport::Optional)
    }
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.become_task().await?;
        ctx.clock().sleep(WORK).await;
        Err(std::io::Error::other("broken, as it should be").into())
    }
}

/// Whether to go on.
#[derive(Deserialize, JsonSchema)]
struct Confirm {
    /// Really?
    confirm: bool,
}

/// Asks before it deletes.
#[derive(Deserialize, JsonSchema)]
struct ConfirmDelete {
    /// What to delete.
    filename: String,
}

impl Tool<App> for ConfirmDelete {
    const NAME: &'static str = "confirm_delete";
    type Output = String;
    fn info(info: Info) -> Info {
        info.task(TaskSupport::Optional)
    }
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.become_task().await?;
        let message = format!("Delete {}?", self.filename);
        let confirm: Confirm = ctx.elicit("confirm", &message).await?.accepted()?;
        let done = if confirm.confirm { "Deleted" } else { "Kept" };
        Ok(format!("{done} {}.", self.filename))
    }
}

/// Asks two things at once.
#[derive(Deserialize, JsonSchema)]
struct MultiInput {}

impl Tool<App> for MultiInput {
    const NAME: &'static str = "multi_input";
    type Output = String;
    fn info(info: Info) -> Info {
        info.task(TaskSupport::Optional)
    }
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.become_task().await?;
        let one = ctx.elicit::<Name>("first", "The first name?");
        let other = ctx.elicit::<Name>("second", "The second name?");
        let (one, other) = tokio::try_join!(one, other)?;
        Ok(format!("{} {}", one.accepted()?.name, other.accepted()?.name))
    }
}

/// A name.
#[derive(Deserialize, JsonSchema)]
struct Name {
    /// The name.
    name: String,
}

/// Asks first and is a task afterwards.
#[derive(Deserialize, JsonSchema)]
struct AskThenTask {}

impl Tool<App> for AskThenTask {
    const NAME: &'static str = "test_tool_with_task";
    type Output = String;
    fn info(info: Info) -> Info {
        info.task(TaskSupport::Optional)
    }
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let name: Name = ctx.elicit("user_name", "What is your name?").await?.accepted()?;
        ctx.become_task().await?;
        ctx.clock().sleep(WORK).await;
        Ok(format!("Hello, {}!", name.name))
    }
}
