//! Cancellation across instances: a call runs on one of them, its cancellation may reach another.
//!
//! All instances listen on one channel, from their start. That costs a call nothing, and a
//! cancellation, which is rare, a message to each instance.

use ambient::Clock;
use serde::{Deserialize, Serialize};
use shared::mcp::RequestId;
use store::{Bus, Delivery, Store, StoreError};

use super::{SessionId, calls::Calls};

const CHANNEL: &str = "mcp:control";

/// How long to wait before listening is tried again.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// What all instances are told.
#[derive(Serialize, Deserialize)]
struct Cancelled {
    session: String,
    /// One call; all calls of the session when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<RequestId>,
}

/// Tells all instances that calls are cancelled.
#[derive(Clone)]
pub(crate) struct Control {
    bus: Bus,
    calls: Calls,
}

impl Control {
    pub(crate) fn new(store: &Store, calls: Calls) -> Self {
        Self { bus: store.bus(), calls }
    }

    /// Cancels a call, or all calls of a session, wherever they run.
    pub(crate) async fn cancel(
        &self,
        session: &SessionId,
        request: Option<RequestId>,
    ) -> Result<(), StoreError> {
        let cancelled = Cancelled { session: session.to_string(), request };
        // Names and ids can be written.
        let text = serde_json::to_string(&cancelled).unwrap_or_default();
        self.apply(&cancelled);
        self.bus.publish(CHANNEL, &text).await
    }

    /// Listens to the other instances. Never ends by itself.
    pub(crate) async fn listen(self, clock: Clock) {
        loop {
            match self.bus.subscribe(CHANNEL).await {
                Ok(mut subscription) => {
                    while let Some(delivery) = subscription.next().await {
                        // A cancellation that was missed is one that came too late.
                        let Delivery::Message(text) = delivery else { continue };
                        if let Ok(cancelled) = serde_json::from_str(&text) {
                            self.apply(&cancelled);
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "other instances cannot be heard"),
            }
            clock.sleep(PAUSE).await;
        }
    }

    fn apply(&self, cancelled: &Cancelled) {
        let Some(session) = SessionId::parse(&cancelled.session) else { return };
        match &cancelled.request {
            Some(id) => self.calls.cancel(&session, id),
            None => self.calls.cancel_all(&session),
        }
    }
}
