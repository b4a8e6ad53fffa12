//! What is listed, toolset by toolset: as a whole, to be read in review, and by rules that every
//! feature keeps.

use mcp_core::{Catalog, UnusableName, testing::Asker};
use serde_json::{Value, json};
use shared::mcp::{Method, Revision};

use super::{App, calculator, diagnostics, everything, fetch, toolsets};

/// What a catalog lists to callers of a revision.
async fn listed(revision: Revision, catalog: Catalog<App>) -> Value {
    let asker = Asker::new(revision, catalog, App::default());
    let mut lists = json!({});
    for (method, member) in [
        (Method::ListTools, "tools"),
        (Method::ListPrompts, "prompts"),
        (Method::ListResources, "resources"),
        (Method::ListResourceTemplates, "resourceTemplates"),
    ] {
        lists[member] = asker.ask(method, json!({})).await.unwrap()[member].clone();
    }
    lists
}

async fn modern(add: fn(Catalog<App>) -> Catalog<App>) -> Value {
    listed(Revision::V2026_07_28, add(Catalog::new())).await
}

#[tokio::test]
async fn everything_is_listed_as_it_was() {
    insta::assert_json_snapshot!("everything", modern(everything::add_to).await);
}

#[tokio::test]
async fn fetch_is_listed_as_it_was() {
    insta::assert_json_snapshot!("fetch", modern(fetch::add_to).await);
}

#[tokio::test]
async fn diagnostics_are_listed_as_they_were() {
    insta::assert_json_snapshot!("diagnostics", modern(diagnostics::add_to).await);
}

#[tokio::test]
async fn lists_are_the_same_every_time_and_in_every_era() {
    let first = listed(Revision::V2026_07_28, toolsets::all()).await;
    assert_eq!(listed(Revision::V2026_07_28, toolsets::all()).await, first);
    assert_eq!(listed(Revision::V2025_11_25, toolsets::all()).await, first);
}

#[tokio::test]
async fn every_tool_says_what_it_is_and_what_it_does_to_the_world() {
    let all = listed(Revision::V2026_07_28, toolsets::all()).await;
    for tool in all["tools"].as_array().unwrap() {
        let name = &tool["name"];
        for member in ["title", "description"] {
            assert!(tool[member].as_str().is_some_and(|text| !text.is_empty()), "{name}: {member}");
        }
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{name}: {hint}");
        }
    }
}

/// The arguments of all tools, each with the name of its tool.
fn arguments(all: &Value) -> impl Iterator<Item = (String, &Value)> {
    let tools = all["tools"].as_array().unwrap().iter();
    tools.flat_map(|tool| {
        let fields = tool["inputSchema"]["properties"].as_object().unwrap().iter();
        fields.map(move |(field, schema)| (format!("{}.{field}", tool["name"]), schema))
    })
}

#[tokio::test]
async fn every_argument_is_described_and_every_count_is_bounded() {
    let all = listed(Revision::V2026_07_28, toolsets::all()).await;
    for (name, schema) in arguments(&all) {
        assert!(schema["description"].is_string(), "{name}: {schema}");
        let kind = schema["type"].to_string();
        if kind.contains("integer") {
            assert!(schema["minimum"].is_number() && schema["maximum"].is_number(), "{name}");
        }
        if kind.contains("array") {
            assert!(schema["maxItems"].is_number(), "{name}");
        }
    }
}

#[tokio::test]
async fn every_prompt_and_its_arguments_are_described() {
    // E12: one argument had no description, and choices were not named.
    let all = listed(Revision::V2026_07_28, toolsets::all()).await;
    for prompt in all["prompts"].as_array().unwrap() {
        assert!(prompt["title"].is_string() && prompt["description"].is_string(), "{prompt}");
        for argument in prompt["arguments"].as_array().into_iter().flatten() {
            assert!(argument["description"].is_string(), "{prompt}");
        }
    }
    for template in all["resourceTemplates"].as_array().unwrap() {
        assert!(template["description"].is_string() && template["name"].is_string(), "{template}");
    }
}

#[tokio::test]
async fn every_published_name_is_answered_and_one_of_each_tool_is_listed() {
    let all = listed(Revision::V2026_07_28, toolsets::all()).await;
    let listed: Vec<_> =
        all["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
    for names in [
        &["long-running-operation", "longRunningOperation", "trigger-long-running-operation"][..],
        &["add", "get-sum"],
        &["annotated-message", "annotatedMessage", "get-annotated-message"],
        &["sampling-request", "sampleLLM", "trigger-sampling-request"],
        &["get-tiny-image", "getTinyImage"],
        &["get-resource-reference", "getResourceReference"],
        &["get-resource-links", "getResourceLinks"],
        &["get-structured-content", "structuredContent"],
        &["get-roots-list", "listRoots"],
        &["elicitation-request", "startElicitation", "elicitInputs", "trigger-elicitation-request"],
        &["url-elicitation", "trigger-url-elicitation"],
        &["toggle-logging", "toggle-simulated-logging"],
        &["toggle-subscriber-updates"],
        &["gzip-file-as-resource"],
        &["print-env", "printEnv", "get-env"],
    ] {
        let shown: Vec<_> = names.iter().filter(|name| listed.contains(&json!(name))).collect();
        assert_eq!(shown, [&names[0]], "listed once, under the first name");
        for name in names {
            // Nothing else can have a name that is answered.
            let taken = calculator::add_sample(toolsets::all(), name).err();
            assert_eq!(taken, Some(UnusableName::Taken), "{name}");
        }
    }
}
