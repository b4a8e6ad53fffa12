//! What every result has, and the closed set of results.

use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::{
    CallToolResult, CompleteResult, DiscoverResult, GetPromptResult, GetSkillResult,
    Implementation, InitializeResult, InputRequiredResult, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListSkillsResult, ListToolsResult,
    ReadDirectoryResult, ReadResourceResult, RequestId, TaskResult, Written, keys,
};

/// Whether a result is the last word; only since 2026-07-28.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultType {
    /// It is.
    Complete,
    /// The client is asked for more and calls again.
    InputRequired,
    /// The call goes on as a task.
    Task,
}

/// What every result may carry beside its content.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Head {
    /// Set by the edge that answers in the modern era.
    #[serde(rename = "resultType", skip_serializing_if = "Option::is_none")]
    pub result_type: Option<ResultType>,
    /// Reserved and own members.
    #[serde(rename = "_meta", skip_serializing_if = "ResultMeta::is_empty")]
    pub meta: ResultMeta,
}

/// The `_meta` of a result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResultMeta {
    /// Who answers; set by the edge in the modern era.
    pub server_info: Option<Arc<Written<Implementation>>>,
    /// Which listen request this ends.
    pub subscription_id: Option<RequestId>,
    /// Members of a feature's own.
    pub other: Map<String, Value>,
}

impl ResultMeta {
    fn is_empty(&self) -> bool {
        self.server_info.is_none() && self.subscription_id.is_none() && self.other.is_empty()
    }
}

impl Serialize for ResultMeta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(info) = &self.server_info {
            map.serialize_entry(keys::SERVER_INFO, info)?;
        }
        if let Some(id) = &self.subscription_id {
            map.serialize_entry(keys::SUBSCRIPTION_ID, id)?;
        }
        for (name, value) in &self.other {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// How long and for whom a result stays good; only since 2026-07-28.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheHint {
    /// Milliseconds; zero is stale at once.
    pub ttl_ms: u64,
    /// Whether others may be given it.
    pub cache_scope: CacheScope,
}

/// Who may be given a cached result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheScope {
    /// Everybody.
    Public,
    /// Who asked.
    Private,
}

/// Nothing but "done".
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EmptyResult {
    /// What every result has.
    #[serde(flatten)]
    pub head: Head,
}

/// The end of a `subscriptions/listen` stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ListenResult {
    /// What every result has; it names the subscription.
    #[serde(flatten)]
    pub head: Head,
}

/// Everything a server answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ServerResult {
    /// To `initialize`.
    Initialize(InitializeResult),
    /// To `server/discover`.
    Discover(DiscoverResult),
    /// To `tools/list`.
    ListTools(ListToolsResult),
    /// To `tools/call`.
    CallTool(CallToolResult),
    /// To `resources/list`.
    ListResources(ListResourcesResult),
    /// To `resources/templates/list`.
    ListResourceTemplates(ListResourceTemplatesResult),
    /// To `resources/read`.
    ReadResource(ReadResourceResult),
    /// To `prompts/list`.
    ListPrompts(ListPromptsResult),
    /// To `prompts/get`.
    GetPrompt(GetPromptResult),
    /// To `completion/complete`.
    Complete(CompleteResult),
    /// To `subscriptions/listen`, at its end.
    Listen(ListenResult),
    /// To a call that cannot go on without the client.
    InputRequired(InputRequiredResult),
    /// To `skills/list`.
    ListSkills(ListSkillsResult),
    /// To `skills/get`.
    GetSkill(Box<GetSkillResult>),
    /// To `resources/directory/read`.
    ReadDirectory(ReadDirectoryResult),
    /// To the methods of tasks, and to a call that goes on as one.
    Task(TaskResult),
    /// To `ping`, `logging/setLevel`, `resources/subscribe` and `resources/unsubscribe`.
    Empty(EmptyResult),
}

impl ServerResult {
    /// What every result has.
    pub fn head_mut(&mut self) -> &mut Head {
        match self {
            Self::Initialize(result) => &mut result.head,
            Self::Discover(result) => &mut result.head,
            Self::ListTools(result) => &mut result.head,
            Self::CallTool(result) => &mut result.head,
            Self::ListResources(result) => &mut result.head,
            Self::ListResourceTemplates(result) => &mut result.head,
            Self::ReadResource(result) => &mut result.head,
            Self::ListPrompts(result) => &mut result.head,
            Self::GetPrompt(result) => &mut result.head,
            Self::Complete(result) => &mut result.head,
            Self::Listen(result) => &mut result.head,
            Self::InputRequired(result) => &mut result.head,
            Self::ListSkills(result) => &mut result.head,
            Self::GetSkill(result) => &mut result.head,
            Self::ReadDirectory(result) => &mut result.head,
            Self::Task(result) => &mut result.head,
            Self::Empty(result) => &mut result.head,
        }
    }

    /// How long it stays good, if it is of a kind that says so.
    pub fn cache_mut(&mut self) -> Option<&mut Option<CacheHint>> {
        match self {
            Self::Discover(result) => Some(&mut result.cache),
            Self::ListTools(result) => Some(&mut result.cache),
            Self::ListResources(result) => Some(&mut result.cache),
            Self::ListResourceTemplates(result) => Some(&mut result.cache),
            Self::ReadResource(result) => Some(&mut result.cache),
            Self::ListPrompts(result) => Some(&mut result.cache),
            Self::ListSkills(result) => Some(&mut result.cache),
            Self::GetSkill(result) => Some(&mut result.cache),
            _ => None,
        }
    }
}
