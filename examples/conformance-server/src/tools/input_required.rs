//! Tools that take several rounds in 2026-07-28.

use mcp_core::{Catalog, Ctx, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use super::questions::{prompt, said};
use crate::App;

pub(super) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .tool::<ByElicitation>()
        .tool::<BySampling>()
        .tool::<ByRoots>()
        .tool::<WithState>()
        .tool::<MultipleInputs>()
        .tool::<MultiRound>()
        .tool::<TamperedState>()
        .tool::<Capabilities>()
}

/// A name.
#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

/// A yes or no.
#[derive(Deserialize, JsonSchema)]
struct Confirm {
    ok: bool,
}

/// Asks the user for a name.
#[derive(Deserialize, JsonSchema)]
struct ByElicitation {}

impl Tool<App> for ByElicitation {
    const NAME: &'static str = "test_input_required_result_elicitation";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let Name { name } = ctx.elicit("user_name", "What is your name?").await?.accepted()?;
        Ok(format!("Hello, {name}!"))
    }
}

/// Asks the client's model.
#[derive(Deserialize, JsonSchema)]
struct BySampling {}

impl Tool<App> for BySampling {
    const NAME: &'static str = "test_input_required_result_sampling";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let question = prompt("What is the capital of France?");
        Ok(said(&ctx.sample("capital_question", question).await?).to_owned())
    }
}

/// Asks which folders matter.
#[derive(Deserialize, JsonSchema)]
struct ByRoots {}

impl Tool<App> for ByRoots {
    const NAME: &'static str = "test_input_required_result_list_roots";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let roots = ctx.roots("client_roots").await?;
        let uris: Vec<_> = roots.into_iter().map(|root| root.uri).collect();
        Ok(format!("Roots: {}", uris.join(", ")))
    }
}

/// Keeps state with the client.
#[derive(Deserialize, JsonSchema)]
struct WithState {}

impl Tool<App> for WithState {
    const NAME: &'static str = "test_input_required_result_request_state";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let kept = ctx.step("kept", async || Ok::<_, ToolError>("state-ok".to_owned())).await?;
        let Confirm { ok } = ctx.elicit("confirm", "Go on?").await?.accepted()?;
        Ok(format!("{kept} {ok}"))
    }
}

/// Asks three things at once.
#[derive(Deserialize, JsonSchema)]
struct MultipleInputs {}

impl Tool<App> for MultipleInputs {
    const NAME: &'static str = "test_input_required_result_multiple_inputs";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let (name, greeting, roots) = tokio::join!(
            ctx.elicit::<Name>("user_name", "What is your name?"),
            ctx.sample("greeting", prompt("Say hello.")),
            ctx.roots("client_roots"),
        );
        let Name { name } = name?.accepted()?;
        Ok(format!("{} {name}, {} roots", said(&greeting?), roots?.len()))
    }
}

/// Asks one thing after the other.
#[derive(Deserialize, JsonSchema)]
struct MultiRound {}

impl Tool<App> for MultiRound {
    const NAME: &'static str = "test_input_required_result_multi_round";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let first: Name = ctx.elicit("step1", "Step 1: What is your name?").await?.accepted()?;
        let message = format!("Step 2: {}, what is your favorite color?", first.name);
        let second: Colour = ctx.elicit("step2", &message).await?.accepted()?;
        Ok(format!("{} likes {}", first.name, second.color))
    }
}

/// A colour.
#[derive(Deserialize, JsonSchema)]
struct Colour {
    color: String,
}

/// Refuses a state that was tampered with; the server does.
#[derive(Deserialize, JsonSchema)]
struct TamperedState {}

impl Tool<App> for TamperedState {
    const NAME: &'static str = "test_input_required_result_tampered_state";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let Confirm { ok } = ctx.elicit("confirm", "Go on?").await?.accepted()?;
        Ok(format!("confirmed: {ok}"))
    }
}

/// Asks only what the client can answer.
#[derive(Deserialize, JsonSchema)]
struct Capabilities {}

impl Tool<App> for Capabilities {
    const NAME: &'static str = "test_input_required_result_capabilities";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        if ctx.peer().profile.capabilities.has_form_elicitation() {
            let Name { name } = ctx.elicit("user_name", "What is your name?").await?.accepted()?;
            return Ok(name);
        }
        Ok(said(&ctx.sample("name", prompt("Make up a name.")).await?).to_owned())
    }
}
