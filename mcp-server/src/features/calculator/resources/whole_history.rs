//! All calculations of the caller's that are kept, at one address.

use mcp_core::{Ctx, ReadError, Resource, ResourceInfo};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::ResourceContents;

use super::{JSON, WHOLE_HISTORY, json, newest_first};
use crate::features::{App, calculator::history::history};

/// Your last 50 calculations, newest first: of the session, or of the caller without one
#[derive(Deserialize, JsonSchema)]
pub(crate) struct WholeHistory {}

impl Resource<App> for WholeHistory {
    const URI: &'static str = WHOLE_HISTORY;
    const NAME: &'static str = "calculator-history";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Calculation History").mime_type(JSON)
    }

    async fn read(self, ctx: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        let kept = history(ctx.state(), None).entries().await?;
        json(<Self as Resource<App>>::URI, &newest_first(Ok(kept)))
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::{Change, testing::Asker};
    use serde_json::{Value, json};

    use crate::features::{App, catalog};

    #[tokio::test]
    async fn who_watches_is_told_what_a_calculation_has_changed() {
        let resource = |uri: &str| Change::Resource(uri.to_owned());
        let stats = resource("calculator://stats");
        for asker in Asker::both(catalog, App::default) {
            let plain = json!({ "a": 1, "b": 1, "op": "add" });
            asker.call("calculate", plain.clone()).await;
            let mut expected = vec![resource("calculator://history")];
            if let Some(own) = asker.session_id() {
                expected.extend([resource(&format!("session://info/{own}")), Change::Resources]);
            }
            expected.push(stats.clone());
            assert_eq!(asker.announced(), expected);
            asker.call("calculate", plain).await;
            let others = asker.user("bob").announced();
            assert_eq!(others, std::slice::from_ref(&stats), "of another nothing else is told");
            let named = json!({ "a": 1, "b": 1, "op": "add", "history": "lab" });
            asker.call("calculate", named).await;
            let lab = resource("calculator://histories/lab");
            assert_eq!(asker.session("another").announced(), [lab, stats.clone()]);
            asker.call("calculate", json!({ "a": 1, "b": 0, "op": "divide" })).await;
            assert_eq!(asker.announced(), []);
        }
    }

    #[tokio::test]
    async fn everything_kept_is_read_at_once_newest_first() {
        for asker in Asker::both(catalog, App::default) {
            assert_eq!(asker.read("calculator://history").await.unwrap(), "[]");
            let batch =
                json!([{ "a": 1, "b": 1, "op": "add" }, { "a": 1, "b": 0, "op": "divide" }]);
            asker.call("batch_calculate", json!({ "calculations": batch })).await;
            asker.call("advanced_calculate", json!({ "operation": "sqrt", "value": 4 })).await;
            let text = asker.read("calculator://history").await.unwrap();
            let kept: Vec<Value> = serde_json::from_str(&text).unwrap();
            let operations: Vec<_> = kept.iter().map(|one| one["operation"].clone()).collect();
            assert_eq!(operations, ["sqrt", "add"]);
        }
    }
}
