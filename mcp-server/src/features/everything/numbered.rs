//! Resources that are made of a number when they are read: texts and bytes.

use ambient::Timestamp;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{ContentBlock, Resource, ResourceContents};

/// The largest number: the largest that every client can write exactly.
pub(super) const LARGEST: u64 = (1 << 53) - 1;

/// What a resource is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(super) enum Kind {
    #[default]
    Text,
    Blob,
}

impl Kind {
    /// Both, as they are called.
    pub(super) const NAMES: [&'static str; 2] = ["Text", "Blob"];

    /// The kind of a name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "Text" => Some(Self::Text),
            "Blob" => Some(Self::Blob),
            _ => None,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Blob => "Blob",
        }
    }

    const fn mime_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::Blob => "application/octet-stream",
        }
    }
}

/// A resource and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) kind: Kind,
    pub(super) id: u64,
}

impl Numbered {
    /// Its address.
    pub(super) fn uri(self) -> String {
        let Self { kind, id } = self;
        format!("demo://resource/dynamic/{}/{id}", kind.name().to_ascii_lowercase())
    }

    /// Its content, which says when it was made.
    pub(super) fn contents(self, now: Timestamp) -> ResourceContents {
        let Self { kind, id } = self;
        let (uri, time) = (self.uri(), time_of_day(now));
        match kind {
            Kind::Text => {
                let text = format!("Resource {id}: This is a plaintext resource created at {time}");
                ResourceContents::text(uri, kind.mime_type(), text)
            }
            Kind::Blob => {
                let text = format!("Resource {id}: This is a base64 blob created at {time}");
                ResourceContents::blob(uri, kind.mime_type(), STANDARD.encode(text))
            }
        }
    }

    /// A link to it.
    pub(super) fn link(self) -> ContentBlock {
        let Self { kind, id } = self;
        let what = match kind {
            Kind::Text => "plaintext",
            Kind::Blob => "binary",
        };
        ContentBlock::ResourceLink(Resource {
            description: Some(format!("Resource {id}: {what} resource")),
            mime_type: Some(kind.mime_type().to_owned()),
            ..Resource::new(self.uri(), format!("{} Resource {id}", kind.name()))
        })
    }
}

/// The number that a text is the one spelling of: two addresses would be two resources.
pub(super) fn number(text: &str) -> Option<u64> {
    let id: u64 = text.parse().ok()?;
    ((1..=LARGEST).contains(&id) && id.to_string() == text).then_some(id)
}

/// The time of the day as the original wrote it, in UTC: `2:08:50 AM`.
fn time_of_day(at: Timestamp) -> String {
    let seconds = at.as_millis() / 1000 % (24 * 60 * 60);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    format!("{hour}:{minute:02}:{second:02} {half}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_day_is_written_as_in_the_original() {
        let at = |hour: u64, minute: u64, second: u64| {
            time_of_day(Timestamp::from_secs(86_400 * 20_000 + hour * 3600 + minute * 60 + second))
        };
        assert_eq!(at(2, 8, 50), "2:08:50 AM");
        assert_eq!(at(0, 0, 0), "12:00:00 AM");
        assert_eq!(at(12, 0, 1), "12:00:01 PM");
        assert_eq!(at(23, 59, 59), "11:59:59 PM");
    }

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(number("1000"), Some(1000));
        for text in ["0", "-1", "+1", "01", "1.0", "1e3", " 1", "abc", "", "9007199254740992"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
