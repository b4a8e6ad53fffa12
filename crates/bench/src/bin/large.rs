//! An MCP server like the one that is shipped, with one resource of 1 MiB in place of its features:
//! none of those is as large.

use std::process::ExitCode;

use bench::cases::LARGE;
use mcp_core::{Catalog, Ctx, Features, ReadError, Resource, ResourceInfo};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{Implementation, ResourceContents};

/// A text of 1 MiB
#[derive(Deserialize, JsonSchema)]
struct Large {}

/// A line of it: 64 bytes, one of them escaped in JSON.
const LINE: &str = "A line of a text that is read as a resource, as long as others.\n";

impl Resource<()> for Large {
    const URI: &'static str = LARGE;
    const NAME: &'static str = "large";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Large").mime_type("text/plain")
    }

    async fn read(self, _: &Ctx<()>) -> Result<Vec<ResourceContents>, ReadError> {
        let text = LINE.repeat((1 << 20) / LINE.len());
        Ok(vec![ResourceContents::text(LARGE, "text/plain", text)])
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let server = Implementation::new("large", env!("CARGO_PKG_VERSION"));
    let features = Features::new(server, Catalog::new().resource::<Large>(), ());
    chassis::exit_code(mcp_server::run::serve(features).await)
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::Asker;

    use super::*;

    #[tokio::test]
    async fn it_is_as_large_as_it_is_said_to_be() {
        for asker in Asker::both(|| Catalog::new().resource::<Large>(), || ()) {
            assert_eq!(asker.read(LARGE).await.unwrap().len(), 1 << 20);
        }
    }
}
