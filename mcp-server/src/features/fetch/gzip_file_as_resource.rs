//! Compresses a file, keeps it for the caller, and returns it or a link to it.

use mcp_core::{Change, Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::ContentBlock;

use super::{
    download::{DownloadError, download},
    file::File,
    gzip,
};
use crate::features::{App, icons};

/// Compresses a single file using gzip compression. Depending upon the selected output type,
/// returns either the compressed data as a gzipped resource or a resource link, allowing it to be
/// downloaded in a subsequent request during the current session.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GzipFileAsResource {
    /// Name of the output file
    #[serde(default = "readme")]
    #[schemars(length(min = 1, max = 128))]
    name: String,
    /// Data URI of the file content to compress, or its URL on a host that this server's operator
    /// has allowed
    #[serde(default = "greeting")]
    #[schemars(url, length(max = 2_000_000))]
    data: String,
    /// How the resulting gzipped file should be returned. 'resourceLink' returns a link to a
    /// resource that can be read later, 'resource' returns a full resource object.
    #[serde(default)]
    #[schemars(extend("default" = "resourceLink"))]
    output_type: OutputType,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
enum OutputType {
    #[default]
    ResourceLink,
    Resource,
}

fn readme() -> String {
    "README.md.gz".to_owned()
}

fn greeting() -> String {
    "data:text/markdown,%23%20Everything%20Server".to_owned()
}

impl Tool<App> for GzipFileAsResource {
    const NAME: &'static str = "gzip-file-as-resource";
    type Output = Vec<ContentBlock>;

    fn info(info: Info) -> Info {
        info.title("GZip File as Resource Tool")
            .icon(icons::BOX.icon())
            .additive()
            .idempotent()
            .open_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        let Self { name, data, output_type } = self;
        // As segments of an address they mean something else: clients would never come here.
        if matches!(name.as_str(), "." | "..") {
            return Err(ToolError::failed("A file cannot be named `.` or `..`."));
        }
        if name.chars().any(is_unseen) {
            let problem =
                "A name has no control characters and none that change the direction of text.";
            return Err(ToolError::failed(problem));
        }
        let content = download(ctx, &data).await.map_err(|error| error.told(&data))?;
        let gzip = gzip::compressed(&content).await;
        let gzip = gzip.map_err(|_| DownloadError::TooLarge(gzip::MOST).told(&data))?;
        let file = File::new(name, &gzip);
        ctx.state().shelf().append(std::slice::from_ref(&file)).await?;
        ctx.announce_own(changes(&file, ctx.session().is_some())).await;
        Ok(vec![match output_type {
            OutputType::Resource => ContentBlock::resource(file.contents()),
            OutputType::ResourceLink => ContentBlock::ResourceLink(file.listed()),
        }])
    }
}

/// What a new file changes for its owner. A session lists its files; without one a list does not change
/// as a side effect of other requests.
fn changes(file: &File, in_session: bool) -> Vec<Change> {
    let list = in_session.then_some(Change::Resources);
    [Change::Resource(file.uri())].into_iter().chain(list).collect()
}

/// What nobody sees in a name, or what makes it look like another one.
fn is_unseen(char: char) -> bool {
    let is_direction = matches!(
        char,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    char.is_control() || is_direction || matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests;
