//! Lists the folders that the client says matter.

use mcp_core::{Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::Root;

use crate::features::App;

/// How many are shown: the list is the client's, the answer is ours.
const MOST: usize = 100;

/// Lists the current MCP roots provided by the client. Demonstrates the roots protocol capability
/// even though this server doesn't access files.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct GetRootsList {}

impl Tool<App> for GetRootsList {
    const NAME: &'static str = "get-roots-list";
    type Output = String;

    fn info(info: Info) -> Info {
        info.title("Get Roots List").alias("listRoots").read_only().idempotent().closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let roots = ctx.roots("roots").await?;
        Ok(if roots.is_empty() { NONE.to_owned() } else { listed(&roots) })
    }
}

const NONE: &str = "The client supports roots but no roots are currently configured.\n\n\
    This could mean that the client has not provided any roots yet, or that it provides an empty \
    list on purpose.";

fn listed(roots: &[Root]) -> String {
    let entries = roots.iter().take(MOST).enumerate().map(|(index, root)| {
        let name = root.name.as_deref().unwrap_or("Unnamed Root");
        format!("{}. {name}\n   URI: {}", index + 1, root.uri)
    });
    format!(
        "Current MCP Roots ({} total):\n\n{}\n\n\
         Note: This server demonstrates the roots protocol capability but doesn't actually access \
         files. The roots are provided by the MCP client and can be used by servers that need file \
         system access.",
        roots.len(),
        entries.collect::<Vec<_>>().join("\n\n")
    )
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::{Value, json};

    use crate::features::{App, catalog};

    async fn told(roots: Value) -> String {
        let answers = [("roots", json!({ "roots": roots }))];
        let result = both_eras(catalog, App::default, "get-roots-list", json!({}), answers).await;
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn roots_are_asked_for_by_the_call_that_needs_them() {
        // E10: the original asked on a stream that nobody read, and hung.
        let roots = json!([{ "uri": "/tmp/demo", "name": "Demo" }, { "uri": "/tmp/two" }]);
        let text = told(roots).await;
        let start = "Current MCP Roots (2 total):\n\n1. Demo\n   URI: /tmp/demo\n\n\
                     2. Unnamed Root\n   URI: /tmp/two\n\nNote: This server demonstrates";
        assert!(text.starts_with(start), "{text}");
    }

    #[tokio::test]
    async fn an_empty_list_is_explained() {
        assert!(told(json!([])).await.contains("no roots are currently configured"));
    }

    #[tokio::test]
    async fn a_long_list_is_counted_and_cut() {
        let many: Vec<Value> = (0..150).map(|n| json!({ "uri": format!("file:///{n}") })).collect();
        let text = told(json!(many)).await;
        assert!(text.contains("(150 total)") && !text.contains("101. "), "{text}");
    }
}
