//! Tools whose schema is what is tested.

use mcp_core::{Catalog, Ctx, Tool, ToolError};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;

use crate::App;

pub(super) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog.tool::<CustomHeader>().tool::<Whole>()
}

/// Has an argument that a header repeats.
#[derive(Deserialize, JsonSchema)]
struct CustomHeader {
    #[schemars(extend("x-mcp-header" = "Value"))]
    value: String,
}

impl Tool<App> for CustomHeader {
    const NAME: &'static str = "test_custom_header";
    type Output = String;
    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        Ok(self.value)
    }
}

/// Has a schema that must arrive whole; it is listed and not called.
#[derive(Deserialize)]
struct Whole(Value);

/// As the suite gives it.
const WHOLE: &str = r##"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "description": "Has a schema that must arrive whole.",
  "type": "object",
  "$defs": { "address": { "$anchor": "addressDef", "type": "object",
    "properties": { "street": { "type": "string" }, "city": { "type": "string" } } } },
  "properties": {
    "name": { "type": "string" },
    "address": { "$ref": "#/$defs/address" },
    "contactMethod": { "type": "string", "enum": ["phone", "email"] },
    "phone": { "type": "string" },
    "email": { "type": "string" }
  },
  "allOf": [ { "anyOf": [ { "required": ["phone"] }, { "required": ["email"] } ] } ],
  "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
  "then": { "required": ["phone"] },
  "else": { "required": ["email"] },
  "additionalProperties": false
}"##;

impl JsonSchema for Whole {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Whole".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        serde_json::from_str(WHOLE).expect("the text above is a schema")
    }
}

impl Tool<App> for Whole {
    const NAME: &'static str = "json_schema_2020_12_tool";
    type Output = String;
    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        Ok(self.0.to_string())
    }
}
