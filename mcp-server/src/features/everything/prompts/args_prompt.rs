//! A prompt with an argument that must be given and one that need not be.

use mcp_core::{Ctx, Prompt, PromptError, PromptInfo, user};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{ContentBlock, PromptMessage};

use crate::features::App;

/// A prompt with two arguments, one required and one optional
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ArgsPrompt {
    /// Name of the city
    city: String,
    /// Name of the state
    state: Option<String>,
}

impl Prompt<App> for ArgsPrompt {
    const NAME: &'static str = "args-prompt";

    fn info(info: PromptInfo) -> PromptInfo {
        info.title("Arguments Prompt")
    }

    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        let state = self.state.map(|state| format!(", {state}")).unwrap_or_default();
        let text = format!("What's weather in {}{state}?", self.city);
        Ok(vec![user(ContentBlock::text(text))])
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::{
        Refusal,
        testing::{Feature, both_eras},
    };
    use serde_json::json;

    use crate::features::{
        App, catalog,
        everything::prompts::testing::{made, says},
    };

    #[tokio::test]
    async fn it_asks_for_the_weather_of_a_place() {
        let prompt = Feature::Prompt("args-prompt");
        for (arguments, place) in [
            (json!({ "city": "Paris" }), "Paris"),
            (json!({ "city": "Paris", "state": "Texas" }), "Paris, Texas"),
        ] {
            let made = both_eras(catalog, App::default, prompt, arguments, []).await;
            assert_eq!(made["messages"], json!([says(&format!("What's weather in {place}?"))]));
        }
    }

    #[tokio::test]
    async fn the_city_must_be_given() {
        let refused = made("args-prompt", json!({})).await;
        let Err(Refusal::InvalidParams(message)) = refused else { panic!("{refused:?}") };
        assert!(message.contains("city"), "{message}");
    }
}
