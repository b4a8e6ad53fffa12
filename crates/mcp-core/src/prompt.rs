//! A prompt is a type: its fields are the arguments, all of them texts.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use shared::mcp::{ContentBlock, PromptMessage, Role};

use crate::{
    Argument, Ctx, ListCtx, Suggestions,
    failure::{BoxError, sorted},
    flow::AskError,
};

/// Messages made to measure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a prompt",
    note = "derive `Deserialize` and `JsonSchema`, then implement `Prompt<App>`"
)]
pub trait Prompt<S>: DeserializeOwned + JsonSchema + Send + 'static {
    /// For programs.
    const NAME: &'static str;

    /// For people.
    const TITLE: Option<&'static str> = None;

    /// Names that are answered and not listed.
    const ALIASES: &'static [&'static str] = &[];

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
