//! A hundred resources that never change: texts at odd numbers, bytes at even ones.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mcp_core::{Argument, Ctx, ListCtx, ReadError, Resource, ResourceInfo, Suggestions};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{Resource as ListedResource, ResourceContents};

use super::member;
use crate::features::{App, everything::numbered::number};

/// How many there are.
pub(crate) const COUNT: u8 = 100;

/// A static resource with a numeric ID
#[derive(Deserialize, JsonSchema)]
pub(crate) struct StaticResource {
    /// Which: 1 to 100
    id: String,
}

impl Resource<App> for StaticResource {
    const URI: &'static str = "test://static/resource/{id}";
    const NAME: &'static str = "Static Resource";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Static Resource").unchanging()
    }

    async fn read(self, _: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        let id = parsed(&self.id).ok_or(ReadError::NotFound)?;
        Ok(vec![contents(id)])
    }

    async fn list(_: &ListCtx<App>) -> Vec<ListedResource> {
        let listed = (1..=COUNT).map(|id| {
            let mime_type = if is_text(id) { TEXT } else { BYTES };
            member(uri(id), format!("Resource {id}"), mime_type)
        });
        listed.collect()
    }

    async fn complete(_: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        ids(argument.typed)
    }
}

const TEXT: &str = "text/plain";

const BYTES: &str = "application/octet-stream";

const fn is_text(id: u8) -> bool {
    id % 2 == 1
}

fn uri(id: u8) -> String {
    format!("test://static/resource/{id}")
}

/// The number of one of them.
pub(crate) fn parsed(text: &str) -> Option<u8> {
    number(text).and_then(|id| u8::try_from(id).ok()).filter(|id| *id <= COUNT)
}

/// The numbers that begin with what has been typed.
pub(crate) fn ids(typed: &str) -> Suggestions {
    Suggestions::starting_with(typed, (1..=COUNT).map(|id| id.to_string()))
}

/// What is in one of them.
pub(crate) fn contents(id: u8) -> ResourceContents {
    if is_text(id) {
        let text = format!("Resource {id}: This is a plaintext resource");
        ResourceContents::text(uri(id), TEXT, text)
    } else {
        let text = format!("Resource {id}: This is a base64 blob");
        ResourceContents::blob(uri(id), BYTES, STANDARD.encode(text))
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::{Refusal, testing::Asker};
    use serde_json::{Value, json};
    use shared::mcp::Method;

    use crate::features::{App, catalog};

    async fn read(asker: &Asker, uri: &str) -> Result<Value, Refusal> {
        let result = asker.ask(Method::ReadResource, json!({ "uri": uri })).await?;
        Ok(result["contents"][0].clone())
    }

    #[tokio::test]
    async fn odd_ones_are_texts_and_even_ones_are_bytes() {
        for asker in Asker::both(catalog, App::default) {
            let one = json!({
                "uri": "test://static/resource/1",
                "mimeType": "text/plain",
                "text": "Resource 1: This is a plaintext resource",
            });
            assert_eq!(read(&asker, "test://static/resource/1").await.unwrap(), one);
            let ten = json!({
                "uri": "test://static/resource/10",
                "mimeType": "application/octet-stream",
                "blob": "UmVzb3VyY2UgMTA6IFRoaXMgaXMgYSBiYXNlNjQgYmxvYg==",
            });
            assert_eq!(read(&asker, "test://static/resource/10").await.unwrap(), ten);
        }
    }

    #[tokio::test]
    async fn there_are_no_others() {
        let [asker, _] = Asker::both(catalog, App::default);
        for id in ["0", "101", "2abc", "02", "+2", "2.0", "-1", "999999999999999999999"] {
            let uri = format!("test://static/resource/{id}");
            let missing = Err(Refusal::ResourceNotFound { uri: uri.clone() });
            assert_eq!(read(&asker, &uri).await, missing, "{uri}");
        }
    }

    #[tokio::test]
    async fn the_first_ten_pages_are_theirs_with_the_cursors_of_the_original() {
        for asker in Asker::both(catalog, App::default) {
            let (mut cursor, mut seen) = (None, 0);
            for page in 1..=10 {
                let params = cursor.map_or(json!({}), |cursor: String| json!({ "cursor": cursor }));
                let result = asker.ask(Method::ListResources, params).await.unwrap();
                for listed in result["resources"].as_array().unwrap() {
                    seen += 1;
                    assert_eq!(listed["uri"], format!("test://static/resource/{seen}"));
                    assert_eq!(listed["name"], format!("Resource {seen}"));
                }
                assert_eq!(seen, page * 10);
                cursor = result["nextCursor"].as_str().map(str::to_owned);
                if page == 1 {
                    assert_eq!(cursor.as_deref(), Some("MTA="));
                }
            }
        }
    }

    #[tokio::test]
    async fn ids_are_completed() {
        let [asker, _] = Asker::both(catalog, App::default);
        let params = json!({
            "ref": { "type": "ref/resource", "uri": "test://static/resource/{id}" },
            "argument": { "name": "id", "value": "10" },
        });
        let result = asker.ask(Method::Complete, params).await.unwrap();
        assert_eq!(result["completion"]["values"], json!(["10", "100"]));
    }
}
