//! The variables of a resource can be read, and nobody can describe them.
//
// says: the trait `schemars::JsonSchema` is not implemented for `Note`

use mcp_core::{Ctx, ReadError, Resource};
use serde::Deserialize;
use shared::mcp::ResourceContents;

#[derive(Deserialize)]
struct Note {
    id: u32,
}

impl Resource<()> for Note {
    const URI: &'static str = "notes://{id}";
    const NAME: &'static str = "note";

    async fn read(self, _: &Ctx<()>) -> Result<Vec<ResourceContents>, ReadError> {
        Ok(vec![ResourceContents::text(format!("notes://{}", self.id), "text/plain", "")])
    }
}

fn main() {}
