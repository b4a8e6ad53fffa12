//! What instances tell each other: a call runs on one of them, its cancellation may reach another, and
//! so may the client that wants to go on with its stream.
//!
//! All instances listen on one channel, from their start. That costs a call nothing, and a
//! cancellation, which is rare, a message to each instance.

use ambient::Clock;
use chassis::telemetry::context;
use serde::{Deserialize, Serialize};
use shared::mcp::RequestId;
use store::{Bus, Delivery, Store, StoreError};

use super::{SessionId, Sessions, calls::Calls, near::Near, readers::Readers, streams::StreamName};
use crate::{flow::Flow, operation};

const CHANNEL: &str = "mcp:control";

/// How long to wait before listening is tried again.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// What all instances are told about a session.
#[derive(Serialize, Deserialize)]
struct Told {
    session: String,
    /// Where in a trace this happens, as `traceparent` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(flatten)]
    what: What,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// A call is cancelled.
    Cancelled(RequestId),
    /// All calls are.
    Ended,
    /// What an instance has seen of it holds no longer.
    Changed,
    /// A client reads a stream over a new connection, which has this name.
    Replaced { stream: StreamName, by: String },
}

impl What {
    /// What people are shown of it.
    const fn shown(&self) -> &'static str {
        match self {
            Self::Cancelled(_) => "mcp:control: a call is cancelled",
            Self::Ended => "mcp:control: a session ends",
            Self::Changed => "mcp:control: a session has changed",
            Self::Replaced { .. } => "mcp:control: a stream is read elsewhere",
        }
    }
}

/// Tells all instances what concerns calls and connections that may be theirs.
#[derive(Clone)]
pub(crate) struct Control {
    bus: Bus,
    calls: Calls,
    readers: Readers,
    near: Near,
    flow: Flow,
}

impl Control {
    pub(crate) fn new(store: &Store, calls: Calls, sessions: &Sessions) -> Self {
        let (readers, near) = (sessions.readers().clone(), sessions.near().clone());
        Self { bus: store.bus(), calls, readers, near, flow: Flow::default() }
    }

    /// What is told and heard is shown to whoever watches.
    #[must_use]
    pub(crate) fn shown_in(self, flow: &Flow) -> Self {
        Self { flow: flow.clone(), ..self }
    }

    /// Cancels a call, or all calls of a session, wherever they run.
    pub(crate) async fn cancel(
        &self,
        session: &SessionId,
        request: Option<RequestId>,
    ) -> Result<(), StoreError> {
        self.tell(session, request.map_or(What::Ended, What::Cancelled)).await
    }

    /// Ends every other connection that reads the stream.
    pub(crate) async fn take_over(
        &self,
        session: &SessionId,
        stream: &StreamName,
        by: &str,
    ) -> Result<(), StoreError> {
        let (stream, by) = (stream.clone(), by.to_owned());
        self.tell(session, What::Replaced { stream, by }).await
    }

    async fn tell(&self, session: &SessionId, what: What) -> Result<(), StoreError> {
        self.apply(session, &what);
        self.flow.kept(what.shown(), None, Some(session.as_str()));
        tell(&self.bus, session, what).await
    }

    /// Listens to the other instances. Never ends by itself.
    pub(crate) async fn listen(&self, clock: &Clock) {
        loop {
            match self.bus.subscribe(CHANNEL).await {
                Ok(mut subscription) => {
                    self.near.hears(true);
                    while let Some(delivery) = subscription.next().await {
                        let Delivery::Message(text) = delivery else {
                            // A cancellation that was missed is one that came too late.
                            self.near.hears(true);
                            continue;
                        };
                        let Ok(told) = serde_json::from_str::<Told>(&text) else { continue };
                        let _seen = operation::received(CHANNEL, told.place.as_deref()).entered();
                        if let Some(session) = SessionId::parse(&told.session) {
                            let shown = told.what.shown();
                            self.flow.fetched(shown, None, Some(session.as_str()));
                            self.apply(&session, &told.what);
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "other instances cannot be heard"),
            }
            self.near.hears(false);
            clock.sleep(PAUSE).await;
        }
    }

    fn apply(&self, session: &SessionId, what: &What) {
        match what {
            What::Cancelled(id) => self.calls.cancel(session, id),
            What::Ended => self.calls.cancel_all(session),
            What::Changed => self.near.forget(session),
            What::Replaced { stream, by } => self.readers.replace(session, stream, by),
        }
    }
}

/// Tells all instances that a session is not what it was, or is gone.
pub(super) async fn tell_changed(bus: &Bus, session: &SessionId) -> Result<(), StoreError> {
    tell(bus, session, What::Changed).await
}

async fn tell(bus: &Bus, session: &SessionId, what: What) -> Result<(), StoreError> {
    let told = Told { session: session.to_string(), place: context::traceparent(), what };
    // Names and ids can be written.
    bus.publish(CHANNEL, &serde_json::to_string(&told).unwrap_or_default()).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ambient::{Entropy, Timestamp};
    use mcp_core::Principal;
    use shared::mcp::LogLevel;
    use testkit::{PATIENCE, eventually};

    use super::{
        super::{SessionLimits, Terms, Transport},
        *,
    };

    /// Time stands still: what was seen would count for ever, so it is the message that ends it.
    #[tokio::test]
    async fn what_another_instance_changes_is_not_believed_any_longer() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let (store, limits) = (Store::memory(clock.clone()), SessionLimits::default());
        let near = Near::new(&clock, Duration::from_mins(5));
        let here = Sessions::new(&store, &clock, limits, "here").remembering(near.clone());
        let there = Sessions::new(&store, &clock, limits, "there");
        let control = Control::new(&store, Calls::default(), &here);
        let nobody = Principal::anonymous();
        let id = there.open(&nobody, Terms::none_yet(), &Entropy::seeded(1)).await.unwrap();
        let terms = Terms { transport: Transport::Streamable, ..Terms::none_yet() };
        assert!(there.agree(&id, &terms).await.unwrap());
        let is_seen = async || {
            assert!(here.find(id.as_str(), &nobody).await.unwrap().is_some());
            near.get(&id).map(drop)
        };
        let is_forgotten = async || near.get(&id).is_none().then_some(());
        let story = async {
            eventually(PATIENCE, is_seen).await;
            there.set_level(&id, LogLevel::Error).await.unwrap();
            eventually(PATIENCE, is_forgotten).await;
            eventually(PATIENCE, is_seen).await;
            assert!(there.listening(&id, "stream").await.unwrap().is_some());
            eventually(PATIENCE, is_forgotten).await;
        };
        tokio::select! {
            () = control.listen(&clock) => unreachable!("it never ends by itself"),
            () = story => {}
        }
    }
}
