//! Tools in a catalog: how each is listed, checked and run.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use shared::mcp::{CallToolResult, RawJson, Tool as ListedTool, ToolAnnotations};

use crate::{
    Ctx, Info, Tool, ToolError,
    mirrored::{self, MirroredParam},
    schema,
    tool::IntoOutput as _,
};

/// A tool's arguments do not have the shape of its type.
pub(crate) struct MisfitArguments(pub(crate) String);

/// Runs a tool: what is outside tells whether the arguments fit, what is inside what came of it.
pub(crate) type Run<S> = Box<
    dyn for<'a> Fn(
            Option<RawJson>,
            &'a Ctx<S>,
        )
            -> BoxFuture<'a, Result<Result<CallToolResult, ToolError>, MisfitArguments>>
        + Send
        + Sync,
>;

pub(crate) struct ToolEntry<S> {
    pub(crate) listed: Arc<ListedTool>,
    pub(crate) mirrored: Vec<MirroredParam>,
    pub(crate) run: Run<S>,
}

impl<S: Send + Sync + 'static> ToolEntry<S> {
    /// # Panics
    /// When the schema of `T` marks a parameter for a header that cannot be.
    pub(super) fn new<T: Tool<S>>(info: Info) -> Self {
        let (input_schema, description) = schema::input::<T>();
        let mirrored = mirrored::params(&input_schema)
            .unwrap_or_else(|wrong| panic!("`{}` cannot be offered: {wrong}", T::NAME));
        let annotations = Some(info.annotations).filter(|a| *a != ToolAnnotations::default());
        let listed = Arc::new(ListedTool {
            name: T::NAME.to_owned(),
            title: info.title.map(str::to_owned),
            description,
            icons: Vec::new(),
            input_schema,
            output_schema: T::Output::schema(),
            annotations,
            meta: Map::new(),
        });
        Self { mirrored, run: run::<S, T>(&listed), listed }
    }
}

/// 2026-07-28 server/tools.
pub(super) fn is_tool_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=128).contains(&name.len()) && name.bytes().all(allowed)
}

fn run<S: Send + Sync + 'static, T: Tool<S>>(listed: &ListedTool) -> Run<S> {
    let bounds = Bounds::of(&listed.input_schema);
    Box::new(move |arguments, ctx| {
        let text = arguments.as_ref().map_or(b"{}".as_slice(), RawJson::as_bytes);
        let tool = decode::<T>(text).and_then(|tool| bounds.check(text).map(|()| tool));
        Box::pin(async move {
            let tool = tool?;
            Ok(match tool.call(ctx).await {
                Ok(output) => output.into_output().map_err(ToolError::from),
                Err(error) => Err(error),
            })
        })
    })
}

/// Reads arguments; says which one does not fit if they do not.
fn decode<T: DeserializeOwned>(text: &[u8]) -> Result<T, MisfitArguments> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let (path, reason) = (error.path().to_string(), error.inner());
        let place = if path == "." { String::new() } else { format!(" `{path}`:") };
        MisfitArguments(format!("The arguments do not fit:{place} {reason}"))
    })
}

/// What a schema demands that serde does not: bounds of numbers and lengths of texts at the top.
///
/// The type decides about shapes, names and choices; only what a type cannot express is checked
/// here, and a tool without such bounds is not looked at twice.
struct Bounds(Vec<(String, Value)>);

impl Bounds {
    fn of(schema: &Value) -> Self {
        let fields = schema["properties"].as_object().into_iter().flatten();
        let bounded =
            fields.filter(|(_, field)| BOUNDS.iter().any(|bound| field.get(bound).is_some()));
        Self(bounded.map(|(name, field)| (name.clone(), field.clone())).collect())
    }

    fn check(&self, arguments: &[u8]) -> Result<(), MisfitArguments> {
        if self.0.is_empty() {
            return Ok(());
        }
        // Nesting too deep for a value fits a type that ignores it; bounds would not be seen.
        let arguments: Value = serde_json::from_slice(arguments)
            .map_err(|error| MisfitArguments(format!("The arguments do not fit: {error}")))?;
        for (name, field) in &self.0 {
            let Some(value) = arguments.get(name) else { continue };
            for bound in BOUNDS {
                let Some(limit) = field.get(bound).and_then(Value::as_f64) else { continue };
                if !holds(bound, limit, value) {
                    let broken = format!("`{name}` breaks `{bound}` {limit}");
                    return Err(MisfitArguments(format!("The arguments do not fit: {broken}")));
                }
            }
        }
        Ok(())
    }
}

const BOUNDS: [&str; 6] =
    ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength"];

fn holds(bound: &str, limit: f64, value: &Value) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "no text is that long")]
    let length = value.as_str().map(|text| text.chars().count() as f64);
    match (bound, value.as_f64(), length) {
        ("minimum", Some(number), _) => number >= limit,
        ("maximum", Some(number), _) => number <= limit,
        ("exclusiveMinimum", Some(number), _) => number > limit,
        ("exclusiveMaximum", Some(number), _) => number < limit,
        ("minLength", _, Some(length)) => length >= limit,
        ("maxLength", _, Some(length)) => length <= limit,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bounds_hold_for_arguments_that_are_too_deep_to_look_at() {
        let bounds = Bounds::of(&json!({ "properties": { "steps": { "maximum": 100 } } }));
        let nest = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let checked = |text: &str| bounds.check(text.as_bytes()).map_err(|MisfitArguments(m)| m);
        assert!(checked(r#"{"steps":100}"#).is_ok());
        assert!(checked(r#"{"steps":101}"#).unwrap_err().contains("maximum"));
        assert!(checked(&format!(r#"{{"steps":101,"ignored":{nest}}}"#)).is_err());
    }
}
