//! What an older revision can read of a result or a question.
//!
//! Everything is made once, in the newest shape; here is taken away what a revision does not have.
//! `_meta` stays in every revision: it is where extensions speak, MCP Apps among them, a client that
//! knows none of them passes it over, and every object of the older schemas is open. Pure: what goes
//! in and the revision decide what comes out.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use shared::mcp::{
    Annotations, ContentBlock, CreateMessageParams, ElicitParams, Implementation, InputRequest,
    ListToolsResult, MediaContent, OneOrMany, Resource, Revision, SamplingContent, SamplingMessage,
    ServerCapabilities, ServerResult, TextContent, Tool, ToolExecution, Written,
};

/// A result as a revision can read it.
pub(crate) fn result(mut result: ServerResult, revision: Revision) -> ServerResult {
    match &mut result {
        ServerResult::Initialize(result) => {
            let info = implementation(&result.server_info, revision);
            result.server_info = info;
            capabilities(&mut result.capabilities, revision);
        }
        ServerResult::ListTools(list) => tools(list, revision),
        ServerResult::CallTool(result) => {
            told(&mut result.content, &mut result.structured_content, revision);
        }
        ServerResult::ReadResource(read) => read.cache = None,
        ServerResult::GetPrompt(result) => {
            for message in &mut result.messages {
                content(&mut message.content, revision);
            }
        }
        ServerResult::ListPrompts(list) if !revision.has_icons() => {
            for prompt in &mut list.prompts {
                let prompt = Arc::make_mut(prompt);
                prompt.icons.clear();
                if !revision.has_titles() {
                    prompt.title = None;
                    prompt.arguments.iter_mut().for_each(|argument| argument.title = None);
                }
            }
        }
        ServerResult::ListResources(list) if !revision.has_icons() => {
            for resource in &mut list.resources {
                older_resource(Arc::make_mut(resource), revision);
            }
        }
        ServerResult::ListResourceTemplates(list) if !revision.has_icons() => {
            for template in &mut list.resource_templates {
                let template = Arc::make_mut(template);
                template.icons.clear();
                if !revision.has_titles() {
                    template.title = None;
                    hints(&mut template.annotations, revision);
                }
            }
        }
        _ => {}
    }
    result
}

/// A resource in a list, or what a link says of it.
fn older_resource(resource: &mut Resource, revision: Revision) {
    if !revision.has_icons() {
        resource.icons.clear();
    }
    if !revision.has_titles() {
        resource.title = None;
        hints(&mut resource.annotations, revision);
    }
}

fn implementation(
    info: &Arc<Written<Implementation>>,
    revision: Revision,
) -> Arc<Written<Implementation>> {
    if revision.has_icons() {
        return Arc::clone(info);
    }
    let mut older = Implementation::new(&info.name, &info.version);
    if revision.has_titles() {
        older.title.clone_from(&info.title);
    }
    Arc::new(older.into())
}

fn capabilities(capabilities: &mut ServerCapabilities, revision: Revision) {
    if !revision.has_streamable_http() {
        capabilities.completions = None;
    }
}

fn tools(list: &mut ListToolsResult, revision: Revision) {
    for tool in &mut list.tools {
        if let Some(task_support) = tool.task_support.filter(|_| revision.has_core_tasks()) {
            Arc::make_mut(tool).execution = Some(ToolExecution { task_support });
        }
        let is_object = |schema: &Value| schema["type"] == "object";
        let foreign_output = tool.output_schema.as_ref().is_some_and(|schema| !is_object(schema));
        if !revision.has_icons() || (foreign_output && !revision.has_any_structured_content()) {
            let tool: &mut Written<Tool> = Arc::make_mut(tool);
            older_tool(tool, revision, foreign_output);
        }
    }
}

fn older_tool(tool: &mut Tool, revision: Revision, foreign_output: bool) {
    if foreign_output || !revision.has_structured_content() {
        tool.output_schema = None;
    }
    if !revision.has_icons() {
        tool.icons.clear();
    }
    if !revision.has_titles() {
        // Among its hints a tool of 2025-03-26 has a title as well, the only one there is.
        if let Some(title) = tool.title.take() {
            tool.annotations.get_or_insert_default().title.get_or_insert(title);
        }
    }
    if !revision.has_tool_annotations() {
        tool.annotations = None;
    }
}

/// What a tool says: in words, and as a value where the revision has them. Until 2025-11-25 those are
/// objects.
fn told(words: &mut Vec<ContentBlock>, value: &mut Option<Value>, revision: Revision) {
    let readable = match value {
        Some(Value::Object(_)) => revision.has_structured_content(),
        Some(_) => revision.has_any_structured_content(),
        None => true,
    };
    if let Some(value) = value.take_if(|_| !readable) {
        // A result with words of its own has the value nowhere else: it is told as JSON text.
        if !words.iter().any(|block| says(block, &value)) {
            words.push(ContentBlock::text(value.to_string()));
        }
    }
    for block in words {
        content(block, revision);
    }
}

/// Whether a text is this value, as JSON.
fn says(block: &ContentBlock, value: &Value) -> bool {
    let ContentBlock::Text(text) = block else { return false };
    serde_json::from_str::<Value>(&text.text).is_ok_and(|said| is_same(&said, value))
}

/// Whether two values say the same: 36 is 36.0.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || (one.as_f64() == other.as_f64() && (one.is_f64() || other.is_f64()))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has = |(name, value)| other.get(name).is_some_and(|there| is_same(value, there));
            one.len() == other.len() && one.iter().all(has)
        }
        _ => one == other,
    }
}

/// Before they existed, links and sound become words.
fn content(block: &mut ContentBlock, revision: Revision) {
    let words = match block {
        ContentBlock::ResourceLink(Resource { uri, name, .. }) if !revision.has_titles() => {
            format!("{name}: {uri}")
        }
        ContentBlock::Audio(sound) if !revision.has_tool_annotations() => unheard(sound),
        ContentBlock::ResourceLink(resource) => return older_resource(resource, revision),
        block => return hints(block.hints_and_meta().0, revision),
    };
    *block = ContentBlock::text(words);
}

/// What stands in the place of a sound.
fn unheard(sound: &MediaContent) -> String {
    format!("[audio of type {}, which this protocol revision cannot carry]", sound.mime_type)
}

fn hints(annotations: &mut Option<Annotations>, revision: Revision) {
    if let Some(annotations) = annotations
        && !revision.has_titles()
    {
        annotations.last_modified = None;
    }
}

/// The parameters of a question as a revision can read them.
pub(crate) fn question(question: &InputRequest, revision: Revision) -> Value {
    match question {
        InputRequest::Elicit(ElicitParams::Form { message, requested_schema })
            if !revision.has_elicitation_modes() =>
        {
            json!({ "message": message, "requestedSchema": older_form(requested_schema) })
        }
        InputRequest::Elicit(params) => json!(params),
        InputRequest::Sample(params) => json!(older_conversation(params.clone(), revision)),
        InputRequest::Roots {} => json!({}),
    }
}

fn older_conversation(params: CreateMessageParams, revision: Revision) -> CreateMessageParams {
    let messages = params.messages.into_iter();
    let messages = messages.flat_map(|message| older_messages(message, revision)).collect();
    CreateMessageParams { messages, ..params }
}

/// Before 2025-11-25 a message says one thing: one that says several becomes as many messages.
fn older_messages(mut message: SamplingMessage, revision: Revision) -> Vec<SamplingMessage> {
    match &mut message.content {
        OneOrMany::Many(contents) => {
            for content in contents {
                older_said(content, revision);
            }
        }
        OneOrMany::One(content) => older_said(content, revision),
    }
    match message.content {
        OneOrMany::Many(contents) if !revision.has_sampling_tools() => {
            let alone = |content| SamplingMessage {
                content: OneOrMany::One(content),
                meta: message.meta.clone(),
                role: message.role,
            };
            contents.into_iter().map(alone).collect()
        }
        _ => vec![message],
    }
}

fn older_said(said: &mut SamplingContent, revision: Revision) {
    match said {
        SamplingContent::Audio(sound) if !revision.has_tool_annotations() => {
            *said = SamplingContent::Text(TextContent::new(unheard(sound)));
        }
        SamplingContent::Text(words) => hints(&mut words.annotations, revision),
        SamplingContent::Image(media) | SamplingContent::Audio(media) => {
            hints(&mut media.annotations, revision);
        }
        SamplingContent::ToolResult(result) => {
            told(&mut result.content, &mut result.structured_content, revision);
        }
        SamplingContent::ToolUse(_) => {}
    }
}

/// Forms of 2025-06-18: choices have `enumNames` in place of `oneOf`, one is chosen where newer
/// forms let choose several, and only a yes or no can have a default.
fn older_form(schema: &Value) -> Value {
    let mut schema = schema.clone();
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    let Some(fields) = properties else { return schema };
    fields.retain(|_, field| !wants_several(field));
    for field in fields.values_mut() {
        let is_several = is_choice_of_several(field);
        let Some(field) = field.as_object_mut() else { continue };
        if is_several {
            one_of_several(field);
        }
        if field.get("type") != Some(&json!("boolean")) {
            field.shift_remove("default");
        }
        if let Some(Value::Array(choices)) = field.shift_remove("oneOf") {
            let part = |name| choices.iter().map(|choice| choice[name].clone()).collect::<Value>();
            field.insert("enum".to_owned(), part("const"));
            field.insert("enumNames".to_owned(), part("title"));
        }
    }
    let left: Vec<_> = fields.keys().cloned().collect();
    // To index what is not there would write a null.
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| left.iter().any(|left| name == left));
    }
    schema
}

fn is_choice_of_several(field: &Value) -> bool {
    field["type"] == "array"
}

/// Whether one choice would never do: then the field is left out, and its question stays open.
fn wants_several(field: &Value) -> bool {
    is_choice_of_several(field) && field["minItems"].as_u64().is_some_and(|least| least > 1)
}

/// The choice of several as a choice of one.
fn one_of_several(field: &mut Map<String, Value>) {
    let Some(Value::Object(mut items)) = field.shift_remove("items") else { return };
    field.insert("type".to_owned(), json!("string"));
    field.retain(|name, _| !["minItems", "maxItems"].contains(&name.as_str()));
    if let Some(values) = items.shift_remove("enum") {
        field.insert("enum".to_owned(), values);
    }
    if let Some(titled) = items.shift_remove("anyOf") {
        field.insert("oneOf".to_owned(), titled);
    }
}

/// What a client of a revision has answered, as the question was meant: the one choice of an older
/// form is the only one of several.
pub(crate) fn answer(question: &InputRequest, mut answer: Value, revision: Revision) -> Value {
    let InputRequest::Elicit(ElicitParams::Form { requested_schema, .. }) = question else {
        return answer;
    };
    if revision.has_elicitation_modes() {
        return answer;
    }
    let fields = requested_schema["properties"].as_object().into_iter().flatten();
    for (name, _) in fields.filter(|(_, field)| is_choice_of_several(field)) {
        if let Some(chosen) = answer.get_mut("content").and_then(|content| content.get_mut(name))
            && chosen.is_string()
        {
            *chosen = json!([chosen.take()]);
        }
    }
    answer
}

#[cfg(test)]
mod members;

#[cfg(test)]
mod tests {
    use shared::mcp::CallToolResult;

    use super::*;

    fn tool(output: Value) -> Tool {
        Tool {
            name: "x".to_owned(),
            title: Some("X".to_owned()),
            description: None,
            icons: Vec::new(),
            input_schema: json!({ "type": "object" }),
            output_schema: Some(output),
            annotations: Some(shared::mcp::ToolAnnotations::default()),
            execution: None,
            task_support: None,
            meta: Map::from_iter([("ui".to_owned(), json!({}))]),
        }
    }

    fn listed(output: Value, revision: Revision) -> Value {
        let list =
            ListToolsResult { tools: vec![Arc::new(tool(output).into())], ..Default::default() };
        serde_json::to_value(result(ServerResult::ListTools(list), revision)).unwrap()["tools"][0]
            .take()
    }

    /// Members that a listed tool has, by revision.
    #[test]
    fn a_tool_loses_what_a_revision_does_not_have() {
        let object = json!({ "type": "object" });
        let cases = [
            (Revision::V2025_11_25, [true, true, true]),
            (Revision::V2025_06_18, [true, true, true]),
            (Revision::V2025_03_26, [false, false, true]),
            (Revision::V2024_11_05, [false, false, false]),
        ];
        for (revision, expected) in cases {
            let tool = listed(object.clone(), revision);
            let has = ["title", "outputSchema", "annotations"].map(|name| tool.get(name).is_some());
            assert_eq!(has, expected, "{revision}");
            assert!(tool["_meta"]["ui"].is_object(), "apps are of every revision: {revision}");
        }
        let foreign = listed(json!({ "type": "array" }), Revision::V2025_11_25);
        assert!(foreign.get("outputSchema").is_none());
    }

    fn called(structured: &Value, block: ContentBlock, revision: Revision) -> Value {
        let mut call = CallToolResult::of(vec![block]);
        call.structured_content = Some(structured.clone());
        serde_json::to_value(result(ServerResult::CallTool(call), revision)).unwrap()
    }

    #[test]
    fn structured_content_must_be_readable() {
        let text = || ContentBlock::text("x");
        let cases = [
            (json!({}), Revision::V2025_11_25, true),
            (json!([1]), Revision::V2025_11_25, false),
            (json!([1]), Revision::V2026_07_28, true),
            (json!({}), Revision::V2025_03_26, false),
        ];
        for (value, revision, kept) in cases {
            let result = called(&value, text(), revision);
            assert_eq!(result.get("structuredContent").is_some(), kept, "{value} {revision}");
        }
    }

    #[test]
    fn links_and_sound_become_words_before_they_existed() {
        let audio = ContentBlock::audio("AA==", "audio/wav");
        let kind =
            |revision| called(&json!({}), audio.clone(), revision)["content"][0]["type"].clone();
        assert_eq!(kind(Revision::V2025_03_26), "audio");
        assert_eq!(kind(Revision::V2024_11_05), "text");
    }

    #[test]
    fn forms_of_2025_06_18_have_no_titled_choices_and_no_defaults() {
        let field =
            json!({ "type": "string", "default": "a", "oneOf": [{ "const": "a", "title": "A" }] });
        let form = json!({ "type": "object", "properties": { "x": field, "y": { "type": "boolean", "default": true } } });
        let elicit = InputRequest::Elicit(ElicitParams::Form {
            message: "?".to_owned(),
            requested_schema: form.into(),
        });
        let older = question(&elicit, Revision::V2025_06_18);
        let fields = &older["requestedSchema"]["properties"];
        assert_eq!(fields["x"], json!({ "type": "string", "enum": ["a"], "enumNames": ["A"] }));
        assert_eq!(fields["y"]["default"], true);
        let newer = question(&elicit, Revision::V2025_11_25);
        assert_eq!(newer["requestedSchema"]["properties"]["x"]["default"], "a");
    }

    fn form(properties: &Value, required: &[&str]) -> InputRequest {
        let requested_schema =
            json!({ "type": "object", "properties": properties, "required": required });
        let (message, requested_schema) = ("?".to_owned(), requested_schema.into());
        InputRequest::Elicit(ElicitParams::Form { message, requested_schema })
    }

    fn several() -> Value {
        let titled = json!({ "anyOf": [{ "const": "a", "title": "A" }] });
        let plain = json!({ "type": "string", "enum": ["a", "b"] });
        json!({
            "plain": { "type": "array", "items": plain, "minItems": 1, "default": ["a"] },
            "titled": { "type": "array", "title": "T", "items": titled, "maxItems": 2 },
            "pair": { "type": "array", "items": plain, "minItems": 2 },
        })
    }

    #[test]
    fn forms_of_2025_06_18_have_one_choice_of_several() {
        let asked = form(&several(), &["plain", "pair"]);
        let older = question(&asked, Revision::V2025_06_18)["requestedSchema"].take();
        let plain = json!({ "type": "string", "enum": ["a", "b"] });
        let titled = json!({ "type": "string", "title": "T", "enum": ["a"], "enumNames": ["A"] });
        assert_eq!(older["properties"], json!({ "plain": plain, "titled": titled }));
        assert_eq!(older["required"], json!(["plain"]));
        let newer = question(&asked, Revision::V2025_11_25)["requestedSchema"].take();
        assert_eq!(newer["properties"], several());
    }

    #[test]
    fn the_one_choice_of_several_is_answered_as_a_list() {
        let asked = form(&several(), &[]);
        let chosen = json!({ "action": "accept", "content": { "plain": "a", "other": "x" } });
        let content = |revision| answer(&asked, chosen.clone(), revision)["content"].take();
        assert_eq!(content(Revision::V2025_06_18), json!({ "plain": ["a"], "other": "x" }));
        assert_eq!(content(Revision::V2025_11_25), chosen["content"]);
        let declined = json!({ "action": "decline" });
        assert_eq!(answer(&asked, declined.clone(), Revision::V2025_06_18), declined);
        assert_eq!(answer(&asked, json!([1]), Revision::V2025_06_18), json!([1]));
    }

    #[test]
    fn what_a_tool_told_a_model_is_an_object_or_words() {
        let told = |value: Value| {
            json!({ "role": "user", "content": [{
                "type": "tool_result", "toolUseId": "1", "content": [], "structuredContent": value
            }] })
        };
        let messages = [told(json!({ "a": 1 })), told(json!([1]))];
        let params = json!({ "messages": messages, "maxTokens": 1 });
        let asked = InputRequest::Sample(serde_json::from_value(params.clone()).unwrap());
        assert_eq!(question(&asked, Revision::V2026_07_28), params);
        let older = question(&asked, Revision::V2025_11_25);
        assert_eq!(older["messages"][0], params["messages"][0]);
        let told = &older["messages"][1]["content"][0];
        assert!(told.get("structuredContent").is_none());
        assert_eq!(told["content"], json!([{ "type": "text", "text": "[1]" }]));
    }

    mod properties {
        use proptest::prelude::*;
        use shared::mcp::ResourceContents;
        use testkit::schema::{Asked, violations};

        use super::*;

        fn annotations() -> impl Strategy<Value = Option<Annotations>> {
            let hints = |last_modified: Option<String>| Annotations {
                priority: Some(0.5),
                last_modified,
                ..Annotations::default()
            };
            let moment = proptest::option::of(Just("2026-01-01T00:00:00Z".to_owned()));
            proptest::option::of(moment.prop_map(hints))
        }

        fn block() -> impl Strategy<Value = ContentBlock> {
            let shape = (0..5, "[a-zä]{0,8}", proptest::option::of("[a-z]{1,5}"), annotations());
            shape.prop_map(|(kind, text, title, annotations)| {
                let (data, mime) = ("AA==".to_owned(), "image/png".to_owned());
                let mut block = match kind {
                    0 => ContentBlock::text(text),
                    1 => ContentBlock::image(data, mime),
                    2 => ContentBlock::audio(data, "audio/wav"),
                    3 => ContentBlock::ResourceLink(Resource {
                        description: title.clone(),
                        title,
                        mime_type: Some(mime),
                        ..Resource::new("test://x", text)
                    }),
                    _ => ContentBlock::resource(ResourceContents::text(
                        "test://x",
                        "text/plain",
                        text,
                    )),
                };
                *block.hints_and_meta().0 = annotations;
                block
            })
        }

        fn structured() -> impl Strategy<Value = Option<Value>> {
            let any = prop_oneof![Just(json!({ "a": 1 })), Just(json!([1])), Just(json!(null))];
            proptest::option::of(any)
        }

        /// A field of a form, of every kind that the newest revision has.
        fn field() -> impl Strategy<Value = Value> {
            let plain = json!({ "type": "string", "enum": ["a", "b"] });
            let titled = json!([{ "const": "a", "title": "A" }]);
            prop_oneof![
                Just(json!({ "type": "string", "default": "x", "format": "email" })),
                Just(json!({ "type": "integer", "default": 5, "minimum": 1 })),
                Just(json!({ "type": "boolean", "default": true })),
                Just(json!({ "type": "string", "oneOf": titled, "default": "a" })),
                Just(json!({ "type": "array", "items": plain, "default": ["a"] })),
                Just(json!({ "type": "array", "items": { "anyOf": titled }, "minItems": 1 })),
                Just(json!({ "type": "array", "items": plain, "minItems": 2 })),
            ]
        }

        proptest! {
            #[test]
            fn what_is_asked_is_valid_in_every_revision_that_asks(
                fields in proptest::collection::btree_map("[a-z]{1,3}", field(), 0..6),
                older: bool,
                requires: bool,
            ) {
                let revision = if older { Revision::V2025_06_18 } else { Revision::V2025_11_25 };
                let mut requested_schema = json!({ "type": "object", "properties": fields });
                if requires {
                    requested_schema["required"] = fields.keys().map(String::as_str).collect();
                }
                let (message, requested_schema) = ("?".to_owned(), requested_schema.into());
                let asked = InputRequest::Elicit(ElicitParams::Form { message, requested_schema });
                let params = question(&asked, revision);
                let asked = json!({
                    "jsonrpc": "2.0", "id": "ask-1", "method": "elicitation/create", "params": params
                });
                let found = violations(revision, &asked, &Asked::nothing());
                prop_assert!(found.is_empty(), "{revision}: {found:#?} in {asked:#}");
            }

            #[test]
            fn what_a_tool_says_is_valid_in_every_revision_with_sessions(
                blocks in proptest::collection::vec(block(), 0..5),
                structured in structured(),
                is_error: bool,
                revision in 0..4_usize,
            ) {
                let revision = [
                    Revision::V2025_11_25,
                    Revision::V2025_06_18,
                    Revision::V2025_03_26,
                    Revision::V2024_11_05,
                ][revision];
                let mut call = CallToolResult::of(blocks);
                (call.structured_content, call.is_error) = (structured, is_error);
                let result = result(ServerResult::CallTool(call), revision);
                let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": result });
                let asked = json!({
                    "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "x" }
                });
                let found = violations(revision, &answer, &Asked::by(&asked));
                prop_assert!(found.is_empty(), "{revision}: {found:#?} in {answer:#}");
            }
        }
    }
}
