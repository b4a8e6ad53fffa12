//! A prompt is a type: its fields are the arguments, all of them texts.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use shared::mcp::{ContentBlock, Icon, PromptMessage, Role};

use crate::{
    Argument, Ctx, ListCtx, Suggestions,
    failure::{BoxError, sorted},
    flow::AskError,
};

/// Messages made to measure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a prompt",
    note = "derive `Deserialize` and `JsonSchema` for `{Self}`, then implement `Prompt<App>`"
)]
pub trait Prompt<S>: DeserializeOwned + JsonSchema + Send + 'static {
    /// For programs.
    const NAME: &'static str;

    /// What a list says of it beyond name and arguments.
    #[must_use]
    fn info(info: PromptInfo) -> PromptInfo {
        info
    }

    /// What these messages are for, when that depends on the arguments; else the list's description
    /// is told.
    #[must_use]
    fn description(&self) -> Option<String> {
        None
    }

    /// Makes the messages. It may run again from the top after a question; see [`Ctx`].
    fn render(
        self,
        ctx: &Ctx<S>,
    ) -> impl Future<Output = Result<Vec<PromptMessage>, PromptError>> + Send;

    /// What an argument could be.
    #[must_use]
    fn complete(
        ctx: &ListCtx<S>,
        argument: Argument<'_>,
    ) -> impl Future<Output = Suggestions> + Send {
        let _ = (ctx, argument);
        std::future::ready(Suggestions::default())
    }
}

/// What a list says of a prompt beyond name and arguments.
#[derive(Clone, Debug, Default)]
pub struct PromptInfo {
    pub(crate) title: Option<&'static str>,
    pub(crate) aliases: Vec<&'static str>,
    pub(crate) icons: Vec<Icon>,
    pub(crate) meta: Map<String, Value>,
}

impl PromptInfo {
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

    /// A picture for people; any number of them.
    #[must_use]
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }

    /// A member of its `_meta`, for an extension.
    #[must_use]
    pub fn meta(mut self, name: &str, value: Value) -> Self {
        self.meta.insert(name.to_owned(), value);
        self
    }
}

/// A message of the user.
#[must_use]
pub const fn user(content: ContentBlock) -> PromptMessage {
    PromptMessage { role: Role::User, content }
}

/// A message of the model.
#[must_use]
pub const fn assistant(content: ContentBlock) -> PromptMessage {
    PromptMessage { role: Role::Assistant, content }
}

/// Why a prompt could not be made. Every other error becomes one with `?`, as with a
/// [`ToolError`](crate::ToolError).
#[derive(Debug)]
pub enum PromptError {
    /// The arguments are wrong, and this is how.
    Invalid(String),
    /// The client could not be asked.
    Ask(AskError),
    /// Something is broken: logged with its causes, and nothing of it is shown.
    Internal(BoxError),
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for PromptError {
    fn from(error: E) -> Self {
        sorted(error).map_or_else(Self::Internal, Self::Ask)
    }
}
