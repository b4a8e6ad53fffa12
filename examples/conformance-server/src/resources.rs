//! The resources. Addresses and texts are the suite's.

use mcp_core::{Catalog, Ctx, ReadError, Resource, ResourceInfo};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::mcp::ResourceContents;

use crate::{App, PNG};

pub(crate) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .resource::<StaticText>()
        .resource::<StaticBinary>()
        .resource::<Template>()
        .resource::<Watched>()
}

/// A text that never changes.
#[derive(Deserialize, JsonSchema)]
struct StaticText {}

impl Resource<App> for StaticText {
    const URI: &'static str = "test://static-text";
    const NAME: &'static str = "static-text";
    fn info(info: ResourceInfo) -> ResourceInfo {
        info.mime_type("text/plain")
    }
    async fn read(self, _: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        let text = "This is the content of the static text resource.";
        Ok(vec![ResourceContents::text(Self::URI, "text/plain", text)])
    }
}

/// A picture that never changes.
#[derive(Deserialize, JsonSchema)]
struct StaticBinary {}

impl Resource<App> for StaticBinary {
    const URI: &'static str = "test://static-binary";
    const NAME: &'static str = "static-binary";
    fn info(info: ResourceInfo) -> ResourceInfo {
        info.mime_type("image/png")
    }
    async fn read(self, _: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        Ok(vec![ResourceContents::blob(Self::URI, "image/png", PNG)])
    }
}

/// Data by id.
#[derive(Deserialize, JsonSchema)]
struct Template {
    id: String,
}

impl Resource<App> for Template {
    const URI: &'static str = "test://template/{id}/data";
    const NAME: &'static str = "template-data";
    fn info(info: ResourceInfo) -> ResourceInfo {
        info.mime_type("application/json")
    }
    async fn read(self, _: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        let Self { id } = self;
        let data = format!("Data for ID: {id}");
        let text = json!({ "id": id, "templateTest": true, "data": data }).to_string();
        let uri = format!("test://template/{id}/data");
        Ok(vec![ResourceContents::text(uri, "application/json", text)])
    }
}

/// Can be watched.
#[derive(Deserialize, JsonSchema)]
struct Watched {}

impl Resource<App> for Watched {
    const URI: &'static str = "test://watched-resource";
    const NAME: &'static str = "watched-resource";
    fn info(info: ResourceInfo) -> ResourceInfo {
        info.mime_type("text/plain")
    }
    async fn read(self, _: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        Ok(vec![ResourceContents::text(Self::URI, "text/plain", "Watched resource content.")])
    }
}
