//! Asks the user to fill in the form of an older server, and tells the answer as it is.

use mcp_core::{Ctx, Elicited, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::choices::{NUMBER, Pet};
use crate::features::App;

/// Elicitation test tool that demonstrates how to request user input with various field types
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ElicitInputs {}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Form {
    /// Your full, legal name
    #[schemars(title = "Full Name")]
    name: String,
    /// Agree to the terms and conditions
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<bool>,
    /// Your favorite color
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
    /// Your favorite integer
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100), extend("default" = 42))]
    integer: Option<i64>,
    /// Your favorite number
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1000.0), extend("default" = NUMBER))]
    number: Option<serde_json::Number>,
    /// Your favorite kind of pet
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "default" = "dogs",
        "enumNames" = ["Cats", "Dogs", "Birds", "Fish", "Reptiles"]
    ))]
    pet_type: Option<Pet>,
    /// What the client tells beyond the form, for the answer as it is.
    #[serde(flatten)]
    #[schemars(skip)]
    more: Map<String, Value>,
}

impl Tool<App> for ElicitInputs {
    const NAME: &'static str = "elicitInputs";
    type Output = String;

    fn info(info: Info) -> Info {
        info.title("Elicit Inputs").unlisted()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let question = "Please provide inputs for the following fields:";
        let result = match ctx.elicit::<Form>("answers", question).await? {
            Elicited::Accepted(form) => json!({ "action": "accept", "content": form }),
            Elicited::Declined => json!({ "action": "decline" }),
            Elicited::Cancelled => json!({ "action": "cancel" }),
        };
        Ok(format!("Elicitation result: {}", serde_json::to_string_pretty(&result)?))
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::{Value, json};

    use crate::features::{App, catalog};

    async fn told(answer: Value) -> Value {
        let answers = [("answers", answer)];
        let result = both_eras(catalog, App::default, "elicitInputs", json!({}), answers).await;
        let text = result["content"][0]["text"].as_str().unwrap();
        serde_json::from_str(text.strip_prefix("Elicitation result: ").unwrap()).unwrap()
    }

    #[tokio::test]
    async fn it_tells_the_answer_as_it_is() {
        let content =
            json!({ "name": "Ada", "integer": 7, "petType": "cats", "nickname": "Countess" });
        let filled_in = json!({ "action": "accept", "content": content });
        assert_eq!(told(filled_in.clone()).await, filled_in);
        let declined = json!({ "action": "decline" });
        assert_eq!(told(declined.clone()).await, declined);
    }
}
