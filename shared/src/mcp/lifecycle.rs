//! Who speaks and what they can do: `initialize` and `server/discover`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CacheHint, CreateMessageParams, Head, Icon, InputRequest, Revision, Written, object};

/// Name and version of a program. What a client says of itself is for people to read, never a
/// reason to behave differently.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Implementation {
    /// For programs.
    pub name: String,
    /// For people; since 2025-06-18.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Of the program.
    pub version: String,
    /// One sentence; since 2025-11-25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where to read more; since 2025-11-25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website_url: Option<String>,
    /// Since 2025-11-25.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub icons: Vec<Icon>,
}

impl Implementation {
    /// A program with a name and a version.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: None,
            version: version.to_owned(),
            description: None,
            website_url: None,
            icons: Vec::new(),
        }
    }

    /// The same with a title for people.
    #[must_use]
    pub fn with_title(mut self, title: &str) -> Self {
        self.title = Some(title.to_owned());
        self
    }
}

/// What a client can do. An open set: what is not known here is ignored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientCapabilities {
    /// It can say which folders matter.
    #[serde(
        default,
        deserialize_with = "object::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub roots: Option<RootsCapability>,
    /// It can ask a model.
    #[serde(
        default,
        deserialize_with = "object::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub sampling: Option<SamplingCapability>,
    /// It can ask its user.
    #[serde(
        default,
        deserialize_with = "object::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub elicitation: Option<ElicitationCapability>,
    /// Which questions it can answer as tasks; 2025-11-25 only.
    #[serde(
        default,
        deserialize_with = "object::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub tasks: Option<ClientTasksCapability>,
    /// Extensions by id, each with its settings, which are an object.
    #[serde(default, deserialize_with = "object::settings", skip_serializing_if = "Map::is_empty")]
    pub extensions: Map<String, Value>,
}

/// What a client can answer as a task of its own (2025-11-25 basic/utilities/tasks).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientTasksCapability {
    /// Kinds of questions, by the first part of their method, then by the second.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub requests: Map<String, Value>,
}

impl ClientCapabilities {
    /// Whether it can make a task of a question.
    #[must_use]
    pub fn has_task_of(&self, question: &InputRequest) -> bool {
        let (kind, what) = question.kind();
        let kinds = self.tasks.as_ref().and_then(|tasks| tasks.requests.get(kind));
        kinds.is_some_and(|kind| kind.get(what).is_some())
    }

    /// Whether its user can be asked to fill in a form. An empty declaration means forms.
    #[must_use]
    pub fn has_form_elicitation(&self) -> bool {
        self.elicitation.as_ref().is_some_and(|modes| modes.form.is_some() || modes.url.is_none())
    }

    /// Whether its model can use tools.
    #[must_use]
    pub fn has_sampling_tools(&self) -> bool {
        self.sampling.as_ref().is_some_and(|sampling| sampling.tools.is_some())
    }

    /// Whether it declares an extension.
    #[must_use]
    pub fn has_extension(&self, id: &str) -> bool {
        self.extensions.contains_key(id)
    }

    /// What a client declares that has an extension and nothing else.
    #[must_use]
    pub fn of_extension(id: &str) -> Self {
        let settings = Value::Object(Map::new());
        let extensions = Map::from_iter([(id.to_owned(), settings)]);
        Self { extensions, ..Self::default() }
    }

    /// Whether its user can be sent to a page.
    #[must_use]
    pub fn has_url_elicitation(&self) -> bool {
        self.elicitation.as_ref().is_some_and(|modes| modes.url.is_some())
    }
}

/// Roots, as a client declares them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RootsCapability {
    /// It tells when they change; until 2025-11-25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_changed: Option<bool>,
}

/// Sampling, as a client declares it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SamplingCapability {
    /// It can include context of servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Map<String, Value>>,
    /// Its model can use tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Map<String, Value>>,
}

impl SamplingCapability {
    /// What a client must have declared before it is asked this.
    #[must_use]
    pub fn needed_for(params: &CreateMessageParams) -> Self {
        let tools = params.uses_tools().then(Map::new);
        Self { tools, ..Self::default() }
    }
}

/// Elicitation, as a client declares it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ElicitationCapability {
    /// Forms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Map<String, Value>>,
    /// Pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Map<String, Value>>,
}

/// What a server can do. An absent member is not offered.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ServerCapabilities {
    /// Completion of arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completions: Option<Map<String, Value>>,
    /// Log messages to the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging: Option<Map<String, Value>>,
    /// Prompts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompts: Option<ListChangedCapability>,
    /// Resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcesCapability>,
    /// Tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<ListChangedCapability>,
    /// Tasks; 2025-11-25 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Value>,
    /// Extensions by id, each with its settings.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extensions: Map<String, Value>,
}

/// A list that may change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListChangedCapability {
    /// The client is told when it does.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub list_changed: bool,
}

/// Resources, as a server offers them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourcesCapability {
    /// The client can ask to be told when one changes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub subscribe: bool,
    /// The client is told when the list changes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub list_changed: bool,
}

/// The parameters of `initialize`; until 2025-11-25.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitializeParams {
    /// The newest revision the client speaks, as written: it may be unknown here.
    pub protocol_version: String,
    /// What the client can do.
    #[serde(deserialize_with = "object::required")]
    pub capabilities: ClientCapabilities,
    /// Who the client is.
    #[serde(deserialize_with = "object::required")]
    pub client_info: Implementation,
}

/// The answer to `initialize`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InitializeResult {
    /// What every result has.
    #[serde(flatten)]
    pub head: Head,
    /// The revision of the session.
    pub protocol_version: Revision,
    /// What the server can do.
    pub capabilities: ServerCapabilities,
    /// Who the server is.
    pub server_info: Arc<Written<Implementation>>,
    /// How to use the server, for the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
}

/// The answer to `server/discover`; since 2026-07-28.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiscoverResult {
    /// What every result has; it says who the server is.
    #[serde(flatten)]
    pub head: Head,
    /// What can be spoken on this transport, newest first.
    pub supported_versions: Vec<Revision>,
    /// What the server can do.
    pub capabilities: ServerCapabilities,
    /// How to use the server, for the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// How long this stays good.
    #[serde(flatten)]
    pub cache: Option<CacheHint>,
}

/// What one call knows of its client, in both eras.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientProfile {
    /// The revision it speaks.
    pub revision: Revision,
    /// What it can do.
    pub capabilities: ClientCapabilities,
    /// Who it says it is.
    pub info: Option<Implementation>,
}
