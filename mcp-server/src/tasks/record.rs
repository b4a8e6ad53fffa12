//! What is kept of a task, and how each era sees it.

use std::collections::{BTreeMap, BTreeSet};

use ambient::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::mcp::{
    DetailedTask, Era, ErrorCode, ErrorObject, InputRequest, Revision, Task, TaskStatus,
};
use store::Record;

use crate::session::Owner;

/// How often a client may ask for a task, in milliseconds.
const POLL_MILLIS: u64 = 1000;

/// Kept under `mcp:task:{taskId}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TaskRecord {
    pub(crate) owner: Owner,
    /// What the client that made it speaks: a task is of its era.
    pub(crate) revision: Revision,
    /// Where it runs.
    pub(crate) instance: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) ttl_millis: u64,
    /// Where it is, in words.
    #[serde(default)]
    pub(crate) message: Option<String>,
    /// What it wants to know.
    #[serde(default)]
    pub(crate) questions: BTreeMap<String, InputRequest>,
    /// The keys of all its questions so far: none is used twice.
    #[serde(default)]
    pub(crate) asked: BTreeSet<String>,
    /// Who puts its questions to the client now, of those who wait for its end.
    #[serde(default)]
    pub(crate) asker: Option<Asker>,
    /// Answers that it has not taken yet.
    #[serde(default)]
    pub(crate) answers: BTreeMap<String, Answer>,
    /// What has come of it.
    #[serde(default)]
    pub(crate) outcome: Option<Outcome>,
    /// When its instance was found gone first.
    #[serde(default)]
    pub(crate) missed_at: Option<Timestamp>,
}

/// A `tasks/result` that asks what its task wants to know. It must say again in time that it is
/// there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asker {
    pub(crate) name: String,
    pub(crate) until: Timestamp,
}

impl Record for TaskRecord {
    const PREFIX: &'static str = "mcp:task:";
}

/// What a client says to a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Given(Value),
    Refused(ErrorObject),
}

/// What has come of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The result of the call, as its revision reads it.
    Result(Map<String, Value>),
    Error(ErrorObject),
    Cancelled,
}

impl Outcome {
    /// The instance that ran the call has died.
    pub(crate) fn lost() -> Self {
        let message = "The instance that ran this task is gone; call again";
        let data = serde_json::json!({ "reason": "instance_lost", "retryable": true });
        Self::Error(ErrorObject::new(ErrorCode::INTERNAL_ERROR, message).with_data(data))
    }
}

/// What a result says first, in words.
fn first_text(result: &Map<String, Value>) -> Option<String> {
    let blocks = result.get("content")?.as_array()?;
    blocks.iter().find_map(|block| block["text"].as_str()).map(str::to_owned)
}

/// A result as its own call would have returned it: every one since 2026-07-28 says what it is, and
/// clients read it by that.
fn complete(mut result: Map<String, Value>) -> Value {
    result.insert("resultType".to_owned(), Value::from("complete"));
    Value::Object(result)
}

impl TaskRecord {
    /// Where it is. That a tool has failed is a completed task to the extension, and a failed one to
    /// 2025-11-25.
    pub(crate) fn status(&self) -> TaskStatus {
        match &self.outcome {
            Some(Outcome::Cancelled) => TaskStatus::Cancelled,
            Some(Outcome::Error(_)) => TaskStatus::Failed,
            Some(Outcome::Result(result)) => {
                let failed = result.get("isError") == Some(&Value::Bool(true));
                if failed && self.revision.era() == Era::Legacy {
                    TaskStatus::Failed
                } else {
                    TaskStatus::Completed
                }
            }
            None if self.questions.is_empty() => TaskStatus::Working,
            None => TaskStatus::InputRequired,
        }
    }

    /// Whether nobody puts its questions to the client.
    pub(crate) fn is_unasked(&self, now: Timestamp) -> bool {
        self.asker.as_ref().is_none_or(|asker| asker.until <= now)
    }

    /// As it is described.
    pub(crate) fn task(&self, id: &str) -> Task {
        let failure = match &self.outcome {
            Some(Outcome::Error(error)) => Some(error.message.clone()),
            // The words of the originals; where the work was does not matter any more.
            Some(Outcome::Cancelled) => Some("Client cancelled task execution.".to_owned()),
            Some(Outcome::Result(result)) if self.status() == TaskStatus::Failed => {
                first_text(result).or_else(|| self.message.clone())
            }
            _ => self.message.clone(),
        };
        Task {
            task_id: id.to_owned(),
            status: self.status(),
            status_message: failure,
            created_at: self.created_at.to_rfc3339(),
            last_updated_at: self.updated_at.to_rfc3339(),
            ttl_ms: self.ttl_millis,
            poll_interval_ms: POLL_MILLIS,
        }
    }

    /// As the extension describes it, with what has come of it.
    pub(crate) fn detailed(&self, id: &str) -> DetailedTask {
        let (mut result, mut error) = (None, None);
        match &self.outcome {
            Some(Outcome::Result(value)) => result = Some(complete(value.clone())),
            Some(Outcome::Error(object)) => error = Some(object.clone()),
            Some(Outcome::Cancelled) | None => {}
        }
        let waits = self.status() == TaskStatus::InputRequired;
        let input_requests = waits.then(|| self.questions.clone());
        DetailedTask { task: self.task(id), result, error, input_requests }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ended(revision: Revision, result: &Value) -> TaskRecord {
        let now = Timestamp::from_secs(1);
        let Value::Object(result) = result.clone() else { panic!("a result is an object") };
        TaskRecord {
            owner: Owner::from(&mcp_core::Principal::anonymous()),
            revision,
            instance: String::new(),
            created_at: now,
            updated_at: now,
            ttl_millis: 1,
            message: Some("Synthesizing findings...".to_owned()),
            questions: BTreeMap::new(),
            asked: BTreeSet::new(),
            asker: None,
            answers: BTreeMap::new(),
            outcome: Some(Outcome::Result(result)),
            missed_at: None,
        }
    }

    #[test]
    fn a_failed_task_says_why_and_a_completed_one_where_it_was_last() {
        let link = json!({ "type": "resource_link", "uri": "a://b", "name": "b" });
        let why = json!({ "type": "text", "text": "There is no such topic." });
        let failed = json!({ "content": [link, why], "isError": true });
        let said = |revision, result: &Value| ended(revision, result).task("id").status_message;
        let words = |text: &str| Some(text.to_owned());
        let last = words("Synthesizing findings...");
        assert_eq!(said(Revision::V2025_11_25, &failed), words("There is no such topic."));
        assert_eq!(said(Revision::V2025_11_25, &json!({ "content": [], "isError": true })), last);
        assert_eq!(said(Revision::V2025_11_25, &json!({ "content": [why] })), last);
        // To the extension a tool that has failed is a completed task.
        assert_eq!(said(Revision::V2026_07_28, &failed), last);
    }

    #[test]
    fn what_has_come_of_a_task_is_what_its_call_would_have_returned() {
        let task = ended(Revision::V2026_07_28, &json!({ "content": [] }));
        let result = task.detailed("id").result;
        assert_eq!(result, Some(json!({ "content": [], "resultType": "complete" })));
    }
}
