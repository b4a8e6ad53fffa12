//! Lists the folders that the client says matter.

use mcp_core::{Ctx, Info, Tool, ToolError, Worded};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::mcp::Root;

use crate::features::{App, icons};

/// How many are shown: the list is the client's, the answer is ours.
const MOST: usize = 100;

/// Lists the current MCP roots provided by the client. Demonstrates the roots protocol capability
/// even though this server doesn't access files.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct GetRootsList {}

/// What the client has said.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Roots {
    /// How many the client has
    total: usize,
    /// The first hundred of them
    roots: Vec<Shown>,
}

/// A folder or file that the client says matters.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Shown {
    /// Where it is
    uri: String,
    /// What the client calls it
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl Tool<App> for GetRootsList {
    const NAME: &'static str = "get-roots-list";
    type Output = Worded<Roots>;

    fn info(info: Info) -> Info {
        info.title("Get Roots List Tool")
            .icon(icons::FOLDER.icon())
            .alias("listRoots")
            .read_only()
            .idempotent()
            .closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Worded<Roots>, ToolError> {
        let roots = ctx.roots("roots").await?;
        let text = if roots.is_empty() { NONE.to_owned() } else { listed(&roots) };
        let total = roots.len();
        let shown = roots.into_iter().take(MOST);
        let roots = shown.map(|Root { uri, name, .. }| Shown { uri, name }).collect();
        Ok(Worded { text, value: Roots { total, roots } })
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

    async fn answered(roots: Value) -> Value {
        let answers = [("roots", json!({ "roots": roots }))];
        both_eras(catalog, App::default, "get-roots-list", json!({}), answers).await
    }

    async fn told(roots: Value) -> String {
        answered(roots).await["content"][0]["text"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn programs_get_the_roots_as_data() {
        let roots = json!([{ "uri": "file:///a", "name": "A" }, { "uri": "file:///b" }]);
        let expected = json!({ "total": 2, "roots": roots });
        assert_eq!(answered(roots).await["structuredContent"], expected);
        let many: Vec<Value> = (0..150).map(|n| json!({ "uri": format!("file:///{n}") })).collect();
        let cut = answered(json!(many)).await["structuredContent"].clone();
        assert_eq!((&cut["total"], cut["roots"].as_array().unwrap().len()), (&json!(150), 100));
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
