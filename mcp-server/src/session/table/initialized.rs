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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicBool};

    use ambient::{Clock, Entropy, Timestamp};
    use mcp_core::Principal;
    use store::{Line, Store};

    use super::*;
    use crate::session::{SessionLimits, Terms, Transport, near::Near};

    #[tokio::test]
    async fn who_believed_that_a_client_is_not_ready_knows_better_when_it_says_so() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let near = Near::new(&clock, Duration::from_mins(5));
        near.hears(true);
        let limits = SessionLimits::default();
        let sessions = Sessions::new(&Store::memory(clock.clone()), &clock, limits, "i");
        let (sessions, nobody) = (sessions.remembering(near), Principal::anonymous());
        let terms = Terms { transport: Transport::Streamable, ..Terms::none_yet() };
        let id = sessions.open(&nobody, terms, &Entropy::seeded(1)).await.unwrap();
        let found = async || sessions.find(id.as_str(), &nobody).await.unwrap().unwrap();
        let before = found().await;
        assert!(!before.record.initialized);
        sessions.initialized(&before).await.unwrap();
        assert!(found().await.record.initialized);
    }

    #[tokio::test]
    async fn who_waits_for_a_client_learns_that_it_is_ready_though_nobody_could_be_told() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let is_mute = Arc::new(AtomicBool::new(true));
        let store = Store::memory(clock.clone());
        let mute = store.over_line(Line::refusing(&clock, "publish", &is_mute));
        let [here, there] = [&store, &mute]
            .map(|store| Sessions::new(store, &clock, SessionLimits::default(), "i"));
        let nobody = Principal::anonymous();
        let id = there.open(&nobody, Terms::none_yet(), &Entropy::seeded(1)).await.unwrap();
        let session = there.find(id.as_str(), &nobody).await.unwrap().unwrap();
        let says_so = async {
            there.initialized(&session).await.unwrap();
            clock.advance(LOOK);
        };
        let (waited, ()) = tokio::join!(here.until_initialized(&id), says_so);
        assert!(waited.unwrap());
        let record = here.table.get(id.as_str()).await.unwrap().unwrap();
        assert!(record.initialized);
        assert_eq!(clock.now(), Timestamp::from_secs(1_800_000_000) + LOOK, "and not at the end");
    }
}
