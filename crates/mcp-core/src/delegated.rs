//! Questions that a client may answer as tasks of its own (2025-11-25 basic/utilities/tasks): the
//! server asks, and follows what becomes of it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::mcp::{CreateMessageParams, ElicitParams, InputRequest, TaskStatus, misfit};

use crate::{Ctx, flow::AskError, form::Form};

/// How often a task of a client is looked at.
const PACE: Duration = Duration::from_secs(1);

/// How long a name of a task may be, and how much of what its client says of it is kept: in bytes.
const LONGEST: usize = 512;

/// What a client made of a question that it could make a task of.
#[derive(Clone, Debug, PartialEq)]
pub enum Delegated {
    /// It answered at once.
    Answered(Value),
    /// It made a task of it.
    Followed(FollowedTask),
}

/// A task of a client, as far as it was followed.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowedTask {
    /// Its name, which the client has chosen.
    pub id: String,
    /// What each look at it has seen: where it was, and the same in words.
    pub seen: Vec<(TaskStatus, Option<String>)>,
    /// What came of it; nothing if it failed, was cancelled or took too long.
    pub result: Option<Value>,
}

/// A task as a client tells of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    task_id: String,
    status: TaskStatus,
    status_message: Option<String>,
}

#[derive(Deserialize)]
struct Created {
    task: Told,
}

impl<S: Send + Sync> Ctx<S> {
    /// Asks the client's model, and lets the client make a task of it for `keep` at most.
    ///
    /// # Errors
    /// When the client cannot be asked this way, or refuses.
    pub async fn delegate_sampling(
        &self,
        params: CreateMessageParams,
        keep: Duration,
    ) -> Result<Delegated, AskError> {
        self.delegate(&InputRequest::Sample(params), keep).await
    }

    /// Asks the user to fill in a form shaped like `T`, and lets the client make a task of it for
    /// `keep` at most. What comes back is the client's word and was not held to the form.
    ///
    /// # Errors
    /// When the client cannot be asked this way, or refuses.
    pub async fn delegate_form<T: JsonSchema + 'static>(
        &self,
        message: &str,
        keep: Duration,
    ) -> Result<Delegated, AskError> {
        let (message, requested_schema) = (message.to_owned(), Form::of::<T>().schema.clone());
        let form = InputRequest::Elicit(ElicitParams::Form { message, requested_schema });
        self.delegate(&form, keep).await
    }

    async fn delegate(
        &self,
        question: &InputRequest,
        keep: Duration,
    ) -> Result<Delegated, AskError> {
        let profile = &self.peer().profile;
        let has_tasks =
            profile.revision.has_core_tasks() && profile.capabilities.has_task_of(question);
        if !has_tasks || !self.may_ask(question) {
            let revision = profile.revision;
            let is_in_revision = revision.has_core_tasks() && question.is_in(revision);
            return Err(self.cannot_ask(is_in_revision, question.needed_as_task()));
        }
        let mut params = json!(question)["params"].take();
        params["task"] = json!({ "ttl": u64::try_from(keep.as_millis()).unwrap_or(u64::MAX) });
        let answer = self.call.client.request(question.method(), params).await?;
        match Created::deserialize(&answer) {
            Ok(Created { task }) if task.task_id.len() <= LONGEST => {
                Ok(Delegated::Followed(self.follow(task, keep).await?))
            }
            _ => Ok(Delegated::Answered(answer)),
        }
    }

    /// Looks at a task until it has ended, or could have been forgotten.
    async fn follow(&self, task: Told, keep: Duration) -> Result<FollowedTask, AskError> {
        let about = json!({ "taskId": task.task_id });
        let mut followed = FollowedTask { id: task.task_id, seen: Vec::new(), result: None };
        let mut status = task.status;
        let until = self.clock().now() + keep;
        while matches!(status, TaskStatus::Working | TaskStatus::InputRequired) {
            if self.clock().now() >= until {
                return Ok(followed);
            }
            self.clock().sleep(PACE).await;
            let told = self.call.client.request("tasks/get", about.clone()).await?;
            let told = Told::deserialize(&told).map_err(|wrong| AskError::Unusable {
                key: "tasks/get".to_owned(),
                why: misfit(&wrong),
            })?;
            status = told.status;
            followed.seen.push((status, told.status_message.map(shortened)));
        }
        if status == TaskStatus::Completed {
            followed.result = Some(self.call.client.request("tasks/result", about).await?);
        }
        Ok(followed)
    }
}

fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

impl FollowedTask {
    /// Where it was when it was looked at last.
    #[must_use]
    pub fn status(&self) -> Option<TaskStatus> {
        match (&self.result, self.seen.last()) {
            (Some(_), _) => Some(TaskStatus::Completed),
            (None, last) => last.map(|(status, _)| *status),
        }
    }
}
