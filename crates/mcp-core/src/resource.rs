//! A resource is a type: its fields are the variables of its address.

use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use shared::mcp::{
    Annotations, CacheHint, CacheScope, Icon, Resource as ListedResource, ResourceContents,
};

use crate::{
    Ctx, ListCtx, Suggestions,
    failure::{BoxError, sorted},
    flow::AskError,
};

/// Something that can be read.
///
/// With variables in [`URI`](Self::URI) it is a family of resources: the template is listed, and
/// its fields are the variables. Without, it is one resource, which is listed itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resource",
    note = "derive `Deserialize` and `JsonSchema` for `{Self}`, then implement `Resource<App>`"
)]
pub trait Resource<S>: DeserializeOwned + JsonSchema + Send + 'static {
    /// Its address, or the template of its addresses: `notes://{id}`.
    const URI: &'static str;

    /// For programs.
    const NAME: &'static str;

    /// What a list says of it beyond address and name.
    #[must_use]
    fn info(info: ResourceInfo) -> ResourceInfo {
        info
    }

    /// Reads it. It may run again from the top after a question; see [`Ctx`].
    fn read(
        self,
        ctx: &Ctx<S>,
    ) -> impl Future<Output = Result<Vec<ResourceContents>, ReadError>> + Send;

    /// The members of a family that a list shows; none unless said otherwise.
    #[must_use]
    fn list(ctx: &ListCtx<S>) -> impl Future<Output = Vec<ListedResource>> + Send {
        let _ = ctx;
        std::future::ready(Vec::new())
    }

    /// What a variable could be.
    #[must_use]
    fn complete(
        ctx: &ListCtx<S>,
        argument: Argument<'_>,
    ) -> impl Future<Output = Suggestions> + Send {
        let _ = (ctx, argument);
        std::future::ready(Suggestions::default())
    }
}

/// What a list says of a resource beyond address and name.
#[derive(Clone, Debug, Default)]
pub struct ResourceInfo {
    pub(crate) title: Option<&'static str>,
    pub(crate) mime_type: Option<&'static str>,
    pub(crate) annotations: Option<Annotations>,
    pub(crate) size: Option<u64>,
    pub(crate) icons: Vec<Icon>,
    pub(crate) meta: Map<String, Value>,
    pub(crate) cache: Option<CacheHint>,
    pub(crate) is_growing: bool,
    pub(crate) needs_session: bool,
}

/// For how long clients may keep what does not change before there is another version of the server.
const UNCHANGING: Duration = Duration::from_hours(1);

impl ResourceInfo {
    /// For people.
    #[must_use]
    pub const fn title(mut self, title: &'static str) -> Self {
        self.title = Some(title);
        self
    }

    /// Of the content; of a family only if it is one for all.
    #[must_use]
    pub const fn mime_type(mut self, mime_type: &'static str) -> Self {
        self.mime_type = Some(mime_type);
        self
    }

    /// Hints for clients.
    #[must_use]
    pub fn annotations(mut self, annotations: Annotations) -> Self {
        self.annotations = Some(annotations);
        self
    }

    /// Of the content, in bytes before any encoding; of a family it is not told, whose members have
    /// sizes of their own.
    #[must_use]
    pub const fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// A picture for people; any number of them.
    #[must_use]
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }

    /// A member of its `_meta`, for an extension.
    #[must_use]
    pub fn meta(mut self, name: &str, value: Value) -> Self {
        self.meta.insert(name.to_owned(), value);
        self
    }

    /// What is read there stays good for so long, for whoever may keep it (2026-07-28
    /// server/utilities/caching). Unless it says so, it is for the caller who has read it and may be
    /// different the next moment. `Public` is for what everybody reads alike, whoever they are.
    #[must_use]
    pub fn cached(mut self, keep: Duration, scope: CacheScope) -> Self {
        let ttl_ms = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        self.cache = Some(CacheHint { ttl_ms, cache_scope: scope });
        self
    }

    /// What is read there is the same for everybody until there is another version of the server.
    #[must_use]
    pub fn unchanging(self) -> Self {
        self.cached(UNCHANGING, CacheScope::Public)
    }

    /// Members of this family come with what calls do. They are listed after everything else, so that
    /// the pages before them stay as they are.
    #[must_use]
    pub const fn growing(mut self) -> Self {
        self.is_growing = true;
        self
    }

    /// There is nothing to read without a session: this family is listed in sessions only.
    #[must_use]
    pub const fn needs_session(mut self) -> Self {
        self.needs_session = true;
        self
    }
}

/// Why a resource could not be read. Every other error becomes one with `?`, as with a
/// [`ToolError`](crate::ToolError).
#[derive(Debug)]
pub enum ReadError {
    /// There is none at this address.
    NotFound,
    /// The client could not be asked.
    Ask(AskError),
    /// Something is broken: logged with its causes, and nothing of it is shown.
    Internal(BoxError),
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for ReadError {
    fn from(error: E) -> Self {
        sorted(error).map_or_else(Self::Internal, Self::Ask)
    }
}

/// An argument or a variable that is being typed.
#[derive(Clone, Copy, Debug)]
pub struct Argument<'a> {
    /// Which.
    pub name: &'a str,
    /// What has been typed.
    pub typed: &'a str,
    /// What is filled in already.
    pub others: &'a std::collections::BTreeMap<String, String>,
}
