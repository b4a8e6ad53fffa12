//! A skill is a directory of files: instructions for an agent, and what they refer to.

/// A skill to be offered (SEP-2640): a `SKILL.md` that begins with YAML, and any files beside it.
///
/// Its files are read as resources under `skill://{path}/`; the last segment of the path is the
/// skill's name. Digests and sizes are computed from what is served, so they cannot differ from it.
///
/// ```
/// use mcp_core::{Catalog, Skill};
///
/// let catalog: Catalog<()> = Catalog::new().skill(
///     Skill::at("acme/billing/refunds")
///         .file("SKILL.md", b"---\nname: refunds\ndescription: Pays back.\n---\nSee templates/.\n")
///         .file("templates/email.md", b"Dear customer,\n"),
/// );
/// ```
///
/// What is none is found when the program starts:
///
/// ```should_panic
/// # use mcp_core::{Catalog, Skill};
/// let misnamed = Skill::at("billing/refund").file("SKILL.md", b"---\nname: refunds\n---\n");
/// let catalog: Catalog<()> = Catalog::new().skill(misnamed);
/// ```
#[derive(Clone, Debug)]
pub struct Skill {
    pub(crate) path: &'static str,
    pub(crate) files: Vec<(&'static str, &'static [u8])>,
}

impl Skill {
    /// A skill without files yet, at a path of segments with `/` between them.
    #[must_use]
    pub const fn at(path: &'static str) -> Self {
        Self { path, files: Vec::new() }
    }

    /// Adds a file by its path within the skill. `include_bytes!` is how it gets into the program.
    #[must_use]
    pub fn file(mut self, path: &'static str, bytes: &'static [u8]) -> Self {
        self.files.push((path, bytes));
        self
    }

    /// The address of the directory.
    pub(crate) fn root(&self) -> String {
        format!("skill://{}", self.path)
    }

    /// The addresses of its files.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = String> + '_ {
        self.files.iter().map(|(path, _)| format!("{}/{path}", self.root()))
    }
}
