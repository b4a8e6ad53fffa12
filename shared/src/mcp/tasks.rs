//! Tasks: calls that go on after they have been answered.
//!
//! There are two forms: the experimental one of the core of 2025-11-25, and the extension
//! `io.modelcontextprotocol/tasks` of 2026-07-28. The state of a task is the same; how it is written
//! is not.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Number, Value};

use super::{ClientCapabilities, ErrorObject, Head, InputRequest, InputResponses};

/// The extension of 2026-07-28, as it is declared in `extensions`.
pub const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// Whether a tool may go on as a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskSupport {
    /// If the client can follow it.
    Optional,
    /// It cannot do otherwise.
    Required,
}

/// How a tool is run, as it is listed; 2025-11-25 only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolExecution {
    /// Whether it can be a task.
    pub task_support: TaskSupport,
}

/// Where a task is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// It runs.
    Working,
    /// It waits for answers of the client.
    InputRequired,
    /// It has a result.
    Completed,
    /// It has failed.
    Failed,
    /// It was ended before its end.
    Cancelled,
}

/// What a request for a task asks for; 2025-11-25 only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct TaskRequest {
    /// How long to keep it, in milliseconds.
    #[serde(default, deserialize_with = "whole")]
    pub ttl: Option<u64>,
}

/// A whole number, however it is written: to JSON, `60000.0` is one.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let text = number.to_string();
    let whole = text.strip_suffix(".0").unwrap_or(&text).parse();
    whole.map(Some).map_err(|_| D::Error::custom("`ttl` must be a whole number of milliseconds"))
}

/// The parameters of `tasks/get`, `tasks/cancel` and `tasks/result`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskParams {
    /// Which task.
    pub task_id: String,
}

/// The parameters of `tasks/update`; since 2026-07-28.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateTaskParams {
    /// Which task.
    pub task_id: String,
    /// Answers, by the keys of their questions.
    pub input_responses: InputResponses,
}

/// A task, in the form of the extension.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its name: nobody can guess it.
    pub task_id: String,
    /// Where it is.
    pub status: TaskStatus,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// When it was created: RFC 3339.
    pub created_at: String,
    /// When it changed last.
    pub last_updated_at: String,
    /// How long it is kept after its creation, in milliseconds.
    pub ttl_ms: u64,
    /// How often to ask for it, in milliseconds.
    pub poll_interval_ms: u64,
}

/// A task, in the form of 2025-11-25.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CoreTask {
    /// Its name: nobody can guess it.
    pub task_id: String,
    /// Where it is.
    pub status: TaskStatus,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// When it was created: RFC 3339.
    pub created_at: String,
    /// When it changed last.
    pub last_updated_at: String,
    /// How long it is kept after its creation, in milliseconds.
    pub ttl: u64,
    /// How often to ask for it, in milliseconds.
    pub poll_interval: u64,
}

impl From<Task> for CoreTask {
    fn from(task: Task) -> Self {
        Self {
            task_id: task.task_id,
            status: task.status,
            status_message: task.status_message,
            created_at: task.created_at,
            last_updated_at: task.last_updated_at,
            ttl: task.ttl_ms,
            poll_interval: task.poll_interval_ms,
        }
    }
}

/// What is said of tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskResult {
    /// What every result has.
    #[serde(flatten)]
    pub head: Head,
    /// Which of the forms.
    #[serde(flatten)]
    pub body: TaskBody,
}

/// The forms of what is said of tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TaskBody {
    /// A new task, in the form of the extension.
    Created(Task),
    /// A task with what has come of it, in the form of the extension.
    Detailed(Box<DetailedTask>),
    /// A new task of 2025-11-25.
    CoreCreated {
        /// The task.
        task: CoreTask,
    },
    /// A task of 2025-11-25.
    Core(CoreTask),
    /// All tasks of the caller, in 2025-11-25.
    List {
        /// The tasks, newest first.
        tasks: Vec<CoreTask>,
    },
    /// What the call of a task of 2025-11-25 would have returned.
    Payload(Map<String, Value>),
}

impl From<TaskBody> for TaskResult {
    fn from(body: TaskBody) -> Self {
        Self { head: Head::default(), body }
    }
}

/// A task and what has come of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DetailedTask {
    /// The task.
    #[serde(flatten)]
    pub task: Task,
    /// Of a completed one: what the call would have returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Of a failed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorObject>,
    /// Of one that waits: all that it wants to know, by key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_requests: Option<BTreeMap<String, InputRequest>>,
}

impl DetailedTask {
    /// What a client has to declare, and has not, before it is told what this task wants to know.
    #[must_use]
    pub fn lacking(&self, declared: &ClientCapabilities) -> Option<ClientCapabilities> {
        let questions = self.input_requests.iter().flat_map(BTreeMap::values);
        let mut foreign = questions.filter(|question| !question.is_for(declared));
        foreign.next().map(InputRequest::needed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ElicitationCapability, RootsCapability};
    use super::*;

    fn waiting(questions: Vec<InputRequest>) -> DetailedTask {
        let task = Task {
            task_id: "x".to_owned(),
            status: TaskStatus::InputRequired,
            status_message: None,
            created_at: String::new(),
            last_updated_at: String::new(),
            ttl_ms: 1,
            poll_interval_ms: 1,
        };
        let keyed =
            questions.into_iter().enumerate().map(|(n, question)| (n.to_string(), question));
        let input_requests = Some(keyed.collect());
        DetailedTask { task, result: None, error: None, input_requests }
    }

    #[test]
    fn a_task_that_asks_is_told_to_those_only_who_can_answer() {
        let form = serde_json::json!({
            "method": "elicitation/create",
            "params": { "message": "?", "requestedSchema": { "type": "object", "properties": {} } }
        });
        let form: InputRequest = serde_json::from_value(form).unwrap();
        let task = waiting(vec![InputRequest::Roots {}, form.clone()]);
        let nobody = ClientCapabilities::default();
        let folders = ClientCapabilities {
            roots: Some(RootsCapability::default()),
            ..ClientCapabilities::default()
        };
        assert_eq!(task.lacking(&nobody), Some(folders.clone()));
        assert_eq!(task.lacking(&folders), Some(form.needed()));
        let elicitation = Some(ElicitationCapability::default());
        assert_eq!(task.lacking(&ClientCapabilities { elicitation, ..folders }), None);
        assert_eq!(waiting(Vec::new()).lacking(&nobody), None);
    }
}
