//! The rules: everything has words for people and models, and everything that a caller sends has
//! bounds.

use serde_json::{Value, json};

use super::everything_listed;

fn tools(all: &Value) -> &[Value] {
    all["tools"].as_array().unwrap()
}

fn has_text(one: &Value, member: &str) -> bool {
    one[member].as_str().is_some_and(|text| !text.trim().is_empty())
}

/// Every field of a schema, at any depth, with its path.
fn fields(schema: &Value, path: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let mut open = vec![(path.to_owned(), schema.clone())];
    let definitions = schema["$defs"].as_object().into_iter().flatten();
    open.extend(definitions.map(|(name, one)| (format!("{path}.{name}"), one.clone())));
    while let Some((path, schema)) = open.pop() {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            found.push((path.clone(), field.clone()));
            open.push((path.clone(), field.clone()));
            open.push((path, field["items"].clone()));
        }
    }
    found
}

/// What each type must say of its bounds: the widest value is known before it arrives.
fn is_bounded(field: &Value) -> bool {
    let is = |kind: &str| field["type"] == kind || field["type"] == json!([kind, "null"]);
    let chosen = field["enum"].is_array() || field["oneOf"].is_array();
    let items = &field["items"];
    match () {
        () if is("string") => chosen || field["maxLength"].is_u64(),
        () if is("integer") => field["minimum"].is_number() && field["maximum"].is_number(),
        // A number of double precision is eight bytes, whatever it is.
        () if is("number") || is("boolean") => true,
        () if is("array") => {
            field["maxItems"].is_u64() && (items["type"] == "object" || is_bounded(items))
        }
        () if is("object") => field["properties"].is_object(),
        () => chosen || field["anyOf"].is_array() || field["$ref"].is_string(),
    }
}

#[tokio::test]
async fn every_tool_says_what_it_is_and_what_it_does_to_the_world() {
    let all = everything_listed().await;
    for tool in tools(&all) {
        let name = &tool["name"];
        assert!(has_text(tool, "title") && has_text(tool, "description"), "{name}");
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{name}: {hint}");
        }
    }
}

/// What a picture of a tool may take up in a list that is sent as a whole.
const LARGEST_ICON: usize = 400;

#[tokio::test]
async fn every_tool_has_one_small_picture_that_nobody_has_to_fetch() {
    let all = everything_listed().await;
    for tool in tools(&all) {
        let icons = tool["icons"].as_array().map_or(&[][..], Vec::as_slice);
        let [icon] = icons else { panic!("{} has {} icons", tool["name"], icons.len()) };
        let source = icon["src"].as_str().unwrap();
        assert!(source.starts_with("data:image/svg+xml;base64,"), "{}: {source}", tool["name"]);
        assert!(icon.to_string().len() <= LARGEST_ICON, "{}: {icon}", tool["name"]);
    }
}

#[tokio::test]
async fn every_argument_is_described_and_bounded_at_any_depth() {
    let all = everything_listed().await;
    for tool in tools(&all) {
        for (path, field) in fields(&tool["inputSchema"], tool["name"].as_str().unwrap()) {
            assert!(has_text(&field, "description"), "{path} has no description");
            assert!(is_bounded(&field), "{path} has no bounds: {field}");
        }
    }
}

/// Tools whose result is words, pictures or links, and no data that a program would take apart.
const WITHOUT_DATA: [&str; 17] = [
    "echo",
    "add",
    "long-running-operation",
    "annotated-message",
    "get-tiny-image",
    "get-resource-links",
    "get-resource-reference",
    "sampling-request",
    "elicitation-request",
    "url-elicitation",
    "simulate-research-query",
    "sampling-request-async",
    "elicitation-request-async",
    "toggle-logging",
    "toggle-subscriber-updates",
    "demo_progress",
    "gzip-file-as-resource",
];

#[tokio::test]
async fn a_tool_that_returns_data_says_of_what_shape() {
    let all = everything_listed().await;
    let without: Vec<_> =
        tools(&all).iter().filter(|tool| tool["outputSchema"].is_null()).collect();
    assert_eq!(without.iter().map(|tool| &tool["name"]).collect::<Vec<_>>(), WITHOUT_DATA);
    for tool in tools(&all) {
        for (path, field) in fields(&tool["outputSchema"], tool["name"].as_str().unwrap()) {
            assert!(has_text(&field, "description"), "{path} has no description");
        }
    }
}

#[tokio::test]
async fn every_prompt_and_its_arguments_are_described() {
    // E12: one argument had no description, and choices were not named.
    let all = everything_listed().await;
    for prompt in all["prompts"].as_array().unwrap() {
        assert!(has_text(prompt, "title") && has_text(prompt, "description"), "{prompt}");
        for argument in prompt["arguments"].as_array().into_iter().flatten() {
            assert!(has_text(argument, "description"), "{prompt}");
        }
    }
}

#[tokio::test]
async fn every_resource_has_a_name_and_a_type_and_every_template_a_description() {
    let all = everything_listed().await;
    for resource in all["resources"].as_array().unwrap() {
        assert!(has_text(resource, "name") && has_text(resource, "mimeType"), "{resource}");
    }
    for template in all["resourceTemplates"].as_array().unwrap() {
        assert!(has_text(template, "title") && has_text(template, "description"), "{template}");
    }
}
