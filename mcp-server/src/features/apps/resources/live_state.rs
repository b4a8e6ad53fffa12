//! The page of the tool `mcp_apps_live_state`.

use mcp_core::{Ctx, ReadError, Resource, ResourceInfo};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::ResourceContents;

use super::contents;
use crate::features::{
    App,
    apps::{MIME_TYPE, alone, view},
};

/// The page that shows the live state of the server
#[derive(Deserialize, JsonSchema)]
pub(crate) struct LiveStatePage {}

impl LiveStatePage {
    /// Where it is.
    pub(in crate::features::apps) const ADDRESS: &'static str = "ui://live-state/app.html";
}

impl Resource<App> for LiveStatePage {
    const URI: &'static str = Self::ADDRESS;
    const NAME: &'static str = "live-state-app";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Live State App").mime_type(MIME_TYPE).meta("ui", alone()).unchanging()
    }

    async fn read(self, _: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        Ok(contents(Self::ADDRESS, &view::LIVE_STATE))
    }
}
