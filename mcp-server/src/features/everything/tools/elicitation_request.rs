//! Asks the user to fill in a form, in either era.

use mcp_core::{Ctx, Elicited, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::mcp::ContentBlock;

use crate::features::App;

/// Asks the user to fill in a form, and tells what came of it
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ElicitationRequest {}

/// One field of every kind that forms have.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Answers {
    /// Your full, legal name
    #[schemars(title = "Full Name")]
    name: String,
    /// Agree to the terms and conditions
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<bool>,
    /// Your favourite colour
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "blue"))]
    color: Option<String>,
    /// Your email address
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(email)]
    email: Option<String>,
    /// Your homepage
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(url)]
    homepage: Option<String>,
    /// Your date of birth
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date"))]
    birthdate: Option<String>,
    /// Your favourite whole number
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    integer: Option<i64>,
    /// Your favourite number
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1000.0))]
    number: Option<f64>,
    /// Your favourite kind of pet
    #[serde(skip_serializing_if = "Option::is_none")]
    pet_type: Option<Pet>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Pet {
    Cats,
    Dogs,
    Birds,
    Fish,
}

impl Tool<App> for ElicitationRequest {
    const NAME: &'static str = "elicitation-request";
    type Output = Vec<ContentBlock>;

    fn info(info: Info) -> Info {
        info.title("Elicitation Request")
            .alias("startElicitation")
            .alias("elicitInputs")
            .alias("trigger-elicitation-request")
            .read_only()
            .closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        let question = "Please provide inputs for the following fields:";
        let told = match ctx.elicit::<Answers>("answers", question).await? {
            Elicited::Accepted(answers) => vec![
                "✅ User provided the requested information!".to_owned(),
                format!("Elicitation result: {}", serde_json::to_string_pretty(&answers)?),
            ],
            Elicited::Declined => {
                vec!["❌ User declined to provide the requested information.".to_owned()]
            }
            Elicited::Cancelled => vec!["⚠️ User cancelled the elicitation dialog.".to_owned()],
        };
        Ok(told.into_iter().map(ContentBlock::text).collect())
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::json;

    use crate::features::{App, catalog};

    async fn called(
        arguments: serde_json::Value,
        answer: Option<serde_json::Value>,
    ) -> serde_json::Value {
        let answers = answer.map(|answer| ("answers", answer));
        both_eras(catalog, App::default, "elicitation-request", arguments, answers).await
    }

    #[tokio::test]
    async fn it_tells_what_was_filled_in() {
        let content = json!({ "name": "Ada", "integer": 7, "petType": "cats" });
        let result =
            called(json!({}), Some(json!({ "action": "accept", "content": content }))).await;
        let told = result["content"][1]["text"].as_str().unwrap();
        assert!(
            told.contains(r#""name": "Ada""#) && told.contains(r#""petType": "cats""#),
            "{told}"
        );
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer() {
        for action in ["decline", "cancel"] {
            let result = called(json!({}), Some(json!({ "action": action }))).await;
            assert_eq!(result["content"].as_array().unwrap().len(), 1);
            assert!(result.get("isError").is_none());
        }
    }
}
