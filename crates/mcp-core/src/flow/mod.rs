//! How a call reaches its client: the one seam between the eras.
//!
//! [`Client`] is what a call sees. In the legacy era a question goes out and the call waits; in the
//! modern one [`Replay`] parks the call, and the next request runs it again with the answers.

mod digest;
mod journal;
mod replay;
mod seal;

use futures_util::future::BoxFuture;
use serde_json::Value;
use shared::mcp::{
    ClientCapabilities, ClientProfile, ErrorObject, InputRequest, LogLevel, ProgressToken,
    Revision, ServerNotification,
};

pub use self::{
    digest::digest,
    journal::Journal,
    replay::{Outcome, Replay},
    seal::{Binding, OpenError, SealError, SealKey, Sealer},
};
pub use crate::page_address::NoPage;

/// What one call knows of its caller's program.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What it speaks and what it can do.
    pub profile: ClientProfile,
    /// If it wants to know how far the call is.
    pub progress_token: Option<ProgressToken>,
    /// The least level of log messages it wants; none if it wants none.
    pub log_level: Option<LogLevel>,
}

/// How a question reaches the client and how its answer comes back. The only era seam.
pub trait Client: Send + Sync {
    /// Puts a question under a key that is unique within the call, and waits for the answer.
    fn ask<'a>(
        &'a self,
        key: &'a str,
        question: &'a InputRequest,
    ) -> BoxFuture<'a, Result<Value, AskError>>;

    /// The answer to `key` could not be used: the next [`ask`](Self::ask) must put it again.
    fn discard(&self, key: &str);

    /// How many answers to `key` were discarded in earlier rounds of the call. A call that runs
    /// straight through has no earlier ones.
    fn discarded(&self, key: &str) -> usize {
        let _ = key;
        0
    }

    /// Effects that are already done in this call.
    fn steps(&self) -> &dyn Steps;

    /// Tells the client something; waits while it reads more slowly than it is told.
    fn notify(&self, note: ServerNotification) -> BoxFuture<'_, ()>;

    /// Lets the connection go while the call runs on, where the client can come back for the answer
    /// (2025-11-25 basic/transports, "polling"). Does nothing elsewhere.
    fn let_go(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// The call goes on after it was answered, if the client can follow it.
    ///
    /// # Errors
    /// Why it may not, in words for the model.
    fn become_task(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Makes a request of a client that follows up its own tasks (2025-11-25
    /// basic/utilities/tasks). Others cannot be asked.
    fn request<'a>(
        &'a self,
        method: &'static str,
        params: Value,
    ) -> BoxFuture<'a, Result<Value, AskError>> {
        let _ = (method, params);
        Box::pin(std::future::ready(Err(AskError::Unsupported(Box::default()))))
    }

    /// Says where a task is, in words. A call that is none has nobody to tell.
    fn status<'a>(&'a self, message: &'a str) -> BoxFuture<'a, ()> {
        let _ = message;
        Box::pin(std::future::ready(()))
    }

    /// Who is at the other end.
    fn peer(&self) -> &Peer;
}

/// Why there is no answer. A refusal of the user is an answer, and not here.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AskError {
    /// The client has not declared that it can; this is what it would have to declare.
    #[error("the client cannot be asked this: it would have to declare {}", named(.0))]
    Unsupported(Box<ClientCapabilities>),
    /// The revision that is spoken has no such question, whatever the client declares.
    #[error("the client cannot be asked this: revision {revision} has no {}", named(.needed))]
    NotInRevision {
        /// What newer revisions have a client declare for it.
        needed: Box<ClientCapabilities>,
        /// Which revision.
        revision: Revision,
    },
    /// The client is gone.
    #[error("the client is gone")]
    Disconnected,
    /// The client reads one JSON object as the answer to its call, and a question would be another.
    #[error(
        "the client cannot be asked during this call: its `Accept` has no text/event-stream, and a \
         question comes on a stream"
    )]
    NoStream,
    /// Nobody has answered for too long.
    #[error("nobody has answered in time")]
    TimedOut,
    /// The client kept giving answers that cannot be used.
    #[error("the client gave no usable answer to `{key}`: {why}")]
    Unusable {
        /// Which question.
        key: String,
        /// What is wrong with the last one.
        why: String,
    },
    /// Nobody is sent to such an address: a mistake of the feature, which its caller is not told.
    #[error("the page of the question `{key}` is none to send people to: {why}")]
    NoPage {
        /// Which question.
        key: String,
        /// What is wrong with it.
        why: NoPage,
    },
    /// The client answered with an error.
    #[error("the client refused: {}", .0.message)]
    Refused(ErrorObject),
}

/// What is declared, by the path of each member: `elicitation.url`.
fn named(capabilities: &ClientCapabilities) -> String {
    fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
        match value.as_object().filter(|members| !members.is_empty()) {
            Some(members) => members.iter().for_each(|(name, member)| {
                let deeper = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(member, &deeper, found);
            }),
            None if path.is_empty() => {}
            None => found.push(format!("`{path}`")),
        }
    }
    let mut found = Vec::new();
    leaves(&serde_json::json!(capabilities), "", &mut found);
    if found.is_empty() { "that it can".to_owned() } else { found.join(", ") }
}

/// Remembers effects that must not be repeated when a call runs again.
pub trait Steps: Send + Sync {
    /// What the step gave, if it is done.
    fn recorded(&self, step: &str) -> Option<Value>;
    /// A step begins: the call must not be parked before it has ended.
    fn begin(&self);
    /// A step has ended, with a result if it succeeded.
    fn end(&self, recorded: Option<(&str, Value)>);
}

/// For calls that run straight through: there is nothing to remember.
#[derive(Clone, Copy, Debug)]
pub struct NoSteps;

impl Steps for NoSteps {
    fn recorded(&self, _: &str) -> Option<Value> {
        None
    }
    fn begin(&self) {}
    fn end(&self, _: Option<(&str, Value)>) {}
}

/// Where the notifications of a call go.
pub trait NoteSink: Send + Sync {
    /// Takes one; waits while there is no room.
    fn send(&self, note: ServerNotification) -> BoxFuture<'_, ()>;
}

/// Nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct Silence;

impl NoteSink for Silence {
    fn send(&self, _: ServerNotification) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
