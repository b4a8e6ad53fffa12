//! Adds two numbers.

use mcp_core::{Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::features::{App, calculator::number, icons};

/// Adds two numbers
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Add {
    /// First number
    a: f64,
    /// Second number
    b: f64,
}

impl Tool<App> for Add {
    const NAME: &'static str = "add";
    type Output = String;

    fn info(info: Info) -> Info {
        info.title("Add Tool")
            .icon(icons::PLUS.icon())
            .alias("get-sum")
            .read_only()
            .idempotent()
            .closed_world()
    }

    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        let Self { a, b } = self;
        let sum = a + b;
        if !sum.is_finite() {
            return Err(ToolError::failed("The sum is too large for a number."));
        }
        let [a, b, sum] = [a, b, sum].map(number::text);
        Ok(format!("The sum of {a} and {b} is {sum}."))
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::json;

    use crate::features::{App, catalog};

    #[tokio::test]
    async fn it_adds_in_both_eras() {
        let result = both_eras(catalog, App::default, "add", json!({ "a": 2, "b": 3 }), []).await;
        assert_eq!(result["content"][0]["text"], "The sum of 2 and 3 is 5.");
        let result =
            both_eras(catalog, App::default, "get-sum", json!({ "a": 0.1, "b": 0.2 }), []).await;
        assert_eq!(result["content"][0]["text"], "The sum of 0.1 and 0.2 is 0.30000000000000004.");
    }

    #[tokio::test]
    async fn numbers_are_written_as_the_original_wrote_them() {
        let cases = [
            (json!({ "a": 1e21, "b": 0 }), "The sum of 1e+21 and 0 is 1e+21."),
            (json!({ "a": 1e-7, "b": -0.0 }), "The sum of 1e-7 and 0 is 1e-7."),
        ];
        for (arguments, expected) in cases {
            let result = both_eras(catalog, App::default, "add", arguments, []).await;
            assert_eq!(result["content"][0]["text"], expected);
        }
    }

    #[tokio::test]
    async fn a_sum_that_is_no_number_is_a_failure() {
        let result =
            both_eras(catalog, App::default, "add", json!({ "a": 1e308, "b": 1e308 }), []).await;
        assert_eq!(result["isError"], true);
    }
}
