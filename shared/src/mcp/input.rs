//! What a server asks of a client: forms and pages for its user, its model, its folders.
//!
//! Until 2025-11-25 these are requests of the server; since 2026-07-28 they travel inside a result
//! that says `input_required`. The parameters are the same.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    ClientCapabilities, ElicitationCapability, Head, IncludeContext, InputResponses, MediaContent,
    ModelPreferences, Revision, Role, RootsCapability, SamplingCapability, SamplingTool,
    TextContent, ToolChoice, ToolUse, ToolUseResult, lifecycle::ClientTasksCapability,
};

/// Something that only the client can answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", content = "params")]
pub enum InputRequest {
    /// Ask the user.
    #[serde(rename = "elicitation/create")]
    Elicit(ElicitParams),
    /// Ask a model.
    #[serde(rename = "sampling/createMessage")]
    Sample(CreateMessageParams),
    /// Which folders matter?
    #[serde(rename = "roots/list")]
    Roots {},
}

impl InputRequest {
    /// Its method on the wire.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Elicit(_) => "elicitation/create",
            Self::Sample(_) => "sampling/createMessage",
            Self::Roots {} => "roots/list",
        }
    }

    /// The two parts of its method: by these a client declares what it makes tasks of.
    pub(super) fn kind(&self) -> (&'static str, &'static str) {
        self.method().split_once('/').unwrap_or_default()
    }

    /// Whether a client has declared that it can answer this.
    #[must_use]
    pub fn is_for(&self, client: &ClientCapabilities) -> bool {
        match self {
            Self::Elicit(ElicitParams::Form { .. }) => client.has_form_elicitation(),
            Self::Elicit(ElicitParams::Url { .. }) => client.has_url_elicitation(),
            Self::Sample(params) => {
                client.sampling.is_some()
                    && (!params.uses_tools() || client.has_sampling_tools())
                    && (!params.wants_context() || client.has_sampling_context())
            }
            Self::Roots {} => client.roots.is_some(),
        }
    }

    /// Whether a revision of the protocol has this question.
    #[must_use]
    pub fn is_in(&self, revision: Revision) -> bool {
        match self {
            Self::Elicit(ElicitParams::Form { .. }) => revision.has_elicitation(),
            Self::Elicit(ElicitParams::Url { .. }) => revision.has_elicitation_modes(),
            Self::Sample(params) => !params.uses_tools() || revision.has_sampling_tools(),
            Self::Roots {} => true,
        }
    }

    /// What a client must declare before it is asked this, and no more.
    #[must_use]
    pub fn needed(&self) -> ClientCapabilities {
        let mut needed = ClientCapabilities::default();
        match self {
            Self::Elicit(ElicitParams::Form { .. }) => {
                needed.elicitation = Some(ElicitationCapability::default());
            }
            Self::Elicit(ElicitParams::Url { .. }) => {
                let url = Some(Map::new());
                needed.elicitation = Some(ElicitationCapability { form: None, url });
            }
            Self::Sample(params) => needed.sampling = Some(SamplingCapability::needed_for(params)),
            Self::Roots {} => needed.roots = Some(RootsCapability::default()),
        }
        needed
    }

    /// The same for one that the client may make a task of (2025-11-25 basic/utilities/tasks).
    #[must_use]
    pub fn needed_as_task(&self) -> ClientCapabilities {
        let (kind, what) = self.kind();
        let requests = Map::from_iter([(kind.to_owned(), json!({ what: {} }))]);
        ClientCapabilities { tasks: Some(ClientTasksCapability { requests }), ..self.needed() }
    }
}

/// The parameters of `elicitation/create`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ElicitParams {
    /// Send the user to a page; since 2025-11-25.
    #[serde(rename_all = "camelCase")]
    Url {
        /// Always `url`.
        mode: UrlMode,
        /// What for.
        message: String,
        /// Which page.
        url: String,
        /// Names the question; in 2025-11-25 only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        elicitation_id: Option<String>,
    },
    /// Let the user fill in a form.
    #[serde(rename_all = "camelCase")]
    Form {
        /// What for.
        message: String,
        /// The form: a flat object of simple fields. Every call of a tool asks with the same.
        requested_schema: Arc<Value>,
    },
}

/// The word `url`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UrlMode {
    /// The word.
    Url,
}

/// What the user made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElicitAction {
    /// Filled in, or agreed to.
    Accept,
    /// Refused.
    Decline,
    /// Put aside.
    Cancel,
}

/// The answer to `elicitation/create`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElicitResult {
    /// What the user did.
    pub action: ElicitAction,
    /// What the user filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Map<String, Value>>,
}

/// The parameters of `sampling/createMessage`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateMessageParams {
    /// The conversation so far.
    pub messages: Vec<SamplingMessage>,
    /// How long the answer may be.
    pub max_tokens: u32,
    /// What the model should know first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// How free the model is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Which model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_preferences: Option<ModelPreferences>,
    /// Where the model stops.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<String>,
    /// What else the model should know, for clients that declare it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_context: Option<IncludeContext>,
    /// For the model's provider, in whatever shape it wants.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// What the model may use; since 2025-11-25, for clients that declare it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<SamplingTool>,
    /// Whether it may, must or must not; the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
}

impl CreateMessageParams {
    /// A conversation to go on with, and how long the answer may be.
    #[must_use]
    pub fn new(messages: Vec<SamplingMessage>, max_tokens: u32) -> Self {
        Self {
            messages,
            max_tokens,
            system_prompt: None,
            temperature: None,
            model_preferences: None,
            stop_sequences: Vec::new(),
            include_context: None,
            metadata: Map::new(),
            tools: Vec::new(),
            tool_choice: None,
        }
    }

    /// Whether it says anything of tools, which only some clients may be told.
    #[must_use]
    pub fn uses_tools(&self) -> bool {
        let mut said = self.messages.iter().flat_map(|message| message.content.as_slice());
        !self.tools.is_empty()
            || self.tool_choice.is_some()
            || said.any(|content| {
                matches!(content, SamplingContent::ToolUse(_) | SamplingContent::ToolResult(_))
            })
    }

    /// Whether it wants the model to know more than the conversation, which only clients that
    /// declare it are asked (2026-07-28 client/sampling).
    #[must_use]
    pub const fn wants_context(&self) -> bool {
        matches!(
            self.include_context,
            Some(IncludeContext::ThisServer | IncludeContext::AllServers)
        )
    }
}

/// One message of a conversation with a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SamplingMessage {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub content: OneOrMany<SamplingContent>,
    /// Members of a feature's own; since 2025-11-25.
    #[serde(rename = "_meta", default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

impl SamplingMessage {
    /// A message.
    #[must_use]
    pub fn new(role: Role, content: OneOrMany<SamplingContent>) -> Self {
        Self { role, content, meta: Map::new() }
    }

    /// Words of the user.
    #[must_use]
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, OneOrMany::One(SamplingContent::Text(TextContent::new(text))))
    }
}

/// A thing, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// A list; since 2025-11-25.
    Many(Vec<T>),
    /// One.
    One(T),
}

impl<T> OneOrMany<T> {
    /// All of them, in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::Many(things) => things,
            Self::One(thing) => std::slice::from_ref(thing),
        }
    }
}

/// One piece of a conversation with a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SamplingContent {
    /// Words.
    Text(TextContent),
    /// A picture.
    Image(MediaContent),
    /// Sound; since 2025-03-26.
    Audio(MediaContent),
    /// The model wants a tool to be used; since 2025-11-25.
    ToolUse(ToolUse),
    /// What came of that, told to the model; since 2025-11-25.
    ToolResult(ToolUseResult),
}

/// The answer to `sampling/createMessage`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateMessageResult {
    /// Who says it.
    pub role: Role,
    /// What the model says.
    pub content: OneOrMany<SamplingContent>,
    /// Which model.
    pub model: String,
    /// Why it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
}

impl CreateMessageResult {
    /// The tools that the model wants to be used before it goes on.
    pub fn tool_uses(&self) -> impl Iterator<Item = &ToolUse> {
        self.content.as_slice().iter().filter_map(|content| match content {
            SamplingContent::ToolUse(wanted) => Some(wanted),
            _ => None,
        })
    }
}

/// The answer to `roots/list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRootsResult {
    /// The folders that matter.
    pub roots: Vec<Root>,
}

/// A folder that matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// A `file:` address.
    pub uri: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Members of the client's own; since 2025-06-18.
    #[serde(rename = "_meta", default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

/// The first answer that is none: an answer is what a client may say to one of the questions, of
/// whichever kind (2026-07-28 basic/patterns/mrtr).
#[must_use]
pub fn malformed_answer(answers: &InputResponses) -> Option<&str> {
    fn is<'a, T: Deserialize<'a>>(answer: &'a Value) -> bool {
        T::deserialize(answer).is_ok()
    }
    let is_answer = |answer| {
        is::<ElicitResult>(answer)
            || is::<CreateMessageResult>(answer)
            || is::<ListRootsResult>(answer)
    };
    // A derived type would read a list of members as well.
    let malformed = answers.iter().find(|(_, answer)| !answer.is_object() || !is_answer(answer));
    malformed.map(|(key, _)| key.as_str())
}

/// The answer to a call that cannot go on without the client; since 2026-07-28.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InputRequiredResult {
    /// What every result has.
    #[serde(flatten)]
    pub head: Head,
    /// The questions, by a key that the answers carry.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub input_requests: BTreeMap<String, InputRequest>,
    /// To be sent back as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_state: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_has_the_shape_of_one_to_some_question() {
        let of =
            |answer: Value| malformed_answer(&BTreeMap::from([("q".to_owned(), answer)])).is_none();
        let text = json!({ "type": "text", "text": "hi" });
        assert!(of(json!({ "action": "accept", "content": { "a": 1 } })));
        assert!(of(json!({ "role": "assistant", "content": text, "model": "m" })));
        assert!(of(json!({ "roots": [{ "uri": "file:///a" }] })));
        let nod = json!({ "action": "nod" });
        for wrong in [json!(5), json!([]), json!(["accept"]), json!({}), nod, json!({ "roots": 5 })]
        {
            assert!(!of(wrong.clone()), "{wrong}");
        }
    }
}
