//! The smallest MCP App: a greeting that a page shows.

use std::time::Duration;

use mcp_core::{Ctx, Info, IntoOutput, Tally, Tool, ToolError, Worded};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::mcp::CallToolResult;

use super::linked;
use crate::features::{App, apps::resources::HelloWorldPage, icons};

/// How often the tool was called, on all instances.
const CALLS: Tally = Tally { name: "hello-world", lifetime: Duration::from_hours(24 * 30) };

/// Demonstrates MCP Apps - returns an interactive UI that runs in the client
#[derive(Deserialize, JsonSchema)]
pub(crate) struct HelloWorld {}

/// What the page shows.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Welcome {
    /// What is said
    greeting: String,
    /// When, in milliseconds since 1970
    timestamp: u64,
    /// What an app can do
    features: [&'static str; 3],
    /// Of the server
    stats: ServerStats,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct ServerStats {
    /// Version of the server
    version: &'static str,
    /// How often this was asked for, on all instances
    request_count: u64,
}

/// A greeting, and what only its page gets to see.
pub(crate) struct Greeted(Worded<Welcome>);

impl IntoOutput for Greeted {
    fn schema() -> Option<Value> {
        Worded::<Welcome>::schema()
    }

    fn into_output(self) -> Result<CallToolResult, serde_json::Error> {
        let mut result = self.0.into_output()?;
        let only_for_the_page = &mut result.head.meta.other;
        only_for_the_page.insert("exampleKey".to_owned(), "exampleValue".into());
        only_for_the_page.insert("processed".to_owned(), true.into());
        Ok(result)
    }
}

impl Tool<App> for HelloWorld {
    const NAME: &'static str = "mcp_apps_hello_world";
    type Output = Greeted;

    fn info(info: Info) -> Info {
        linked(info, HelloWorldPage::ADDRESS)
            .title("MCP Apps Hello World")
            .icon(icons::FACE.icon())
            .additive()
            .closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Greeted, ToolError> {
        ctx.state().count(CALLS, "calls", 1).await?;
        let counts = ctx.state().counts(CALLS).await?;
        let shown = Welcome {
            greeting: "Hello from the MCP server!".to_owned(),
            timestamp: ctx.clock().now().as_millis(),
            features: ["Tool results as they come", "Calls back to the server", "The host's theme"],
            stats: ServerStats {
                version: env!("CARGO_PKG_VERSION"),
                request_count: counts.get("calls").copied().unwrap_or_default(),
            },
        };
        let text = "If this client supports MCP Apps, an interactive UI should have rendered for \
                    the user.";
        Ok(Greeted(Worded { text: text.to_owned(), value: shown }))
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::{Asker, both_eras};
    use serde_json::json;

    use crate::features::{App, catalog};

    #[tokio::test]
    async fn it_greets_in_both_eras() {
        let result = both_eras(catalog, App::default, "mcp_apps_hello_world", json!({}), []).await;
        let text = "If this client supports MCP Apps, an interactive UI should have rendered for \
                    the user.";
        assert_eq!(result["content"][0]["text"], text);
        assert_eq!(result["structuredContent"]["features"].as_array().unwrap().len(), 3);
        assert_eq!(result["_meta"]["processed"], true);
    }

    #[tokio::test]
    async fn its_count_is_true() {
        // The original made it up.
        for asker in Asker::both(catalog, App::default) {
            for count in 1..=3 {
                let result = asker.call("mcp_apps_hello_world", json!({})).await;
                assert_eq!(result["structuredContent"]["stats"]["requestCount"], count);
            }
        }
    }
}
