//! Everything that the newest revision can say of a thing, and how much of it an older one is told.

use serde_json::Map;
use shared::mcp::{
    CacheHint, CacheScope, CallToolResult, Icon, IconTheme, IncludeContext, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ModelHint, ModelPreferences, Prompt,
    PromptArgument, ReadResourceResult, ResourceContents, ResourceTemplate, Role, ToolAnnotations,
};
use testkit::schema::{Asked, violations};

use super::*;

const WITH_SESSIONS: [Revision; 4] =
    [Revision::V2025_11_25, Revision::V2025_06_18, Revision::V2025_03_26, Revision::V2024_11_05];

fn hints() -> Annotations {
    Annotations {
        audience: vec![Role::User],
        priority: Some(0.5),
        last_modified: Some("2026-01-01T00:00:00Z".to_owned()),
    }
}

fn icon() -> Icon {
    let (mime_type, sizes) = (Some("image/png".to_owned()), vec!["48x48".to_owned()]);
    Icon { mime_type, sizes, theme: Some(IconTheme::Dark), ..Icon::new("https://a.test/i.png") }
}

fn own() -> Map<String, Value> {
    Map::from_iter([("example.org/own".to_owned(), json!(1))])
}

fn resource() -> Resource {
    Resource {
        title: Some("T".to_owned()),
        description: Some("D".to_owned()),
        mime_type: Some("text/plain".to_owned()),
        annotations: Some(hints()),
        size: Some(5),
        icons: vec![icon()],
        meta: own(),
        ..Resource::new("test://x", "x")
    }
}

fn template() -> ResourceTemplate {
    let Resource { name, title, description, mime_type, annotations, icons, meta, .. } = resource();
    let uri_template = "test://{x}".to_owned();
    ResourceTemplate { uri_template, name, title, description, mime_type, annotations, icons, meta }
}

fn prompt() -> Prompt {
    let argument = PromptArgument {
        name: "a".to_owned(),
        title: Some("A".to_owned()),
        description: Some("D".to_owned()),
        required: true,
    };
    Prompt {
        name: "x".to_owned(),
        title: Some("T".to_owned()),
        description: Some("D".to_owned()),
        arguments: vec![argument],
        icons: vec![icon()],
        meta: own(),
    }
}

fn tool(annotations: Option<ToolAnnotations>) -> Tool {
    Tool {
        name: "x".to_owned(),
        title: Some("T".to_owned()),
        description: Some("D".to_owned()),
        icons: vec![icon()],
        input_schema: json!({ "type": "object" }),
        output_schema: Some(json!({ "type": "object" })),
        annotations,
        execution: None,
        task_support: None,
        meta: own(),
    }
}

/// A result as a revision is told it; it is valid there.
fn told(method: &str, newest: ServerResult, revision: Revision) -> Value {
    let asked = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": { "name": "x" } });
    let result = json!(result(newest, revision));
    let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": result });
    let found = violations(revision, &answer, &Asked::by(&asked));
    assert!(found.is_empty(), "{revision}: {found:#?} in {answer:#}");
    result
}

/// The members of an object, sorted, without those that every revision has.
fn beyond(value: &Value, always: &[&str]) -> Vec<String> {
    let names = value.as_object().unwrap().keys().filter(|name| !always.contains(&name.as_str()));
    let mut names: Vec<_> = names.cloned().collect();
    names.sort();
    names
}

/// What the four revisions are told of something, newest first.
fn by_revision(of: impl Fn(Revision) -> Vec<String>, expected: [&[&str]; 4]) {
    for (revision, expected) in WITH_SESSIONS.into_iter().zip(expected) {
        assert_eq!(of(revision), expected, "{revision}");
    }
}

const OF_A_RESOURCE: &[&str] =
    &["uri", "uriTemplate", "name", "description", "mimeType", "annotations", "size", "_meta"];

#[test]
fn of_a_resource() {
    let of = |revision| {
        let resources = vec![Arc::new(resource())];
        let list = ListResourcesResult { resources, ..Default::default() };
        told("resources/list", ServerResult::ListResources(list), revision)["resources"][0].take()
    };
    let all: &[&str] = &["icons", "title"];
    by_revision(|revision| beyond(&of(revision), OF_A_RESOURCE), [all, &["title"], &[], &[]]);
    let hints = |revision| beyond(&of(revision)["annotations"], &["audience", "priority"]);
    by_revision(hints, [&["lastModified"], &["lastModified"], &[], &[]]);
    assert_eq!(of(Revision::V2024_11_05)["size"], 5);
    assert_eq!(of(Revision::V2025_11_25)["icons"][0]["theme"], "dark");
}

#[test]
fn of_a_template() {
    let of = |revision| {
        let resource_templates = vec![Arc::new(template())];
        let list = ListResourceTemplatesResult { resource_templates, ..Default::default() };
        let list = ServerResult::ListResourceTemplates(list);
        told("resources/templates/list", list, revision)["resourceTemplates"][0].take()
    };
    let all: &[&str] = &["icons", "title"];
    by_revision(|revision| beyond(&of(revision), OF_A_RESOURCE), [all, &["title"], &[], &[]]);
    let hints = |revision| beyond(&of(revision)["annotations"], &["audience", "priority"]);
    by_revision(hints, [&["lastModified"], &["lastModified"], &[], &[]]);
    assert_eq!(of(Revision::V2024_11_05)["_meta"], json!(own()));
}

#[test]
fn of_a_prompt() {
    let of = |revision| {
        let list = ListPromptsResult { prompts: vec![Arc::new(prompt())], ..Default::default() };
        told("prompts/list", ServerResult::ListPrompts(list), revision)["prompts"][0].take()
    };
    let always = ["name", "description", "arguments", "_meta"];
    let all: &[&str] = &["icons", "title"];
    by_revision(|revision| beyond(&of(revision), &always), [all, &["title"], &[], &[]]);
    let argument =
        |revision| beyond(&of(revision)["arguments"][0], &["name", "description", "required"]);
    by_revision(argument, [&["title"], &["title"], &[], &[]]);
}

#[test]
fn of_a_tool() {
    let hinted = ToolAnnotations { read_only_hint: Some(true), ..ToolAnnotations::default() };
    for annotations in [None, Some(hinted)] {
        let of = |revision| {
            let tools = vec![Arc::new(tool(annotations.clone()).into())];
            let list = ListToolsResult { tools, ..Default::default() };
            told("tools/list", ServerResult::ListTools(list), revision)["tools"][0].take()
        };
        // In 2025-03-26 the title is one of the hints; 2024-11-05 has neither.
        let title = |revision| {
            [&of(revision)["title"], &of(revision)["annotations"]["title"]].map(Value::clone)
        };
        assert_eq!(title(Revision::V2025_11_25), [json!("T"), Value::Null]);
        assert_eq!(title(Revision::V2025_06_18), [json!("T"), Value::Null]);
        assert_eq!(title(Revision::V2025_03_26), [Value::Null, json!("T")]);
        assert_eq!(of(Revision::V2024_11_05).get("annotations"), None);
        assert_eq!(of(Revision::V2025_06_18).get("icons"), None);
    }
}

#[test]
fn of_a_link() {
    let of = |revision| {
        let call = CallToolResult::of(vec![ContentBlock::ResourceLink(resource())]);
        told("tools/call", ServerResult::CallTool(call), revision)["content"][0].take()
    };
    assert_eq!(of(Revision::V2025_11_25)["icons"][0]["theme"], "dark");
    let older = of(Revision::V2025_06_18);
    assert_eq!(
        (older.get("icons"), &older["size"], &older["title"]),
        (None, &json!(5), &json!("T"))
    );
    assert_eq!(of(Revision::V2025_03_26), json!({ "type": "text", "text": "x: test://x" }));
}

/// A question for a model with everything that can be said without tools.
fn conversation() -> CreateMessageParams {
    let words = TextContent { annotations: Some(hints()), ..TextContent::new("hi") };
    let sound = SamplingContent::Audio(MediaContent::new("AA==", "audio/wav"));
    let several = OneOrMany::Many(vec![SamplingContent::Text(words), sound.clone()]);
    let messages = vec![
        SamplingMessage { meta: own(), ..SamplingMessage::new(Role::User, several) },
        SamplingMessage::new(Role::Assistant, OneOrMany::One(sound)),
        SamplingMessage::new(Role::User, OneOrMany::Many(Vec::new())),
    ];
    CreateMessageParams {
        system_prompt: Some("S".to_owned()),
        temperature: Some(0.5),
        model_preferences: Some(ModelPreferences {
            hints: vec![ModelHint { name: Some("claude".to_owned()) }],
            cost_priority: Some(0.0),
            speed_priority: Some(0.5),
            intelligence_priority: Some(1.0),
        }),
        stop_sequences: vec!["STOP".to_owned()],
        include_context: Some(IncludeContext::ThisServer),
        metadata: own(),
        ..CreateMessageParams::new(messages, 5)
    }
}

/// The parameters of a question for a model as a revision is told them; they are valid there.
fn asked(params: CreateMessageParams, revision: Revision) -> Value {
    let params = question(&InputRequest::Sample(params), revision);
    let asked = json!({
        "jsonrpc": "2.0", "id": "ask-1", "method": "sampling/createMessage", "params": params
    });
    let found = violations(revision, &asked, &Asked::nothing());
    assert!(found.is_empty(), "{revision}: {found:#?} in {asked:#}");
    params
}

#[test]
fn of_what_a_model_is_asked() {
    for revision in WITH_SESSIONS {
        let told = asked(conversation(), revision);
        let preferences = json!({
            "hints": [{ "name": "claude" }], "costPriority": 0.0, "speedPriority": 0.5,
            "intelligencePriority": 1.0
        });
        assert_eq!(told["modelPreferences"], preferences, "{revision}");
        assert_eq!(told["stopSequences"], json!(["STOP"]), "{revision}");
        assert_eq!(told["includeContext"], "thisServer", "{revision}");
        assert_eq!(told["metadata"], json!(own()), "{revision}");
    }
}

#[test]
fn of_a_conversation() {
    let shape = |revision| {
        let told = asked(conversation(), revision)["messages"].take();
        let message = |message: &Value| {
            let (role, content) = (message["role"].as_str().unwrap(), &message["content"]);
            let contents = content.as_array().map_or(std::slice::from_ref(content), Vec::as_slice);
            let kinds: Vec<_> = contents.iter().map(|c| c["type"].as_str().unwrap()).collect();
            format!("{role}: {}", kinds.join(" "))
        };
        told.as_array().unwrap().iter().map(message).collect::<Vec<_>>()
    };
    by_revision(
        shape,
        [
            &["user: text audio", "assistant: audio", "user: "],
            &["user: text", "user: audio", "assistant: audio"],
            &["user: text", "user: audio", "assistant: audio"],
            &["user: text", "user: text", "assistant: text"],
        ],
    );
    let first = asked(conversation(), Revision::V2024_11_05)["messages"][0].take();
    let told = json!({ "audience": ["user"], "priority": 0.5 });
    assert_eq!(first["content"]["annotations"], told);
    let sound = asked(conversation(), Revision::V2024_11_05)["messages"][1].take();
    let text = sound["content"]["text"].as_str().unwrap();
    assert!(text.starts_with("[audio of type audio/wav"), "{text}");
}

#[test]
fn what_a_revision_cannot_read_as_a_value_it_reads_as_text() {
    let value = json!({ "result": 5.0, "operation": "add" });
    let told = |words: &str, value: &Value, revision| {
        let mut call = CallToolResult::of(vec![ContentBlock::text(words.to_owned())]);
        call.structured_content = Some(value.clone());
        let told = result(ServerResult::CallTool(call), revision);
        let told = serde_json::to_value(told).unwrap();
        let blocks = told["content"].as_array().unwrap().iter();
        let texts = blocks.map(|block| block["text"].as_str().unwrap().to_owned());
        (texts.collect::<Vec<_>>(), told.get("structuredContent").cloned())
    };
    let older = [Revision::V2025_03_26, Revision::V2024_11_05];
    for revision in older {
        let (texts, structured) = told("2 add 3 = 5", &value, revision);
        assert_eq!((texts.len(), &*texts[0], structured), (2, "2 add 3 = 5", None));
        assert_eq!(serde_json::from_str::<Value>(&texts[1]).unwrap(), value);
        // Who says it as JSON already does not say it twice, however it is laid out.
        let laid_out = serde_json::to_string_pretty(&value).unwrap();
        assert_eq!(told(&laid_out, &value, revision).0, [laid_out]);
    }
    for revision in [Revision::V2026_07_28, Revision::V2025_11_25, Revision::V2025_06_18] {
        let words = vec!["2 add 3 = 5".to_owned()];
        assert_eq!(told("2 add 3 = 5", &value, revision), (words, Some(value.clone())));
    }
    // A number is the same with a point and without.
    let (value, text) = (json!({ "t": [36.0, 33], "n": 0.5 }), r#"{"t":[36,33.0],"n":0.5}"#);
    assert_eq!(told(text, &value, Revision::V2025_03_26).0, [text]);
    let (other, more) = (json!({ "t": [36.5] }), json!({ "t": [36], "n": 1 }));
    for value in [other, more] {
        assert_eq!(told(r#"{"t":[36]}"#, &value, Revision::V2025_03_26).0.len(), 2);
    }
    // Only the newest reads a list as a value.
    let list = json!([1, 2]);
    assert_eq!(told("two", &list, Revision::V2025_11_25).0, ["two", "[1,2]"]);
    assert_eq!(told("two", &list, Revision::V2026_07_28).0, ["two"]);
}

#[test]
fn how_long_something_may_be_kept_is_told_in_the_newest_revision_only() {
    let read = |revision| {
        let hint = CacheHint { ttl_ms: 5, cache_scope: CacheScope::Public };
        let contents = vec![ResourceContents::text("test://x", "text/plain", "x")];
        let read = ReadResourceResult { contents, cache: Some(hint), ..Default::default() };
        let read = serde_json::to_value(result(ServerResult::ReadResource(read), revision));
        read.unwrap().get("ttlMs").cloned()
    };
    assert_eq!(read(Revision::V2025_11_25), None);
    assert_eq!(read(Revision::V2024_11_05), None);
}
