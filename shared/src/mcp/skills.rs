//! Skills: directories of instructions for agents, read as resources.
//!
//! The extension `io.modelcontextprotocol/skills` (SEP-2640) for 2026-07-28: entries that say what a
//! skill is and of which files it is made, and the children of a directory.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{CacheHint, Head, Resource};

/// The extension, as it is declared in `extensions`.
pub const SKILLS_EXTENSION: &str = "io.modelcontextprotocol/skills";

/// The media type of a directory.
pub const DIRECTORY: &str = "inode/directory";

/// One skill, as it is listed: what it says of itself, and all that it is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Skill {
    /// The address of its `SKILL.md`.
    pub uri: String,
    /// The YAML at the beginning of that file, as JSON; every field that its author wrote.
    pub frontmatter: Map<String, Value>,
    /// Every file of the skill, once.
    pub resources: Vec<SkillFile>,
}

/// A file of a skill, as the host that reads it will check it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkillFile {
    /// Its address.
    pub uri: String,
    /// The hash of its bytes.
    pub digest: Sha256Digest,
    /// How many bytes it has.
    pub size: u64,
}

/// A SHA-256 digest, written as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha256Digest(pub [u8; 32]);

impl Serialize for Sha256Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("sha256:{}", const_hex::encode(self.0)))
    }
}

/// The answer to `skills/list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListSkillsResult {
    /// What every result has.
    #[serde(flatten)]
    pub head: Head,
    /// The skills of this page; one is never split.
    pub skills: Vec<Skill>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How long this stays good.
    #[serde(flatten)]
    pub cache: Option<CacheHint>,
}

/// The answer to `skills/get`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GetSkillResult {
    /// What every result has.
    #[serde(flatten)]
    pub head: Head,
    /// The skill.
    pub skill: Skill,
    /// How long this stays good.
    #[serde(flatten)]
    pub cache: Option<CacheHint>,
}

/// The parameters of `resources/directory/read`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DirectoryParams {
    /// Which directory.
    pub uri: String,
    /// Where the page begins; the first one when absent.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// The answer to `resources/directory/read`. It says nothing of how long it stays good: it is a look
/// at what is there now.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadDirectoryResult {
    /// What every result has.
    #[serde(flatten)]
    pub head: Head,
    /// The direct children of this page: files, and directories as such.
    pub resources: Vec<Arc<Resource>>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_digest_is_written_with_its_algorithm_in_lower_case() {
        let mut digest = [0; 32];
        digest[0] = 0xAB;
        let written = json!(Sha256Digest(digest));
        assert_eq!(written, format!("sha256:ab{}", "0".repeat(62)));
    }

    #[test]
    fn an_entry_has_the_members_of_the_extension() {
        let file = SkillFile {
            uri: "skill://a/SKILL.md".to_owned(),
            digest: Sha256Digest([0; 32]),
            size: 3,
        };
        let skill = Skill {
            uri: "skill://a/SKILL.md".to_owned(),
            frontmatter: Map::new(),
            resources: vec![file],
        };
        let result = GetSkillResult { head: Head::default(), skill, cache: None };
        let written = json!(result);
        assert_eq!(written["skill"]["resources"][0]["size"], 3);
        assert_eq!(written.as_object().unwrap().len(), 1);
    }
}
