//! Two families of resources that are made when they are read, of whatever number is asked for.

use mcp_core::{Argument, Ctx, ListCtx, ReadError, Resource, ResourceInfo, Suggestions};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::ResourceContents;

use crate::features::{
    App,
    everything::numbered::{Kind, Numbered, number},
};

/// Plaintext dynamic resource fabricated from the {resourceId} variable, which must be a positive
/// integer.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DynamicText {
    /// A positive integer
    resource_id: String,
}

impl Resource<App> for DynamicText {
    const URI: &'static str = "demo://resource/dynamic/text/{resourceId}";
    const NAME: &'static str = "Dynamic Text Resource";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Dynamic Text Resource").mime_type("text/plain")
    }

    async fn read(self, ctx: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        made(Kind::Text, &self.resource_id, ctx)
    }

    async fn complete(_: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        itself(argument.typed)
    }
}

/// Binary (base64) dynamic resource fabricated from the {resourceId} variable, which must be a
/// positive integer.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DynamicBlob {
    /// A positive integer
    resource_id: String,
}

impl Resource<App> for DynamicBlob {
    const URI: &'static str = "demo://resource/dynamic/blob/{resourceId}";
    const NAME: &'static str = "Dynamic Blob Resource";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Dynamic Blob Resource").mime_type("application/octet-stream")
    }

    async fn read(self, ctx: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        made(Kind::Blob, &self.resource_id, ctx)
    }

    async fn complete(_: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        itself(argument.typed)
    }
}

fn made(kind: Kind, id: &str, ctx: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
    let id = number(id).ok_or(ReadError::NotFound)?;
    Ok(vec![Numbered { kind, id }.contents(ctx.clock().now())])
}

/// Every positive integer is one, so what has been typed is the only suggestion.
pub(crate) fn itself(typed: &str) -> Suggestions {
    Suggestions::starting_with(typed, number(typed).map(|id| id.to_string()))
}

#[cfg(test)]
mod tests {
    use mcp_core::{Refusal, testing::Asker};
    use serde_json::{Value, json};
    use shared::mcp::Method;

    use crate::features::{App, catalog};

    async fn suggested(typed: &str) -> Value {
        let [asker, _] = Asker::both(catalog, App::default);
        let uri = "demo://resource/dynamic/text/{resourceId}";
        let params = json!({
            "ref": { "type": "ref/resource", "uri": uri },
            "argument": { "name": "resourceId", "value": typed },
        });
        let result = asker.ask(Method::Complete, params).await.unwrap();
        result["completion"]["values"].clone()
    }

    #[tokio::test]
    async fn a_text_says_when_it_was_made() {
        for asker in Asker::both(catalog, App::default) {
            let text = asker.read("demo://resource/dynamic/text/99999999999").await.unwrap();
            let start = "Resource 99999999999: This is a plaintext resource created at ";
            assert!(text.starts_with(start) && text.ends_with('M'), "{text}");
        }
    }

    #[tokio::test]
    async fn bytes_have_the_type_that_their_template_promises() {
        // E9: the template said one thing and the content another.
        for asker in Asker::both(catalog, App::default) {
            let params = json!({ "uri": "demo://resource/dynamic/blob/2" });
            let result = asker.ask(Method::ReadResource, params).await.unwrap();
            assert_eq!(result["contents"][0]["mimeType"], "application/octet-stream");
            let blob = result["contents"][0]["blob"].as_str().unwrap();
            assert!(blob.starts_with("UmVzb3VyY2UgMjogVGhpcyBpcyBhIGJhc2U2NCBibG9i"), "{blob}");
        }
    }

    #[tokio::test]
    async fn what_is_no_number_is_not_there() {
        // E18: the original failed with an internal error.
        let [asker, _] = Asker::both(catalog, App::default);
        for id in ["0", "abc", "1.0", "1e3", "-1"] {
            let uri = format!("demo://resource/dynamic/text/{id}");
            let missing = Err(Refusal::ResourceNotFound { uri: uri.clone() });
            assert_eq!(asker.read(&uri).await, missing);
        }
    }

    #[tokio::test]
    async fn a_number_completes_to_itself() {
        assert_eq!(suggested("7").await, json!(["7"]));
        for typed in ["abc", "0", ""] {
            assert_eq!(suggested(typed).await, json!([]));
        }
    }
}
