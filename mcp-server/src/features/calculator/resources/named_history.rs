//! A calculation in a history that the caller has named: it reaches across sessions, and is the
//! explicit handle of callers that have none.

use mcp_core::{Argument, Ctx, ListCtx, ReadError, Resource, ResourceInfo, Suggestions};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::ResourceContents;

use super::{JSON, ids, json, named_history, names, newest_first};
use crate::features::{App, calculator::history::history};

/// Retrieve specific calculation from a history that the caller has named
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NamedHistory {
    /// The name that the calculation was given as `history`
    history: String,
    /// The id that the calculation's result told
    calculation_id: String,
}

impl Resource<App> for NamedHistory {
    const URI: &'static str = "calculator://histories/{history}/{calculationId}";
    const NAME: &'static str = "named-calculation-history";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Named Calculation History").mime_type(JSON)
    }

    async fn read(self, ctx: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        let kept = history(ctx.state(), Some(&self.history)).entries().await?;
        let found = kept.into_iter().find(|entry| entry.id == self.calculation_id);
        let found = found.ok_or(ReadError::NotFound)?;
        json(&format!("{}/{}", named_history(&self.history), found.id), &found)
    }

    async fn complete(ctx: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        // The ids follow from the name.
        match (argument.name, argument.others.get("history")) {
            ("history", _) => names(ctx.state(), argument.typed).await,
            ("calculationId", Some(name)) => {
                ids(argument.typed, newest_first(history(ctx.state(), Some(name)).entries().await))
            }
            _ => Suggestions::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::Asker;
    use serde_json::json;
    use shared::mcp::Method;

    use crate::features::{App, catalog};

    async fn kept(asker: &Asker) -> String {
        let arguments = json!({ "a": 1, "b": 1, "op": "add", "history": "mine" });
        let result = asker.call("calculate", arguments).await;
        result["structuredContent"]["id"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_named_history_is_the_callers_in_every_session_and_nobody_elses() {
        for asker in Asker::both(catalog, App::default) {
            let id = kept(&asker).await;
            let uri = format!("calculator://histories/mine/{id}");
            assert!(asker.session("another").read(&uri).await.is_ok());
            assert!(asker.user("bob").read(&uri).await.is_err());
            assert!(asker.read(&format!("calculator://histories/other/{id}")).await.is_err());
            // It is not in the history without a name.
            assert!(asker.read(&format!("calculator://history/{id}")).await.is_err());
        }
    }

    #[tokio::test]
    async fn ids_are_completed_once_the_name_is_known() {
        let uri = "calculator://histories/{history}/{calculationId}";
        for asker in Asker::both(catalog, App::default) {
            let id = kept(&asker).await;
            let params = json!({
                "ref": { "type": "ref/resource", "uri": uri },
                "argument": { "name": "calculationId", "value": "" },
                "context": { "arguments": { "history": "mine" } },
            });
            let result = asker.ask(Method::Complete, params).await.unwrap();
            assert_eq!(result["completion"]["values"], json!([id]));
        }
    }
}
