//! The end of the opening: the client says that it is ready (`notifications/initialized`), and is asked
//! nothing before. It is another message than the call that asks, and may reach another instance.

use std::{convert::Infallible, time::Duration};

use store::{StoreError, UpdateError};

use super::{Session, SessionId, SessionRecord, Sessions};

/// How long a question waits for a client that has not said that it is ready. Then it is put all the
/// same: some never say it, or only after their first call, and an instance of an older version does
/// not note it.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// How often whoever waits for that looks.
const LOOK: Duration = Duration::from_secs(2);

/// Announced when a client is ready.
const INITIALIZED: &str = "initialized";

impl Sessions {
    /// The client is ready to be asked. Calls that wait for this hear of it, on whatever instance.
    pub(crate) async fn initialized(&self, session: &Session) -> Result<(), StoreError> {
        if session.record.initialized { Ok(()) } else { self.note_initialized(&session.id).await }
    }

    async fn note_initialized(&self, id: &SessionId) -> Result<(), StoreError> {
        let change = |record| Ok::<_, Infallible>(SessionRecord { initialized: true, ..record });
        match self.table.update(id.as_str(), change).await {
            // Whoever believes for a second that it is not looks again before it asks.
            Ok(_) => {
                self.near.forget(id);
                // Who waits looks by itself as well, only later.
                if let Err(error) = self.announce(id, INITIALIZED).await {
                    tracing::warn!(%error, "others do not hear yet that a client is ready");
                }
                Ok(())
            }
            Err(UpdateError::Store(error)) => Err(error),
            Err(UpdateError::Change(never)) => match never {},
        }
    }

    /// Waits until the client is ready to be asked, or has had its time to say so; false when the session
    /// has ended. Both messages may be on their way at once, and reach two instances.
    pub(in crate::session) async fn until_initialized(
        &self,
        id: &SessionId,
    ) -> Result<bool, StoreError> {
        let mut control = self.control(id).await?;
        let waiting = async {
            loop {
                match self.table.get(id.as_str()).await? {
                    Some(record) if !record.initialized => {}
                    found => return Ok(found.is_some()),
                }
                tokio::select! {
                    biased;
                    heard = control.next() => if heard.is_none() {
                        return Ok(false);
                    },
                    // What was announced may have been lost on its way.
                    () = self.clock.sleep(LOOK) => {}
                }
            }
        };
        if let Ok(found) = self.clock.timeout(READY_WITHIN, waiting).await {
            return found;
        }
        tracing::warn!("a client has not said that it is initialized, and is asked all the same");
        self.note_initialized(id).await.map(|()| true)
    }
}
