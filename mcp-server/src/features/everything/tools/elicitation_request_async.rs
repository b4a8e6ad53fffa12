//! Asks the user to fill in a form, and follows the task that the client makes of it.

use std::time::Duration;

use mcp_core::{Ctx, Delegated, FollowedTask, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use shared::mcp::ContentBlock;

use super::followed;
use crate::features::{App, icons};

/// How long the client keeps the task, and we look at it: a person may be slow.
const KEEP: Duration = Duration::from_mins(10);

/// Trigger an async elicitation request that the CLIENT executes as a background task. Demonstrates
/// bidirectional MCP tasks where the server sends an elicitation request and the client handles
/// user input asynchronously, allowing the server to poll for completion.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ElicitationRequestAsync {}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only the form is shown; what comes back is told as it is")]
struct Form {
    /// Your full name
    #[schemars(title = "Your Name")]
    name: String,
    /// What is your favorite color?
    #[schemars(title = "Favorite Color")]
    favorite_color: Option<Color>,
    /// Do you agree to the terms and conditions?
    #[schemars(title = "Terms Agreement")]
    agree_to_terms: Option<bool>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only the form is shown")]
enum Color {
    Red,
    Blue,
    Green,
    Yellow,
    Purple,
}

/// What each field is called in the summary.
const LABELS: [(&str, &str); 3] =
    [("name", "Name"), ("favoriteColor", "Favorite Color"), ("agreeToTerms", "Agreed to terms")];

impl Tool<App> for ElicitationRequestAsync {
    const NAME: &'static str = "elicitation-request-async";
    type Output = Vec<ContentBlock>;

    fn info(info: Info) -> Info {
        info.title("Trigger Async Elicitation Request Tool")
            .icon(icons::FORM.icon())
            .alias("trigger-elicitation-request-async")
            .additive()
            .closed_world()
            .client_tasks()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        let message = "Please provide inputs for the following fields (async task demo):";
        let told = match ctx.delegate_form::<Form>(message, KEEP).await? {
            Delegated::Answered(answer) => vec![followed::at_once(&answer)?],
            Delegated::Followed(task) => match &task.result {
                Some(result) => completed(&task, result)?,
                None => vec![followed::without_result(&task)],
            },
        };
        Ok(told.into_iter().map(ContentBlock::text).collect())
    }
}

fn completed(task: &FollowedTask, result: &Value) -> Result<Vec<String>, serde_json::Error> {
    let mut told = match result["action"].as_str() {
        Some("accept") => vec![
            "[COMPLETED] User provided the requested information!".to_owned(),
            summary(&result["content"]),
        ],
        Some("decline") => {
            vec!["[COMPLETED] User declined to provide the requested information.".to_owned()]
        }
        _ => vec!["[COMPLETED] User cancelled the elicitation dialog.".to_owned()],
    };
    let (progress, raw) = (followed::progress(task), serde_json::to_string_pretty(result)?);
    told.push(format!("\nProgress:\n{progress}\n\nRaw result: {raw}"));
    Ok(told)
}

/// Every field that was filled in, a line each.
fn summary(content: &Value) -> String {
    let lines = LABELS.iter().filter_map(|(field, label)| {
        let text = match content.get(field)? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some(format!("\n- {label}: {text}"))
    });
    format!("User inputs:{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(result: &Value) -> Vec<String> {
        let task = FollowedTask { id: "ct2".to_owned(), seen: Vec::new(), result: None };
        completed(&task, result).unwrap()
    }

    #[test]
    fn what_was_filled_in_reads_as_in_the_original() {
        let content = json!({ "name": "Ada", "favoriteColor": "Blue", "agreeToTerms": true });
        let told = told(&json!({ "action": "accept", "content": content }));
        assert_eq!(told[0], "[COMPLETED] User provided the requested information!");
        let summary = "User inputs:\n- Name: Ada\n- Favorite Color: Blue\n- Agreed to terms: true";
        assert_eq!(told[1], summary);
        assert!(told[2].starts_with("\nProgress:\nTask created: ct2\n\nRaw result: {\n"));
    }

    #[test]
    fn a_refusal_is_told_apart_from_a_form_that_was_put_aside() {
        assert!(told(&json!({ "action": "decline" }))[0].contains("declined"));
        assert!(told(&json!({ "action": "cancel" }))[0].contains("cancelled"));
    }
}
