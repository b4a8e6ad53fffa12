//! Returns links to resources, without their content.

use mcp_core::{Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::ContentBlock;

use crate::features::{
    App,
    everything::numbered::{Kind, Numbered},
    icons,
};

/// Returns up to ten resource links that reference different types of resources
#[derive(Deserialize, JsonSchema)]
pub(crate) struct GetResourceLinks {
    /// Number of resource links to return (1-10)
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 10))]
    count: u64,
}

const fn three() -> u64 {
    3
}

impl Tool<App> for GetResourceLinks {
    const NAME: &'static str = "get-resource-links";
    type Output = Vec<ContentBlock>;

    fn info(info: Info) -> Info {
        info.title("Get Resource Links Tool")
            .icon(icons::CHAIN.icon())
            .alias("getResourceLinks")
            .read_only()
            .idempotent()
            .closed_world()
    }

    async fn call(self, _: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        let count = self.count;
        let intro =
            format!("Here are {count} resource links to resources available in this server:");
        let links = (1..=count).map(|id| {
            let kind = if id % 2 == 0 { Kind::Text } else { Kind::Blob };
            Numbered { kind, id }.link()
        });
        Ok([ContentBlock::text(intro)].into_iter().chain(links).collect())
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::{Value, json};

    use crate::features::{App, catalog};

    async fn called(arguments: Value) -> Value {
        both_eras(catalog, App::default, "get-resource-links", arguments, []).await
    }

    #[tokio::test]
    async fn links_say_what_they_lead_to() {
        // E9: the original called bytes `text/plain` and "plaintext".
        let result = called(json!({ "count": 2 })).await;
        let link = |kind: &str, id: u64, what: &str, mime_type: &str| {
            let uri = format!("demo://resource/dynamic/{}/{id}", kind.to_lowercase());
            let (name, about) = (format!("{kind} Resource {id}"), format!("Resource {id}: {what}"));
            json!({ "type": "resource_link", "uri": uri, "name": name, "description": about, "mimeType": mime_type })
        };
        let text = "Here are 2 resource links to resources available in this server:";
        let expected = json!([
            { "type": "text", "text": text },
            link("Blob", 1, "binary resource", "application/octet-stream"),
            link("Text", 2, "plaintext resource", "text/plain"),
        ]);
        assert_eq!(result["content"], expected);
    }

    #[tokio::test]
    async fn there_are_three_unless_something_else_is_said() {
        assert_eq!(called(json!({})).await["content"].as_array().unwrap().len(), 4);
    }

    #[tokio::test]
    async fn only_a_whole_number_from_one_to_ten_is_a_count() {
        // E16: the original promised 2.5 links and gave two.
        for count in [json!(0), json!(11), json!(2.5), json!(-1), json!("3")] {
            assert_eq!(called(json!({ "count": count })).await["isError"], true, "{count}");
        }
    }
}
