//! Tools that ask the client in the middle of a call.

use mcp_core::{Catalog, Ctx, Elicited, Tool, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::mcp::{
    CreateMessageParams, CreateMessageResult, OneOrMany, SamplingContent, SamplingMessage,
};

use crate::App;

pub(super) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .tool::<Sampling>()
        .tool::<Elicitation>()
        .tool::<ElicitationDefaults>()
        .tool::<ElicitationEnums>()
        .tool::<MissingCapability>()
}

/// A question for a model, of one text.
pub(super) fn prompt(text: &str) -> CreateMessageParams {
    CreateMessageParams::new(vec![SamplingMessage::user(text)], 100)
}

/// The first text of what a model said.
pub(super) fn said(result: &CreateMessageResult) -> &str {
    let first = match &result.content {
        OneOrMany::One(content) => Some(content),
        OneOrMany::Many(contents) => contents.first(),
    };
    match first {
        Some(SamplingContent::Text(words)) => &words.text,
        _ => "",
    }
}

/// What came of a form, as the suite reads it.
fn told<T: Serialize>(prefix: &str, elicited: &Elicited<T>) -> String {
    let (action, content) = match elicited {
        Elicited::Accepted(content) => ("accept", json!(content)),
        Elicited::Declined => ("decline", json!({})),
        Elicited::Cancelled => ("cancel", json!({})),
    };
    format!("{prefix}: action={action}, content={content}")
}

/// Asks the client's model.
#[derive(Deserialize, JsonSchema)]
struct Sampling {
    /// What to ask.
    prompt: String,
}

impl Tool<App> for Sampling {
    const NAME: &'static str = "test_sampling";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let result = ctx.sample("sample", prompt(&self.prompt)).await?;
        Ok(format!("LLM response: {}", said(&result)))
    }
}

/// Needs a client whose model can be asked.
#[derive(Deserialize, JsonSchema)]
struct MissingCapability {}

impl Tool<App> for MissingCapability {
    const NAME: &'static str = "test_missing_capability";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let result = ctx.sample("sample", prompt("Say something.")).await?;
        Ok(said(&result).to_owned())
    }
}

/// Asks the user for a name and an address.
#[derive(Deserialize, JsonSchema)]
struct Elicitation {
    /// What to say to the user.
    message: String,
}

/// The form.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Account {
    /// User's response
    username: String,
    /// User's email address
    email: String,
}

impl Tool<App> for Elicitation {
    const NAME: &'static str = "test_elicitation";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let elicited = ctx.elicit::<Account>("account", &self.message).await?;
        Ok(told("User response", &elicited))
    }
}

/// Asks with a form whose fields have defaults.
#[derive(Deserialize, JsonSchema)]
struct ElicitationDefaults {}

/// The form.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Defaults {
    #[schemars(extend("default" = "John Doe"))]
    name: Option<String>,
    #[schemars(extend("default" = 30))]
    age: Option<i64>,
    #[schemars(extend("default" = 95.5))]
    score: Option<f64>,
    #[schemars(extend("default" = "active"))]
    status: Option<Status>,
    #[schemars(extend("default" = true))]
    verified: Option<bool>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Inactive,
    Pending,
}

impl Tool<App> for ElicitationDefaults {
    const NAME: &'static str = "test_elicitation_sep1034_defaults";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let elicited = ctx.elicit::<Defaults>("defaults", "Please review these values.").await?;
        Ok(told("Elicitation completed", &elicited))
    }
}

/// Asks with a form of every kind of choice.
#[derive(Deserialize, JsonSchema)]
struct ElicitationEnums {}

/// The form.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Choices {
    untitled_single: Option<Untitled>,
    titled_single: Option<Titled>,
    #[schemars(extend("enumNames" = ["Option One", "Option Two", "Option Three"]))]
    legacy_enum: Option<Legacy>,
    untitled_multi: Option<Vec<Untitled>>,
    titled_multi: Option<Vec<Titled>>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Untitled {
    Option1,
    Option2,
    Option3,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Titled {
    /// First Option
    Value1,
    /// Second Option
    Value2,
    /// Third Option
    Value3,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Legacy {
    Opt1,
    Opt2,
    Opt3,
}

impl Tool<App> for ElicitationEnums {
    const NAME: &'static str = "test_elicitation_sep1330_enums";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let elicited = ctx.elicit::<Choices>("choices", "Please choose.").await?;
        Ok(told("Elicitation completed", &elicited))
    }
}
