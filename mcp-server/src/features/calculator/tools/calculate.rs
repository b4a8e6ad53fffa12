//! One calculation with two numbers.

use std::time::Duration;

use mcp_core::{Ctx, Info, Tool, ToolError, Worded};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::features::{
    App,
    calculator::{
        arithmetic::Arithmetic,
        history::{self, Calculation},
        number, refused,
    },
    icons,
};

/// How long a step of a streamed calculation takes.
const STEP: Duration = Duration::from_millis(100);

/// Performs arithmetic calculations
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Calculate {
    /// First operand
    a: f64,
    /// Second operand
    b: f64,
    /// Operation to perform
    op: Arithmetic,
    /// Stream intermediate results
    #[serde(default)]
    stream: bool,
    /// Number of decimals that the result is rounded to; not rounded when absent
    #[schemars(range(min = 0, max = 15))]
    precision: Option<u8>,
    /// Name of a history of your own to add to; else that of the session or of the caller
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9_.-]+$"))]
    history: Option<String>,
}

impl Tool<App> for Calculate {
    const NAME: &'static str = "calculate";
    type Output = Worded<Calculation>;

    fn info(info: Info) -> Info {
        info.title("Calculate").icon(icons::CALCULATOR.icon()).additive().closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Worded<Calculation>, ToolError> {
        let Self { a, b, op, stream, precision, history } = self;
        let words = format!("{} {} {}", number::text(a), op.name(), number::text(b));
        if stream {
            let start = format!("Starting {} calculation...", op.name());
            ctx.progress(0.2, 1.0, &start).await;
            ctx.clock().sleep(STEP).await;
            ctx.progress(0.5, 1.0, &format!("Processing: {words}")).await;
            ctx.clock().sleep(STEP).await;
        }
        let result = op.of(a, b).map_err(refused)?;
        let result = precision.map_or(result, |decimals| number::rounded(result, decimals));
        let text = number::text(result);
        if stream {
            ctx.progress(1.0, 1.0, &format!("Calculation complete: {text}")).await;
        }
        let made = Calculation::new(ctx, op.name(), vec![a, b], result);
        history::keep(ctx, history.as_deref(), std::slice::from_ref(&made)).await?;
        Ok(Worded { text: format!("{words} = {text}"), value: made })
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::{Asker, both_eras};
    use serde_json::{Value, json};

    use crate::features::{App, catalog};

    async fn called(arguments: Value) -> Value {
        both_eras(catalog, App::default, "calculate", arguments, []).await
    }

    #[tokio::test]
    async fn results_read_as_in_the_original() {
        let cases = [
            (2.0, 3.0, "add", "2 add 3 = 5"),
            (2.0, 3.0, "subtract", "2 subtract 3 = -1"),
            (2.5, 4.0, "multiply", "2.5 multiply 4 = 10"),
            (1.0, 3.0, "divide", "1 divide 3 = 0.3333333333333333"),
        ];
        for (a, b, op, text) in cases {
            let result = called(json!({ "a": a, "b": b, "op": op })).await;
            assert_eq!(result["content"][0]["text"], text);
        }
    }

    #[tokio::test]
    async fn a_result_tells_programs_where_it_is_kept() {
        let result = called(json!({ "a": 6, "b": 7, "op": "multiply" })).await;
        let made = &result["structuredContent"];
        assert_eq!(made["operation"], "multiply");
        assert_eq!(made["inputs"], json!([6.0, 7.0]));
        assert_eq!(made["result"], 42.0);
        assert_eq!(made["timestamp"], "1970-01-01T00:00:00.000Z");
        assert_eq!(made["id"].as_str().unwrap().len(), 36);
    }

    #[tokio::test]
    async fn what_has_no_result_is_a_failure_that_says_why() {
        let zero = called(json!({ "a": 1, "b": 0, "op": "divide" })).await;
        let text = "MCP error -32602: Division by zero is not allowed";
        assert_eq!(zero["content"][0]["text"], text);
        assert_eq!(zero["isError"], true);
        // The original said `Infinity`, which JSON has not.
        let huge = called(json!({ "a": 1e308, "b": 10, "op": "multiply" })).await;
        assert_eq!(huge["isError"], true);
    }

    #[tokio::test]
    async fn a_streamed_calculation_tells_its_steps_under_the_clients_token() {
        let arguments = json!({ "a": 6, "b": 7, "op": "multiply", "stream": true });
        for asker in Asker::both(catalog, App::default) {
            let (result, notes) = asker.told("calculate", arguments.clone()).await;
            assert_eq!(result["content"][0]["text"], "6 multiply 7 = 42");
            let told = |done: f64, message: &str| json!({ "progressToken": "token", "progress": done, "total": 1.0, "message": message });
            let expected = [
                told(0.2, "Starting multiply calculation..."),
                told(0.5, "Processing: 6 multiply 7"),
                told(1.0, "Calculation complete: 42"),
            ];
            assert_eq!(notes, expected);
        }
    }

    #[tokio::test]
    async fn a_result_is_rounded_on_demand() {
        let arguments = json!({ "a": 1, "b": 3, "op": "divide", "precision": 2 });
        assert_eq!(called(arguments).await["content"][0]["text"], "1 divide 3 = 0.33");
        let arguments = json!({ "a": 5, "b": 2, "op": "divide", "precision": 0 });
        assert_eq!(called(arguments).await["content"][0]["text"], "5 divide 2 = 3");
    }

    #[tokio::test]
    async fn arguments_are_bounded() {
        for wrong in [
            json!({ "a": 1, "b": 2, "op": "mod" }),
            json!({ "a": 1, "op": "add" }),
            json!({ "a": 1, "b": 2, "op": "add", "precision": 16 }),
            json!({ "a": 1, "b": 2, "op": "add", "history": "" }),
            json!({ "a": 1, "b": 2, "op": "add", "history": "../x" }),
            json!({ "a": 1, "b": 2, "op": "add", "other": 1 }),
        ] {
            assert_eq!(called(wrong.clone()).await["isError"], true, "{wrong}");
        }
    }
}
