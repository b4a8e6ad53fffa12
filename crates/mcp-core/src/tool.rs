//! A tool is a type: its fields are the arguments, its doc comments the descriptions.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use shared::mcp::{CallToolResult, ContentBlock, ElicitParams, Icon, TaskSupport, ToolAnnotations};

use crate::{
    Ctx,
    failure::{BoxError, sorted},
    flow::AskError,
    schema,
};

/// Something that a model can use.
///
/// The name of the type is nobody's business; its fields are the arguments, and its doc comment is
/// the description.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    note = "derive `Deserialize` and `JsonSchema` for `{Self}`, then implement `Tool<App>`"
)]
pub trait Tool<S>: DeserializeOwned + JsonSchema + Send + 'static {
    /// On the wire: 1 to 128 of `A-Z a-z 0-9 _ - .`.
    const NAME: &'static str;

    /// What it returns.
    type Output: IntoOutput;

    /// What a list says of it beyond its schema.
    #[must_use]
    fn info(info: Info) -> Info {
        info
    }

    /// Does it. It may run again from the top after a question; see [`Ctx`].
    fn call(self, ctx: &Ctx<S>) -> impl Future<Output = Result<Self::Output, ToolError>> + Send;
}

/// What a list says of a tool beyond its schema.
#[derive(Clone, Debug, Default)]
pub struct Info {
    pub(crate) title: Option<&'static str>,
    pub(crate) aliases: Vec<&'static str>,
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) icons: Vec<Icon>,
    pub(crate) annotations: ToolAnnotations,
    pub(crate) task_support: Option<TaskSupport>,
    pub(crate) meta: Map<String, Value>,
    pub(crate) is_unlisted: bool,
    pub(crate) needs_client_tasks: bool,
}

impl Info {
    /// For people.
    #[must_use]
    pub const fn title(mut self, title: &'static str) -> Self {
        self.title = Some(title);
        self
    }

    /// A name that is answered and not listed.
    #[must_use]
    pub fn alias(mut self, name: &'static str) -> Self {
        self.aliases.push(name);
        self
    }

    /// It is answered and not listed, as a whole: what an older server did under this name, where
    /// an alias of the newer tool would take other arguments or say something else.
    #[must_use]
    pub const fn unlisted(mut self) -> Self {
        self.is_unlisted = true;
        self
    }

    /// A scope without which it does not run; any number of them, and all are needed. It stays
    /// listed for those who lack one, so that they can ask for it. Where there is no authorization
    /// there are no scopes, and everybody may.
    #[must_use]
    pub fn scope(mut self, scope: &'static str) -> Self {
        self.scopes.push(scope);
        self
    }

    /// It may go on as a task after it was answered: where the client asks for that (2025-11-25), or
    /// where it says so itself with [`Ctx::become_task`] (2026-07-28).
    #[must_use]
    pub const fn task(mut self, support: TaskSupport) -> Self {
        self.task_support = Some(support);
        self
    }

    /// Its questions are answered by tasks of the client, which only 2025-11-25 has: elsewhere there
    /// is no such tool.
    #[must_use]
    pub const fn client_tasks(mut self) -> Self {
        self.needs_client_tasks = true;
        self
    }

    /// A picture for people; any number of them.
    #[must_use]
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }

    /// It changes nothing.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.annotations.read_only_hint = Some(true);
        self.annotations.destructive_hint = Some(false);
        self
    }

    /// It may destroy something.
    #[must_use]
    pub const fn destructive(mut self) -> Self {
        self.annotations.destructive_hint = Some(true);
        self
    }

    /// Twice is as good as once.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.annotations.idempotent_hint = Some(true);
        self
    }

    /// It adds something every time it is called, and destroys nothing.
    #[must_use]
    pub const fn additive(mut self) -> Self {
        self.annotations.read_only_hint = Some(false);
        self.annotations.destructive_hint = Some(false);
        self.annotations.idempotent_hint = Some(false);
        self
    }

    /// It reaches nothing beyond this server.
    #[must_use]
    pub const fn closed_world(mut self) -> Self {
        self.annotations.open_world_hint = Some(false);
        self
    }

    /// It reaches beyond this server.
    #[must_use]
    pub const fn open_world(mut self) -> Self {
        self.annotations.open_world_hint = Some(true);
        self
    }

    /// A member of its `_meta`, for an extension.
    #[must_use]
    pub fn meta(mut self, name: &str, value: Value) -> Self {
        self.meta.insert(name.to_owned(), value);
        self
    }
}

/// Why a tool has no result.
///
/// Every other error becomes one with `?`: an [`AskError`] is told to the client, anything else is
/// [`Internal`](Self::Internal). The price is that this is not a [`std::error::Error`] itself.
#[derive(Debug)]
pub enum ToolError {
    /// It failed, and the model should read why.
    Failed(String),
    /// The user must have gone to these pages before it can be called (2025-11-25
    /// client/elicitation); for clients that have sessions and can show pages.
    PagesFirst(Vec<ElicitParams>),
    /// The client could not be asked.
    Ask(AskError),
    /// Something is broken: logged with its causes, and nothing of it is shown.
    Internal(BoxError),
}

impl ToolError {
    /// A failure that the model reads.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for ToolError {
    fn from(error: E) -> Self {
        sorted(error).map_or_else(Self::Internal, Self::Ask)
    }
}

/// What a tool can return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a tool's output",
    note = "use `String`, `Json<T>`, `Vec<ContentBlock>` or `CallToolResult`"
)]
pub trait IntoOutput: Send {
    /// The schema of the structured part, if there is one.
    #[must_use]
    fn schema() -> Option<Value> {
        None
    }

    /// As a result.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    fn into_output(self) -> Result<CallToolResult, serde_json::Error>;
}

impl IntoOutput for String {
    fn into_output(self) -> Result<CallToolResult, serde_json::Error> {
        Ok(CallToolResult::of(vec![ContentBlock::text(self)]))
    }
}

impl IntoOutput for Vec<ContentBlock> {
    fn into_output(self) -> Result<CallToolResult, serde_json::Error> {
        Ok(CallToolResult::of(self))
    }
}

impl IntoOutput for CallToolResult {
    fn into_output(self) -> Result<CallToolResult, serde_json::Error> {
        Ok(self)
    }
}

/// A structured result: the value for programs, and the same as JSON text for everybody else.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize + JsonSchema + Send> IntoOutput for Json<T> {
    fn schema() -> Option<Value> {
        Some(schema::output::<T>())
    }

    fn into_output(self) -> Result<CallToolResult, serde_json::Error> {
        let value = serde_json::to_value(self.0)?;
        let mut result = CallToolResult::of(vec![ContentBlock::text(value.to_string())]);
        result.structured_content = Some(value);
        Ok(result)
    }
}

/// A structured result with words of its own: the value for programs, the words for everybody else.
#[derive(Clone, Debug)]
pub struct Worded<T> {
    /// For people and models.
    pub text: String,
    /// For programs.
    pub value: T,
}

impl<T: Serialize + JsonSchema + Send> IntoOutput for Worded<T> {
    fn schema() -> Option<Value> {
        Some(schema::output::<T>())
    }

    fn into_output(self) -> Result<CallToolResult, serde_json::Error> {
        let mut result = CallToolResult::of(vec![ContentBlock::text(self.text)]);
        result.structured_content = Some(serde_json::to_value(self.value)?);
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Sum {
        sum: u8,
    }

    fn told(output: impl IntoOutput) -> Value {
        serde_json::to_value(output.into_output().unwrap()).unwrap()
    }

    #[test]
    fn a_value_is_told_as_json_unless_it_has_words_of_its_own() {
        let json = told(Json(Sum { sum: 5 }));
        let text = json["content"][0]["text"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), json["structuredContent"]);
        let worded = told(Worded { text: "2 and 3 is 5".to_owned(), value: Sum { sum: 5 } });
        assert_eq!(worded["structuredContent"], json["structuredContent"]);
        assert_eq!(worded["content"].as_array().unwrap().len(), 1);
        assert_eq!(worded["content"][0]["text"], "2 and 3 is 5");
    }
}
