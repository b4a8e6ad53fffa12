//! The client's model: asked, and lent tools while it answers (2025-11-25 and 2026-07-28
//! client/sampling). Deprecated by the newest revision, which still has it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use shared::mcp::{
    CallToolResult, CreateMessageParams, CreateMessageResult, InputRequest, OneOrMany, RawJson,
    Role, SamplingContent, SamplingMessage, SamplingTool, ToolChoice, ToolChoiceMode, ToolUse,
    ToolUseResult, misfit,
};

use crate::{
    Catalog, Ctx, ToolError,
    catalog::{MisfitArguments, ToolEntry},
    flow::AskError,
};

/// How often a model may use tools before it has to answer.
const ROUNDS: usize = 5;

/// How many tools a model may use at once.
const AT_ONCE: usize = 10;

impl<S: Send + Sync> Ctx<S> {
    /// Asks the client's model.
    ///
    /// # Errors
    /// When the client cannot be asked at all, or refuses. One that has not declared
    /// `sampling.tools` cannot be asked with tools.
    pub async fn sample(
        &self,
        key: &str,
        params: CreateMessageParams,
    ) -> Result<CreateMessageResult, AskError> {
        let lent = usable(&params);
        self.ask(key, &InputRequest::Sample(params), |answer| read(answer, &lent)).await
    }
}

impl<S: Send + Sync + 'static> Ctx<S> {
    /// Asks the client's model and lends it tools of this server: what it wants to be used is used,
    /// and told to it, until it answers. `key` names the first question, `{key}-2` the next.
    ///
    /// Only what the caller may use is lent. Each use is a [`step`](Self::step), so its effect is
    /// had once; a lent tool therefore neither asks nor has steps of its own. After five rounds the
    /// model must answer without.
    ///
    /// # Errors
    /// When the client cannot be asked at all, or refuses, and when a lent tool is broken. A tool
    /// that fails is told to the model.
    pub async fn sample_with(
        &self,
        key: &str,
        mut params: CreateMessageParams,
        tools: &Catalog<S>,
    ) -> Result<CreateMessageResult, ToolError> {
        params.tools = self.lent(tools);
        params.tool_choice.get_or_insert_default();
        let mut question = key.to_owned();
        for round in 2..=ROUNDS + 1 {
            let said = self.sample(&question, params.clone()).await?;
            let mut results = Vec::new();
            for wanted in said.tool_uses() {
                let result = self.used(&question, tools, wanted).await?;
                results.push(SamplingContent::ToolResult(result));
            }
            if results.is_empty() {
                return Ok(said);
            }
            // What the model wants is answered one by one, in a message with nothing else in it.
            params.messages.extend([
                SamplingMessage::new(Role::Assistant, said.content),
                SamplingMessage::new(Role::User, OneOrMany::Many(results)),
            ]);
            let last = round == ROUNDS + 1;
            let mode = if last { ToolChoiceMode::None } else { ToolChoiceMode::Auto };
            params.tool_choice = Some(ToolChoice { mode });
            question = format!("{key}-{round}");
        }
        Ok(self.sample(&question, params).await?)
    }

    /// What of a catalog the caller may use, as a model reads it.
    fn lent(&self, tools: &Catalog<S>) -> Vec<SamplingTool> {
        let usable = tools.tools().iter().filter(|entry| self.may_use(entry));
        let lent = |entry: &ToolEntry<S>| SamplingTool {
            name: entry.listed.name.clone(),
            description: entry.listed.description.clone(),
            input_schema: entry.listed.input_schema.clone(),
        };
        usable.map(lent).collect()
    }

    fn may_use(&self, entry: &ToolEntry<S>) -> bool {
        entry.scopes.iter().all(|scope| self.principal().may(scope))
    }

    /// Uses a tool once, in however many rounds the call is.
    async fn used(
        &self,
        question: &str,
        tools: &Catalog<S>,
        wanted: &ToolUse,
    ) -> Result<ToolUseResult, ToolError> {
        let step = format!("{question}/{}", wanted.id);
        let result = self.step(&step, || self.run(tools, wanted)).await?;
        Ok(ToolUseResult { tool_use_id: wanted.id.clone(), ..result })
    }

    async fn run(&self, tools: &Catalog<S>, wanted: &ToolUse) -> Result<ToolUseResult, ToolError> {
        let entry = tools.tool_named(&wanted.name).filter(|entry| self.may_use(entry));
        let result = match entry {
            None => CallToolResult::failure(format!("There is no tool `{}`.", wanted.name)),
            Some(entry) => {
                let arguments = RawJson::from(&Value::Object(wanted.input.clone()));
                match (entry.run)(Some(arguments), self).await {
                    Err(MisfitArguments(message)) | Ok(Err(ToolError::Failed(message))) => {
                        CallToolResult::failure(message)
                    }
                    Ok(result) => result?,
                }
            }
        };
        let CallToolResult { content, structured_content, is_error, .. } = result;
        let (tool_use_id, meta) = (String::new(), Map::new());
        Ok(ToolUseResult { tool_use_id, content, structured_content, is_error, meta })
    }
}

/// The names of the tools that a model may use in its answer.
fn usable(params: &CreateMessageParams) -> BTreeSet<String> {
    let forbidden = params.tool_choice == Some(ToolChoiceMode::None.into());
    let lent = params.tools.iter().filter(|_| !forbidden);
    lent.map(|tool| tool.name.clone()).collect()
}

/// An answer that can be gone on with: what it wants to be used was lent, each use has a name of its
/// own, and it tells no results, which are for us to tell.
fn read(answer: Value, lent: &BTreeSet<String>) -> Result<CreateMessageResult, String> {
    let said: CreateMessageResult =
        serde_json::from_value(answer).map_err(|wrong| misfit(&wrong))?;
    let is_result = |content: &SamplingContent| matches!(content, SamplingContent::ToolResult(_));
    let ids: BTreeSet<_> = said.tool_uses().map(|wanted| &wanted.id).collect();
    let uses = said.tool_uses().count();
    let fits = uses <= AT_ONCE
        && ids.len() == uses
        && said.tool_uses().all(|wanted| lent.contains(&wanted.name))
        && !said.content.as_slice().iter().any(is_result);
    if fits { Ok(said) } else { Err("it uses what it was not lent".to_owned()) }
}
