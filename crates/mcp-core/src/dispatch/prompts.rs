//! `prompts/list`, `prompts/get` and `completion/complete`.

use std::sync::Arc;

use shared::mcp::{
    CompleteParams, CompleteResult, CompletionReference, GetPromptParams, GetPromptResult,
    ListParams, ListPromptsResult, ServerResult,
};

use super::{Inner, Refusal, guarded, internal, unasked};
use crate::{
    Argument, PromptError, Suggestions,
    catalog::Rendered,
    ctx::Call,
    listing::{LONG_PAGE, page},
};

impl<S: Send + Sync + 'static> Inner<S> {
    pub(super) fn list_prompts(&self, params: &ListParams) -> Result<ServerResult, Refusal> {
        let listed = self.catalog.prompts.iter().map(|entry| Arc::clone(&entry.listed));
        let (prompts, next_cursor) = page(listed, LONG_PAGE, params.cursor.as_deref())?;
        let list = ListPromptsResult { prompts, next_cursor, ..ListPromptsResult::default() };
        Ok(ServerResult::ListPrompts(list))
    }

    pub(super) async fn get_prompt(
        &self,
        params: GetPromptParams,
        call: Call,
    ) -> Result<ServerResult, Refusal> {
        let GetPromptParams { name, arguments, .. } = params;
        let Some(entry) = self.catalog.prompt_named(&name) else {
            return Err(Refusal::UnknownPrompt { name });
        };
        let revision = call.client.peer().profile.revision;
        let ctx = self.ctx(call);
        match guarded("prompt", &name, async { (entry.render)(arguments, &ctx).await }).await? {
            Ok(Rendered { description, messages }) => {
                let description = description.or_else(|| entry.listed.description.clone());
                let result =
                    GetPromptResult { description, messages, ..GetPromptResult::default() };
                Ok(ServerResult::GetPrompt(result))
            }
            Err(PromptError::Invalid(message)) => Err(Refusal::InvalidParams(message)),
            Err(PromptError::Ask(error)) => Err(unasked("prompt", &name, error, revision)),
            Err(PromptError::Internal(source)) => Err(internal("prompt", &name, &*source)),
        }
    }

    /// Suggestions come from whoever is asked about; an argument nobody knows has none.
    pub(super) async fn complete(
        &self,
        params: CompleteParams,
        call: Call,
    ) -> Result<ServerResult, Refusal> {
        let CompleteParams { reference, argument, context } = params;
        let complete = match &reference {
            CompletionReference::Prompt { name } => {
                let entry = self.catalog.prompt_named(name);
                let entry = entry.ok_or_else(|| Refusal::UnknownPrompt { name: name.clone() })?;
                &entry.complete
            }
            CompletionReference::Resource { uri } => {
                let by_template = self.catalog.resources.iter().find(|entry| entry.uri == uri);
                let entry = by_template
                    .or_else(|| self.catalog.resource_at(uri).map(|(entry, _)| entry))
                    .ok_or_else(|| Refusal::InvalidParams(format!("Unknown resource: {uri}")))?;
                if !entry.template.has_variable(&argument.name) {
                    return Ok(suggested(Suggestions::default()));
                }
                &entry.complete
            }
        };
        let ctx = self.list_ctx(call);
        let argument =
            Argument { name: &argument.name, typed: &argument.value, others: &context.arguments };
        let completing = async { complete(&ctx, argument).await };
        guarded("completion", argument.name, completing).await.map(suggested)
    }
}

fn suggested(suggestions: Suggestions) -> ServerResult {
    let completion = suggestions.into_completion();
    ServerResult::Complete(CompleteResult { completion, ..CompleteResult::default() })
}
