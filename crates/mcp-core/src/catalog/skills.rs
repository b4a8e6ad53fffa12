//! Skills in a catalog: the rules they keep, and all of their files by address.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use shared::mcp::{
    DIRECTORY, Resource, ResourceContents, Sha256Digest, Skill as Listed, SkillFile,
};

use crate::Skill;

/// The file that makes a directory a skill.
const MANIFEST: &str = "SKILL.md";

/// What every host must be able to take (SEP-2640, limits): files of a skill, and their bytes.
const MOST_FILES: usize = 512;
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// The longest name and description of a skill (Agent Skills specification), in characters.
const LONGEST_NAME: usize = 64;
const LONGEST_DESCRIPTION: usize = 1024;

/// All skills, in the order in which they are listed, and their files.
#[derive(Default)]
pub(crate) struct Skills {
    manifests: Vec<Manifest>,
    files: BTreeMap<String, File>,
}

/// A skill without its files, which are found by its address.
struct Manifest {
    root: String,
    frontmatter: Map<String, Value>,
}

/// A file of a skill.
pub(crate) struct File {
    listed: Arc<Resource>,
    bytes: &'static [u8],
    digest: Sha256Digest,
}

/// Why something is no skill.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotASkill {
    #[error("it has no `{MANIFEST}`")]
    NoManifest,
    #[error("`{MANIFEST}` does not begin with YAML between two lines of `---`")]
    NoFrontmatter,
    #[error("the YAML of `{MANIFEST}` cannot be read: {0}")]
    Yaml(String),
    #[error("the last segment of its path must be its name, which is `{0}`")]
    Misplaced(String),
    #[error(
        "`{0}` is no name: 1 to {LONGEST_NAME} of `a-z 0-9 -`, no `-` at an end or beside another"
    )]
    Name(String),
    #[error("its description must have 1 to {LONGEST_DESCRIPTION} characters")]
    Description,
    #[error("`{0}` is no path of segments that are written as in an address")]
    Path(String),
    #[error("two files are at `{0}`, or a file and a directory")]
    Taken(String),
    #[error("it has more than {MOST_FILES} files or {MOST_BYTES} bytes, which no host has to take")]
    TooLarge,
}

impl Skills {
    pub(crate) fn is_empty(&self) -> bool {
        self.manifests.is_empty()
    }

    /// Adds one.
    pub(super) fn add(&mut self, skill: Skill) -> Result<(), NotASkill> {
        let root = skill.root();
        let text = skill.files.iter().find(|(path, _)| *path == MANIFEST);
        let frontmatter = frontmatter(text.ok_or(NotASkill::NoManifest)?.1)?;
        check_words(&frontmatter, skill.path)?;
        for (path, bytes) in skill.files {
            let uri = format!("{root}/{path}");
            if ![skill.path, path].into_iter().all(is_path) {
                return Err(NotASkill::Path(uri));
            }
            let about = (path == MANIFEST).then_some(&frontmatter);
            match self.files.entry(uri.clone()) {
                Entry::Occupied(_) => return Err(NotASkill::Taken(uri)),
                Entry::Vacant(place) => place.insert(File::new(uri, bytes, about)),
            };
        }
        if let Some(uri) = self.files.keys().find(|uri| self.below(uri).next().is_some()) {
            return Err(NotASkill::Taken(uri.clone()));
        }
        self.manifests.push(Manifest { root, frontmatter });
        // One within another counts for both.
        let sizes = self.manifests.iter().map(|manifest| self.size(&manifest.root));
        let is_fit = |(files, bytes)| files <= MOST_FILES && bytes <= MOST_BYTES;
        sizes.into_iter().all(is_fit).then_some(()).ok_or(NotASkill::TooLarge)
    }

    /// All of them, as they are listed.
    pub(crate) fn entries(&self) -> Vec<Listed> {
        self.manifests.iter().map(|manifest| self.entry(manifest)).collect()
    }

    /// The one whose `SKILL.md` is at this address.
    pub(crate) fn named(&self, uri: &str) -> Option<Listed> {
        let root = uri.strip_suffix(MANIFEST)?.strip_suffix('/')?;
        let manifest = self.manifests.iter().find(|manifest| manifest.root == root)?;
        Some(self.entry(manifest))
    }

    /// The file at an address.
    pub(crate) fn file(&self, uri: &str) -> Option<&File> {
        self.files.get(uri)
    }

    /// All files, as resources.
    pub(crate) fn listed(&self) -> impl Iterator<Item = Arc<Resource>> + '_ {
        self.files.values().map(|file| Arc::clone(&file.listed))
    }

    /// The direct children of a directory; none if there is no such directory. Above the skills
    /// there are directories as well.
    pub(crate) fn children(&self, uri: &str) -> Option<Vec<Arc<Resource>>> {
        let mut children: Vec<Arc<Resource>> = Vec::new();
        for (rest, file) in self.below(uri) {
            let child = match rest.split_once('/') {
                None => Arc::clone(&file.listed),
                Some((name, _)) => Arc::new(directory(uri, name)),
            };
            if children.last().is_none_or(|last| last.uri != child.uri) {
                children.push(child);
            }
        }
        (!children.is_empty()).then_some(children)
    }

    fn entry(&self, Manifest { root, frontmatter }: &Manifest) -> Listed {
        let files = self.below(root).map(|(_, file)| SkillFile {
            uri: file.listed.uri.clone(),
            digest: file.digest,
            size: file.size(),
        });
        Listed {
            uri: format!("{root}/{MANIFEST}"),
            frontmatter: frontmatter.clone(),
            resources: files.collect(),
        }
    }

    /// How many files there are in a directory and below, and how large they are together.
    fn size(&self, root: &str) -> (usize, u64) {
        self.below(root).fold((0, 0), |(files, bytes), (_, file)| (files + 1, bytes + file.size()))
    }

    /// Every file in a directory and below, with the rest of its address.
    fn below<'a>(&'a self, root: &'a str) -> impl Iterator<Item = (&'a str, &'a File)> {
        let first = format!("{root}/");
        let from = self.files.range(first..);
        from.map_while(move |(uri, file)| Some((uri.strip_prefix(root)?.strip_prefix('/')?, file)))
    }
}

impl File {
    fn new(uri: String, bytes: &'static [u8], about: Option<&Map<String, Value>>) -> Self {
        let said = |member: &str| about.and_then(|about| about[member].as_str()).map(str::to_owned);
        let last = uri.rsplit('/').next().unwrap_or(&uri).to_owned();
        let name = said("name").unwrap_or_else(|| last.clone());
        let mime_type = mime_type(&last, bytes).to_owned();
        let listed = Arc::new(Resource {
            description: said("description"),
            mime_type: Some(mime_type),
            size: Some(bytes.len() as u64),
            ..Resource::new(uri, name)
        });
        Self { listed, bytes, digest: Sha256Digest(Sha256::digest(bytes).into()) }
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// What is in it: text as text, anything else as bytes.
    pub(crate) fn contents(&self, uri: &str) -> ResourceContents {
        let mime_type = self.listed.mime_type.as_deref().unwrap_or(BYTES);
        match std::str::from_utf8(self.bytes) {
            Ok(text) => ResourceContents::text(uri, mime_type, text),
            Err(_) => ResourceContents::blob(uri, mime_type, STANDARD.encode(self.bytes)),
        }
    }
}

fn directory(parent: &str, name: &str) -> Resource {
    let mime_type = Some(DIRECTORY.to_owned());
    Resource { mime_type, ..Resource::new(format!("{parent}/{name}"), name) }
}

const BYTES: &str = "application/octet-stream";

/// The type of a file: by its name where that is usual in skills, by its bytes otherwise.
fn mime_type(name: &str, bytes: &[u8]) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "md" => "text/markdown",
        "json" => "application/json",
        "yaml" | "yml" => "application/yaml",
        "csv" => "text/csv",
        "html" => "text/html",
        "py" => "text/x-python",
        "js" => "text/javascript",
        "sh" => "application/x-sh",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        _ if std::str::from_utf8(bytes).is_ok() => "text/plain",
        _ => BYTES,
    }
}

/// The YAML between the first two lines of `---`, as JSON.
fn frontmatter(bytes: &[u8]) -> Result<Map<String, Value>, NotASkill> {
    let text = std::str::from_utf8(bytes).map_err(|_| NotASkill::NoFrontmatter)?;
    let mut lines = text.split_inclusive('\n');
    let is_fence = |line: &str| line.trim_end() == "---";
    if !lines.next().is_some_and(is_fence) {
        return Err(NotASkill::NoFrontmatter);
    }
    let mut yaml = String::new();
    for line in lines {
        if is_fence(line) {
            return json(&yaml);
        }
        yaml.push_str(line);
    }
    Err(NotASkill::NoFrontmatter)
}

/// `yes` and `no` are words: hosts compare what we read with what they read, by YAML 1.2.
fn json(yaml: &str) -> Result<Map<String, Value>, NotASkill> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let read = serde_saphyr::from_str_with_options(yaml, options);
    read.map_err(|wrong| NotASkill::Yaml(wrong.to_string()))
}

/// The name says where the skill is, the description what it is for.
fn check_words(frontmatter: &Map<String, Value>, path: &str) -> Result<(), NotASkill> {
    let said = |member: &str| frontmatter.get(member).and_then(Value::as_str).unwrap_or_default();
    let name = said("name");
    if !is_name(name) {
        return Err(NotASkill::Name(name.to_owned()));
    }
    if path.rsplit('/').next() != Some(name) {
        return Err(NotASkill::Misplaced(name.to_owned()));
    }
    let length = said("description").trim().chars().count();
    (1..=LONGEST_DESCRIPTION).contains(&length).then_some(()).ok_or(NotASkill::Description)
}

/// <https://agentskills.io/specification#name-field>
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(allowed)
        && name.split('-').all(|part| !part.is_empty())
}

/// Segments of characters that stand for themselves in an address (RFC 3986 section 2.3).
fn is_path(path: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    path.split('/')
        .all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(skill: Skill) -> Result<Skills, NotASkill> {
        let mut skills = Skills::default();
        skills.add(skill).map(|()| skills)
    }

    fn refused(skill: Skill) -> NotASkill {
        added(skill).err().unwrap()
    }

    const GOOD: &[u8] = b"---\nname: good\ndescription: Does good.\n---\nText.\n";

    #[test]
    fn frontmatter_is_the_yaml_as_json_with_all_that_its_author_wrote() {
        let text = b"---\r\nname: good\r\ndescription: >\r\n  Two\r\n  lines\r\nmetadata:\r\n  \
            version: \"1.0\"\r\n  beta: true\r\nallowed-tools: [a, b]\r\n---\r\nText.";
        let expected = serde_json::json!({
            "name": "good", "description": "Two lines\n", "allowed-tools": ["a", "b"],
            "metadata": { "version": "1.0", "beta": true },
        });
        assert_eq!(Value::Object(frontmatter(text).unwrap()), expected);
    }

    #[test]
    fn words_that_yaml_once_took_for_choices_stay_words() {
        let text = b"---\nname: good\ndescription: no\ncountry: NO\nday: 2026-01-02\n---\n";
        let read = frontmatter(text).unwrap();
        assert_eq!((&read["description"], &read["country"]), (&"no".into(), &"NO".into()));
        assert_eq!(read["day"], "2026-01-02");
    }

    #[test]
    fn what_has_no_frontmatter_is_no_skill() {
        let files: [&[u8]; 5] = [b"", b"# Title\n", b"---\nname: good\n", b"\n---\n---\n", b"\xff"];
        for text in files {
            let skill = Skill::at("good").file(MANIFEST, text);
            assert_eq!(refused(skill), NotASkill::NoFrontmatter, "{text:?}");
        }
        let broken = Skill::at("good").file(MANIFEST, b"---\n- just\n- a list\n---\n");
        assert!(matches!(refused(broken), NotASkill::Yaml(_)));
        assert_eq!(refused(Skill::at("good").file("README.md", GOOD)), NotASkill::NoManifest);
    }

    #[test]
    fn the_name_is_the_last_segment_and_keeps_the_rules_of_names() {
        let elsewhere = Skill::at("good/other").file(MANIFEST, GOOD);
        assert_eq!(refused(elsewhere), NotASkill::Misplaced("good".to_owned()));
        for name in ["", "Good", "-good", "good-", "go--od", "go_od", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_name("a") && is_name("a1-b2") && is_name(&"x".repeat(64)));
    }

    #[test]
    fn a_skill_says_what_it_is_for() {
        let silent = Skill::at("good").file(MANIFEST, b"---\nname: good\ndescription: ' '\n---\n");
        assert_eq!(refused(silent), NotASkill::Description);
    }

    #[test]
    fn paths_are_segments_that_need_no_escape() {
        for path in ["", "/x", "x/", "a//b", "../x", "a/./b", "a b", "ä", "a%20b"] {
            let skill = Skill::at("good").file(MANIFEST, GOOD).file(path, b"");
            assert!(matches!(refused(skill), NotASkill::Path(_)), "{path}");
        }
        let twice = Skill::at("good").file(MANIFEST, GOOD).file(MANIFEST, GOOD);
        assert_eq!(refused(twice), NotASkill::Taken("skill://good/SKILL.md".to_owned()));
        let both = Skill::at("good").file(MANIFEST, GOOD).file("a", b"").file("a/b", b"");
        assert_eq!(refused(both), NotASkill::Taken("skill://good/a".to_owned()));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_begin_with_frontmatter_or_are_refused(
            front in "[-:a-z \"&*{}\\[\\]\n]{0,60}", fenced: bool,
        ) {
            let text = if fenced { format!("---\n{front}\n---\n") } else { front };
            if let Ok(read) = frontmatter(text.as_bytes()) {
                assert!(fenced || text.starts_with("---"));
                assert!(serde_json::to_string(&read).is_ok());
            }
        }
    }

    #[test]
    fn what_no_host_has_to_take_is_not_offered() {
        static LARGE: [u8; 16 * 1024 * 1024] = [0; 16 * 1024 * 1024];
        let many = (0..MOST_FILES).fold(Skill::at("good").file(MANIFEST, GOOD), |skill, number| {
            skill.file(Box::leak(format!("{number}.txt").into_boxed_str()), b"")
        });
        assert_eq!(refused(many), NotASkill::TooLarge);
        let large = Skill::at("good").file(MANIFEST, GOOD).file("large.bin", &LARGE);
        assert_eq!(refused(large), NotASkill::TooLarge);
    }
}
