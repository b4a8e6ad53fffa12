//! How much has been calculated, by everybody on all instances.

use mcp_core::{Ctx, ReadError, Resource, ResourceInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::mcp::ResourceContents;

use super::{JSON, STATS, json};
use crate::features::{
    App,
    calculator::{arithmetic, history::CALCULATIONS},
};

/// Aggregate statistics across all sessions
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Stats {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    total_calculations: u64,
    active_sessions: u64,
    operation_breakdown: Vec<Operation>,
}

#[derive(Serialize)]
struct Operation {
    operation: &'static str,
    count: u64,
}

impl Resource<App> for Stats {
    const URI: &'static str = STATS;
    const NAME: &'static str = "calculator-stats";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Calculator Statistics").mime_type(JSON)
    }

    async fn read(self, ctx: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        let counts = ctx.state().counts(CALCULATIONS).await?;
        let made = arithmetic::names().filter_map(|operation| {
            counts.get(operation).map(|count| Operation { operation, count: *count })
        });
        let statistics = Statistics {
            total_calculations: counts.values().sum(),
            active_sessions: ctx.vitals().snapshot().await?.sessions,
            operation_breakdown: made.collect(),
        };
        json(<Self as Resource<App>>::URI, &statistics)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mcp_core::{
        Snapshot,
        testing::{Asker, TestVitals},
    };
    use serde_json::{Value, json};

    use crate::features::{App, catalog};

    #[tokio::test]
    async fn everybodys_calculations_are_counted_by_operation() {
        for asker in Asker::both(catalog, App::default) {
            let snapshot = Snapshot { sessions: 7, ..Snapshot::default() };
            let asker = asker.vitals(Arc::new(TestVitals { snapshot, session: None }));
            let one = json!({ "a": 1, "b": 1, "op": "add" });
            asker.call("batch_calculate", json!({ "calculations": [one, one] })).await;
            let sqrt = json!({ "operation": "sqrt", "value": 4 });
            asker.user("bob").call("advanced_calculate", sqrt).await;
            asker.call("calculate", json!({ "a": 1, "b": 0, "op": "divide" })).await;
            let text = asker.read("calculator://stats").await.unwrap();
            let expected = json!({
                "totalCalculations": 3,
                "activeSessions": 7,
                "operationBreakdown": [
                    { "operation": "add", "count": 2 },
                    { "operation": "sqrt", "count": 1 },
                ],
            });
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        }
    }
}
