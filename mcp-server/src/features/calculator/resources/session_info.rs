//! What is known of the caller's own session. There is none in 2026-07-28, and nothing to read.

use mcp_core::{Argument, Ctx, ListCtx, ReadError, Resource, ResourceInfo, Suggestions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::mcp::{Resource as ListedResource, ResourceContents};

use super::{JSON, json, member, session_info};
use crate::features::{
    App,
    calculator::history::{history, iso_8601},
};

/// Current session details
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionInfo {
    /// The name of the caller's own session; no other can be read
    session_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    session_id: &'a str,
    start_time: String,
    last_activity: String,
    request_count: u64,
    calculation_count: usize,
    /// In milliseconds.
    uptime: u128,
}

impl Resource<App> for SessionInfo {
    const URI: &'static str = "session://info/{sessionId}";
    const NAME: &'static str = "session-info";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Session Information").mime_type(JSON).needs_session()
    }

    async fn read(self, ctx: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        let own = ctx.session().filter(|own| *own == self.session_id);
        let own = own.ok_or(ReadError::NotFound)?;
        let facts = ctx.vitals().session(own).await?.ok_or(ReadError::NotFound)?;
        let details = Details {
            session_id: own,
            start_time: iso_8601(facts.opened),
            last_activity: iso_8601(facts.last_used),
            request_count: facts.requests,
            calculation_count: history(ctx.state(), None).entries().await?.len(),
            uptime: ctx.clock().now().since(facts.opened).as_millis(),
        };
        json(&session_info(own), &details)
    }

    async fn list(ctx: &ListCtx<App>) -> Vec<ListedResource> {
        let own = ctx.session().map(|own| {
            member(session_info(own), "session-info".to_owned(), "Session Information".to_owned())
        });
        own.into_iter().collect()
    }

    async fn complete(ctx: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        Suggestions::starting_with(argument.typed, ctx.session())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ambient::Timestamp;
    use mcp_core::{
        SessionFacts, Snapshot,
        testing::{Asker, TestVitals},
    };
    use serde_json::{Value, json};
    use shared::mcp::Method;

    use crate::features::{App, catalog};

    fn both() -> [Asker; 2] {
        let facts = SessionFacts {
            opened: Timestamp::from_secs(1_800_000_000 - 5),
            last_used: Timestamp::from_secs(1_800_000_000 - 1),
            requests: 3,
        };
        Asker::both(catalog, App::default).map(|asker| {
            let snapshot = Snapshot::default();
            asker.vitals(Arc::new(TestVitals { snapshot, session: Some(facts) }))
        })
    }

    #[tokio::test]
    async fn a_session_reads_about_itself() {
        let [legacy, modern] = both();
        legacy.call("calculate", json!({ "a": 1, "b": 1, "op": "add" })).await;
        let text = legacy.read("session://info/session-1").await.unwrap();
        let expected = json!({
            "sessionId": "session-1",
            "startTime": "2027-01-15T07:59:55.000Z",
            "lastActivity": "2027-01-15T07:59:59.000Z",
            "requestCount": 3,
            "calculationCount": 1,
            "uptime": 5000,
        });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        assert!(modern.read("session://info/session-1").await.is_err());
    }

    #[tokio::test]
    async fn a_session_completes_its_own_name() {
        let [legacy, modern] = both();
        let params = json!({
            "ref": { "type": "ref/resource", "uri": "session://info/{sessionId}" },
            "argument": { "name": "sessionId", "value": "ses" },
        });
        for (asker, own) in [(legacy, json!(["session-1"])), (modern, json!([]))] {
            let result = asker.ask(Method::Complete, params.clone()).await.unwrap();
            assert_eq!(result["completion"]["values"], own);
        }
    }

    #[tokio::test]
    async fn it_is_listed_where_there_are_sessions_and_nowhere_else() {
        let [legacy, modern] = both();
        for (asker, is_listed) in [(legacy, true), (modern, false)] {
            let listed = asker.ask(Method::ListResourceTemplates, json!({})).await.unwrap();
            let all = listed["resourceTemplates"].as_array().unwrap();
            let found = all.iter().any(|one| one["name"] == "session-info");
            assert_eq!(found, is_listed, "{listed}");
        }
    }

    #[tokio::test]
    async fn no_session_reads_about_another() {
        let [legacy, _] = both();
        assert!(legacy.session("session-2").read("session://info/session-1").await.is_err());
    }
}
