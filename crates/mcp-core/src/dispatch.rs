//! From a request to a feature to a result.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt as _, future::BoxFuture};
use serde_json::Map;
use shared::mcp::{
    CallToolParams, CallToolResult, ClientCapabilities, ClientRequest, Era, Implementation,
    ListChangedCapability, ListParams, ListToolsResult, Method, Revision, ServerCapabilities,
    ServerResult,
};

use crate::{
    Catalog, Ctx, MirroredParam, ToolError,
    catalog::{MisfitArguments, ToolEntry},
    ctx::Call,
    flow::AskError,
};

/// Why a request has no result. The edge gives it the code and the status of its revision.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// There is no such method here.
    MethodNotFound,
    /// There is no such tool.
    UnknownTool {
        /// What was asked for.
        name: String,
    },
    /// There is no such prompt.
    UnknownPrompt {
        /// What was asked for.
        name: String,
    },
    /// There is no such resource.
    ResourceNotFound {
        /// What was asked for.
        uri: String,
    },
    /// The parameters are wrong, and this is how.
    InvalidParams(String),
    /// The client must declare more for this to work.
    MissingCapability(Box<ClientCapabilities>),
    /// Something is broken; it has been logged.
    Internal,
}

/// What a server offers, together with what its features share. Cheap to clone, and not generic:
/// the transports do not know what is offered.
#[derive(Clone)]
pub struct Features {
    implementation: Arc<Implementation>,
    instructions: Option<Arc<str>>,
    inner: Arc<dyn Erased>,
}

impl Features {
    /// Offers a catalog under a name.
    #[must_use]
    pub fn new<S: Send + Sync + 'static>(
        server: Implementation,
        catalog: Catalog<S>,
        app: S,
    ) -> Self {
        let inner = Arc::new(Inner { catalog, app: Arc::new(app) });
        Self { implementation: Arc::new(server), instructions: None, inner }
    }

    /// Tells models how to use the server.
    #[must_use]
    pub fn with_instructions(mut self, text: &str) -> Self {
        self.instructions = Some(text.into());
        self
    }

    /// Who offers.
    #[must_use]
    pub const fn implementation(&self) -> &Arc<Implementation> {
        &self.implementation
    }

    /// How to use the server, for models.
    #[must_use]
    pub fn instructions(&self) -> Option<&str> {
        self.instructions.as_deref()
    }

    /// What is really there.
    #[must_use]
    pub fn capabilities(&self, _revision: Revision) -> ServerCapabilities {
        let tools = self.offers(Method::ListTools).then(ListChangedCapability::default);
        // Any feature may log, and whether one does is nothing that could be seen from here.
        let logging = Some(Map::new());
        ServerCapabilities { tools, logging, ..ServerCapabilities::default() }
    }

    /// Whether a method has something behind it.
    #[must_use]
    pub fn offers(&self, method: Method) -> bool {
        match method {
            Method::ListTools | Method::CallTool => self.inner.has_tools(),
            Method::SetLevel => true,
            _ => false,
        }
    }

    /// The arguments of a tool that headers repeat.
    #[must_use]
    pub fn mirrored_params(&self, tool: &str) -> &[MirroredParam] {
        self.inner.mirrored_params(tool)
    }

    /// Answers a request.
    ///
    /// # Errors
    /// A [`Refusal`]. What belongs to a transport, such as `initialize`, is not found here.
    #[must_use]
    pub fn dispatch(
        &self,
        request: ClientRequest,
        call: Call,
    ) -> BoxFuture<'static, Result<ServerResult, Refusal>> {
        Arc::clone(&self.inner).dispatch(request, call)
    }
}

trait Erased: Send + Sync {
    fn has_tools(&self) -> bool;
    fn mirrored_params(&self, tool: &str) -> &[MirroredParam];
    fn dispatch(
        self: Arc<Self>,
        request: ClientRequest,
        call: Call,
    ) -> BoxFuture<'static, Result<ServerResult, Refusal>>;
}

struct Inner<S> {
    catalog: Catalog<S>,
    app: Arc<S>,
}

impl<S: Send + Sync + 'static> Erased for Inner<S> {
    fn has_tools(&self) -> bool {
        !self.catalog.tools.is_empty()
    }

    fn mirrored_params(&self, tool: &str) -> &[MirroredParam] {
        self.tool(tool).map_or(&[], |entry| &entry.mirrored)
    }

    fn dispatch(
        self: Arc<Self>,
        request: ClientRequest,
        call: Call,
    ) -> BoxFuture<'static, Result<ServerResult, Refusal>> {
        Box::pin(async move {
            match request {
                ClientRequest::ListTools(params) => self.list_tools(&params),
                ClientRequest::CallTool(params) => self.call_tool(params, call).await,
                _ => Err(Refusal::MethodNotFound),
            }
        })
    }
}

impl<S: Send + Sync + 'static> Inner<S> {
    fn tool(&self, name: &str) -> Option<&ToolEntry<S>> {
        self.catalog.by_name.get(name).map(|index| &self.catalog.tools[*index])
    }

    /// One page holds them all, so no cursor was ever given out.
    fn list_tools(&self, params: &ListParams) -> Result<ServerResult, Refusal> {
        if params.cursor.is_some() {
            return Err(Refusal::InvalidParams("Unknown cursor".to_owned()));
        }
        let tools = self.catalog.tools.iter().map(|entry| Arc::clone(&entry.listed)).collect();
        Ok(ServerResult::ListTools(ListToolsResult { tools, ..ListToolsResult::default() }))
    }

    async fn call_tool(&self, params: CallToolParams, call: Call) -> Result<ServerResult, Refusal> {
        let CallToolParams { name, arguments, .. } = params;
        let Some(entry) = self.tool(&name) else { return Err(Refusal::UnknownTool { name }) };
        let revision = call.client.peer().profile.revision;
        let ctx = Ctx { app: Arc::clone(&self.app), call };
        // A feature that panics has broken its own call and nothing else: what it shares with
        // others is its author's to protect.
        let ended = AssertUnwindSafe((entry.run)(arguments, &ctx)).catch_unwind().await;
        let result = match ended {
            Ok(Ok(result)) => result,
            Ok(Err(MisfitArguments(message))) if revision.has_validation_results() => {
                Ok(CallToolResult::failure(message))
            }
            Ok(Err(MisfitArguments(message))) => return Err(Refusal::InvalidParams(message)),
            Err(_) => {
                tracing::error!(tool = %name, "a tool has panicked");
                return Err(Refusal::Internal);
            }
        };
        result.or_else(|error| refused(&name, error, revision)).map(ServerResult::CallTool)
    }
}

/// What a failed tool means: something the model reads, or something that is nobody's business.
fn refused(tool: &str, error: ToolError, revision: Revision) -> Result<CallToolResult, Refusal> {
    match error {
        ToolError::Ask(AskError::Unsupported(needed)) if revision.era() == Era::Modern => {
            Err(Refusal::MissingCapability(needed))
        }
        ToolError::Failed(_) | ToolError::Ask(_) => Ok(CallToolResult::failure(error.to_string())),
        ToolError::Internal(source) => {
            tracing::error!(%tool, error = %chain(&*source), "a tool has failed");
            Err(Refusal::Internal)
        }
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
