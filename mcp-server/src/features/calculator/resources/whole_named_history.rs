//! All calculations in a history that the caller has named, at one address.

use mcp_core::{Argument, Ctx, ListCtx, ReadError, Resource, ResourceInfo, Suggestions};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::ResourceContents;

use super::{JSON, json, named_history, names, newest_first};
use crate::features::{App, calculator::history::history};

/// The last 50 calculations in a history that the caller has named, newest first
#[derive(Deserialize, JsonSchema)]
pub(crate) struct WholeNamedHistory {
    /// The name that calculations were given as `history`
    history: String,
}

impl Resource<App> for WholeNamedHistory {
    const URI: &'static str = "calculator://histories/{history}";
    const NAME: &'static str = "named-calculator-history";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Named History").mime_type(JSON)
    }

    async fn read(self, ctx: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        let kept = history(ctx.state(), Some(&self.history)).entries().await?;
        if kept.is_empty() {
            return Err(ReadError::NotFound);
        }
        json(&named_history(&self.history), &newest_first(Ok(kept)))
    }

    async fn complete(ctx: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        names(ctx.state(), argument.typed).await
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::Asker;
    use serde_json::{Value, json};
    use shared::mcp::Method;

    use crate::features::{App, catalog};

    async fn add(asker: &Asker, a: i32, history: &str) {
        let arguments = json!({ "a": a, "b": 1, "op": "add", "history": history });
        assert!(asker.call("calculate", arguments).await["isError"].is_null());
    }

    async fn suggested(asker: &Asker, template: &str, typed: &str) -> Value {
        let params = json!({
            "ref": { "type": "ref/resource", "uri": template },
            "argument": { "name": "history", "value": typed },
        });
        asker.ask(Method::Complete, params).await.unwrap()["completion"]["values"].clone()
    }

    #[tokio::test]
    async fn a_named_history_is_read_as_a_whole_newest_first_and_by_its_caller_only() {
        for asker in Asker::both(catalog, App::default) {
            add(&asker, 1, "lab").await;
            add(&asker.session("another"), 2, "lab").await;
            let text = asker.read("calculator://histories/lab").await.unwrap();
            let kept: Vec<Value> = serde_json::from_str(&text).unwrap();
            let results: Vec<_> = kept.iter().map(|one| one["result"].as_f64()).collect();
            assert_eq!(results, [Some(3.0), Some(2.0)]);
            assert!(asker.read("calculator://histories/other").await.is_err());
            assert!(asker.user("bob").read("calculator://histories/lab").await.is_err());
        }
    }

    #[tokio::test]
    async fn names_are_completed_for_those_who_gave_them() {
        for asker in Asker::both(catalog, App::default) {
            for name in ["lab", "kitchen", "lab", "lake"] {
                add(&asker, 1, name).await;
            }
            let uri = "calculator://histories/{history}";
            for template in [uri, "calculator://histories/{history}/{calculationId}"] {
                assert_eq!(suggested(&asker, template, "la").await, json!(["lake", "lab"]));
                assert_eq!(suggested(&asker.user("bob"), template, "").await, json!([]));
            }
        }
    }

    #[tokio::test]
    async fn a_name_is_remembered_whenever_it_is_used_and_pushes_out_no_other() {
        for asker in Asker::both(catalog, App::default) {
            for name in ["kitchen", "lab", "lake"] {
                add(&asker, 1, name).await;
            }
            for _ in 0..60 {
                add(&asker, 1, "lab").await;
            }
            let uri = "calculator://histories/{history}";
            assert_eq!(suggested(&asker, uri, "").await, json!(["lab", "lake", "kitchen"]));
        }
    }
}
