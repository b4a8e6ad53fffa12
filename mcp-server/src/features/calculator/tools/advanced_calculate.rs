//! Calculations beyond the four: factorials, roots, logarithms, angles, choices.

use mcp_core::{Ctx, Info, Tool, ToolError, Worded};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::features::{
    App,
    calculator::{
        arithmetic::Advanced,
        history::{self, Calculation},
        refused,
    },
    icons,
};

/// Advanced mathematical operations
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdvancedCalculate {
    /// Advanced operation
    operation: Advanced,
    /// Input value; angles in radians, factorials up to 170
    value: f64,
    /// Base for power or logarithm operations
    base: Option<f64>,
    /// How many are chosen, for combinations and permutations
    #[schemars(range(min = 0, max = 170))]
    k: Option<f64>,
    /// Name of a history of your own to add to; else that of the session or of the caller
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9_.-]+$"))]
    history: Option<String>,
}

impl Tool<App> for AdvancedCalculate {
    const NAME: &'static str = "advanced_calculate";
    type Output = Worded<Calculation>;

    fn info(info: Info) -> Info {
        info.title("Advanced Calculate").icon(icons::ROOT.icon()).additive().closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Worded<Calculation>, ToolError> {
        let Self { operation, value, base, k, history } = self;
        let second = operation.second(base, k);
        let result = operation.of(value, second).map_err(refused)?;
        let inputs: Vec<_> = [Some(value), second].into_iter().flatten().collect();
        let made = Calculation::new(ctx, operation.name(), inputs, result);
        history::keep(ctx, history.as_deref(), std::slice::from_ref(&made)).await?;
        Ok(Worded { text: made.words(), value: made })
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::{Value, json};

    use crate::features::{App, catalog};

    async fn called(operation: &str, value: f64, base: Option<f64>) -> Value {
        let mut arguments = json!({ "operation": operation, "value": value });
        if let Some(base) = base {
            arguments["base"] = json!(base);
        }
        both_eras(catalog, App::default, "advanced_calculate", arguments, []).await
    }

    #[tokio::test]
    async fn results_read_as_in_the_original() {
        let cases = [
            ("factorial", 5.0, None, "factorial(5) = 120"),
            ("factorial", 0.0, None, "factorial(0) = 1"),
            ("power", 10.0, Some(2.0), "power(10, 2) = 1024"),
            ("sqrt", 2.0, None, "sqrt(2) = 1.4142135623730951"),
            ("log", 10.0, None, "log(10) = 2.302585092994046"),
            ("log", 100.0, Some(10.0), "log(100, 10) = 2"),
            ("sin", 1.0, None, "sin(1) = 0.8414709848078965"),
            ("cos", 1.0, None, "cos(1) = 0.5403023058681398"),
            ("tan", 1.0, None, "tan(1) = 1.5574077246549023"),
        ];
        for (operation, value, base, text) in cases {
            assert_eq!(called(operation, value, base).await["content"][0]["text"], text);
        }
    }

    #[tokio::test]
    async fn failures_read_as_in_the_original() {
        let cases = [
            ("factorial", -1.0, "Factorial requires non-negative integer"),
            ("factorial", 1.5, "Factorial requires non-negative integer"),
            ("power", 10.0, "Power operation requires base parameter"),
            ("sqrt", -1.0, "Square root of negative number"),
            ("log", 0.0, "Logarithm requires positive number"),
        ];
        for (operation, value, text) in cases {
            let result = called(operation, value, None).await;
            assert_eq!(result["content"][0]["text"], format!("MCP error -32602: {text}"));
            assert_eq!(result["isError"], true);
        }
    }

    #[tokio::test]
    async fn a_base_is_used_or_refused_or_not_mentioned() {
        // The original said `log(100, 0) = 4.6…`, `Infinity` and `NaN`, and `sin(1, 9) = …`.
        for base in [0.0, 1.0, -2.0] {
            assert_eq!(called("log", 100.0, Some(base)).await["isError"], true);
        }
        let sine = called("sin", 1.0, Some(9.0)).await;
        assert_eq!(sine["content"][0]["text"], "sin(1) = 0.8414709848078965");
        assert_eq!(sine["structuredContent"]["inputs"], json!([1.0]));
    }

    #[tokio::test]
    async fn large_factorials_are_refused_at_once() {
        for value in [171.0, 2e7, 5e9] {
            assert_eq!(called("factorial", value, None).await["isError"], true);
        }
    }

    #[tokio::test]
    async fn choices_are_counted() {
        let arguments = json!({ "operation": "combinations", "value": 5, "k": 2 });
        let result = both_eras(catalog, App::default, "advanced_calculate", arguments, []).await;
        assert_eq!(result["content"][0]["text"], "combinations(5, 2) = 10");
    }
}
