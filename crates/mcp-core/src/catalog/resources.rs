//! Resources in a catalog: how each is listed, found by its address and read.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use shared::mcp::{CacheHint, Resource as ListedResource, ResourceContents, ResourceTemplate};

use crate::{
    Ctx, ListCtx, ReadError, Resource, ResourceInfo, catalog::Completing, schema, uri::UriTemplate,
};

/// Reads the resource whose address has these values for its variables.
type Read<S> = Box<
    dyn for<'a> Fn(
            &[(String, String)],
            &'a Ctx<S>,
        ) -> BoxFuture<'a, Result<Vec<ResourceContents>, ReadError>>
        + Send
        + Sync,
>;

/// Lists the members of a family.
type List<S> =
    Box<dyn for<'a> Fn(&'a ListCtx<S>) -> BoxFuture<'a, Vec<ListedResource>> + Send + Sync>;

pub(crate) struct ResourceEntry<S> {
    pub(crate) uri: &'static str,
    pub(crate) template: UriTemplate,
    pub(crate) listed: Listed,
    /// How long what is read there stays good, if it says so.
    pub(crate) cache: Option<CacheHint>,
    pub(crate) is_growing: bool,
    pub(crate) needs_session: bool,
    pub(crate) read: Read<S>,
    pub(crate) list: List<S>,
    pub(crate) complete: Completing<S>,
}

/// How it is listed: as itself, or as a family.
pub(crate) enum Listed {
    Resource(Arc<ListedResource>),
    Template(Arc<ResourceTemplate>),
}

impl<S: Send + Sync + 'static> ResourceEntry<S> {
    /// # Panics
    /// When the address of `R` is no template.
    pub(super) fn new<R: Resource<S>>() -> Self {
        let template = UriTemplate::parse(R::URI)
            .unwrap_or_else(|wrong| panic!("`{}` cannot be offered: {wrong}", R::URI));
        let info = R::info(ResourceInfo::default());
        Self {
            uri: R::URI,
            cache: info.cache,
            is_growing: info.is_growing,
            needs_session: info.needs_session,
            listed: listed::<S, R>(info, template.is_plain()),
            template,
            read: Box::new(|values, ctx| {
                let resource = decode::<R>(values);
                Box::pin(async move {
                    // A value that the type does not take names nothing that exists.
                    let resource = resource.ok_or(ReadError::NotFound)?;
                    resource.read(ctx).await
                })
            }),
            list: Box::new(|ctx| Box::pin(R::list(ctx))),
            complete: Box::new(|ctx, argument| Box::pin(R::complete(ctx, argument))),
        }
    }
}

fn listed<S, R: Resource<S>>(info: ResourceInfo, is_plain: bool) -> Listed {
    let ResourceInfo { title, mime_type, annotations, size, icons, meta, .. } = info;
    let (name, title) = (R::NAME.to_owned(), title.map(str::to_owned));
    let (_, description) = schema::input::<R>();
    let mime_type = mime_type.map(str::to_owned);
    if is_plain {
        Listed::Resource(Arc::new(ListedResource {
            uri: R::URI.to_owned(),
            name,
            title,
            description,
            mime_type,
            annotations,
            size,
            icons,
            meta,
        }))
    } else {
        let uri_template = R::URI.to_owned();
        Listed::Template(Arc::new(ResourceTemplate {
            uri_template,
            name,
            title,
            description,
            mime_type,
            annotations,
            icons,
            meta,
        }))
    }
}

/// Texts become what the fields want: numbers, choices, texts.
fn decode<T: serde::de::DeserializeOwned>(values: &[(String, String)]) -> Option<T> {
    let form = serde_urlencoded::to_string(values).ok()?;
    serde_urlencoded::from_str(&form).ok()
}
