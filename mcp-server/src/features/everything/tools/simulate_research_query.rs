//! Goes on as a task: four stages, and a question in the third if the topic is ambiguous.

use std::time::Duration;

use mcp_core::{Ctx, Elicited, Info, Tool, ToolError, flow::AskError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::mcp::TaskSupport;

use crate::features::{App, icons};

/// How long a stage takes.
const STAGE: Duration = Duration::from_secs(1);

const STAGES: [&str; 4] =
    ["Gathering sources", "Analyzing content", "Synthesizing findings", "Generating report"];

/// The stage in which an ambiguous topic is asked about.
const UNCLEAR: usize = 2;

/// Simulates a deep research operation that gathers, analyzes, and synthesizes information.
/// Demonstrates MCP task-based operations with progress through multiple stages. If 'ambiguous' is
/// true and client supports elicitation, sends an elicitation request for clarification.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct SimulateResearchQuery {
    /// The research topic to investigate
    #[schemars(length(max = 1000))]
    topic: String,
    #[serde(default)]
    #[schemars(description = "Simulate an ambiguous query that requires clarification \
        (triggers input_required status)")]
    ambiguous: bool,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Python {
    /// Python programming language
    Programming,
    /// Python snake species
    Snake,
    /// Monty Python comedy group
    Comedy,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Perspective {
    /// Technical/scientific perspective
    Technical,
    /// Historical perspective
    Historical,
    /// Current events/news perspective
    Current,
}

#[derive(Deserialize, JsonSchema)]
struct Clarification<T> {
    /// Which interpretation of the topic do you mean?
    #[schemars(title = "Clarification")]
    interpretation: T,
}

impl Tool<App> for SimulateResearchQuery {
    const NAME: &'static str = "simulate-research-query";
    type Output = String;

    fn info(info: Info) -> Info {
        info.title("Simulate Research Query")
            .icon(icons::MAGNIFIER.icon())
            .task(TaskSupport::Required)
            .additive()
            .closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        ctx.become_task().await?;
        let mut clarification = None;
        let total = f64::from(u8::try_from(STAGES.len()).unwrap_or(u8::MAX));
        for (index, stage) in (0_u8..).zip(STAGES) {
            let status = format!("{stage}...");
            ctx.status(&status).await;
            ctx.progress(f64::from(index) + 1.0, total, &status).await;
            if self.ambiguous && usize::from(index) == UNCLEAR {
                clarification = self.clarify(ctx).await?;
                if let Some(chosen) = &clarification {
                    ctx.status(&format!("Continuing with interpretation: \"{chosen}\"...")).await;
                }
            }
            ctx.clock().sleep(STAGE).await;
        }
        Ok(report(&self.topic, clarification.as_deref()))
    }
}

impl SimulateResearchQuery {
    /// What the user meant; nothing where nobody can be asked.
    async fn clarify(&self, ctx: &Ctx<App>) -> Result<Option<String>, ToolError> {
        if !ctx.can_elicit() {
            return Ok(None);
        }
        let topic = &self.topic;
        let status =
            format!("Found multiple interpretations for \"{topic}\". Requesting clarification...");
        ctx.status(&status).await;
        if topic.to_lowercase().contains("python") {
            self.ask::<Python>(ctx).await
        } else {
            self.ask::<Perspective>(ctx).await
        }
    }

    async fn ask<T>(&self, ctx: &Ctx<App>) -> Result<Option<String>, ToolError>
    where
        T: DeserializeOwned + Serialize + JsonSchema + 'static,
    {
        let message = format!(
            "The research query \"{}\" could have multiple interpretations. \
             Please clarify what you're looking for:",
            self.topic
        );
        match ctx.elicit::<Clarification<T>>("interpretation", &message).await {
            Ok(Elicited::Accepted(Clarification { interpretation })) => {
                let chosen = serde_json::to_value(interpretation)?;
                Ok(Some(chosen.as_str().unwrap_or_default().to_owned()))
            }
            Ok(Elicited::Declined | Elicited::Cancelled) => {
                Ok(Some("User cancelled - using default interpretation".to_owned()))
            }
            // It can be asked, and not during this call.
            Err(AskError::NoStream) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }
}

/// The report, in the words of the original.
fn report(topic: &str, clarification: Option<&str>) -> String {
    let title = clarification.map_or_else(|| topic.to_owned(), |c| format!("{topic} ({c})"));
    let parameter = clarification.map(|c| format!("- **Clarification**: {c}\n"));
    let stages = (1..).zip(STAGES).map(|(n, stage)| format!("- Stage {n}: {stage} ✓"));
    let stages = stages.collect::<Vec<_>>().join("\n");
    let (progress, flow) = match clarification {
        None => ("`working` → `completed`", String::new()),
        Some(c) => (
            "`working` → `input_required` → `working` → `completed`",
            format!(
                "**Elicitation Flow:**\n\
                 When the query was ambiguous, the server sent an `elicitation/create` request\n\
                 to the client. The task status changed to `input_required` while awaiting user input.\n\
                 After receiving clarification (\"{c}\"), the task resumed processing and completed.\n"
            ),
        ),
    };
    format!(
        "# Research Report: {title}\n\n## Research Parameters\n- **Topic**: {topic}\n{parameter}\n\
         ## Synthesis\nThis research query was processed through 4 stages:\n{stages}\n\n---\n\n\
         ## About This Demo (Tasks)\n\n\
         This tool demonstrates MCP's task-based execution pattern for long-running operations:\n\n\
         **Task Lifecycle Demonstrated:**\n\
         1. `tools/call` → Server returns a task (not the final result)\n\
         2. Client polls `tasks/get` → Server returns current status and `statusMessage`\n\
         3. Status progressed: {progress}\n\
         4. Client fetches the final result: with `tasks/result`, or in `tasks/get` since 2026-07-28\n\n\
         {flow}\n**Key Concepts:**\n\
         - Tasks enable \"call now, fetch later\" patterns\n\
         - `statusMessage` provides human-readable progress updates\n\
         - Tasks have TTL (time-to-live) for automatic cleanup\n\
         - The poll interval suggests how often to check status\n\
         - Elicitation requests wait in the task until they are answered (works on all transports)\n\n\
         *This is a simulated research report from the Everything MCP Server.*\n",
        parameter = parameter.as_deref().unwrap_or("\n"),
    )
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::Asker;
    use serde_json::json;
    use shared::mcp::TASKS_EXTENSION;

    use super::*;
    use crate::features::catalog;

    #[tokio::test]
    async fn where_nobody_can_be_asked_an_ambiguous_query_goes_on_without_a_clarification() {
        for asker in Asker::both(catalog, App::default) {
            let asker = asker.able(json!({ "extensions": { TASKS_EXTENSION: {} } }));
            let query = json!({ "topic": "python", "ambiguous": true });
            let result = asker.call("simulate-research-query", query).await;
            assert_eq!(result["content"][0]["text"], report("python", None), "{result}");
        }
    }

    #[test]
    fn a_report_names_its_topic_and_what_was_clarified() {
        let plain = report("rust", None);
        assert!(plain.starts_with(
            "# Research Report: rust\n\n## Research Parameters\n- **Topic**: rust\n\n"
        ));
        assert!(!plain.contains("Elicitation Flow"));
        let clear = report("Python facts", Some("snake"));
        assert!(clear.starts_with("# Research Report: Python facts (snake)\n"));
        assert!(clear.contains("- **Clarification**: snake\n\n## Synthesis"));
        assert!(clear.contains("After receiving clarification (\"snake\")"));
    }
}
