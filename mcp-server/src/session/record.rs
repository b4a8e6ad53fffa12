//! What is kept of a session.

use std::{collections::BTreeSet, fmt};

use ambient::{Entropy, Timestamp};
use mcp_core::Principal;
use serde::{Deserialize, Serialize};
use shared::mcp::{ClientCapabilities, ClientProfile, Implementation, LogLevel, Revision};
use store::Record;

/// The name of a session: 128 random bits, in visible ASCII as the transport wants it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(String);

impl SessionId {
    /// A name that nobody can guess.
    pub(crate) fn random(entropy: &Entropy) -> Self {
        Self(entropy.hex::<16>())
    }

    /// The name in a header, if it can be one of ours. The form is checked because it becomes part
    /// of keys and channels.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let ours = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        ours.then(|| Self(text.to_owned()))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is kept, under `session:{id}:owner`. The record is the session: when it is gone, so is the
/// session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    /// Who opened it.
    pub(crate) owner: Owner,
    /// What was agreed on.
    pub(crate) revision: Revision,
    /// What the client can do.
    pub(crate) capabilities: ClientCapabilities,
    /// Who the client says it is.
    pub(crate) client: Implementation,
    /// The least level of log messages wanted; none until the client has said so.
    #[serde(default)]
    pub(crate) level: Option<LogLevel>,
    /// When it was opened.
    pub(crate) opened_at: Timestamp,
    /// How its messages travel.
    #[serde(default)]
    pub(crate) transport: Transport,
    /// Whether the client has said that it is ready (`notifications/initialized`): before that it is
    /// asked nothing. A session of a version that did not keep this has begun long ago.
    #[serde(default = "yes")]
    pub(crate) initialized: bool,
    /// Whether it has had a standalone stream.
    #[serde(default)]
    pub(crate) has_listened: bool,
    /// The name of its newest standalone stream, which ends all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listener: Option<String>,
    /// The resources whose changes the client wants to hear of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) watched: BTreeSet<String>,
}

const fn yes() -> bool {
    true
}

/// How the messages of a session travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Transport {
    /// A stream for each call, and one beside them.
    #[default]
    Streamable,
    /// One stream for everything (2024-11-05), on which nothing has been agreed yet.
    SseOpening,
    /// The same after `initialize`.
    Sse,
    /// The lines of a process.
    Stdio,
}

impl Record for SessionRecord {
    const PREFIX: &'static str = "session:";
    const SUFFIX: &'static str = ":owner";
}

/// Whom a session belongs to: the same user at the same issuer through the same client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    issuer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
}

impl Owner {
    /// Whether this is the caller.
    pub(crate) fn is(&self, principal: &Principal) -> bool {
        self.issuer == principal.issuer
            && self.user == principal.user
            && self.client == principal.client
    }
}

impl From<&Principal> for Owner {
    fn from(principal: &Principal) -> Self {
        Self {
            issuer: principal.issuer.clone(),
            user: principal.user.clone(),
            client: principal.client.clone(),
        }
    }
}

impl Owner {
    /// The user, or the client that acts for itself, and who says so; none without authorization.
    pub(super) fn who(&self) -> Option<String> {
        let Self { issuer, user, client } = self;
        let who = user.as_deref().or(client.as_deref())?;
        Some(format!("{issuer}\n{}\n{who}", user.is_some()))
    }
}

impl SessionRecord {
    /// The least level of log messages that the client is sent: all, until it has said otherwise
    /// (2025-11-25 server/utilities/logging).
    pub(crate) fn wanted_level(&self) -> LogLevel {
        self.level.unwrap_or(LogLevel::Debug)
    }

    /// What a call needs to know of the client.
    pub(crate) fn profile(&self) -> ClientProfile {
        ClientProfile {
            revision: self.revision,
            capabilities: self.capabilities.clone(),
            info: Some(self.client.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_a_version_that_did_not_keep_it_is_initialized() {
        let kept = r#"{
            "owner": { "issuer": "i" }, "revision": "2025-11-25", "capabilities": {},
            "client": { "name": "c", "version": "1" }, "opened_at": 0
        }"#;
        assert!(serde_json::from_str::<SessionRecord>(kept).unwrap().initialized);
    }

    #[test]
    fn only_our_own_names_are_names() {
        let id = SessionId::random(&Entropy::seeded(1));
        assert_eq!(SessionId::parse(id.as_str()), Some(id));
        for text in ["", "x", &"g".repeat(32), &"A".repeat(32), &"0".repeat(33), "../../owner"] {
            assert_eq!(SessionId::parse(text), None, "{text}");
        }
    }
}
