//! Arguments that HTTP headers repeat: `x-mcp-header` in a tool's schema.
//!
//! The rules are those of 2026-07-28 basic/transports/streamable-http. A client drops a tool that
//! breaks one, so a catalog refuses it first.

use serde_json::Value;

/// An argument that a header repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirroredParam {
    /// What follows `Mcp-Param-` in the header's name.
    pub header: String,
    /// Where the argument is, from the root of the arguments.
    path: Vec<String>,
}

impl MirroredParam {
    /// What the header must repeat of these arguments: a text, a number, true or false; nothing if
    /// it must be absent.
    #[must_use]
    pub fn value_in<'a>(&self, arguments: &'a Value) -> Option<&'a Value> {
        let found = self.path.iter().try_fold(arguments, |value, name| value.get(name))?;
        matches!(found, Value::String(_) | Value::Number(_) | Value::Bool(_)).then_some(found)
    }
}

/// Why a mark is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongMark {
    #[error("`x-mcp-header` must be the name of a header")]
    NoName,
    #[error("two parameters are marked with `{0}`")]
    Twice(String),
    #[error("`{0}` marks a parameter that is not a string, an integer or a boolean")]
    Type(String),
    #[error("`x-mcp-header` stands where only `properties` may lead")]
    Place,
}

/// The marked parameters of a schema.
pub(crate) fn params(schema: &Value) -> Result<Vec<MirroredParam>, WrongMark> {
    let mut found: Vec<MirroredParam> = Vec::new();
    collect(schema, &mut Vec::new(), &mut found)?;
    for (index, param) in found.iter().enumerate() {
        if found[..index].iter().any(|other| other.header.eq_ignore_ascii_case(&param.header)) {
            return Err(WrongMark::Twice(param.header.clone()));
        }
    }
    Ok(found)
}

fn collect(
    schema: &Value,
    path: &mut Vec<String>,
    found: &mut Vec<MirroredParam>,
) -> Result<(), WrongMark> {
    let Some(members) = schema.as_object() else { return Ok(()) };
    for (name, member) in members {
        match name.as_str() {
            "x-mcp-header" => found.push(mark(schema, member, path)?),
            "properties" => {
                for (name, field) in member.as_object().into_iter().flatten() {
                    path.push(name.clone());
                    collect(field, path, found)?;
                    path.pop();
                }
            }
            "default" | "enum" | "const" | "examples" => {}
            _ if holds_mark(member) => return Err(WrongMark::Place),
            _ => {}
        }
    }
    Ok(())
}

fn mark(field: &Value, name: &Value, path: &[String]) -> Result<MirroredParam, WrongMark> {
    let is_tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let header = name.as_str().filter(|name| !name.is_empty() && name.bytes().all(is_tchar));
    let header = header.ok_or(WrongMark::NoName)?.to_owned();
    let kind = field.get("type").and_then(Value::as_str);
    let simple = kind.is_some_and(|kind| ["string", "integer", "boolean"].contains(&kind));
    if path.is_empty() || !simple {
        return Err(WrongMark::Type(header));
    }
    Ok(MirroredParam { header, path: path.to_vec() })
}

fn holds_mark(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            members.contains_key("x-mcp-header") || members.values().any(holds_mark)
        }
        Value::Array(items) => items.iter().any(holds_mark),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(field: &Value) -> Value {
        json!({ "type": "object", "properties": { "a": { "type": "object", "properties": { "b": field } } } })
    }

    #[test]
    fn a_marked_argument_is_found_at_its_path() {
        let found =
            params(&schema(&json!({ "type": "integer", "x-mcp-header": "Region" }))).unwrap();
        assert_eq!(found[0].header, "Region");
        assert_eq!(found[0].value_in(&json!({ "a": { "b": 5 } })), Some(&json!(5)));
        for absent in [json!({}), json!({ "a": { "b": null } }), json!({ "a": 5 })] {
            assert_eq!(found[0].value_in(&absent), None);
        }
    }

    #[test]
    fn wrong_marks_are_refused() {
        let wrong = |field| params(&schema(&field)).unwrap_err();
        assert_eq!(wrong(json!({ "type": "string", "x-mcp-header": "" })), WrongMark::NoName);
        assert_eq!(wrong(json!({ "type": "string", "x-mcp-header": "a b" })), WrongMark::NoName);
        assert!(matches!(
            wrong(json!({ "type": "number", "x-mcp-header": "X" })),
            WrongMark::Type(_)
        ));
        let two = json!({ "type": ["string", "null"], "x-mcp-header": "X" });
        assert!(matches!(wrong(two), WrongMark::Type(_)), "clients want one type");
        let item = json!({ "type": "string", "x-mcp-header": "X" });
        assert_eq!(wrong(json!({ "type": "array", "items": item })), WrongMark::Place);
        let twice = json!({ "type": "object", "properties": {
            "a": { "type": "string", "x-mcp-header": "X" }, "b": { "type": "string", "x-mcp-header": "x" }
        } });
        assert!(matches!(params(&twice), Err(WrongMark::Twice(_))));
    }
}
