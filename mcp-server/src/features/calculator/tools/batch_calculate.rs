//! Many calculations in one call. One that has no result does not stop the others.

use mcp_core::{Ctx, Info, Tool, ToolError, Worded};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features::{
    App,
    calculator::{
        arithmetic::{Arithmetic, Undefined},
        history::{self, Calculation},
        number,
    },
    icons,
};

/// Perform multiple calculations in batch
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct BatchCalculate {
    /// Array of calculations to perform
    #[schemars(length(min = 1, max = 100))]
    calculations: Vec<Item>,
    /// Report progress during batch processing
    #[serde(default)]
    report_progress: bool,
    /// Name of a history of your own to add to; else that of the session or of the caller
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9_.-]+$"))]
    history: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Item {
    /// First operand
    a: f64,
    /// Second operand
    b: f64,
    /// Operation to perform
    op: Arithmetic,
}

/// What came of a batch.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Batch {
    /// What came of each calculation, in their order
    results: Vec<Outcome>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Outcome {
    /// Whether it has a result
    success: bool,
    /// The calculation with its result
    #[serde(skip_serializing_if = "Option::is_none")]
    calculation: Option<Calculation>,
    /// Why it has none
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Item {
    fn words(&self) -> String {
        format!("{} {} {}", number::text(self.a), self.op.name(), number::text(self.b))
    }

    /// The line of the text, and the outcome for programs.
    fn outcome(&self, ctx: &Ctx<App>) -> (String, Outcome) {
        match self.op.of(self.a, self.b) {
            Ok(result) => {
                let line = format!("{} = {}", self.words(), number::text(result));
                let made = Calculation::new(ctx, self.op.name(), vec![self.a, self.b], result);
                (line, Outcome { success: true, calculation: Some(made), error: None })
            }
            Err(undefined) => {
                let error = reason(undefined);
                let line = format!("Error: {error}");
                (line, Outcome { success: false, calculation: None, error: Some(error) })
            }
        }
    }
}

/// In a batch the original had other words for this.
fn reason(undefined: Undefined) -> String {
    match undefined {
        Undefined::DivisionByZero => "Division by zero".to_owned(),
        other => other.to_string(),
    }
}

impl Tool<App> for BatchCalculate {
    const NAME: &'static str = "batch_calculate";
    type Output = Worded<Batch>;

    fn info(info: Info) -> Info {
        info.title("Batch Calculate").icon(icons::LIST.icon()).additive().closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Worded<Batch>, ToolError> {
        let total = self.calculations.len();
        let (mut lines, mut results) = (Vec::new(), Vec::new());
        for (item, number) in self.calculations.iter().zip(1_u8..) {
            if self.report_progress {
                let message = format!("Processing calculation {number}/{total}: {}", item.words());
                let all = u32::try_from(total).map_or(f64::MAX, f64::from);
                ctx.progress(f64::from(number) / all, 1.0, &message).await;
            }
            let (line, outcome) = item.outcome(ctx);
            lines.push(line);
            results.push(outcome);
        }
        let made: Vec<_> = results.iter().filter_map(|one| one.calculation.clone()).collect();
        history::keep(ctx, self.history.as_deref(), &made).await?;
        let text = format!("Batch calculation completed. Results:\n{}", lines.join("\n"));
        Ok(Worded { text, value: Batch { results } })
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::{Asker, both_eras};
    use serde_json::{Value, json};

    use crate::features::{App, catalog};

    async fn called(arguments: Value) -> Value {
        both_eras(catalog, App::default, "batch_calculate", arguments, []).await
    }

    fn three() -> Value {
        json!([
            { "a": 1, "b": 2, "op": "add" },
            { "a": 1, "b": 0, "op": "divide" },
            { "a": 9, "b": 3, "op": "divide" },
        ])
    }

    #[tokio::test]
    async fn a_batch_goes_on_after_a_division_by_zero() {
        let result = called(json!({ "calculations": three() })).await;
        let text = "Batch calculation completed. Results:\n\
                    1 add 2 = 3\nError: Division by zero\n9 divide 3 = 3";
        assert_eq!(result["content"][0]["text"], text);
        let results = &result["structuredContent"]["results"];
        assert_eq!(results[0]["calculation"]["result"], 3.0);
        assert_eq!(results[1], json!({ "success": false, "error": "Division by zero" }));
    }

    #[tokio::test]
    async fn progress_is_told_before_each_calculation_if_it_is_wanted() {
        let arguments = json!({ "calculations": three(), "reportProgress": true });
        for asker in Asker::both(catalog, App::default) {
            let (_, notes) = asker.told("batch_calculate", arguments.clone()).await;
            let messages: Vec<_> = notes.iter().map(|note| note["message"].clone()).collect();
            let expected = [
                "Processing calculation 1/3: 1 add 2",
                "Processing calculation 2/3: 1 divide 0",
                "Processing calculation 3/3: 9 divide 3",
            ];
            assert_eq!(messages, expected);
            assert_eq!(notes[0]["progress"], 1.0 / 3.0);
            let silent = asker.told("batch_calculate", json!({ "calculations": three() })).await;
            assert_eq!(silent.1, Vec::<Value>::new());
        }
    }

    #[tokio::test]
    async fn a_batch_has_from_one_to_a_hundred_calculations() {
        let of =
            |count| json!({ "calculations": vec![json!({ "a": 1, "b": 1, "op": "add" }); count] });
        assert_eq!(called(of(0)).await["isError"], true);
        let most = called(of(100)).await;
        assert_eq!(most["structuredContent"]["results"].as_array().unwrap().len(), 100);
        // C11: the original took as many as came, and 22 s for 100 000.
        assert_eq!(called(of(101)).await["isError"], true);
    }
}
