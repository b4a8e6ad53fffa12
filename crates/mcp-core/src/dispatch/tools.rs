//! `tools/list` and `tools/call`.

use std::sync::Arc;

use shared::mcp::{
    CallToolParams, CallToolResult, ClientCapabilities, Era, ListParams, ListToolsResult, Revision,
    ServerResult, TASKS_EXTENSION, TaskSupport,
};

use super::{Inner, Refusal, guarded, internal};
use crate::{
    ToolError,
    catalog::{MisfitArguments, ToolEntry},
    ctx::Call,
    flow::AskError,
    listing::{LONG_PAGE, page},
    page_address,
};

impl<S: Send + Sync + 'static> Inner<S> {
    pub(super) fn list_tools(
        &self,
        params: &ListParams,
        revision: Revision,
    ) -> Result<ServerResult, Refusal> {
        let is_shown = |entry: &&ToolEntry<S>| !entry.is_unlisted && entry.exists_in(revision);
        let listed = self.catalog.tools().iter().filter(is_shown);
        let listed: Vec<_> = listed.map(|entry| Arc::clone(&entry.listed)).collect();
        let (tools, next_cursor) = page(listed.into_iter(), LONG_PAGE, params.cursor.as_deref())?;
        let list = ListToolsResult { tools, next_cursor, ..ListToolsResult::default() };
        Ok(ServerResult::ListTools(list))
    }

    pub(super) async fn call_tool(
        &self,
        params: CallToolParams,
        call: Call,
    ) -> Result<ServerResult, Refusal> {
        let CallToolParams { name, arguments, .. } = params;
        let revision = call.client.peer().profile.revision;
        let found = self.catalog.tool_named(&name).filter(|entry| entry.exists_in(revision));
        let Some(entry) = found else {
            return Err(Refusal::UnknownTool { name });
        };
        let may = |scope: &&String| call.principal.may(scope);
        if let Some(lacking) = entry.scopes.iter().find(|scope| !may(scope)) {
            let message = format!("This needs the scope `{lacking}`, which the caller has not.");
            return Ok(ServerResult::CallTool(CallToolResult::callers_fault(message)));
        }
        let profile = &call.client.peer().profile;
        let follows_tasks = profile.capabilities.has_extension(TASKS_EXTENSION);
        let needs_task = entry.listed.task_support == Some(TaskSupport::Required);
        if revision.era() == Era::Modern && needs_task && !follows_tasks {
            let needed = ClientCapabilities::of_extension(TASKS_EXTENSION);
            return Err(Refusal::MissingCapability(Box::new(needed)));
        }
        let ctx = self.ctx(call);
        let result =
            match guarded("tool", &name, async { (entry.run)(arguments, &ctx).await }).await? {
                Ok(result) => result,
                Err(MisfitArguments(message)) if revision.has_validation_results() => {
                    Ok(CallToolResult::callers_fault(message))
                }
                Err(MisfitArguments(message)) => return Err(Refusal::InvalidParams(message)),
            };
        result.or_else(|error| refused(&name, error, revision)).map(ServerResult::CallTool)
    }
}

/// What a failed tool means: something the model reads, or something that is nobody's business.
fn refused(name: &str, error: ToolError, revision: Revision) -> Result<CallToolResult, Refusal> {
    match error {
        ToolError::Ask(AskError::Unsupported(needed)) if revision.era() == Era::Modern => {
            Err(Refusal::MissingCapability(needed))
        }
        ToolError::PagesFirst(pages) => match page_address::check_all(&pages) {
            Ok(()) => Err(Refusal::PagesFirst(pages)),
            Err(wrong) => Err(internal("tool", name, &wrong)),
        },
        ToolError::Failed(message) => Ok(CallToolResult::failure(message)),
        ToolError::Ask(
            error @ (AskError::Unsupported(_)
            | AskError::NotInRevision { .. }
            | AskError::Refused(_)),
        ) => Ok(CallToolResult::callers_fault(error.to_string())),
        ToolError::Ask(error @ AskError::NoPage { .. }) => Err(internal("tool", name, &error)),
        ToolError::Ask(error) => Ok(CallToolResult::failure(error.to_string())),
        ToolError::Internal(source) => Err(internal("tool", name, &*source)),
    }
}
