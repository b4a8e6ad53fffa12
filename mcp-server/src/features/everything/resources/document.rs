//! Documents about this server, for models and for people.

use mcp_core::{Argument, Ctx, ListCtx, ReadError, Resource, ResourceInfo, Suggestions};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{Resource as ListedResource, ResourceContents};

use super::member;
use crate::features::App;

/// What a model is told about this server as a whole.
pub(crate) const INSTRUCTIONS: &str = include_str!("documents/instructions.md");

/// By the names of the original, whose documents were about itself.
const DOCUMENTS: [(&str, &str); 7] = [
    ("architecture.md", include_str!("documents/architecture.md")),
    ("extension.md", include_str!("documents/extension.md")),
    ("features.md", include_str!("documents/features.md")),
    ("how-it-works.md", include_str!("documents/how-it-works.md")),
    ("instructions.md", INSTRUCTIONS),
    ("startup.md", include_str!("documents/startup.md")),
    ("structure.md", include_str!("documents/structure.md")),
];

/// A document about this server
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Document {
    /// The name of the document
    file: String,
}

const MARKDOWN: &str = "text/markdown";

impl Resource<App> for Document {
    const URI: &'static str = "demo://resource/static/document/{file}";
    const NAME: &'static str = "Static Document";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Static Document").mime_type(MARKDOWN).unchanging()
    }

    async fn read(self, _: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        let found = DOCUMENTS.iter().find(|(name, _)| *name == self.file);
        let (name, text) = found.ok_or(ReadError::NotFound)?;
        Ok(vec![ResourceContents::text(uri(name), MARKDOWN, *text)])
    }

    async fn list(_: &ListCtx<App>) -> Vec<ListedResource> {
        let listed = DOCUMENTS.iter().map(|(name, text)| ListedResource {
            description: Some(format!("Static document file exposed from /docs: {name}")),
            size: u64::try_from(text.len()).ok(),
            ..member(uri(name), (*name).to_owned(), MARKDOWN)
        });
        listed.collect()
    }

    async fn complete(_: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        Suggestions::starting_with(argument.typed, DOCUMENTS.map(|(name, _)| name))
    }
}

fn uri(name: &str) -> String {
    format!("demo://resource/static/document/{name}")
}

#[cfg(test)]
mod tests {
    use mcp_core::{
        Refusal,
        testing::{Asker, Feature, both_eras},
    };
    use serde_json::json;
    use shared::mcp::Method;

    use super::DOCUMENTS;
    use crate::features::{App, catalog};

    #[tokio::test]
    async fn every_document_can_be_read_in_both_eras() {
        for (name, _) in DOCUMENTS {
            let uri = super::uri(name);
            let document = Feature::Resource(&uri);
            let read = both_eras(catalog, App::default, document, json!({}), []).await;
            let text = read["contents"][0]["text"].as_str().unwrap();
            assert!(text.starts_with("# "), "{name}: {text}");
        }
    }

    #[tokio::test]
    async fn documents_are_completed() {
        for asker in Asker::both(catalog, App::default) {
            let params = json!({
                "ref": { "type": "ref/resource", "uri": "demo://resource/static/document/{file}" },
                "argument": { "name": "file", "value": "s" },
            });
            let result = asker.ask(Method::Complete, params).await.unwrap();
            assert_eq!(result["completion"]["values"], json!(["startup.md", "structure.md"]));
        }
    }

    #[tokio::test]
    async fn no_other_file_can_be_read() {
        let [asker, _] = Asker::both(catalog, App::default);
        for name in ["nope.md", "..%2f..%2fCargo.toml", "../instructions.md", "instructions.md/"] {
            let uri = format!("demo://resource/static/document/{name}");
            let missing = Err(Refusal::ResourceNotFound { uri: uri.clone() });
            assert_eq!(asker.read(&uri).await, missing);
        }
    }
}
