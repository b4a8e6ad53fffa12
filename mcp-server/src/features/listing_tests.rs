//! What clients are shown: everything has words for people and models, and a change to a list is
//! read in review.

use mcp_core::testing::Asker;
use serde_json::{Value, json};
use shared::mcp::Method;

use super::{App, apps, calculator};

/// The toolsets whose lists are held to here.
fn catalog() -> mcp_core::Catalog<App> {
    apps::add(calculator::add(mcp_core::Catalog::new()))
}

async fn listed(method: Method, member: &str) -> Vec<Value> {
    let [_, asker] = Asker::both(catalog, App::default);
    let mut list = asker.ask(method, json!({})).await.unwrap();
    assert_eq!(list["nextCursor"], Value::Null);
    serde_json::from_value(list[member].take()).unwrap()
}

/// Every argument of a schema, at any depth, with its path.
fn arguments(schema: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        found.push((path.clone(), field.clone()));
        arguments(field, &path, found);
        arguments(&field["items"], &path, found);
    }
}

#[tokio::test]
async fn every_tool_has_words_hints_and_bounds() {
    for tool in listed(Method::ListTools, "tools").await {
        let name = tool["name"].as_str().unwrap();
        for words in ["title", "description"] {
            assert!(tool[words].as_str().is_some_and(|text| !text.is_empty()), "{name}: {words}");
        }
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{name}: {hint}");
        }
        let mut all = Vec::new();
        arguments(&tool["inputSchema"], name, &mut all);
        arguments(&tool["outputSchema"], name, &mut all);
        for (path, field) in all {
            assert!(field["description"].is_string(), "{path} has no description");
        }
        let mut given = Vec::new();
        arguments(&tool["inputSchema"], name, &mut given);
        for (path, field) in given {
            let is = |kind| field["type"] == kind || field["type"] == json!([kind, "null"]);
            assert!(
                !is("string") || field["maxLength"].is_u64() || field["enum"].is_array(),
                "{path}"
            );
            assert!(!is("array") || field["maxItems"].is_u64(), "{path}");
            assert!(!is("integer") || field["maximum"].is_number(), "{path}");
        }
    }
}

#[tokio::test]
async fn a_tool_that_returns_data_says_of_what_shape() {
    let without: Vec<_> = listed(Method::ListTools, "tools")
        .await
        .into_iter()
        .filter(|tool| tool["outputSchema"].is_null())
        .map(|tool| tool["name"].clone())
        .collect();
    assert_eq!(without, ["demo_progress"]);
}

#[tokio::test]
async fn every_prompt_and_resource_has_words() {
    let mut all = listed(Method::ListPrompts, "prompts").await;
    for prompt in &all {
        for argument in prompt["arguments"].as_array().into_iter().flatten() {
            assert!(argument["description"].is_string(), "{prompt}");
        }
    }
    all.extend(listed(Method::ListResources, "resources").await);
    all.extend(listed(Method::ListResourceTemplates, "resourceTemplates").await);
    for one in all {
        assert!(one["title"].is_string() && one["description"].is_string(), "{one}");
    }
}

#[tokio::test]
async fn the_lists_are_those_that_were_reviewed() {
    insta::assert_json_snapshot!("tools", listed(Method::ListTools, "tools").await);
    insta::assert_json_snapshot!("prompts", listed(Method::ListPrompts, "prompts").await);
    insta::assert_json_snapshot!("resources", listed(Method::ListResources, "resources").await);
    let templates = listed(Method::ListResourceTemplates, "resourceTemplates").await;
    insta::assert_json_snapshot!("templates", templates);
}
