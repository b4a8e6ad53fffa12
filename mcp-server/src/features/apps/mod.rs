//! MCP Apps (`io.modelcontextprotocol/ui`, revision 2026-01-26): tools that come with a page.
//!
//! A tool names its page, the host shows it in a frame, and the page talks to the host. The pages
//! are whole in themselves and the same for everybody: what they show comes with results. Tools and
//! pages are listed for every client, whatever it declares; see the decision on MCP Apps.

mod resources;
mod tools;
mod view;

use mcp_core::Catalog;
use serde_json::{Value, json};

use super::App;

/// Names the extension (SEP-2133).
const EXTENSION: &str = "io.modelcontextprotocol/ui";

/// What a page of an app is.
const MIME_TYPE: &str = "text/html;profile=mcp-app";

/// Adds the toolset to a catalog.
pub(super) fn add(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .extension(EXTENSION)
        .tool::<tools::HelloWorld>()
        .tool::<tools::LiveState>()
        .resource::<resources::HelloWorldPage>()
        .resource::<resources::LiveStatePage>()
}

/// The member `ui` of a tool's `_meta`: which page shows its results.
fn shown_by(page: &str) -> Value {
    json!({ "resourceUri": page })
}

/// The member `ui` of a page's `_meta`: it loads nothing and reaches nobody but its host.
fn alone() -> Value {
    let csp = json!({
        "connectDomains": [],
        "resourceDomains": [],
        "frameDomains": [],
        "baseUriDomains": [],
    });
    json!({ "csp": csp, "prefersBorder": true })
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::Asker;
    use serde_json::{Value, json};
    use shared::mcp::Method;

    use super::{EXTENSION, MIME_TYPE};
    use crate::features::{App, catalog};

    async fn linked(asker: &Asker) -> Vec<(String, String)> {
        let list = asker.ask(Method::ListTools, json!({})).await.unwrap();
        let tools = list["tools"].as_array().unwrap().iter();
        let linked = tools.filter_map(|tool| {
            let page = tool["_meta"]["ui"]["resourceUri"].as_str()?;
            // Older hosts read the flat form.
            assert_eq!(tool["_meta"]["ui/resourceUri"], page);
            Some((tool["name"].as_str()?.to_owned(), page.to_owned()))
        });
        linked.collect()
    }

    #[tokio::test]
    async fn the_extension_is_declared_without_settings() {
        for asker in Asker::both(catalog, App::default) {
            assert_eq!(asker.capabilities()["extensions"][EXTENSION], json!({}));
        }
    }

    #[tokio::test]
    async fn every_tool_with_a_page_has_one_that_can_be_read() {
        for asker in Asker::both(catalog, App::default) {
            let linked = linked(&asker).await;
            assert_eq!(linked.len(), 2);
            for (_, page) in linked {
                assert!(page.starts_with("ui://"), "{page}");
                let uri = json!({ "uri": page });
                let read = asker.ask(Method::ReadResource, uri).await.unwrap();
                let content = &read["contents"][0];
                assert_eq!(
                    (&content["uri"], &content["mimeType"]),
                    (&json!(page), &json!(MIME_TYPE))
                );
                assert!(content["text"].as_str().unwrap().starts_with("<!DOCTYPE html>"));
                assert_eq!(content["_meta"]["ui"]["csp"]["connectDomains"], json!([]));
            }
        }
    }

    #[tokio::test]
    async fn a_page_is_the_same_for_everybody_and_names_no_other_place() {
        let [legacy, modern] = Asker::both(catalog, App::default);
        for (_, page) in linked(&legacy).await {
            let text = legacy.read(&page).await.unwrap();
            assert_eq!(text, modern.user("bob").read(&page).await.unwrap());
            for outside in ["http://", "https://", "src=", "href=", "@import", "url("] {
                assert!(!text.contains(outside), "{page} has {outside}");
            }
        }
    }

    #[tokio::test]
    async fn a_tool_with_a_page_says_the_same_in_words() {
        for asker in Asker::both(catalog, App::default) {
            for tool in ["mcp_apps_hello_world", "mcp_apps_live_state"] {
                let vitals = std::sync::Arc::new(mcp_core::testing::TestVitals::default());
                let result = asker.vitals(vitals).call(tool, json!({})).await;
                assert!(!result["content"][0]["text"].as_str().unwrap().is_empty());
                assert!(result["structuredContent"].is_object());
                assert_eq!(result["isError"], Value::Null);
            }
        }
    }
}
