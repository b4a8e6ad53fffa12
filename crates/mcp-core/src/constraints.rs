//! What a schema demands and a type does not: ranges, lengths, patterns, formats.
//!
//! Serde decides about the shape of a value, also where it is more generous than the published
//! schema, as with a field that still answers to an older name. What it cannot see, such as
//! `#[schemars(range(min = 1))]` at any depth, is checked here, by the schema as it is published;
//! so is the one generosity that nobody has asked for, a list of members in place of an object.
//! A schema without such demands costs nothing.

use jsonschema::{
    Draft, JsonType, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind as Kind},
};
use serde_json::Value;

/// The demands of one schema, prepared once.
pub(crate) struct Constraints(Option<Demands>);

struct Demands {
    validator: Validator,
    /// A text of so many bytes or fewer breaks none of them, whatever it says.
    harmless: usize,
}

/// A schema that cannot be checked, and why: a pattern that is none, for example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its schema cannot be checked: {0}")]
pub(crate) struct MalformedSchema(String);

impl Constraints {
    pub(crate) fn of(schema: &Value) -> Result<Self, MalformedSchema> {
        if !demands(schema) {
            return Ok(Self(None));
        }
        let options = jsonschema::options().with_draft(Draft::Draft202012);
        let validator = options.should_validate_formats(true).build(schema);
        let validator = validator.map_err(|error| MalformedSchema(error.to_string()))?;
        Ok(Self(Some(Demands { validator, harmless: harmless(schema) })))
    }

    /// Checks a value that is still text. What does not fit is named.
    pub(crate) fn check_text(&self, text: &[u8]) -> Result<(), String> {
        if self.0.as_ref().is_none_or(|demands| text.len() <= demands.harmless) {
            return Ok(());
        }
        // Nesting too deep for a value fits a type that ignores it; demands would not be seen.
        let value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        self.check(&value)
    }

    /// Checks a value that serde has found to have the right shape. What does not fit is named.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        let Some(Demands { validator, .. }) = &self.0 else { return Ok(()) };
        let broken = validator.iter_errors(value).find_map(|error| broken(&error));
        broken.map_or(Ok(()), Err)
    }
}

/// Keywords about values. All others are about shapes.
const DEMANDS: [&str; 15] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "minProperties",
    "maxProperties",
];

fn demands(schema: &Value) -> bool {
    let mut any = false;
    each_demand(schema, &mut |_, _| any = true);
    any
}

/// How long a text may be so that nothing in it can be too long: a string has no more characters,
/// and an array no more items, than the text has bytes. Other demands can be broken by any text.
fn harmless(schema: &Value) -> usize {
    let mut harmless = usize::MAX;
    each_demand(schema, &mut |keyword, value| {
        let most = if matches!(keyword, "maxLength" | "maxItems") { value.as_u64() } else { None };
        harmless = harmless.min(most.and_then(|most| usize::try_from(most).ok()).unwrap_or(0));
    });
    harmless
}

/// Tells of every demand in a schema, with its value. That the whole is an object has been seen
/// before it comes here; that a part is one is a demand.
fn each_demand(schema: &Value, tell: &mut dyn FnMut(&str, &Value)) {
    for (name, member) in schema.as_object().into_iter().flatten() {
        if name != "type" {
            within(name, member, tell);
        }
    }
}

fn each_demand_of_part(schema: &Value, tell: &mut dyn FnMut(&str, &Value)) {
    match schema {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| within(name, member, tell));
        }
        Value::Array(items) => items.iter().for_each(|item| each_demand_of_part(item, tell)),
        _ => {}
    }
}

/// The demands of one keyword of a schema.
fn within(keyword: &str, member: &Value, tell: &mut dyn FnMut(&str, &Value)) {
    match keyword {
        "default" | "const" | "enum" | "examples" => {}
        // Names of fields are not keywords.
        "properties" | "$defs" => {
            let fields = member.as_object().into_iter().flatten();
            fields.for_each(|(_, field)| each_demand_of_part(field, tell));
        }
        "type" if takes_object(member) => tell(keyword, member),
        keyword if DEMANDS.contains(&keyword) => tell(keyword, member),
        _ => each_demand_of_part(member, tell),
    }
}

/// Whether a type is that of objects and not of lists as well.
fn takes_object(kind: &Value) -> bool {
    let names = kind.as_array().map_or(std::slice::from_ref(kind), Vec::as_slice);
    names.iter().any(|name| name == "object") && !names.iter().any(|name| name == "array")
}

/// What is wrong with a value, if it is the value and not its shape.
fn broken(error: &ValidationError<'_>) -> Option<String> {
    match error.kind() {
        // Of several alternatives the one meant is the one whose shape fits.
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            context.iter().find_map(|alternative| {
                let all: Option<Vec<String>> = alternative.iter().map(broken).collect();
                all?.into_iter().next()
            })
        }
        Kind::Type { .. } if is_list_for_object(error) => {
            Some(format!("`{}` must be an object", place(error)))
        }
        Kind::Format { format } if format == "uri" => {
            let (place, why) = (place(error), error.masked());
            Some(format!(
                "`{place}`: {why}; space and what else is no part of one is percent-encoded"
            ))
        }
        kind if DEMANDS.contains(&kind.keyword()) => {
            // The value itself stays out: it may be long, and the caller has it.
            Some(format!("`{}`: {}", place(error), error.masked()))
        }
        _ => None,
    }
}

/// Whether a list stands where only an object may: serde would read it as the members in their
/// order.
fn is_list_for_object(error: &ValidationError<'_>) -> bool {
    let Kind::Type { kind } = error.kind() else { return false };
    let takes_object = match kind {
        TypeKind::Single(kind) => *kind == JsonType::Object,
        TypeKind::Multiple(kinds) => kinds.contains(JsonType::Object),
    };
    takes_object && error.instance().is_array()
}

fn place(error: &ValidationError<'_>) -> String {
    error.instance_path().as_str().trim_start_matches('/').replace('/', ".")
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde_json::json;

    use super::*;
    use crate::schema;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Order {
        #[schemars(length(min = 1, max = 3))]
        items: Vec<Item>,
        #[schemars(email)]
        mail: Option<String>,
        gift: Option<Item>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Item {
        #[schemars(range(min = 1, max = 9))]
        amount: i64,
        #[schemars(regex(pattern = "^[a-z]+$"))]
        name: String,
    }

    fn wrong(order: &Value) -> Option<String> {
        Constraints::of(&schema::input::<Order>().0).unwrap().check(order).err()
    }

    fn item(amount: i64, name: &str) -> Value {
        json!({ "amount": amount, "name": name })
    }

    #[test]
    fn demands_are_seen_at_any_depth_and_named() {
        assert_eq!(wrong(&json!({ "items": [item(1, "a")], "mail": "a@example.com" })), None);
        assert!(wrong(&json!({ "items": [] })).unwrap().starts_with("`items`:"));
        let deep = wrong(&json!({ "items": [item(1, "a"), item(10, "a")] })).unwrap();
        assert_eq!(deep, "`items.1.amount`: value is greater than the maximum of 9");
        assert!(wrong(&json!({ "items": [item(1, "A")] })).unwrap().starts_with("`items.0.name`"));
        assert!(wrong(&json!({ "items": [item(1, "a")], "mail": "nobody" })).is_some());
    }

    #[test]
    fn an_alternative_is_held_to_its_demands() {
        assert_eq!(wrong(&json!({ "items": [item(1, "a")], "gift": null })), None);
        let gift = wrong(&json!({ "items": [item(1, "a")], "gift": item(0, "a") })).unwrap();
        assert!(gift.starts_with("`gift.amount`"), "{gift}");
    }

    #[test]
    fn a_list_of_members_is_no_object_at_any_depth() {
        assert_eq!(wrong(&json!({ "items": [[1, "a"]] })).unwrap(), "`items.0` must be an object");
        let gift = wrong(&json!({ "items": [item(1, "a")], "gift": [1, "a"] })).unwrap();
        assert_eq!(gift, "`gift` must be an object");
        let nested = json!({ "properties": { "a": { "type": "object" } } });
        assert!(Constraints::of(&nested).unwrap().check(&json!({ "a": [] })).is_err());
        let either = json!({ "properties": { "a": { "type": ["object", "array"] } } });
        assert!(Constraints::of(&either).unwrap().0.is_none());
        assert!(Constraints::of(&json!({ "type": "object" })).unwrap().0.is_none(), "the root is");
    }

    #[test]
    fn the_shape_is_left_to_serde() {
        for shape in [json!({}), json!({ "items": 5 }), json!({ "items": [{ "count": 1 }] })] {
            assert_eq!(wrong(&shape), None, "{shape}");
        }
    }

    #[test]
    fn a_text_that_is_too_short_to_break_a_bound_is_not_looked_at() {
        let words = json!({ "properties": { "words": { "maxLength": 20 } } });
        assert_eq!(harmless(&words), 20);
        let constraints = Constraints::of(&words).unwrap();
        // It is no JSON, which nobody notices.
        assert!(constraints.check_text(b"{").is_ok());
        assert!(constraints.check_text(br#"{"words":"12345678901234567890"}"#).is_ok());
        assert!(constraints.check_text(br#"{"words":"123456789012345678901"}"#).is_err());
        let more = json!({ "properties": { "words": { "maxLength": 20, "minLength": 1 } } });
        assert_eq!(harmless(&more), 0, "the empty text breaks this one");
    }

    #[test]
    fn a_field_that_is_named_like_a_demand_is_none() {
        let named = json!({ "properties": { "pattern": { "type": "string", "default": {} } } });
        assert!(Constraints::of(&named).unwrap().0.is_none());
        let malformed = json!({ "properties": { "a": { "pattern": "(" } } });
        assert!(Constraints::of(&malformed).is_err());
    }

    #[test]
    fn demands_hold_for_values_that_are_too_deep_to_look_at() {
        let schema = json!({ "properties": { "steps": { "maximum": 100 } } });
        let constraints = Constraints::of(&schema).unwrap();
        let nest = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let check = |text: &str| constraints.check_text(text.as_bytes());
        assert!(check(r#"{"steps":100}"#).is_ok());
        assert!(check(r#"{"steps":101}"#).unwrap_err().contains("maximum"));
        assert!(check(&format!(r#"{{"steps":101,"ignored":{nest}}}"#)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn a_value_is_let_through_if_it_keeps_to_its_schema(
            least in -9_i64..9, span in 0_i64..9, length in 0_usize..4, value in -20_i64..20, text in "[a-zä]{0,5}",
        ) {
            let schema = json!({ "type": "object", "properties": {
                "n": { "type": "integer", "minimum": least, "maximum": least + span },
                "t": { "type": "string", "maxLength": length },
            } });
            let (value, chars) = (json!({ "n": value, "t": text }), text.chars().count());
            let n = value["n"].as_i64().unwrap();
            let fits = (least..=least + span).contains(&n) && chars <= length;
            assert_eq!(Constraints::of(&schema).unwrap().check(&value).is_ok(), fits, "{value}");
        }
    }

    #[test]
    fn any_text_is_checked_without_a_panic() {
        type Tried = (Vec<u8>, u16, i32, String);
        bolero::check!().with_iterations(1000).with_type::<Tried>().for_each(|tried| {
            let (bytes, deep, number, text) = tried;
            let schema = json!({ "properties": {
                "n": { "minimum": 1 }, "t": { "type": "string", "maxLength": 3 },
            } });
            let constraints = Constraints::of(&schema).unwrap();
            let harmless = constraints.0.as_ref().unwrap().harmless;
            let deep = usize::from(*deep) % 1000;
            let nested = [b"[".repeat(deep), b"]".repeat(deep)].concat();
            // What is not JSON is refused; what is, is held to its demands, however deep it is.
            for any in [bytes, &nested] {
                let checked = constraints.check_text(any);
                let value = serde_json::from_slice::<Value>(any);
                assert!(value.is_ok() || checked.is_err() || any.len() <= harmless, "{any:?}");
            }
            let fits = *number >= 1 && text.chars().count() <= 3;
            let asked = json!({ "n": number, "t": text }).to_string();
            assert_eq!(constraints.check_text(asked.as_bytes()).is_ok(), fits, "{asked}");
        });
    }
}
