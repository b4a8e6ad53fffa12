//! What is listed, toolset by toolset: as a whole, to be read in review, by rules that every feature
//! keeps, and as `docs/catalogue.md` tells it.

mod page;
mod rules;

use mcp_core::{Catalog, testing::Asker};
use serde_json::{Value, json};
use shared::mcp::{Method, Revision};

use super::{App, apps, calculator, diagnostics, everything, fetch, toolsets};

/// What a catalog lists to callers of a revision, page by page to the end.
async fn listed(revision: Revision, catalog: Catalog<App>) -> Value {
    let asker = Asker::new(revision, catalog, App::default());
    let mut lists = json!({});
    for (method, member) in [
        (Method::ListTools, "tools"),
        (Method::ListPrompts, "prompts"),
        (Method::ListResources, "resources"),
        (Method::ListResourceTemplates, "resourceTemplates"),
    ] {
        let mut entries = Vec::new();
        let mut params = json!({});
        loop {
            let page = asker.ask(method, params).await.unwrap();
            entries.extend(page[member].as_array().unwrap().clone());
            let Some(cursor) = page.get("nextCursor") else { break };
            params = json!({ "cursor": cursor });
        }
        lists[member] = entries.into();
    }
    lists
}

/// Everything that any toolset offers to the revision whose lists have the most members.
async fn everything_listed() -> Value {
    listed(Revision::V2025_11_25, toolsets::all()).await
}

/// A toolset without the numbered resources after the first page: one looks like the other.
async fn toolset(add: fn(Catalog<App>) -> Catalog<App>) -> Value {
    let mut lists = listed(Revision::V2025_11_25, add(Catalog::new())).await;
    let after = |resource: &Value| {
        let number =
            resource["uri"].as_str().and_then(|uri| uri.strip_prefix("test://static/resource/"));
        number.and_then(|number| number.parse::<u32>().ok()).is_some_and(|number| number > 10)
    };
    lists["resources"].as_array_mut().unwrap().retain(|resource| !after(resource));
    lists
}

#[tokio::test]
async fn everything_is_listed_as_it_was() {
    insta::assert_json_snapshot!("everything", toolset(everything::add_to).await);
}

#[tokio::test]
async fn the_calculator_is_listed_as_it_was() {
    insta::assert_json_snapshot!("calculator", toolset(calculator::add).await);
}

#[tokio::test]
async fn apps_are_listed_as_they_were() {
    insta::assert_json_snapshot!("apps", toolset(apps::add).await);
}

#[tokio::test]
async fn fetch_is_listed_as_it_was() {
    insta::assert_json_snapshot!("fetch", toolset(fetch::add_to).await);
}

#[tokio::test]
async fn diagnostics_are_listed_as_they_were() {
    insta::assert_json_snapshot!("diagnostics", toolset(diagnostics::add_to).await);
}

#[tokio::test]
async fn lists_are_the_same_every_time_and_in_every_era() {
    // E17: the original listed more once it knew the client, and said so seven times.
    let first = listed(Revision::V2026_07_28, toolsets::all()).await;
    assert_eq!(listed(Revision::V2026_07_28, toolsets::all()).await, first);
    let mut session = listed(Revision::V2025_11_25, toolsets::all()).await;
    // What a session has besides is its own.
    let own = |one: &Value| one["uri"].as_str().is_some_and(|uri| uri.starts_with("session://"));
    session["resources"].as_array_mut().unwrap().retain(|one| !own(one));
    let of_session =
        |one: &Value| one["uriTemplate"].as_str().is_some_and(|uri| uri.starts_with("session://"));
    session["resourceTemplates"].as_array_mut().unwrap().retain(|one| !of_session(one));
    // Tasks of clients exist in this revision only.
    let asks_for_tasks = |one: &Value| one["name"].as_str().unwrap().ends_with("-request-async");
    session["tools"].as_array_mut().unwrap().retain(|one| !asks_for_tasks(one));
    assert_eq!(session, first);
}
