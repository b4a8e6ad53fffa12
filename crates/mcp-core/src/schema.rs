//! Schemas as MCP wants them, made from types. Fields keep the order of their declaration, in which
//! people are shown them: what is taken out goes by `shift_remove`, which moves nothing else.

use schemars::{
    JsonSchema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};

/// The schema of a tool's arguments: an object at the root. The description of the type is the
/// tool's and is taken out.
pub(crate) fn input<T: JsonSchema>() -> (Value, Option<String>) {
    let mut schema = of::<T>(Contract::Deserialize);
    let description = match schema.shift_remove("description") {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    schema.shift_remove("title");
    schema.insert("type".to_owned(), json!("object"));
    schema.entry("properties").or_insert_with(|| json!({}));
    unite_marked_types(&mut schema);
    (Value::Object(schema), description)
}

/// An argument that a header repeats has one type (2026-07-28 basic/transports/streamable-http), or
/// clients drop its tool. `Option` says two, and null is an argument that is absent.
fn unite_marked_types(schema: &mut Map<String, Value>) {
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
    for field in fields.into_iter().flatten().filter_map(|(_, field)| field.as_object_mut()) {
        if field.contains_key("x-mcp-header") {
            unite_types(field);
        }
        unite_marked_types(field);
    }
}

/// `["string", "null"]` is `"string"`; what has more types than one is left as it is.
fn unite_types(field: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = field.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            field.insert("type".to_owned(), kind);
        }
    }
}

/// The schema of a structured result: of what is written, which may differ from what is read.
pub(crate) fn output<T: JsonSchema>() -> Value {
    let mut schema = of::<T>(Contract::Serialize);
    schema.shift_remove("title");
    Value::Object(schema)
}

/// The schema of a form: a flat object of simple fields (2026-07-28 client/elicitation).
///
/// # Panics
/// When a field of `T` is not simple. It is the same for every call, so the first test of the tool
/// that asks finds it.
pub(crate) fn form<T: JsonSchema>() -> Value {
    let schema = of::<T>(Contract::Deserialize);
    let definitions = schema.get("$defs").cloned().unwrap_or_default();
    let mut fields = Map::new();
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let field = simple_field(field, &definitions);
        let field = field.unwrap_or_else(|| {
            panic!("`{name}` of `{}` is not a field that a form can have", T::schema_name())
        });
        fields.insert(name.clone(), field);
    }
    let mut form = json!({ "type": "object", "properties": fields });
    if let Some(required) = schema.get("required") {
        form["required"] = required.clone();
    }
    form
}

fn of<T: JsonSchema>(contract: Contract) -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.contract = contract;
    });
    let schema = SchemaGenerator::new(settings).into_root_schema_for::<T>();
    let mut schema = schema.to_value();
    drop_widths(&mut schema);
    join_lines(&mut schema);
    match schema {
        Value::Object(schema) => schema,
        // `true` or `false`: anything or nothing.
        _ => Map::new(),
    }
}

/// Rust's widths of numbers (`double`, `uint32`) are no formats of JSON Schema, and some clients
/// complain about formats they do not know.
fn drop_widths(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let widths = |format: &str| {
                ["double", "float"].contains(&format)
                    || format.trim_start_matches('u').starts_with("int")
            };
            if members.get("format").and_then(Value::as_str).is_some_and(widths) {
                members.shift_remove("format");
            }
            members.values_mut().for_each(drop_widths);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_widths),
        _ => {}
    }
}

/// Where a line of a doc comment ends is the source's business: a description has paragraphs.
fn join_lines(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("description") {
                let paragraphs = text.split("\n\n").map(|lines| lines.replace('\n', " "));
                *text = paragraphs.collect::<Vec<_>>().join("\n\n");
            }
            members.values_mut().for_each(join_lines);
        }
        Value::Array(items) => items.iter_mut().for_each(join_lines),
        _ => {}
    }
}

/// A field of a form, or nothing if forms have no such fields.
fn simple_field(field: &Value, definitions: &Value) -> Option<Value> {
    let mut field = resolved(field, definitions)?;
    if let Some(choices) = titled_choices(&field) {
        field.insert("type".to_owned(), json!("string"));
        field.insert("oneOf".to_owned(), choices);
    }
    // `Option` allows null; in a form a field that is not required is left out.
    unite_types(&mut field);
    if let Some(Value::Array(values)) = field.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let allowed: &[&str] = match field.get("type")?.as_str()? {
        "string" => &["minLength", "maxLength", "format", "enum", "enumNames", "oneOf"],
        "number" | "integer" => &["minimum", "maximum"],
        "boolean" => &[],
        "array" => &["items", "minItems", "maxItems"],
        _ => return None,
    };
    if let Some(format) = field.get("format").and_then(Value::as_str)
        && !["email", "uri", "date", "date-time"].contains(&format)
    {
        field.shift_remove("format");
    }
    if let Some(items) = field.get("items") {
        let items = simple_field(items, definitions)?;
        field.insert("items".to_owned(), choices_of(&items)?);
    }
    field.retain(|name, value| {
        let common = ["type", "title", "description", "default"].contains(&name.as_str());
        (common || allowed.contains(&name.as_str())) && !value.is_null()
    });
    Some(Value::Object(field))
}

/// Follows a reference, alone or beside null, and keeps what is said beside it.
fn resolved(field: &Value, definitions: &Value) -> Option<Map<String, Value>> {
    let mut field = field.as_object()?.clone();
    let reference = match (field.shift_remove("$ref"), field.get("anyOf")) {
        (Some(reference), _) => reference,
        (None, Some(Value::Array(either))) => {
            let reference = either.iter().find_map(|part| part.get("$ref"))?.clone();
            field.shift_remove("anyOf");
            reference
        }
        (None, _) => return Some(field),
    };
    let name = reference.as_str()?.strip_prefix("#/$defs/")?;
    let mut target = definitions.get(name)?.as_object()?.clone();
    target.shift_remove("title");
    target.extend(field);
    Some(target)
}

/// What schemars makes of an enum whose variants have doc comments: `oneOf` of constants.
fn titled_choices(field: &Map<String, Value>) -> Option<Value> {
    let choices = field.get("oneOf")?.as_array()?.iter().map(|choice| {
        let constant = choice.get("const")?;
        let title = choice.get("title").or_else(|| choice.get("description")).unwrap_or(constant);
        Some(json!({ "const": constant, "title": title }))
    });
    choices.collect::<Option<Vec<_>>>().map(Value::Array)
}

/// The items of a choice of several: `enum`, or `anyOf` with titles.
fn choices_of(items: &Value) -> Option<Value> {
    match (items.get("enum"), items.get("oneOf")) {
        (Some(values), _) => Some(json!({ "type": "string", "enum": values })),
        (None, Some(titled)) => Some(json!({ "anyOf": titled })),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// Does something.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Arguments {
        /// How much.
        #[schemars(range(min = 1, max = 5))]
        amount: u8,
        note: Option<String>,
    }

    #[test]
    fn the_description_of_the_type_is_the_tools() {
        let (schema, description) = input::<Arguments>();
        assert_eq!(description.as_deref(), Some("Does something."));
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["required"], json!(["amount"]));
        assert_eq!(schema["properties"]["amount"]["maximum"], 5);
        assert!(schema["properties"]["amount"].get("format").is_none());
        assert!(schema.get("title").is_none() && schema.get("$schema").is_none());
    }

    /// One sentence, which goes
    /// over two lines.
    ///
    /// Another.
    #[derive(Deserialize, JsonSchema)]
    struct Wordy {}

    #[test]
    fn the_lines_of_a_paragraph_are_joined() {
        let (_, description) = input::<Wordy>();
        let expected = "One sentence, which goes over two lines.\n\nAnother.";
        assert_eq!(description.as_deref(), Some(expected));
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Marked {
        #[schemars(extend("x-mcp-header" = "Region"))]
        region: Option<String>,
        plain: Option<String>,
    }

    #[test]
    fn an_optional_argument_that_a_header_repeats_has_one_type() {
        let (schema, _) = input::<Marked>();
        assert_eq!(schema["properties"]["region"]["type"], "string");
        assert_eq!(schema["properties"]["plain"]["type"], json!(["string", "null"]));
        assert!(schema.get("required").is_none());
        assert_eq!(crate::mirrored::params(&schema).unwrap().len(), 1);
    }

    #[derive(Deserialize, JsonSchema)]
    enum Plain {
        A,
        B,
    }

    #[derive(Deserialize, JsonSchema)]
    enum Titled {
        /// The first
        A,
        /// The second
        B,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Form {
        /// Who
        name: String,
        age: Option<u8>,
        plain: Plain,
        titled: Option<Titled>,
        several: Vec<Plain>,
        yes: Option<bool>,
    }

    #[test]
    fn a_form_has_simple_fields_only() {
        let form = form::<Form>();
        let field = |name: &str| form["properties"][name].clone();
        assert_eq!(form["required"], json!(["name", "plain", "several"]));
        assert_eq!(field("name"), json!({ "type": "string", "description": "Who" }));
        assert_eq!(field("age"), json!({ "type": "integer", "minimum": 0, "maximum": 255 }));
        assert_eq!(field("plain"), json!({ "type": "string", "enum": ["A", "B"] }));
        let titles = json!([{ "const": "A", "title": "The first" }, { "const": "B", "title": "The second" }]);
        assert_eq!(field("titled"), json!({ "type": "string", "oneOf": titles }));
        assert_eq!(field("several")["items"], json!({ "type": "string", "enum": ["A", "B"] }));
        assert_eq!(field("yes"), json!({ "type": "boolean" }));
    }

    fn fields(schema: &Value) -> Vec<&str> {
        let fields = schema["properties"].as_object().unwrap();
        fields.keys().map(String::as_str).collect()
    }

    #[derive(JsonSchema, serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Trip {
        to_where: String,
        at: Option<String>,
        by: String,
    }

    #[test]
    fn fields_are_in_the_order_of_their_declaration() {
        let form = form::<Form>();
        assert_eq!(fields(&form), ["name", "age", "plain", "titled", "several", "yes"]);
        assert_eq!(fields(&output::<Trip>()), ["toWhere", "at", "by"]);
        let field = json!({ "title": "T", "type": "string", "format": "uuid", "pattern": "x", "minLength": 1, "description": "D" });
        let simple = simple_field(&field, &Value::Null).unwrap();
        let members: Vec<_> = simple.as_object().unwrap().keys().collect();
        assert_eq!(members, ["title", "type", "minLength", "description"]);
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Nested {
        inner: Arguments,
    }

    #[test]
    #[should_panic(expected = "`inner` of `Nested` is not a field that a form can have")]
    fn a_nested_field_is_refused_by_name() {
        form::<Nested>();
    }
}
