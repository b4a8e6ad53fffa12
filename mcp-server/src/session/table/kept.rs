//! Keeping sessions alive, and looking what they are now.

use std::{borrow::Borrow, sync::Arc, time::Duration};

use store::StoreError;

use super::{Session, SessionId, SessionRecord, Sessions, Transport};

/// How long what is kept of a session outlives a process that had no time to end it. A machine may
/// sleep for long, and its process go on afterwards.
const OF_PROCESS: Duration = Duration::from_hours(366 * 24);

impl Sessions {
    /// The session of this process, which lives as long as the process.
    pub(crate) async fn of_process(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let record = self.kept(id, Transport::Stdio).await?;
        Ok(record.map(|record| Session { id: id.clone(), record }))
    }

    /// Keeps a session alive while one of its streams is open; false when it has ended.
    pub(crate) async fn keep(&self, session: &Session) -> Result<bool, StoreError> {
        Ok(self.kept(&session.id, session.record.transport).await?.is_some())
    }

    /// The record, which is kept for another while; nothing when the session has ended, which it does
    /// now if it is too old.
    pub(super) async fn kept(
        &self,
        id: &SessionId,
        transport: Transport,
    ) -> Result<Option<Arc<SessionRecord>>, StoreError> {
        let (name, lifetime) = (id.as_str(), self.lifetime(transport));
        let found = self.table.get_and_keep_decoded(name, lifetime, &self.decoded).await?;
        self.if_it_goes_on(id, found).await
    }

    /// The same of many, each with an answer of its own, in one trip to the store.
    pub(in crate::session) async fn keep_and_look_at_each(
        &self,
        sessions: &[(SessionId, Transport)],
    ) -> Result<Vec<Result<Option<SessionRecord>, StoreError>>, StoreError> {
        let asked = sessions.iter().map(|(id, transport)| (id.as_str(), self.lifetime(*transport)));
        let asked: Vec<_> = asked.collect();
        let mut each = self.table.get_and_keep_each(&asked).await?;
        for ((id, _), found) in sessions.iter().zip(&mut each) {
            if let Ok(record) = found {
                *found = self.if_it_goes_on(id, record.take()).await;
            }
        }
        Ok(each)
    }

    /// A record that was found, unless the session has ended, which it does now if it is too old.
    async fn if_it_goes_on<R: Borrow<SessionRecord>>(
        &self,
        id: &SessionId,
        found: Option<R>,
    ) -> Result<Option<R>, StoreError> {
        if found.as_ref().is_some_and(|record| self.is_too_old(record.borrow())) {
            // In boxes: both are large and rare, and every request of a session carries this.
            Box::pin(self.end(id)).await?;
            return Ok(None);
        }
        if found.is_none() {
            Box::pin(self.shelves.end_with(id.as_str())).await?;
        }
        Ok(found)
    }

    /// How long a session lives without being used.
    pub(super) const fn lifetime(&self, transport: Transport) -> Duration {
        match transport {
            Transport::Stdio => OF_PROCESS,
            Transport::Streamable | Transport::SseOpening | Transport::Sse => self.limits.idle,
        }
    }

    pub(super) fn is_too_old(&self, record: &SessionRecord) -> bool {
        record.transport != Transport::Stdio
            && record.opened_at + self.limits.age <= self.clock.now()
    }
}
