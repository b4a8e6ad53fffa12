//! Asks the client's model, and tells what it said, in the words of two generations of the original.

use mcp_core::{Catalog, Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::mcp::{
    CreateMessageParams, CreateMessageResult, OneOrMany, SamplingContent, SamplingMessage,
    ToolChoice, ToolChoiceMode,
};

use super::{Add, GetStructuredContent};
use crate::features::{App, icons};

/// Sends the Client a Request for LLM Sampling
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SamplingRequest {
    /// The prompt to send to the LLM
    #[schemars(length(max = 10_000))]
    prompt: String,
    /// Maximum number of tokens to generate
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    max_tokens: u32,
    /// Whether the LLM uses tools of this server (`add`, `get-structured-content`) while it answers:
    /// as it likes, at least once, or not at all though it knows of them. Without this it is lent none
    tool_choice: Option<Choice>,
}

/// As in `toolChoice` of the protocol.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Choice {
    Auto,
    Required,
    None,
}

/// What every tool asks that asks a model.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    /// The prompt to send to the LLM
    #[schemars(length(max = 10_000))]
    prompt: String,
    /// Maximum number of tokens to generate
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    max_tokens: u32,
}

const fn hundred() -> u32 {
    100
}

impl Tool<App> for SamplingRequest {
    const NAME: &'static str = "sampling-request";
    type Output = String;

    fn info(info: Info) -> Info {
        // Nothing changes here, but somebody else's model is used, and paid for.
        info.title("Sampling Request Tool")
            .icon(icons::SPARK.icon())
            .alias("trigger-sampling-request")
            .additive()
            .open_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let Self { prompt, max_tokens, tool_choice } = self;
        let mut question = Asked { prompt, max_tokens }.question(Self::NAME);
        question.tool_choice = tool_choice.map(Choice::mode).map(ToolChoice::from);
        let result = if question.uses_tools() {
            ctx.sample_with("sample", question, &lent()).await?
        } else {
            ctx.sample("sample", question).await?
        };
        let told = serde_json::to_string_pretty(&result)?;
        Ok(format!("LLM sampling result: \n{told}"))
    }
}

/// What a model may use: tools that change nothing and ask nobody.
fn lent() -> Catalog<App> {
    Catalog::new().tool::<Add>().tool::<GetStructuredContent>()
}

impl Choice {
    const fn mode(self) -> ToolChoiceMode {
        match self {
            Self::Auto => ToolChoiceMode::Auto,
            Self::Required => ToolChoiceMode::Required,
            Self::None => ToolChoiceMode::None,
        }
    }
}

impl Asked {
    /// The question of the tool with this name.
    pub(super) fn question(self, asking: &str) -> CreateMessageParams {
        let text = format!("Resource {asking} context: {}", self.prompt);
        CreateMessageParams {
            system_prompt: Some("You are a helpful test server.".to_owned()),
            temperature: Some(0.7),
            ..CreateMessageParams::new(vec![SamplingMessage::user(text)], self.max_tokens)
        }
    }
}

/// Samples from an LLM using MCP's sampling feature
#[derive(Deserialize, JsonSchema)]
pub(crate) struct FormerSampling {
    #[serde(flatten)]
    asked: Asked,
}

impl Tool<App> for FormerSampling {
    const NAME: &'static str = "sampleLLM";
    type Output = String;

    fn info(info: Info) -> Info {
        info.title("Sample LLM").unlisted()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let result = ctx.sample("sample", self.asked.question(Self::NAME)).await?;
        Ok(format!("LLM sampling result: {}", first_text(&result)))
    }
}

/// The words of an answer; what it is instead, if it begins with something else.
fn first_text(result: &CreateMessageResult) -> String {
    let first = match &result.content {
        OneOrMany::One(content) => Some(content),
        OneOrMany::Many(contents) => contents.first(),
    };
    match first {
        Some(SamplingContent::Text(words)) => words.text.clone(),
        Some(other) => other_kind(&json!(other)),
        None => "(nothing)".to_owned(),
    }
}

fn other_kind(content: &Value) -> String {
    format!("({})", content["type"].as_str().unwrap_or("unknown"))
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::{Value, json};

    use crate::features::{App, catalog};

    fn answer() -> Value {
        let content = json!({ "type": "text", "text": "stub reply" });
        json!({ "model": "stub", "stopReason": "endTurn", "role": "assistant", "content": content })
    }

    async fn called(name: &str, arguments: Value, answer: Value) -> Value {
        both_eras(catalog, App::default, name, arguments, [("sample", answer)]).await
    }

    #[tokio::test]
    async fn it_tells_all_of_what_the_model_said() {
        let result = called("sampling-request", json!({ "prompt": "hello" }), answer()).await;
        let text = result["content"][0]["text"].as_str().unwrap();
        let told: Value = serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
        assert!(text.starts_with("LLM sampling result: \n{\n  "), "{text}");
        assert_eq!(told, answer());
    }

    #[tokio::test]
    async fn the_former_name_tells_the_words_alone() {
        let result = called("sampleLLM", json!({ "prompt": "hello" }), answer()).await;
        assert_eq!(result["content"][0]["text"], "LLM sampling result: stub reply");
        let mut picture = answer();
        picture["content"] = json!([{ "type": "image", "data": "AA==", "mimeType": "image/png" }]);
        let result = called("sampleLLM", json!({ "prompt": "hello" }), picture).await;
        assert_eq!(result["content"][0]["text"], "LLM sampling result: (image)");
    }

    fn wants(id: &str, name: &str, input: &Value) -> Value {
        let wanted = json!({ "type": "tool_use", "id": id, "name": name, "input": input });
        json!({ "model": "stub", "stopReason": "toolUse", "role": "assistant", "content": [wanted] })
    }

    #[tokio::test]
    async fn a_model_uses_tools_of_this_server_until_it_answers() {
        let arguments = json!({ "prompt": "2 + 3, and Chicago?", "toolChoice": "required" });
        let answers = [
            ("sample", wants("1", "add", &json!({ "a": 2, "b": 3 }))),
            ("sample-2", wants("2", "get-structured-content", &json!({ "location": "Chicago" }))),
            ("sample-3", answer()),
        ];
        let called = both_eras(catalog, App::default, "sampling-request", arguments, answers);
        let result = called.await;
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("stub reply"), "{text}");
    }

    #[tokio::test]
    async fn the_budget_of_the_client_is_not_spent_at_will() {
        for wrong in [json!({ "prompt": "x", "maxTokens": 1_000_000 }), json!({ "maxTokens": 1 })] {
            for name in ["sampling-request", "sampleLLM"] {
                let result = both_eras(catalog, App::default, name, wrong.clone(), []).await;
                assert_eq!(result["isError"], true, "{name} {wrong}");
            }
        }
    }
}
