//! What can go wrong, and what to check then. No message holds an identifier, a value or a password.

use std::{borrow::Cow, fmt};

/// An operation of the store did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store did not answer: not reachable, too slow, or busy with a failover. Whether the
    /// operation took effect is unknown. Trying again later may help.
    #[error("{0}")]
    Unavailable(Failure),
    /// What is stored is not what the program stores there: another version or another program
    /// wrote it.
    #[error(
        "cannot {action}: what is stored is not a valid value ({problem}); \
         check that nothing else writes these keys"
    )]
    Corrupt {
        /// What was being done.
        action: Action,
        /// What is wrong and where, without the value.
        problem: String,
    },
    /// The store answered that it will not do this: wrong credentials, no permission, no memory
    /// left. Trying again does not help until somebody mends it.
    #[error("{0}")]
    Refused(Failure),
}

/// A failed operation and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    action: Action,
    reason: Cow<'static, str>,
}

/// What was being done, and to which kind of thing: ``take `auth:pending:` ``.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    verb: &'static str,
    kind: &'static str,
}

impl Action {
    /// `kind` is the prefix of a table, or what a log or a channel is called.
    pub(crate) const fn new(verb: &'static str, kind: &'static str) -> Self {
        Self { verb, kind }
    }

    /// The command that does it, for telemetry. A compare-and-set reads first; scripts are told apart
    /// by who runs them.
    pub(crate) fn command(self) -> &'static str {
        match self.verb {
            "get" | "update" => "GET",
            "get both of" => "MGET",
            "get and keep" => "GETEX",
            "get and keep each" => "PIPELINE GETEX",
            "keep each" => "PIPELINE PEXPIRE",
            "look into each" => "PIPELINE XRANGE",
            "put" | "claim" => "SET",
            "take" => "GETDEL",
            "remove" => "DEL",
            "read" => "XRANGE",
            "read the end of" => "XREVRANGE",
            "keep" => "PEXPIRE",
            "look for" => "PTTL",
            "publish on" => "PUBLISH",
            "reach" => "PING",
            _ => "_OTHER",
        }
    }

    pub(crate) fn unavailable(self, reason: impl Into<Cow<'static, str>>) -> StoreError {
        StoreError::Unavailable(self.failure(reason))
    }

    pub(crate) fn refused(self, reason: impl Into<Cow<'static, str>>) -> StoreError {
        StoreError::Refused(self.failure(reason))
    }

    pub(crate) fn corrupt(self, problem: impl Into<String>) -> StoreError {
        let problem = problem.into();
        StoreError::Corrupt { action: self, problem }
    }

    /// The text of a JSON error may quote the value, so only its category and place are told.
    pub(crate) fn corrupt_json(self, error: &serde_json::Error) -> StoreError {
        let problem = match error.classify() {
            serde_json::error::Category::Data => "JSON of another shape",
            serde_json::error::Category::Eof => "JSON that is cut off",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "not JSON",
        };
        self.corrupt(format!("{problem} at line {}, column {}", error.line(), error.column()))
    }

    fn failure(self, reason: impl Into<Cow<'static, str>>) -> Failure {
        Failure { action: self, reason: reason.into() }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.verb, self.kind)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.action, self.reason)
    }
}

/// Why a record was not updated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError<E> {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The change itself said no. Nothing was written.
    #[error("{0}")]
    Change(E),
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTION: Action = Action::new("take", "auth:pending:");

    #[test]
    fn a_message_names_the_operation_and_the_kind_of_record() {
        let error = ACTION.unavailable("Redis is away");
        assert_eq!(error.to_string(), "cannot take `auth:pending:`: Redis is away");
    }

    #[test]
    fn a_corrupt_value_is_not_quoted() {
        let error = serde_json::from_str::<u8>("\n  \"hunter2\"").unwrap_err();
        let text = ACTION.corrupt_json(&error).to_string();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("JSON of another shape at line 2"), "{text}");
    }
}
