//! Files that a caller has made: kept for the session, or for the caller where there are none.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mcp_core::{
    Argument, Ctx, Kept, ListCtx, ReadError, Resource, ResourceInfo, StateError, Suggestions,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::mcp::{Resource as ListedResource, ResourceContents};

use crate::features::App;

const GZIP: &str = "application/gzip";

/// What may stand in an address as it is (RFC 3986, unreserved).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A compressed file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct File {
    pub(super) name: String,
    /// In base64.
    content: String,
}

impl Kept for File {
    const SHELF: &'static str = "file";
    // With the limit of a file, these are what the sessions of a caller may take up together: ninety
    // megabytes. Without authorization they are everybody's, so there are more than one user has.
    const MOST: u16 = 8;
    const SHELVES: u16 = 32;
    const LIFETIME: Duration = Duration::from_hours(1);
}

impl File {
    pub(super) fn new(name: String, gzip: &[u8]) -> Self {
        Self { name, content: STANDARD.encode(gzip) }
    }

    /// Its address: whatever its name is, it is one segment.
    pub(super) fn uri(&self) -> String {
        format!("demo://resource/session/{}", utf8_percent_encode(&self.name, ESCAPED))
    }

    pub(super) fn contents(&self) -> ResourceContents {
        ResourceContents::blob(self.uri(), GZIP, self.content.as_str())
    }

    /// What a list says of it, and a link.
    pub(super) fn listed(&self) -> ListedResource {
        ListedResource {
            mime_type: Some(GZIP.to_owned()),
            ..ListedResource::new(self.uri(), self.name.as_str())
        }
    }
}

/// A file that was compressed for this caller
#[derive(Deserialize, JsonSchema)]
pub(crate) struct SessionFile {
    /// The name that the file was given
    name: String,
}

impl Resource<App> for SessionFile {
    const URI: &'static str = "demo://resource/session/{name}";
    const NAME: &'static str = "Session File";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Session File").mime_type(GZIP).growing()
    }

    async fn read(self, ctx: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        let files = ctx.state().shelf::<File>().entries().await?;
        let found = files.iter().rev().find(|file| file.name == self.name);
        Ok(vec![found.ok_or(ReadError::NotFound)?.contents()])
    }

    async fn list(ctx: &ListCtx<App>) -> Vec<ListedResource> {
        // Without a session a list must not change as a side effect of other requests.
        if ctx.session().is_none() {
            return Vec::new();
        }
        newest(ctx.state().shelf::<File>().entries().await).iter().map(File::listed).collect()
    }

    async fn complete(ctx: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        let files = newest(ctx.state().shelf::<File>().entries().await);
        Suggestions::starting_with(argument.typed, files.into_iter().map(|file| file.name))
    }
}

/// The newest file of each name, oldest first; nothing while they cannot be read.
fn newest(entries: Result<Vec<File>, StateError>) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    match entries {
        Ok(entries) => {
            for file in entries {
                files.retain(|other| other.name != file.name);
                files.push(file);
            }
        }
        Err(error) => tracing::warn!(%error, "files could not be listed"),
    }
    files
}
