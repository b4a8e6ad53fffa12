//! From a request to a feature to a result.

mod prompts;
mod resources;
mod skills;
mod tools;

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
};

use ambient::{Clock, Entropy};
use futures_util::{FutureExt as _, future::BoxFuture};
use serde_json::{Map, Value, json};
use shared::mcp::{
    ClientCapabilities, ClientRequest, ElicitParams, Era, Implementation, ListChangedCapability,
    Method, ResourcesCapability, Revision, SKILLS_EXTENSION, ServerCapabilities, ServerResult,
    TASKS_EXTENSION, TaskSupport, Written,
};

use crate::{
    Announced, Beats, Catalog, Ctx, Lent, ListCtx, Metered, MirroredParam, Principal, StateError,
    ctx::Call, flow::AskError, rhythm::RhythmEntry,
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
    /// The user must go to these pages first.
    PagesFirst(Vec<ElicitParams>),
    /// What features keep their state in is away; it has been logged.
    Unavailable,
    /// Something is broken; it has been logged.
    Internal,
}

/// What a server offers, together with what its features share. Cheap to clone, and not generic:
/// the transports do not know what is offered.
#[derive(Clone)]
pub struct Features {
    implementation: Arc<Written<Implementation>>,
    instructions: Option<Arc<str>>,
    announced: Announced,
    rhythms: Arc<[RhythmEntry]>,
    metered: Arc<[Metered]>,
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
        let rhythms = catalog.rhythms.clone().into();
        let metered = catalog.metered.clone().into();
        let inner = Arc::new(Inner { catalog, app: Arc::new(app) });
        Self {
            implementation: Arc::new(server.into()),
            instructions: None,
            announced: Announced::default(),
            rhythms,
            metered,
            inner,
        }
    }

    /// Tells models how to use the server.
    #[must_use]
    pub fn with_instructions(mut self, text: &str) -> Self {
        self.instructions = Some(text.into());
        self
    }

    /// Promises clients that these changes are announced.
    #[must_use]
    pub const fn announcing(mut self, announced: Announced) -> Self {
        self.announced = announced;
        self
    }

    /// Which changes are announced.
    #[must_use]
    pub const fn announced(&self) -> Announced {
        self.announced
    }

    /// Who offers.
    #[must_use]
    pub const fn implementation(&self) -> &Arc<Written<Implementation>> {
        &self.implementation
    }

    /// How to use the server, for models.
    #[must_use]
    pub fn instructions(&self) -> Option<&str> {
        self.instructions.as_deref()
    }

    /// What is really there.
    #[must_use]
    pub fn capabilities(&self, revision: Revision) -> ServerCapabilities {
        let has_tasks = self.offers(Method::GetTask);
        let mut extensions = self.inner.extensions();
        if has_tasks && revision.era() == Era::Modern {
            extensions.insert(TASKS_EXTENSION.to_owned(), Value::Object(Map::new()));
        }
        if self.offers(Method::ListSkills) && revision.era() == Era::Modern {
            extensions.insert(SKILLS_EXTENSION.to_owned(), json!({ "directoryRead": true }));
        }
        ServerCapabilities {
            tools: self
                .offers(Method::ListTools)
                .then_some(ListChangedCapability { list_changed: self.announced.tools }),
            resources: self.offers(Method::ListResources).then_some(ResourcesCapability {
                subscribe: self.announced.resource_updates,
                list_changed: self.announced.resources,
            }),
            prompts: self
                .offers(Method::ListPrompts)
                .then_some(ListChangedCapability { list_changed: self.announced.prompts }),
            completions: self.offers(Method::Complete).then(Map::new),
            // Any feature may log, and whether one does is nothing that could be seen from here.
            logging: Some(Map::new()),
            tasks: (has_tasks && revision.has_core_tasks()).then(
                || json!({ "list": {}, "cancel": {}, "requests": { "tools": { "call": {} } } }),
            ),
            extensions,
        }
    }

    /// Whether a method has something behind it.
    #[must_use]
    pub fn offers(&self, method: Method) -> bool {
        match method {
            Method::Listen => self.announced != Announced::default(),
            Method::Subscribe | Method::Unsubscribe => self.announced.resource_updates,
            other => self.inner.offers(other),
        }
    }

    /// The tallies that are metrics as well.
    #[must_use]
    pub fn metered(&self) -> &[Metered] {
        &self.metered
    }

    /// The names of all tools and prompts: what telemetry may use as labels.
    #[must_use]
    pub fn names(&self) -> Names {
        self.inner.names()
    }

    /// Whether a tool may go on as a task.
    #[must_use]
    pub fn task_support(&self, tool: &str) -> Option<TaskSupport> {
        self.inner.task_support(tool)
    }

    /// The arguments of a tool that headers repeat.
    #[must_use]
    pub fn mirrored_params(&self, tool: &str) -> &[MirroredParam] {
        self.inner.mirrored_params(tool)
    }

    /// The scopes without which a request is refused. The dispatcher holds to them in any case;
    /// an edge that looks here first can tell the client what to ask for (RFC 6750 section 3.1).
    #[must_use]
    pub fn required_scopes(&self, request: &ClientRequest) -> &[String] {
        match request {
            ClientRequest::CallTool(params) => self.inner.required_scopes(&params.name),
            _ => &[],
        }
    }

    /// A tool that is for callers with a scope only, if there is one: without authorization nobody is
    /// asked for it.
    #[must_use]
    pub fn scoped_tool(&self) -> Option<&str> {
        self.inner.scoped_tool()
    }

    /// What is told again and again on one stream of a caller. The stream waits for it beside
    /// everything else, and lets it know what it has heard of changes.
    #[must_use]
    pub fn beats(
        &self,
        lent: Lent,
        principal: Arc<Principal>,
        clock: Clock,
        entropy: Entropy,
    ) -> Beats {
        Beats::new(Arc::clone(&self.rhythms), lent, principal, clock, entropy)
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

/// What tools and prompts are called, aliases included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Of tools.
    pub tools: Vec<String>,
    /// Of prompts.
    pub prompts: Vec<String>,
}

trait Erased: Send + Sync {
    fn names(&self) -> Names;
    fn offers(&self, method: Method) -> bool;
    fn task_support(&self, tool: &str) -> Option<TaskSupport>;
    fn mirrored_params(&self, tool: &str) -> &[MirroredParam];
    fn required_scopes(&self, tool: &str) -> &[String];
    fn scoped_tool(&self) -> Option<&str>;
    fn extensions(&self) -> Map<String, Value>;
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
    fn offers(&self, method: Method) -> bool {
        let Catalog { resources, prompts, skills, .. } = &self.catalog;
        match method {
            Method::ListTools | Method::CallTool => !self.catalog.tools().is_empty(),
            Method::ListResources | Method::ListResourceTemplates | Method::ReadResource => {
                !resources.is_empty() || !skills.is_empty()
            }
            Method::ListSkills | Method::GetSkill | Method::ReadDirectory => !skills.is_empty(),
            Method::ListPrompts | Method::GetPrompt => !prompts.is_empty(),
            Method::Complete => !resources.is_empty() || !prompts.is_empty(),
            Method::SetLevel => true,
            Method::GetTask
            | Method::UpdateTask
            | Method::CancelTask
            | Method::TaskPayload
            | Method::ListTasks => {
                self.catalog.tools().iter().any(|entry| entry.listed.task_support.is_some())
            }
            _ => false,
        }
    }

    fn names(&self) -> Names {
        let prompts = self.catalog.prompts.iter().map(|entry| entry.listed.name.clone());
        Names { tools: self.catalog.tool_names(), prompts: prompts.collect() }
    }

    fn task_support(&self, tool: &str) -> Option<TaskSupport> {
        self.catalog.tool_named(tool)?.listed.task_support
    }

    fn mirrored_params(&self, tool: &str) -> &[MirroredParam] {
        self.catalog.tool_named(tool).map_or(&[], |entry| &entry.mirrored)
    }

    fn required_scopes(&self, tool: &str) -> &[String] {
        self.catalog.tool_named(tool).map_or(&[], |entry| &entry.scopes)
    }

    fn scoped_tool(&self) -> Option<&str> {
        let scoped = self.catalog.tools().iter().find(|entry| !entry.scopes.is_empty())?;
        Some(&scoped.listed.name)
    }

    /// Each without settings, which is an empty object.
    fn extensions(&self) -> Map<String, Value> {
        let declared = self.catalog.extensions.iter();
        declared.map(|id| ((*id).to_owned(), Value::Object(Map::new()))).collect()
    }

    fn dispatch(
        self: Arc<Self>,
        request: ClientRequest,
        call: Call,
    ) -> BoxFuture<'static, Result<ServerResult, Refusal>> {
        Box::pin(async move {
            match request {
                ClientRequest::ListTools(params) => {
                    self.list_tools(&params, call.client.peer().profile.revision)
                }
                ClientRequest::CallTool(params) => self.call_tool(params, call).await,
                ClientRequest::ListResources(params) => self.list_resources(&params, call).await,
                ClientRequest::ListResourceTemplates(params) => {
                    self.list_templates(&params, call.lent.session.is_some())
                }
                ClientRequest::ReadResource(params) => self.read_resource(params, call).await,
                ClientRequest::ListSkills(params) => self.list_skills(&params),
                ClientRequest::GetSkill(params) => self.get_skill(&params),
                ClientRequest::ReadDirectory(params) => self.read_directory(&params),
                ClientRequest::ListPrompts(params) => self.list_prompts(&params),
                ClientRequest::GetPrompt(params) => self.get_prompt(params, call).await,
                ClientRequest::Complete(params) => self.complete(params, call).await,
                _ => Err(Refusal::MethodNotFound),
            }
        })
    }
}

impl<S> Inner<S> {
    fn ctx(&self, call: Call) -> Ctx<S> {
        Ctx { app: Arc::clone(&self.app), call, reached: Mutex::default() }
    }

    fn list_ctx(&self, call: Call) -> ListCtx<S> {
        ListCtx { app: Arc::clone(&self.app), call }
    }
}

/// Runs a feature. One that panics has broken its own call and nothing else: what it shares with
/// others is its author's to protect. The feature must be called inside the future: what runs
/// before its first await may panic as well.
async fn guarded<T>(
    kind: &'static str,
    name: &str,
    feature: impl Future<Output = T>,
) -> Result<T, Refusal> {
    AssertUnwindSafe(feature).catch_unwind().await.map_err(|_| {
        tracing::error!(kind, name, "a feature has panicked");
        Refusal::Internal
    })
}

/// The client could not be asked, and the feature could not go on without it.
fn unasked(kind: &'static str, name: &str, error: AskError, revision: Revision) -> Refusal {
    match error {
        AskError::Unsupported(needed) if revision.era() == Era::Modern => {
            Refusal::MissingCapability(needed)
        }
        AskError::NoPage { .. } => internal(kind, name, &error),
        other => Refusal::InvalidParams(other.to_string()),
    }
}

/// Something is broken, or the store is away: logged once, with its causes.
fn internal(
    kind: &'static str,
    name: &str,
    error: &(dyn std::error::Error + Send + Sync + 'static),
) -> Refusal {
    let first: &(dyn std::error::Error + 'static) = error;
    let causes = || std::iter::successors(Some(first), |error| error.source());
    let chain = causes().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    tracing::error!(kind, name, error = %chain, "a feature has failed");
    let is_away = |error: &(dyn std::error::Error + 'static)| {
        matches!(error.downcast_ref(), Some(StateError::Unavailable(_)))
    };
    if causes().any(is_away) { Refusal::Unavailable } else { Refusal::Internal }
}
