//! A tool whose name the operator chooses: `SAMPLE_TOOL_NAME`.

use mcp_core::{Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::features::{App, icons};

/// Sample educational tool for learning MCP concepts
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sample {
    /// The text to say back
    #[schemars(length(max = 10_000))]
    value: String,
}

impl Tool<App> for Sample {
    const NAME: &'static str = "sample";
    type Output = String;

    fn info(info: Info) -> Info {
        info.title("Sample Tool")
            .icon(icons::DIAMOND.icon())
            .read_only()
            .idempotent()
            .closed_world()
    }

    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        Ok(format!("test string print: {}", self.value))
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::{UnusableName, testing::both_eras};
    use serde_json::json;

    use crate::features::{App, calculator::add_sample, catalog};

    #[tokio::test]
    async fn it_answers_to_the_chosen_name() {
        let with_sample = || add_sample(catalog(), "my_tool").unwrap();
        let result =
            both_eras(with_sample, App::default, "my_tool", json!({ "value": "x" }), []).await;
        assert_eq!(result["content"][0]["text"], "test string print: x");
    }

    #[test]
    fn a_name_that_cannot_be_its_own_is_refused() {
        let refused = |name: &str| add_sample(catalog(), name).err();
        // The original ended its process at the first `initialize`.
        assert_eq!(refused("calculate"), Some(UnusableName::Taken));
        assert_eq!(refused("longRunningOperation"), Some(UnusableName::Taken));
        assert_eq!(refused("two words"), Some(UnusableName::Malformed));
    }
}
