//! `resources/list`, `resources/templates/list` and `resources/read`.

use std::sync::Arc;

use shared::mcp::{
    Head, ListParams, ListResourceTemplatesResult, ListResourcesResult, ReadResourceParams,
    ReadResourceResult, ServerResult,
};

use super::{Inner, Refusal, guarded, internal, unasked};
use crate::{
    ReadError, ResourceInfo,
    catalog::Listed,
    ctx::Call,
    listing::{PAGE, page},
};

impl<S: Send + Sync + 'static> Inner<S> {
    pub(super) async fn list_resources(
        &self,
        params: &ListParams,
        call: Call,
    ) -> Result<ServerResult, Refusal> {
        let ctx = self.list_ctx(call);
        let (mut all, mut growing) = (Vec::new(), Vec::new());
        for entry in &self.catalog.resources {
            let listed = if entry.is_growing { &mut growing } else { &mut all };
            match &entry.listed {
                Listed::Resource(resource) => listed.push(Arc::clone(resource)),
                Listed::Template(_) => {
                    let listing = async { (entry.list)(&ctx).await };
                    let members = guarded("resource", entry.uri, listing).await?;
                    listed.extend(members.into_iter().map(Arc::new));
                }
            }
        }
        all.extend(self.catalog.skills.listed());
        all.extend(growing);
        let (resources, next_cursor) = page(all.into_iter(), PAGE, params.cursor.as_deref())?;
        let list = ListResourcesResult { resources, next_cursor, ..ListResourcesResult::default() };
        Ok(ServerResult::ListResources(list))
    }

    pub(super) fn list_templates(
        &self,
        params: &ListParams,
        in_session: bool,
    ) -> Result<ServerResult, Refusal> {
        let all: Vec<_> = self.catalog.templates(in_session).collect();
        let (resource_templates, next_cursor) =
            page(all.into_iter(), PAGE, params.cursor.as_deref())?;
        Ok(ServerResult::ListResourceTemplates(ListResourceTemplatesResult {
            resource_templates,
            next_cursor,
            ..ListResourceTemplatesResult::default()
        }))
    }

    pub(super) async fn read_resource(
        &self,
        params: ReadResourceParams,
        call: Call,
    ) -> Result<ServerResult, Refusal> {
        let uri = params.uri;
        if let Some(file) = self.catalog.skills.file(&uri) {
            let (contents, cache) =
                (vec![file.contents(&uri)], ResourceInfo::default().unchanging().cache);
            let result = ReadResourceResult { contents, cache, ..ReadResourceResult::default() };
            return Ok(ServerResult::ReadResource(result));
        }
        let Some((entry, values)) = self.catalog.resource_at(&uri) else {
            return Err(Refusal::ResourceNotFound { uri });
        };
        let revision = call.client.peer().profile.revision;
        let ctx = self.ctx(call);
        let read = guarded("resource", entry.uri, async { (entry.read)(&values, &ctx).await });
        match read.await? {
            // What has no content is not there: an empty answer would say the opposite.
            Ok(contents) if contents.is_empty() => Err(Refusal::ResourceNotFound { uri }),
            Ok(contents) => {
                let head = Head::default();
                let result = ReadResourceResult { head, contents, cache: entry.cache };
                Ok(ServerResult::ReadResource(result))
            }
            Err(ReadError::NotFound) => Err(Refusal::ResourceNotFound { uri }),
            Err(ReadError::Ask(error)) => Err(unasked("resource", entry.uri, error, revision)),
            Err(ReadError::Internal(source)) => Err(internal("resource", entry.uri, &*source)),
        }
    }
}
