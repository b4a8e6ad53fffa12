//! The page of the tool `mcp_apps_hello_world`.

use mcp_core::{Ctx, ReadError, Resource, ResourceInfo};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::ResourceContents;

use super::contents;
use crate::features::{
    App,
    apps::{MIME_TYPE, alone, view},
};

/// The page that shows the greeting of the server
#[derive(Deserialize, JsonSchema)]
pub(crate) struct HelloWorldPage {}

impl HelloWorldPage {
    /// Where it is.
    pub(in crate::features::apps) const ADDRESS: &'static str = "ui://hello-world/app.html";
}

impl Resource<App> for HelloWorldPage {
    const URI: &'static str = Self::ADDRESS;
    const NAME: &'static str = "hello-world-app";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Hello World App").mime_type(MIME_TYPE).meta("ui", alone()).unchanging()
    }

    async fn read(self, _: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        Ok(contents(Self::ADDRESS, &view::HELLO_WORLD))
    }
}
