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
