//! Tools in a catalog: how each is listed, checked and run.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use shared::mcp::{
    CallToolResult, RawJson, Revision, Tool as ListedTool, ToolAnnotations, Written,
};

use crate::{
    Ctx, Info, Tool, ToolError,
    constraints::Constraints,
    mirrored::{self, MirroredParam},
    schema,
    tool::IntoOutput as _,
};

/// A tool's arguments do not have the shape of its type.
pub(crate) struct MisfitArguments(pub(crate) String);

/// Runs a tool: what is outside tells whether the arguments fit, what is inside what came of it.
pub(crate) type Run<S> = Box<
    dyn for<'a> Fn(
            Option<RawJson>,
            &'a Ctx<S>,
        )
            -> BoxFuture<'a, Result<Result<CallToolResult, ToolError>, MisfitArguments>>
        + Send
        + Sync,
>;

pub(crate) struct ToolEntry<S> {
    pub(crate) listed: Arc<Written<ListedTool>>,
    pub(crate) is_unlisted: bool,
    pub(crate) needs_client_tasks: bool,
    pub(crate) mirrored: Vec<MirroredParam>,
    pub(crate) scopes: Vec<String>,
    pub(crate) run: Run<S>,
}

impl<S: Send + Sync + 'static> ToolEntry<S> {
    /// # Panics
    /// When the schema of `T` marks a parameter for a header that cannot be, or cannot be checked.
    pub(super) fn new<T: Tool<S>>(name: &str, info: Info) -> Self {
        let (input_schema, description) = schema::input::<T>();
        let mirrored = mirrored::params(&input_schema)
            .unwrap_or_else(|wrong| panic!("`{}` cannot be offered: {wrong}", T::NAME));
        let (is_unlisted, needs_client_tasks) = (info.is_unlisted, info.needs_client_tasks);
        let annotations = Some(info.annotations).filter(|a| *a != ToolAnnotations::default());
        let listed = Arc::new(Written::from(ListedTool {
            name: name.to_owned(),
            title: info.title.map(str::to_owned),
            description,
            icons: info.icons,
            input_schema,
            output_schema: T::Output::schema(),
            annotations,
            execution: None,
            task_support: info.task_support,
            meta: info.meta,
        }));
        let scopes = info.scopes.into_iter().map(str::to_owned).collect();
        let run = run::<S, T>(&listed);
        Self { listed, is_unlisted, needs_client_tasks, mirrored, scopes, run }
    }
}

impl<S> ToolEntry<S> {
    /// Whether callers who speak a revision have it.
    pub(crate) const fn exists_in(&self, revision: Revision) -> bool {
        !self.needs_client_tasks || revision.has_core_tasks()
    }
}

/// 2026-07-28 server/tools.
pub(super) fn is_tool_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=128).contains(&name.len()) && name.bytes().all(allowed)
}

fn run<S: Send + Sync + 'static, T: Tool<S>>(listed: &ListedTool) -> Run<S> {
    let constraints = Constraints::of(&listed.input_schema)
        .unwrap_or_else(|wrong| panic!("`{}` cannot be offered: {wrong}", T::NAME));
    Box::new(move |arguments, ctx| {
        let text = arguments.as_ref().map_or(b"{}".as_slice(), RawJson::as_bytes);
        let tool = decode::<T>(text).and_then(|tool| {
            let misfit = |wrong| MisfitArguments(format!("The arguments do not fit: {wrong}"));
            constraints.check_text(text).map(|()| tool).map_err(misfit)
        });
        Box::pin(async move {
            let tool = tool?;
            Ok(match tool.call(ctx).await {
                Ok(output) => output.into_output().map_err(ToolError::from),
                Err(error) => Err(error),
            })
        })
    })
}

/// Reads arguments; says which one does not fit if they do not.
fn decode<T: DeserializeOwned>(text: &[u8]) -> Result<T, MisfitArguments> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let (path, reason) = (error.path().to_string(), error.inner());
        let place = if path == "." { String::new() } else { format!(" `{path}`:") };
        MisfitArguments(format!("The arguments do not fit:{place} {reason}"))
    })
}
