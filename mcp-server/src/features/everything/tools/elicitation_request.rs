//! Asks the user to fill in a form with a field of every kind that forms have.

use mcp_core::{Ctx, Elicited, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::mcp::ContentBlock;

use super::choices::{Fish, Friend, Hero, Instrument, LegacyPet, NUMBER};
use crate::features::{App, icons};

/// Trigger a Request from the Server for User Elicitation
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ElicitationRequest {}

/// One field of every kind that forms have. The words are the original's, so that people see the
/// form they know.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Form {
    /// Your full, legal name
    #[schemars(title = "String")]
    name: String,
    /// Agree to the terms and conditions
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Boolean")]
    check: Option<bool>,
    /// Favorite first line of a story
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        title = "String with default",
        extend("default" = "It was a dark and stormy night.")
    )]
    first_line: Option<String>,
    /// Your email address (will be verified, and never shared with anyone else)
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(email, title = "String with email format")]
    email: Option<String>,
    /// Portfolio / personal website
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(url, title = "String with uri format")]
    homepage: Option<String>,
    /// Your date of birth
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "String with date format", extend("format" = "date"))]
    birthdate: Option<String>,
    /// Your favorite integer (do not give us your phone number, pin, or other sensitive info)
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100), title = "Integer", extend("default" = 42))]
    integer: Option<i64>,
    /// Favorite number (there are no wrong answers)
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        range(min = 0.0, max = 1000.0),
        title = "Number in range 0-1000",
        extend("default" = NUMBER)
    )]
    number: Option<serde_json::Number>,
    /// Choose your favorite friend
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Untitled Single Select Enum", extend("default" = "Monica"))]
    untitled_single_select_enum: Option<Friend>,
    /// Choose your favorite instruments
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 3),
        title = "Untitled Multiple Select Enum",
        extend("default" = ["Guitar"])
    )]
    untitled_multiple_select_enum: Option<Vec<Instrument>>,
    /// Choose your favorite hero
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Titled Single Select Enum", extend("default" = "hero-1"))]
    titled_single_select_enum: Option<Hero>,
    /// Choose your favorite types of fish
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 3),
        title = "Titled Multiple Select Enum",
        extend("default" = ["fish-1"])
    )]
    titled_multiple_select_enum: Option<Vec<Fish>>,
    /// Choose your favorite type of pet
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        title = "Legacy Titled Single Select Enum",
        extend("default" = "pet-1", "enumNames" = ["Cats", "Dogs", "Birds", "Fish", "Reptiles"])
    )]
    legacy_titled_enum: Option<LegacyPet>,
    /// What the client tells beyond the form, for the answer as it is.
    #[serde(flatten)]
    #[schemars(skip)]
    more: Map<String, Value>,
}

/// What each field is called in the summary: all of them, in the order of the form.
const LABELS: [(&str, &str); 13] = [
    ("name", "Name"),
    ("check", "Agreed to terms"),
    ("firstLine", "Favorite First Line"),
    ("email", "Email"),
    ("homepage", "Homepage"),
    ("birthdate", "Birthdate"),
    ("integer", "Favorite Integer"),
    ("number", "Favorite Number"),
    ("untitledSingleSelectEnum", "Favorite Friend"),
    ("untitledMultipleSelectEnum", "Favorite Instruments"),
    ("titledSingleSelectEnum", "Favorite Hero"),
    ("titledMultipleSelectEnum", "Favorite Fish"),
    ("legacyTitledEnum", "Favorite Pet"),
];

impl Tool<App> for ElicitationRequest {
    const NAME: &'static str = "elicitation-request";
    type Output = Vec<ContentBlock>;

    fn info(info: Info) -> Info {
        info.title("Trigger Elicitation Request Tool")
            .icon(icons::FORM.icon())
            .alias("startElicitation")
            .alias("trigger-elicitation-request")
            .additive()
            .closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        let question = "Please provide inputs for the following fields:";
        let told = match ctx.elicit::<Form>("answers", question).await? {
            Elicited::Accepted(form) => vec![
                "✅ User provided the requested information!".to_owned(),
                summary(&form)?,
                raw("accept", Some(&form))?,
            ],
            Elicited::Declined => vec![
                "❌ User declined to provide the requested information.".to_owned(),
                raw("decline", None)?,
            ],
            Elicited::Cancelled => {
                vec!["⚠️ User cancelled the elicitation dialog.".to_owned(), raw("cancel", None)?]
            }
        };
        Ok(told.into_iter().map(ContentBlock::text).collect())
    }
}

/// Every field that was filled in, a line each.
fn summary(form: &Form) -> Result<String, serde_json::Error> {
    let filled = serde_json::to_value(form)?;
    let lines = LABELS.iter().filter_map(|(field, label)| {
        let text = match filled.get(field)? {
            Value::String(text) => text.clone(),
            Value::Array(choices) => {
                choices.iter().filter_map(|choice| choice.as_str()).collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        Some(format!("\n- {label}: {text}"))
    });
    Ok(format!("User inputs:{}", lines.collect::<String>()))
}

/// The answer as a program sees it.
fn raw(action: &str, form: Option<&Form>) -> Result<String, serde_json::Error> {
    let mut result = json!({ "action": action });
    if let Some(form) = form {
        result["content"] = serde_json::to_value(form)?;
    }
    Ok(format!("\nRaw result: {}", serde_json::to_string_pretty(&result)?))
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::{Value, json};

    use super::{Form, LABELS};
    use crate::features::{App, catalog};

    async fn texts(answer: Value) -> Vec<String> {
        let answers = [("answers", answer)];
        let result =
            both_eras(catalog, App::default, "elicitation-request", json!({}), answers).await;
        assert!(result.get("isError").is_none(), "a refusal is an answer");
        let content = result["content"].as_array().unwrap();
        content.iter().map(|block| block["text"].as_str().unwrap().to_owned()).collect()
    }

    fn accepted(content: &Value) -> Value {
        json!({ "action": "accept", "content": content })
    }

    #[tokio::test]
    async fn it_tells_what_was_filled_in_as_the_original_did() {
        let content =
            json!({ "name": "Ada", "check": true, "email": "a@b.co", "integer": 7, "number": 2.5 });
        let told = texts(accepted(&content)).await;
        assert_eq!(told[0], "✅ User provided the requested information!");
        let summary = "User inputs:\n- Name: Ada\n- Agreed to terms: true\n- Email: a@b.co\n\
                       - Favorite Integer: 7\n- Favorite Number: 2.5";
        assert_eq!(told[1], summary);
        let raw: Value = serde_json::from_str(told[2].split_once(": ").unwrap().1).unwrap();
        assert_eq!(raw, accepted(&content));
    }

    #[tokio::test]
    async fn what_the_form_did_not_ask_for_is_in_the_raw_result_and_not_in_the_summary() {
        let content = json!({ "name": "Ada", "nickname": "Countess", "tags": ["a", 1] });
        let told = texts(accepted(&content)).await;
        assert_eq!(told[1], "User inputs:\n- Name: Ada");
        let raw: Value = serde_json::from_str(told[2].split_once(": ").unwrap().1).unwrap();
        assert_eq!(raw, accepted(&content));
    }

    #[tokio::test]
    async fn no_field_is_left_out_of_the_summary() {
        // E11: the original dropped six of them and told of others that the form had no more.
        let content = json!({
            "name": "Ada", "firstLine": "Once.", "homepage": "https://a.example",
            "birthdate": "1815-12-10", "untitledSingleSelectEnum": "Ross",
            "untitledMultipleSelectEnum": ["Drums", "Bass"], "titledSingleSelectEnum": "hero-2",
            "titledMultipleSelectEnum": ["fish-3"], "legacyTitledEnum": "pet-4",
        });
        let told = texts(accepted(&content)).await;
        assert_eq!(told[1].lines().count(), 1 + content.as_object().unwrap().len());
        assert!(told[1].contains("- Favorite Instruments: Drums, Bass\n"), "{}", told[1]);
    }

    #[tokio::test]
    async fn a_refusal_is_told_as_the_original_did() {
        let declined = texts(json!({ "action": "decline" })).await;
        assert_eq!(declined[0], "❌ User declined to provide the requested information.");
        assert_eq!(declined[1], "\nRaw result: {\n  \"action\": \"decline\"\n}");
        let cancelled = texts(json!({ "action": "cancel" })).await;
        assert_eq!(cancelled[0], "⚠️ User cancelled the elicitation dialog.");
    }

    #[test]
    fn every_field_has_a_label() {
        let schema = schemars::schema_for!(Form).to_value();
        let fields = schema["properties"].as_object().unwrap();
        assert_eq!(fields.len(), LABELS.len());
        assert!(LABELS.iter().all(|(field, _)| fields.contains_key(*field)));
        // E11: the title promised 1 to 1000, and the form took 0.
        let number = &fields["number"];
        assert_eq!(
            (number["minimum"].as_f64(), number["maximum"].as_f64()),
            (Some(0.0), Some(1000.0))
        );
        assert_eq!(number["title"], "Number in range 0-1000");
    }
}
