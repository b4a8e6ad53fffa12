//! The revisions of the protocol, and what each of them has.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a revision is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// By `initialize`, then a session.
    Legacy,
    /// Not at all: every request stands for itself.
    Modern,
}

/// A dated revision of the specification.
///
/// Ordered by date, but what a revision has is a question of this type, never a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Revision {
    /// HTTP with Server-Sent Events, two endpoints.
    V2024_11_05,
    /// Streamable HTTP, batches, authorization.
    V2025_03_26,
    /// Structured output, elicitation, resource links.
    V2025_06_18,
    /// URL elicitation, icons, tasks, polling of streams.
    V2025_11_25,
    /// Stateless: `_meta` on every request.
    V2026_07_28,
}

/// A revision that this software does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown protocol revision")]
pub struct UnknownRevision;

impl Revision {
    /// All revisions, newest first: the order in which they are offered.
    pub const ALL: [Self; 5] = [
        Self::V2026_07_28,
        Self::V2025_11_25,
        Self::V2025_06_18,
        Self::V2025_03_26,
        Self::V2024_11_05,
    ];

    /// The newest revision that has sessions: what `initialize` answers to an unknown one.
    pub const LATEST_LEGACY: Self = Self::V2025_11_25;

    /// What a request over HTTP means that names none (2025-06-18 basic/transports).
    pub const ASSUMED: Self = Self::V2025_03_26;

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// How it is opened.
    #[must_use]
    pub const fn era(self) -> Era {
        match self {
            Self::V2026_07_28 => Era::Modern,
            _ => Era::Legacy,
        }
    }

    /// Whether the one HTTP endpoint serves it, or only the two of 2024-11-05.
    #[must_use]
    pub const fn has_streamable_http(self) -> bool {
        !matches!(self, Self::V2024_11_05)
    }

    /// Whether a body may hold several messages.
    #[must_use]
    pub const fn has_batches(self) -> bool {
        matches!(self, Self::V2025_03_26)
    }

    /// Whether tools have annotations, progress has a message, and audio exists.
    #[must_use]
    pub const fn has_tool_annotations(self) -> bool {
        !matches!(self, Self::V2024_11_05)
    }

    /// Whether there are titles and resource links.
    #[must_use]
    pub const fn has_titles(self) -> bool {
        !matches!(self, Self::V2024_11_05 | Self::V2025_03_26)
    }

    /// Whether results can be structured, and tools say how.
    #[must_use]
    pub const fn has_structured_content(self) -> bool {
        self.has_titles()
    }

    /// Whether structured content and output schemas may be other than objects.
    #[must_use]
    pub const fn has_any_structured_content(self) -> bool {
        matches!(self, Self::V2026_07_28)
    }

    /// Whether the user can be asked to fill in a form.
    #[must_use]
    pub const fn has_elicitation(self) -> bool {
        self.has_titles()
    }

    /// Whether elicitation has modes, defaults and choices with titles.
    #[must_use]
    pub const fn has_elicitation_modes(self) -> bool {
        self.has_icons()
    }

    /// Whether there are icons and descriptions of implementations.
    #[must_use]
    pub const fn has_icons(self) -> bool {
        matches!(self, Self::V2025_11_25 | Self::V2026_07_28)
    }

    /// Whether the client's model can be lent tools.
    #[must_use]
    pub const fn has_sampling_tools(self) -> bool {
        self.has_icons()
    }

    /// Whether a stream starts with an empty event and may be left and polled.
    #[must_use]
    pub const fn has_stream_polling(self) -> bool {
        matches!(self, Self::V2025_11_25)
    }

    /// Whether arguments that do not fit a tool's schema are a result that the model reads; before,
    /// they were an error of the protocol.
    #[must_use]
    pub const fn has_validation_results(self) -> bool {
        self.has_icons()
    }

    /// Whether tasks are part of the core, as an experiment.
    #[must_use]
    pub const fn has_core_tasks(self) -> bool {
        matches!(self, Self::V2025_11_25)
    }

    /// Whether a missing resource has a code of its own.
    #[must_use]
    pub const fn has_resource_not_found(self) -> bool {
        !matches!(self, Self::V2026_07_28)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Revision {
    type Err = UnknownRevision;
    fn from_str(text: &str) -> Result<Self, UnknownRevision> {
        Self::ALL.into_iter().find(|revision| revision.as_str() == text).ok_or(UnknownRevision)
    }
}

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_revision_reads_what_it_writes() {
        for revision in Revision::ALL {
            assert_eq!(revision.as_str().parse(), Ok(revision));
        }
        assert_eq!("2026-07-29".parse::<Revision>(), Err(UnknownRevision));
        assert_eq!("".parse::<Revision>(), Err(UnknownRevision));
    }

    #[test]
    fn they_are_offered_newest_first_and_only_the_newest_is_modern() {
        assert!(Revision::ALL.is_sorted_by(|a, b| a > b));
        let modern: Vec<_> = Revision::ALL.into_iter().filter(|r| r.era() == Era::Modern).collect();
        assert_eq!(modern, [Revision::V2026_07_28]);
        assert_eq!(Revision::LATEST_LEGACY.era(), Era::Legacy);
    }
}
