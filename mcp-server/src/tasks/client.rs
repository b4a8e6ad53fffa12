//! How a task reaches its client: its questions wait in its record until somebody answers them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use futures_util::future::BoxFuture;
use mcp_core::{
    Principal,
    flow::{AskError, Client, NoSteps, Peer, Replay, Steps},
};
use serde_json::Value;
use shared::mcp::{InputRequest, ServerNotification};
use store::StoreError;
use tokio::sync::Notify;

use super::{Answer, CreateError, TaskId, TaskRecord, Tasks, table::Changes};

/// The client of a call that is a task.
pub(crate) struct InTask {
    tasks: Tasks,
    id: TaskId,
    peer: Peer,
    /// How often a question with a key was unusable: the next one goes by another name.
    discarded: Mutex<BTreeMap<String, u32>>,
}

impl InTask {
    pub(crate) fn new(tasks: Tasks, id: TaskId, peer: Peer) -> Self {
        Self { tasks, id, peer, discarded: Mutex::default() }
    }

    /// Which task it is.
    pub(crate) const fn id(&self) -> &TaskId {
        &self.id
    }

    fn key(&self, key: &str) -> String {
        let discarded = self.discarded.lock().unwrap_or_else(PoisonError::into_inner);
        discarded.get(key).map_or_else(|| key.to_owned(), |times| format!("{key}-{}", times + 1))
    }

    async fn put(&self, key: &str, question: &InputRequest) -> Result<Value, AskError> {
        let key = self.key(key);
        let unkept = |error: StoreError| {
            tracing::error!(%error, "a question of a task cannot be put");
            AskError::Disconnected
        };
        // Listening comes before asking: an answer cannot be faster than that.
        let changes = self.tasks.watch(&self.id).await.map_err(unkept)?;
        self.tasks.ask(&self.id, &key, question).await.map_err(unkept)?;
        self.answer_to(&key, changes).await
    }

    /// Waits as long as a call may take at all: the task is ended then.
    async fn answer_to(&self, key: &str, mut changes: Changes) -> Result<Value, AskError> {
        loop {
            match self.tasks.get(&self.id).await {
                Ok(Some(record)) => match record.answers.get(key) {
                    Some(Answer::Given(value)) => return Ok(value.clone()),
                    Some(Answer::Refused(error)) => return Err(AskError::Refused(error.clone())),
                    None => {}
                },
                Ok(None) => return Err(AskError::Disconnected),
                // The next look may find the store back.
                Err(_) => {}
            }
            if changes.next().await.is_none() {
                return Err(AskError::Disconnected);
            }
        }
    }

    async fn say(&self, message: &str) {
        if let Err(error) = self.tasks.say(&self.id, message).await {
            tracing::debug!(%error, "where a task is could not be said");
        }
    }
}

impl Client for InTask {
    fn ask<'a>(
        &'a self,
        key: &'a str,
        question: &'a InputRequest,
    ) -> BoxFuture<'a, Result<Value, AskError>> {
        Box::pin(self.put(key, question))
    }

    fn discard(&self, key: &str) {
        let mut discarded = self.discarded.lock().unwrap_or_else(PoisonError::into_inner);
        *discarded.entry(key.to_owned()).or_default() += 1;
    }

    fn steps(&self) -> &dyn Steps {
        &NoSteps
    }

    /// The stream of the call is gone, and a task has none: where it is, its client asks for.
    fn notify(&self, _: ServerNotification) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn status<'a>(&'a self, message: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.say(message))
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }
}

/// A stateless call that may become a task: until then it is answered in rounds.
pub(crate) struct Starting {
    replay: Arc<Replay>,
    starter: Starter,
    task: OnceLock<(InTask, TaskRecord)>,
    begun: Notify,
}

/// What a task is made with.
pub(crate) struct Starter {
    pub(crate) tasks: Tasks,
    pub(crate) principal: Arc<Principal>,
    /// Whether the call cannot go on without becoming a task.
    pub(crate) is_needed: bool,
}

impl Starting {
    pub(crate) fn new(replay: Arc<Replay>, starter: Starter) -> Self {
        Self { replay, starter, task: OnceLock::new(), begun: Notify::new() }
    }

    /// The task, once there is one.
    pub(crate) fn task(&self) -> Option<(&TaskId, &TaskRecord)> {
        self.task.get().map(|(task, record)| (task.id(), record))
    }

    /// Ready once there is a task.
    pub(crate) async fn begun(&self) {
        self.begun.notified().await;
    }

    async fn begin(&self) -> Result<(), String> {
        if self.task.get().is_some() {
            return Ok(());
        }
        let Starter { tasks, principal, is_needed } = &self.starter;
        let peer = self.replay.peer().clone();
        let (id, record) = match tasks.create(principal, peer.profile.revision, None).await {
            Ok(created) => created,
            Err(error) if *is_needed || matches!(error, CreateError::Store(_)) => {
                return Err(error.to_string());
            }
            Err(no_room) => {
                tracing::debug!(%no_room, "a call goes on without becoming a task");
                return Ok(());
            }
        };
        let task = InTask::new(tasks.clone(), id, peer);
        // Only one future runs the call, so nobody else has set it.
        let _ = self.task.set((task, record));
        self.begun.notify_one();
        Ok(())
    }

    fn current(&self) -> &dyn Client {
        self.task.get().map_or(&*self.replay, |(task, _)| task)
    }
}

impl Client for Starting {
    fn ask<'a>(
        &'a self,
        key: &'a str,
        question: &'a InputRequest,
    ) -> BoxFuture<'a, Result<Value, AskError>> {
        self.current().ask(key, question)
    }

    fn discard(&self, key: &str) {
        self.current().discard(key);
    }

    fn discarded(&self, key: &str) -> usize {
        self.current().discarded(key)
    }

    /// What was recorded in earlier rounds stays recorded.
    fn steps(&self) -> &dyn Steps {
        self.replay.steps()
    }

    fn notify(&self, note: ServerNotification) -> BoxFuture<'_, ()> {
        self.current().notify(note)
    }

    fn status<'a>(&'a self, message: &'a str) -> BoxFuture<'a, ()> {
        self.current().status(message)
    }

    fn become_task(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.begin())
    }

    fn peer(&self) -> &Peer {
        self.replay.peer()
    }
}
