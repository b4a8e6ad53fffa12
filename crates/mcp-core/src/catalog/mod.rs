//! What a server offers, as a list of types.

mod prompts;
mod resources;
mod skills;
mod tools;

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use futures_util::future::BoxFuture;

pub(crate) use self::{
    prompts::{PromptEntry, Rendered},
    resources::{Listed, ResourceEntry},
    skills::Skills,
    tools::{MisfitArguments, ToolEntry},
};
use crate::{
    Argument, Info, ListCtx, Metered, Prompt, PromptInfo, Resource, Rhythm, Skill, Suggestions,
    Tool, rhythm::RhythmEntry,
};

/// Suggests values for an argument.
pub(crate) type Completing<S> =
    Box<dyn for<'a> Fn(&'a ListCtx<S>, Argument<'a>) -> BoxFuture<'a, Suggestions> + Send + Sync>;

/// The values of the variables of an address, by name.
pub(crate) type Values = Vec<(String, String)>;

/// Everything a server offers, in the order in which it is listed.
///
/// Names must be unique; a catalog with two equal names panics when it is built, which is when a
/// program starts.
pub struct Catalog<S> {
    tools: Vec<ToolEntry<S>>,
    tools_by_name: HashMap<Cow<'static, str>, usize>,
    pub(crate) resources: Vec<ResourceEntry<S>>,
    pub(crate) prompts: Vec<PromptEntry<S>>,
    pub(crate) skills: Skills,
    taken: HashSet<&'static str>,
    pub(crate) extensions: BTreeSet<&'static str>,
    pub(crate) rhythms: Vec<RhythmEntry>,
    pub(crate) metered: Vec<Metered>,
}

/// A name that was chosen at the start cannot be that of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableName {
    /// It has other characters, or none, or too many.
    #[error("a tool's name has 1 to 128 of the characters `A-Z a-z 0-9 _ - .`")]
    Malformed,
    /// Another tool answers to it.
    #[error("another tool answers to this name already")]
    Taken,
}

impl<S> Default for Catalog<S> {
    fn default() -> Self {
        Self {
            tools: Vec::new(),
            tools_by_name: HashMap::new(),
            resources: Vec::new(),
            prompts: Vec::new(),
            skills: Skills::default(),
            taken: HashSet::new(),
            extensions: BTreeSet::new(),
            rhythms: Vec::new(),
            metered: Vec::new(),
        }
    }
}

impl<S: Send + Sync + 'static> Catalog<S> {
    /// Offers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tool.
    ///
    /// # Panics
    /// When its name or one of its aliases is taken or is no name, or when its schema marks a
    /// parameter for a header that cannot be, or holds a pattern that is none.
    #[must_use]
    pub fn tool<T: Tool<S>>(mut self) -> Self {
        let info = T::info(Info::default());
        for name in [T::NAME].into_iter().chain(info.aliases.iter().copied()) {
            assert!(tools::is_tool_name(name), "`{name}` is not a name that a tool can have");
            let taken = self.tools_by_name.insert(Cow::Borrowed(name), self.tools.len());
            assert!(taken.is_none(), "two tools are named `{name}`");
        }
        self.tools.push(ToolEntry::new::<T>(T::NAME, info));
        self
    }

    /// Adds a tool under a name that only its operator knows; its own name and its aliases count
    /// for nothing. Add it last: a later tool that has the name already panics.
    ///
    /// # Errors
    /// When the name is taken or is no name.
    pub fn tool_named_as<T: Tool<S>>(mut self, name: &str) -> Result<Self, UnusableName> {
        if !tools::is_tool_name(name) {
            return Err(UnusableName::Malformed);
        }
        if self.tools_by_name.contains_key(name) {
            return Err(UnusableName::Taken);
        }
        self.tools_by_name.insert(Cow::Owned(name.to_owned()), self.tools.len());
        self.tools.push(ToolEntry::new::<T>(name, T::info(Info::default())));
        Ok(self)
    }

    /// Declares an extension of the protocol, by its identifier, among what the server can do.
    #[must_use]
    pub fn extension(mut self, identifier: &'static str) -> Self {
        self.extensions.insert(identifier);
        self
    }

    /// Offers a tally to operators, among the metrics of the server.
    ///
    /// # Panics
    /// When two tallies have one metric.
    #[must_use]
    pub fn metered(mut self, metered: Metered) -> Self {
        let taken = self.metered.iter().any(|other| other.metric == metered.metric);
        assert!(!taken, "two tallies are measured as `{}`", metered.metric);
        self.metered.push(metered);
        self
    }

    /// Adds something that is told again and again while somebody has switched it on.
    ///
    /// # Panics
    /// When its name is taken.
    #[must_use]
    pub fn rhythm<R: Rhythm>(mut self) -> Self {
        let taken = self.rhythms.iter().any(|entry| entry.name == R::NAME);
        assert!(!taken, "two rhythms are named `{}`", R::NAME);
        self.rhythms.push(RhythmEntry::new::<R>());
        self
    }

    /// Adds a resource, or a family of them.
    ///
    /// # Panics
    /// When its address is taken or is no template.
    #[must_use]
    pub fn resource<R: Resource<S>>(mut self) -> Self {
        assert!(self.taken.insert(R::URI), "two resources are at `{}`", R::URI);
        assert!(self.skills.file(R::URI).is_none(), "a skill has a file at `{}`", R::URI);
        self.resources.push(ResourceEntry::new::<R>());
        self
    }

    /// Adds a skill: a directory of instructions, whose files are read as resources.
    ///
    /// # Panics
    /// When it is none by the rules of the Agent Skills specification, is larger than every host
    /// must take, or has a file at an address that is taken.
    #[must_use]
    pub fn skill(mut self, skill: Skill) -> Self {
        let path = skill.path;
        for uri in skill.addresses() {
            assert!(!self.taken.contains(&*uri), "`{uri}` is a resource and a file of a skill");
        }
        let added = self.skills.add(skill);
        added.unwrap_or_else(|wrong| panic!("the skill `{path}` cannot be offered: {wrong}"));
        self
    }

    /// Adds a prompt.
    ///
    /// # Panics
    /// When its name or one of its aliases is taken.
    #[must_use]
    pub fn prompt<P: Prompt<S>>(mut self) -> Self {
        let info = P::info(PromptInfo::default());
        for name in [P::NAME].iter().chain(&info.aliases) {
            assert!(self.prompt_named(name).is_none(), "two prompts are named `{name}`");
        }
        self.prompts.push(PromptEntry::new::<P>(info));
        self
    }

    /// All tools, in their order.
    pub(crate) fn tools(&self) -> &[ToolEntry<S>] {
        &self.tools
    }

    /// The names of all tools and their aliases.
    pub(crate) fn tool_names(&self) -> Vec<String> {
        self.tools_by_name.keys().map(|name| name.clone().into_owned()).collect()
    }

    /// A tool by its name or one of its aliases.
    pub(crate) fn tool_named(&self, name: &str) -> Option<&ToolEntry<S>> {
        self.tools_by_name.get(name).map(|index| &self.tools[*index])
    }

    /// Every name that a tool answers to, with the tool.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn answered_names(&self) -> impl Iterator<Item = (&str, &ToolEntry<S>)> {
        self.tools_by_name.iter().map(|(name, index)| (&**name, &self.tools[*index]))
    }

    /// A prompt by its name or one of its aliases.
    pub(crate) fn prompt_named(&self, name: &str) -> Option<&PromptEntry<S>> {
        let answers =
            |entry: &&PromptEntry<S>| entry.listed.name == name || entry.aliases.contains(&name);
        self.prompts.iter().find(answers)
    }

    /// The resource at an address, with the values of its variables. One whose address is spelled
    /// out comes before a family that it also belongs to.
    pub(crate) fn resource_at(&self, uri: &str) -> Option<(&ResourceEntry<S>, Values)> {
        let plain = self.resources.iter().find(|entry| entry.uri == uri);
        let family =
            || self.resources.iter().find_map(|entry| Some((entry, entry.template.matches(uri)?)));
        plain.map(|entry| (entry, Vec::new())).or_else(family)
    }
}

impl<S> Catalog<S> {
    /// The families of resources, as they are listed in a session or without one.
    pub(crate) fn templates(
        &self,
        in_session: bool,
    ) -> impl Iterator<Item = Arc<shared::mcp::ResourceTemplate>> + use<'_, S> {
        self.resources.iter().filter_map(move |entry| match &entry.listed {
            Listed::Template(template) if in_session || !entry.needs_session => {
                Some(Arc::clone(template))
            }
            Listed::Template(_) | Listed::Resource(_) => None,
        })
    }
}
