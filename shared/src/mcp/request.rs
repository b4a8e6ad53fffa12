//! What clients ask: the closed set of methods and their parameters.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    CompleteParams, DirectoryParams, Era, GetPromptParams, InitializeParams, ListenFilter,
    LogLevel, Params, RawJson, Revision, TaskParams, TaskRequest, UpdateTaskParams, misfit, object,
};

/// A method of the protocol. Which of them a revision has is [`Method::exists_in`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `initialize`
    Initialize,
    /// `server/discover`
    Discover,
    /// `ping`
    Ping,
    /// `tools/list`
    ListTools,
    /// `tools/call`
    CallTool,
    /// `resources/list`
    ListResources,
    /// `resources/templates/list`
    ListResourceTemplates,
    /// `resources/read`
    ReadResource,
    /// `resources/subscribe`
    Subscribe,
    /// `resources/unsubscribe`
    Unsubscribe,
    /// `prompts/list`
    ListPrompts,
    /// `prompts/get`
    GetPrompt,
    /// `completion/complete`
    Complete,
    /// `logging/setLevel`
    SetLevel,
    /// `subscriptions/listen`
    Listen,
    /// `tasks/get`
    GetTask,
    /// `tasks/update`
    UpdateTask,
    /// `tasks/cancel`
    CancelTask,
    /// `tasks/result`
    TaskPayload,
    /// `tasks/list`
    ListTasks,
    /// `skills/list`
    ListSkills,
    /// `skills/get`
    GetSkill,
    /// `resources/directory/read`
    ReadDirectory,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 23] = [
        Self::Initialize,
        Self::Discover,
        Self::Ping,
        Self::ListTools,
        Self::CallTool,
        Self::ListResources,
        Self::ListResourceTemplates,
        Self::ReadResource,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::ListPrompts,
        Self::GetPrompt,
        Self::Complete,
        Self::SetLevel,
        Self::Listen,
        Self::GetTask,
        Self::UpdateTask,
        Self::CancelTask,
        Self::TaskPayload,
        Self::ListTasks,
        Self::ListSkills,
        Self::GetSkill,
        Self::ReadDirectory,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Discover => "server/discover",
            Self::Ping => "ping",
            Self::ListTools => "tools/list",
            Self::CallTool => "tools/call",
            Self::ListResources => "resources/list",
            Self::ListResourceTemplates => "resources/templates/list",
            Self::ReadResource => "resources/read",
            Self::Subscribe => "resources/subscribe",
            Self::Unsubscribe => "resources/unsubscribe",
            Self::ListPrompts => "prompts/list",
            Self::GetPrompt => "prompts/get",
            Self::Complete => "completion/complete",
            Self::SetLevel => "logging/setLevel",
            Self::Listen => "subscriptions/listen",
            Self::GetTask => "tasks/get",
            Self::UpdateTask => "tasks/update",
            Self::CancelTask => "tasks/cancel",
            Self::TaskPayload => "tasks/result",
            Self::ListTasks => "tasks/list",
            Self::ListSkills => "skills/list",
            Self::GetSkill => "skills/get",
            Self::ReadDirectory => "resources/directory/read",
        }
    }

    /// The method of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Whether a revision has it.
    #[must_use]
    pub const fn exists_in(self, revision: Revision) -> bool {
        match self {
            Self::Discover
            | Self::Listen
            | Self::UpdateTask
            | Self::ListSkills
            | Self::GetSkill
            | Self::ReadDirectory => matches!(revision.era(), Era::Modern),
            Self::GetTask | Self::CancelTask => {
                matches!(revision.era(), Era::Modern) || revision.has_core_tasks()
            }
            Self::TaskPayload | Self::ListTasks => revision.has_core_tasks(),
            Self::Initialize
            | Self::Ping
            | Self::Subscribe
            | Self::Unsubscribe
            | Self::SetLevel => matches!(revision.era(), Era::Legacy),
            _ => true,
        }
    }
}

impl Method {
    /// The member of the parameters that the `Mcp-Name` header repeats; since 2026-07-28.
    #[must_use]
    pub const fn named_by(self) -> Option<&'static str> {
        match self {
            Self::CallTool | Self::GetPrompt => Some("name"),
            Self::ReadResource => Some("uri"),
            Self::GetTask | Self::UpdateTask | Self::CancelTask => Some("taskId"),
            _ => None,
        }
    }

    /// What that member holds in parameters that do not decode: a text, whatever else is wrong.
    #[must_use]
    pub fn name_in(self, params: &Params) -> Option<String> {
        params.get(self.named_by()?)
    }

    /// Whether it belongs to the extension of tasks.
    #[must_use]
    pub const fn is_of_tasks(self) -> bool {
        matches!(self, Self::GetTask | Self::UpdateTask | Self::CancelTask)
    }
}

/// A request with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientRequest {
    /// Opens a session.
    Initialize(Box<InitializeParams>),
    /// What can you do?
    Discover,
    /// Are you there?
    Ping,
    /// Which tools are there?
    ListTools(ListParams),
    /// Use a tool.
    CallTool(CallToolParams),
    /// Which resources are there?
    ListResources(ListParams),
    /// Which families of resources are there?
    ListResourceTemplates(ListParams),
    /// Read a resource.
    ReadResource(ReadResourceParams),
    /// Tell me when a resource changes.
    Subscribe(UriParams),
    /// Tell me no longer.
    Unsubscribe(UriParams),
    /// Which prompts are there?
    ListPrompts(ListParams),
    /// Make a prompt.
    GetPrompt(GetPromptParams),
    /// What could this argument be?
    Complete(CompleteParams),
    /// Log messages from this level on.
    SetLevel(SetLevelParams),
    /// Tell me what changes.
    Listen(ListenParams),
    /// How is the task?
    GetTask(TaskParams),
    /// Here is what the task wants to know.
    UpdateTask(UpdateTaskParams),
    /// The task is not needed any more.
    CancelTask(TaskParams),
    /// What has come of the task?
    TaskPayload(TaskParams),
    /// Which tasks are there?
    ListTasks(ListParams),
    /// Which skills are there?
    ListSkills(ListParams),
    /// What is this skill made of?
    GetSkill(UriParams),
    /// What is in this directory?
    ReadDirectory(DirectoryParams),
}

/// The parameters do not have the shape of their method: code -32602.
#[derive(Debug, thiserror::Error)]
pub enum MalformedParams {
    /// A member is missing or of the wrong type.
    #[error("Invalid params: {}", misfit(.0))]
    Shape(#[from] serde_json::Error),
    /// Arguments are given by name.
    #[error("Invalid params: `arguments` must be an object")]
    Arguments,
}

impl ClientRequest {
    /// Reads the parameters of a method.
    ///
    /// # Errors
    /// When they do not have the shape of the method.
    pub fn decode(method: Method, params: Option<&Params>) -> Result<Self, MalformedParams> {
        Ok(match method {
            Method::Initialize => Self::Initialize(Box::new(read(params)?)),
            Method::Discover => Self::Discover,
            Method::Ping => Self::Ping,
            Method::ListTools => Self::ListTools(read(params)?),
            Method::CallTool => Self::CallTool(CallToolParams::read(params)?),
            Method::ListResources => Self::ListResources(read(params)?),
            Method::ListResourceTemplates => Self::ListResourceTemplates(read(params)?),
            Method::ReadResource => Self::ReadResource(read(params)?),
            Method::Subscribe => Self::Subscribe(read(params)?),
            Method::Unsubscribe => Self::Unsubscribe(read(params)?),
            Method::ListPrompts => Self::ListPrompts(read(params)?),
            Method::GetPrompt => Self::GetPrompt(read(params)?),
            Method::Complete => Self::Complete(read(params)?),
            Method::SetLevel => Self::SetLevel(read(params)?),
            Method::Listen => Self::Listen(read(params)?),
            Method::GetTask => Self::GetTask(read(params)?),
            Method::UpdateTask => Self::UpdateTask(read(params)?),
            Method::CancelTask => Self::CancelTask(read(params)?),
            Method::TaskPayload => Self::TaskPayload(read(params)?),
            Method::ListTasks => Self::ListTasks(read(params)?),
            Method::ListSkills => Self::ListSkills(read(params)?),
            Method::GetSkill => Self::GetSkill(read(params)?),
            Method::ReadDirectory => Self::ReadDirectory(read(params)?),
        })
    }

    /// What the `Mcp-Name` header repeats, if the method has it: the value of [`Method::named_by`].
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::CallTool(call) => Some(&call.name),
            Self::GetPrompt(get) => Some(&get.name),
            Self::ReadResource(read) => Some(&read.uri),
            Self::GetTask(task) | Self::CancelTask(task) => Some(&task.task_id),
            Self::UpdateTask(task) => Some(&task.task_id),
            _ => None,
        }
    }
}

/// Absent parameters are an empty object.
fn read<'a, T: Deserialize<'a>>(params: Option<&'a Params>) -> Result<T, MalformedParams> {
    Ok(params.map_or_else(|| serde_json::from_str("{}"), Params::decode)?)
}

/// Answers to what an earlier round asked, by key.
pub type InputResponses = BTreeMap<String, Value>;

/// The parameters of the list methods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ListParams {
    /// Where the page begins; the first one when absent.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// The parameters of `tools/call`.
#[derive(Clone, Debug, PartialEq)]
pub struct CallToolParams {
    /// Which tool.
    pub name: String,
    /// Its arguments, an object, not looked into yet: a slice of the body.
    pub arguments: Option<RawJson>,
    /// Answers to what an earlier round asked; since 2026-07-28.
    pub input_responses: Option<InputResponses>,
    /// What an earlier round gave along; since 2026-07-28.
    pub request_state: Option<String>,
    /// The client wants a task; 2025-11-25 only.
    pub task: Option<TaskRequest>,
}

/// All of them but the arguments.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallToolMembers {
    name: String,
    #[serde(default)]
    input_responses: Option<InputResponses>,
    #[serde(default)]
    request_state: Option<String>,
    #[serde(default, deserialize_with = "object::optional")]
    task: Option<TaskRequest>,
}

impl CallToolParams {
    fn read(params: Option<&Params>) -> Result<Self, MalformedParams> {
        const ARGUMENTS: &str = "arguments";
        let members: CallToolMembers = match params {
            None => read(None)?,
            Some(params) => params.decode_without(ARGUMENTS)?,
        };
        let arguments = params.and_then(|params| params.member(ARGUMENTS));
        let arguments = arguments.filter(|arguments| arguments.as_bytes() != b"null");
        if arguments.as_ref().is_some_and(|arguments| !arguments.as_bytes().starts_with(b"{")) {
            return Err(MalformedParams::Arguments);
        }
        Ok(Self {
            name: members.name,
            arguments,
            input_responses: members.input_responses,
            request_state: members.request_state,
            task: members.task,
        })
    }
}

/// The parameters of `resources/read`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadResourceParams {
    /// Which resource.
    pub uri: String,
    /// Answers to what an earlier round asked; since 2026-07-28.
    #[serde(default)]
    pub input_responses: Option<InputResponses>,
    /// What an earlier round gave along; since 2026-07-28.
    #[serde(default)]
    pub request_state: Option<String>,
}

/// The parameters of `resources/subscribe`, `resources/unsubscribe` and `skills/get`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UriParams {
    /// Which resource.
    pub uri: String,
}

/// The parameters of `logging/setLevel`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SetLevelParams {
    /// The least level wanted.
    pub level: LogLevel,
}

/// The parameters of `subscriptions/listen`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListenParams {
    /// What is wanted.
    #[serde(deserialize_with = "object::required")]
    pub notifications: ListenFilter,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_method_is_found_by_its_name() {
        for method in Method::ALL {
            assert_eq!(Method::named(method.as_str()), Some(method));
        }
        assert_eq!(Method::named("TOOLS/LIST"), None);
    }

    #[test]
    fn arguments_stay_as_they_came() {
        let params = Params::from(&json!({ "name": "echo", "arguments": { "message": "hi" } }));
        let request = ClientRequest::decode(Method::CallTool, Some(&params)).unwrap();
        let ClientRequest::CallTool(call) = request else { panic!("not a call") };
        assert_eq!(call.arguments.unwrap().as_bytes(), br#"{"message":"hi"}"#);
    }

    #[test]
    fn missing_parameters_are_named() {
        let error = ClientRequest::decode(Method::CallTool, None).unwrap_err();
        assert!(error.to_string().contains("`name`"), "{error}");
    }

    #[test]
    fn a_name_is_read_whatever_else_is_wrong() {
        let params = Params::from(&json!({ "name": "echo", "task": 5, "arguments": [1] }));
        assert!(ClientRequest::decode(Method::CallTool, Some(&params)).is_err());
        assert_eq!(Method::CallTool.name_in(&params).as_deref(), Some("echo"));
        assert_eq!(Method::ReadResource.name_in(&params), None);
        assert_eq!(Method::CallTool.name_in(&Params::from(&json!({ "name": 5 }))), None);
        let right = Params::from(&json!({ "taskId": "x", "inputResponses": {} }));
        for method in [Method::GetTask, Method::UpdateTask, Method::CancelTask] {
            let request = ClientRequest::decode(method, Some(&right)).unwrap();
            assert_eq!(request.name(), method.name_in(&right).as_deref());
        }
    }

    fn is_malformed(method: Method, params: &Value) -> bool {
        ClientRequest::decode(method, Some(&Params::from(params))).is_err()
    }

    #[test]
    fn a_list_of_members_is_no_object() {
        let (reference, argument) =
            (json!({ "type": "ref/prompt", "name": "x" }), json!({ "name": "a", "value": "b" }));
        let complete = |reference: Value, argument: Value, context: Value| json!({ "ref": reference, "argument": argument, "context": context });
        let listed = json!(["a", "b"]);
        let wrong = [
            (Method::CallTool, json!({ "name": "x", "task": [5] })),
            (Method::Listen, json!({ "notifications": [true] })),
            (Method::Complete, complete(json!(["ref/prompt", "x"]), argument.clone(), json!({}))),
            (Method::Complete, complete(reference.clone(), listed, json!({}))),
            (Method::Complete, complete(reference.clone(), argument.clone(), json!([]))),
        ];
        for (method, params) in wrong {
            assert!(is_malformed(method, &params), "{params}");
        }
        assert!(!is_malformed(Method::Complete, &complete(reference, argument, json!({}))));
        assert!(is_malformed(Method::UpdateTask, &json!({ "taskId": "x" })));
    }

    #[test]
    fn who_opens_a_session_says_so_in_objects() {
        let opens = |capabilities: Value, client: Value| {
            let params = json!({ "protocolVersion": "x", "capabilities": capabilities, "clientInfo": client });
            !is_malformed(Method::Initialize, &params)
        };
        let client = json!({ "name": "x", "version": "1" });
        assert!(opens(json!({ "elicitation": {}, "extensions": { "a/b": {} } }), client.clone()));
        assert!(!opens(json!({}), json!(["x", null, "1"])));
        let wrong =
            [json!([]), json!({ "elicitation": [] }), json!({ "extensions": { "a/b": 5 } })];
        for capabilities in wrong {
            assert!(!opens(capabilities.clone(), client.clone()), "{capabilities}");
        }
    }

    #[test]
    fn lists_need_no_parameters() {
        let request = ClientRequest::decode(Method::ListTools, None).unwrap();
        assert_eq!(request, ClientRequest::ListTools(ListParams::default()));
    }
}
