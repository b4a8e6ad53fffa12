//! Shows the variables of the environment that an operator has allowed.

use std::collections::BTreeMap;

use mcp_core::{Ctx, Info, Tool, ToolError, Worded};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::features::{App, icons};

/// Prints the environment variables that the server's operator has chosen to show, helpful for
/// debugging MCP server configuration. Values that look like secrets are masked.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PrintEnv {}

impl Tool<App> for PrintEnv {
    const NAME: &'static str = "print-env";
    type Output = Worded<BTreeMap<String, String>>;

    fn info(info: Info) -> Info {
        info.title("Print Environment Tool")
            .icon(icons::TERMINAL.icon())
            .alias("printEnv")
            .alias("get-env")
            .scope("mcp:diagnostics")
            .read_only()
            .idempotent()
            .closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Self::Output, ToolError> {
        let caller = ctx.principal();
        tracing::info!(
            target: "audit",
            event = "environment.shown",
            outcome = "ok",
            subject = caller.user.as_deref(),
            client = caller.client.as_deref(),
            "the environment was looked at"
        );
        let value = ctx.app().shown.0.clone();
        Ok(Worded { text: serde_json::to_string_pretty(&value)?, value })
    }
}

#[cfg(test)]
mod tests {
    use ambient::Env;
    use mcp_core::{Catalog, testing::Asker};
    use serde_json::{Value, json};

    use crate::features::{App, diagnostics};

    /// Callers of a server with these variables.
    fn callers() -> [Asker; 2] {
        let env = Env::from([
            ("PRINT_ENV_PREFIXES", "DEMO_,OTHER_"),
            ("DEMO_VAR", "demo"),
            ("DEMO_TOKEN", "hunter2"),
            ("DEMO_PWD", "hunter2"),
            ("OTHER_URL", "https://u:hunter2@example.com"),
            ("OTHER_PLACE", "u:hunter2@example.com"),
            ("OTHER_CONNECTION", "Server=a;Password=hunter2"),
            ("OTHER_PAGE", "https://example.com/?password=hunter2"),
            ("MCP_STATE_KEY", "hunter2"),
            ("PATH", "/bin"),
        ]);
        let shown = env.read(|read| diagnostics::Shown::read(read, true)).0.unwrap();
        let app = || App { shown: shown.clone(), ..App::default() };
        Asker::both(|| diagnostics::add_to(Catalog::new()), app)
    }

    #[tokio::test]
    async fn only_what_is_allowed_is_shown_and_no_secret_is() {
        // E4: the original showed everything to everybody.
        for asker in callers() {
            for name in ["print-env", "printEnv", "get-env"] {
                let result = asker.call(name, json!({})).await;
                let text = result["content"][0]["text"].as_str().unwrap();
                let shown: Value = serde_json::from_str(text).unwrap();
                let masked = "[masked]";
                let expected = json!({
                    "DEMO_VAR": "demo",
                    "DEMO_TOKEN": masked,
                    "DEMO_PWD": masked,
                    "OTHER_URL": masked,
                    "OTHER_PLACE": masked,
                    "OTHER_CONNECTION": masked,
                    "OTHER_PAGE": masked,
                });
                assert_eq!(shown, expected);
                assert_eq!(result["structuredContent"], expected);
            }
        }
    }

    #[tokio::test]
    async fn it_needs_a_scope_of_its_own() {
        for asker in callers() {
            let plain = asker.user("alice").scoped(&["mcp"]).call("print-env", json!({})).await;
            assert_eq!(plain["isError"], true);
            assert!(!plain.to_string().contains("DEMO_VAR"), "{plain}");
            let more = asker.user("alice").scoped(&["mcp", "mcp:diagnostics"]);
            assert!(more.call("print-env", json!({})).await.get("isError").is_none());
        }
    }
}
