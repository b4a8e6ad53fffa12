//! The tasks that a subscription follows (tasks extension, `taskIds`): each change is told with what
//! `tasks/get` would say.

use futures_util::stream::{BoxStream, SelectAll, StreamExt as _, unfold};
use mcp_core::Principal;
use shared::mcp::{
    AboutSubscription, ClientCapabilities, DetailedTask, Revision, ServerNotification,
    TaskNoteParams,
};
use store::StoreError;

use crate::{Server, tasks::TaskId};

/// Tasks of one caller, watched for changes on whichever instance they run.
pub(super) struct Followed {
    server: Server,
    principal: Principal,
    capabilities: ClientCapabilities,
    ids: Vec<String>,
    changes: SelectAll<BoxStream<'static, TaskId>>,
    /// What was told last, so that nothing is told twice.
    told: Vec<(TaskId, DetailedTask)>,
}

/// A task that has changed.
pub(super) struct Changed(DetailedTask);

impl Changed {
    /// As it is told to a subscription.
    pub(super) fn note(self, about: AboutSubscription) -> ServerNotification {
        ServerNotification::Task(Box::new(TaskNoteParams { about, task: self.0 }))
    }
}

impl Followed {
    /// Those of the wanted tasks that are the caller's. Others are left out, like ones that do not
    /// exist.
    pub(super) async fn of(
        server: &Server,
        principal: &Principal,
        capabilities: ClientCapabilities,
        wanted: Vec<String>,
    ) -> Result<Self, StoreError> {
        let mut followed = Self {
            server: server.clone(),
            principal: principal.clone(),
            capabilities,
            ids: Vec::new(),
            changes: SelectAll::new(),
            told: Vec::new(),
        };
        for id in wanted {
            if !followed.ids.contains(&id) {
                followed.follow(id).await?;
            }
        }
        Ok(followed)
    }

    /// Which tasks are followed.
    pub(super) fn ids(&self) -> Vec<String> {
        self.ids.clone()
    }

    async fn follow(&mut self, wanted: String) -> Result<(), StoreError> {
        let Some(id) = TaskId::parse(&wanted) else { return Ok(()) };
        // Watching comes before looking: a change in between is told.
        let watched = self.server.tasks().watch(&id).await?;
        let Some(now) = look(&self.server, &self.principal, &id).await? else { return Ok(()) };
        let changes = unfold((watched, id.clone()), |(mut watched, id)| async move {
            watched.next().await?;
            Some((id.clone(), (watched, id)))
        });
        self.changes.push(changes.boxed());
        self.told.push((id, now));
        self.ids.push(wanted);
        Ok(())
    }

    /// The next change; waits for ever where nothing can change any more. Safe to drop and call
    /// again: what was not told yet is told with the next change.
    pub(super) async fn next(&mut self) -> Changed {
        loop {
            let Some(id) = self.changes.next().await else { return std::future::pending().await };
            // A store that cannot be read now speaks up again when it can.
            let now = look(&self.server, &self.principal, &id).await;
            let Ok(Some(now)) = now else { continue };
            let told = self.told.iter_mut().find(|(each, _)| *each == id);
            if let Some((_, last)) = told.filter(|(_, last)| *last != now) {
                *last = now.clone();
                // A question is put to nobody who has not declared that it can be: `tasks/get`
                // says what is missing, and the change after the answer is told again.
                if now.lacking(&self.capabilities).is_none() {
                    return Changed(now);
                }
            }
        }
    }
}

async fn look(
    server: &Server,
    principal: &Principal,
    id: &TaskId,
) -> Result<Option<DetailedTask>, StoreError> {
    let found = server.tasks().find(id.as_str(), principal, Revision::V2026_07_28).await?;
    Ok(found.map(|(id, record)| record.detailed(id.as_str())))
}
