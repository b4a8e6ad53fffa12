//! Returns a resource with its content, in two generations of the original.

use mcp_core::{Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{ContentBlock, ResourceContents};

use crate::features::{
    App,
    everything::{
        numbered::{Kind, LARGEST, Numbered},
        resources::static_resource,
    },
    icons,
};

/// Returns a resource reference that can be used by MCP clients
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetResourceReference {
    /// Type of resource to fetch
    #[serde(default)]
    #[schemars(extend("default" = "Text"))]
    resource_type: Kind,
    /// ID of the resource to fetch: a positive integer
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = LARGEST))]
    resource_id: u64,
}

const fn one() -> u64 {
    1
}

impl Tool<App> for GetResourceReference {
    const NAME: &'static str = "get-resource-reference";
    type Output = Vec<ContentBlock>;

    fn info(info: Info) -> Info {
        info.title("Get Resource Reference Tool")
            .icon(icons::BOOKMARK.icon())
            .read_only()
            .idempotent()
            .closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        let resource = Numbered { kind: self.resource_type, id: self.resource_id };
        Ok(referred(resource.id, resource.contents(ctx.clock().now())))
    }
}

/// Returns a resource reference that can be used by MCP clients
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FormerResourceReference {
    /// ID of the resource to reference (1-100)
    #[schemars(range(min = 1, max = 100))]
    resource_id: u8,
}

impl Tool<App> for FormerResourceReference {
    const NAME: &'static str = "getResourceReference";
    type Output = Vec<ContentBlock>;

    fn info(info: Info) -> Info {
        info.title("Get Resource Reference").unlisted()
    }

    async fn call(self, _: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        let id = self.resource_id;
        Ok(referred(id.into(), static_resource::contents(id)))
    }
}

fn referred(id: u64, resource: ResourceContents) -> Vec<ContentBlock> {
    let access = format!("You can access this resource using the URI: {}", resource.uri);
    vec![
        ContentBlock::text(format!("Returning resource reference for Resource {id}:")),
        ContentBlock::resource(resource),
        ContentBlock::text(access),
    ]
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::{Value, json};

    use crate::features::{App, catalog};

    async fn called(name: &str, arguments: Value) -> Value {
        both_eras(catalog, App::default, name, arguments, []).await
    }

    #[tokio::test]
    async fn a_reference_has_the_content_and_the_address() {
        let result = called("get-resource-reference", json!({})).await;
        let uri = "demo://resource/dynamic/text/1";
        let text = "Resource 1: This is a plaintext resource created at 12:00:00 AM";
        let resource = json!({ "uri": uri, "mimeType": "text/plain", "text": text });
        let expected = json!([
            { "type": "text", "text": "Returning resource reference for Resource 1:" },
            { "type": "resource", "resource": resource },
            { "type": "text", "text": format!("You can access this resource using the URI: {uri}") },
        ]);
        assert_eq!(result["content"], expected);
    }

    #[tokio::test]
    async fn bytes_are_called_bytes() {
        // E9: the original called them `text/plain`.
        let arguments = json!({ "resourceType": "Blob", "resourceId": 3 });
        let result = called("get-resource-reference", arguments).await;
        let resource = &result["content"][1]["resource"];
        assert_eq!(resource["mimeType"], "application/octet-stream");
        assert!(resource["blob"].as_str().unwrap().starts_with("UmVzb3VyY2UgMzogVGhpcyBpcyBh"));
    }

    #[tokio::test]
    async fn only_a_positive_whole_number_is_an_id() {
        for id in [json!(0), json!(1.5), json!(-1), json!(9_007_199_254_740_992_u64)] {
            let result = called("get-resource-reference", json!({ "resourceId": id })).await;
            assert_eq!(result["isError"], true, "{id}");
        }
        let wrong = called("get-resource-reference", json!({ "resourceType": "text" })).await;
        assert_eq!(wrong["isError"], true);
    }

    #[tokio::test]
    async fn the_former_name_refers_to_one_of_the_hundred() {
        let result = called("getResourceReference", json!({ "resourceId": 2 })).await;
        let resource = &result["content"][1]["resource"];
        assert_eq!(resource["uri"], "test://static/resource/2");
        assert_eq!(resource["blob"], "UmVzb3VyY2UgMjogVGhpcyBpcyBhIGJhc2U2NCBibG9i");
        for wrong in [json!({}), json!({ "resourceId": 101 }), json!({ "resourceId": 2.5 })] {
            assert_eq!(called("getResourceReference", wrong.clone()).await["isError"], true);
        }
    }
}
