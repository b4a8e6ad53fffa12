//! A calculation of the caller's: of its session, or of the caller where there are no sessions.

use mcp_core::{Argument, Ctx, ListCtx, ReadError, Resource, ResourceInfo, Suggestions};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{Resource as ListedResource, ResourceContents};

use super::{JSON, ids, json, listed, member, newest_first};
use crate::features::{App, calculator::history::history};

/// Retrieve specific calculation from history
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct History {
    /// The id that the calculation's result told
    calculation_id: String,
}

impl Resource<App> for History {
    const URI: &'static str = "calculator://history/{calculationId}";
    const NAME: &'static str = "calculation-history";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Calculation History").mime_type(JSON).growing()
    }

    async fn read(self, ctx: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        let kept = history(ctx.state(), None).entries().await?;
        let found = kept.into_iter().find(|entry| entry.id == self.calculation_id);
        let found = found.ok_or(ReadError::NotFound)?;
        json(&format!("calculator://history/{}", found.id), &found)
    }

    async fn list(ctx: &ListCtx<App>) -> Vec<ListedResource> {
        // Without a session a list must not change as a side effect of other requests.
        if ctx.session().is_none() {
            return Vec::new();
        }
        let entries = listed(history(ctx.state(), None).entries().await);
        let listed = entries.into_iter().map(|entry| {
            let uri = format!("calculator://history/{}", entry.id);
            member(uri, format!("calculation-{}", entry.id), entry.words())
        });
        listed.collect()
    }

    async fn complete(ctx: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        ids(argument.typed, newest_first(history(ctx.state(), None).entries().await))
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::{Refusal, testing::Asker};
    use serde_json::{Value, json};
    use shared::mcp::Method;

    use crate::features::{App, catalog, toolsets};

    async fn add(asker: &Asker, a: i32) -> String {
        let result = asker.call("calculate", json!({ "a": a, "b": 1, "op": "add" })).await;
        result["structuredContent"]["id"].as_str().unwrap().to_owned()
    }

    async fn suggested(asker: &Asker, typed: &str) -> Vec<String> {
        let reference =
            json!({ "type": "ref/resource", "uri": "calculator://history/{calculationId}" });
        let argument = json!({ "name": "calculationId", "value": typed });
        let params = json!({ "ref": reference, "argument": argument });
        let result = asker.ask(Method::Complete, params).await.unwrap();
        serde_json::from_value(result["completion"]["values"].clone()).unwrap()
    }

    async fn listed(asker: &Asker) -> Vec<String> {
        let (mut all, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let page = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
            let result = asker.ask(Method::ListResources, page).await.unwrap();
            let uris = result["resources"].as_array().unwrap().iter();
            all.extend(uris.map(|one| one["uri"].as_str().unwrap().to_owned()));
            cursor = result["nextCursor"].clone();
            if cursor.is_null() {
                return all;
            }
        }
    }

    #[tokio::test]
    async fn what_was_calculated_can_be_read() {
        // C17: the original's template was no template, and no tool told an id.
        for asker in Asker::both(catalog, App::default) {
            let id = add(&asker, 2).await;
            let text = asker.read(&format!("calculator://history/{id}")).await.unwrap();
            let kept: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((kept["id"].as_str(), kept["result"].as_f64()), (Some(&*id), Some(3.0)));
        }
    }

    #[tokio::test]
    async fn the_last_fifty_are_kept() {
        for asker in Asker::both(catalog, App::default) {
            let mut made = Vec::new();
            for a in 0..55 {
                made.push(add(&asker, a).await);
            }
            made.reverse();
            made.truncate(50);
            assert_eq!(suggested(&asker, "").await, made);
        }
    }

    #[tokio::test]
    async fn ids_are_completed() {
        for asker in Asker::both(catalog, App::default) {
            let (id, _) = (add(&asker, 1).await, add(&asker, 2).await);
            assert_eq!(suggested(&asker, &id[..8]).await, [id]);
            assert_eq!(suggested(&asker, "nothing like it").await, Vec::<String>::new());
        }
    }

    #[tokio::test]
    async fn a_session_lists_its_history_and_a_list_without_sessions_stays_as_it_is() {
        let [legacy, modern] = Asker::both(catalog, App::default);
        let uri = format!("calculator://history/{}", add(&legacy, 1).await);
        assert!(listed(&legacy).await.contains(&uri));
        assert!(!listed(&legacy.session("other")).await.contains(&uri));
        let before = listed(&modern).await;
        add(&modern, 1).await;
        assert_eq!(listed(&modern).await, before);
    }

    #[tokio::test]
    async fn what_a_session_has_made_is_listed_after_everything_else_and_oldest_first() {
        let [asker, _] = Asker::both(toolsets::all, App::default);
        let mut expected = listed(&asker).await;
        for a in 0..3 {
            expected.push(format!("calculator://history/{}", add(&asker, a).await));
            assert_eq!(listed(&asker).await, expected, "the pages before stay as they are");
        }
    }

    #[tokio::test]
    async fn nobody_reads_the_history_of_another() {
        for asker in Asker::both(catalog, App::default) {
            let uri = format!("calculator://history/{}", add(&asker, 1).await);
            let missing = Err(Refusal::ResourceNotFound { uri: uri.clone() });
            assert_eq!(asker.user("bob").read(&uri).await, missing);
            if asker.session_id().is_some() {
                assert_eq!(asker.session("another").read(&uri).await, missing);
            }
            assert_eq!(suggested(&asker.user("bob"), "").await, Vec::<String>::new());
        }
    }
}
