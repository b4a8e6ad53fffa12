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
    use std::{
        sync::{Arc, atomic::AtomicBool},
        time::Duration,
    };

    use ambient::{Entropy, Timestamp};
    use mcp_core::Principal;
    use shared::mcp::LogLevel;
    use store::Line;
    use testkit::{PATIENCE, eventually};

    use super::{
        super::{SessionLimits, Terms, Transport},
        *,
    };

    struct Instance {
        sessions: Sessions,
        near: Near,
        calls: Calls,
        control: Control,
    }

    /// Time stands still: what was seen would count for ever.
    fn instance(store: &Store, clock: &Clock, name: &str) -> Instance {
        let near = Near::new(clock, Duration::from_mins(5));
        let sessions = Sessions::new(store, clock, SessionLimits::default(), name);
        let (sessions, calls) = (sessions.remembering(near.clone()), Calls::default());
        let control = Control::new(store, calls.clone(), &sessions);
        Instance { sessions, near, calls, control }
    }

    impl Instance {
        /// Opens a session that counts as agreed on.
        async fn open(&self) -> SessionId {
            let entropy = Entropy::seeded(1);
            let nobody = Principal::anonymous();
            let id = self.sessions.open(&nobody, Terms::none_yet(), &entropy).await.unwrap();
            let terms = Terms { transport: Transport::Streamable, ..Terms::none_yet() };
            assert!(self.sessions.agree(&id, &terms).await.unwrap());
            id
        }

        /// The session is remembered, once the others are heard.
        async fn sees(&self, id: &SessionId) {
            let is_seen = async || {
                let found = self.sessions.find(id.as_str(), &Principal::anonymous()).await;
                assert!(found.unwrap().is_some());
                self.near.get(id).map(drop)
            };
            eventually(PATIENCE, is_seen).await;
        }

        async fn has_forgotten(&self, id: &SessionId) {
            eventually(PATIENCE, async || self.near.get(id).is_none().then_some(())).await;
        }

        /// Listens to the others while `tale` lasts.
        async fn listening(&self, clock: &Clock, tale: impl Future<Output = ()>) {
            tokio::select! {
                () = self.control.listen(clock) => unreachable!("it never ends by itself"),
                () = tale => {}
            }
        }
    }

    #[tokio::test]
    async fn what_another_instance_changes_is_not_believed_any_longer() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let store = Store::memory(clock.clone());
        let [here, there] = ["here", "there"].map(|name| instance(&store, &clock, name));
        let id = there.open().await;
        let tale = async {
            here.sees(&id).await;
            there.sessions.set_level(&id, LogLevel::Error).await.unwrap();
            here.has_forgotten(&id).await;
            here.sees(&id).await;
            assert!(there.sessions.listening(&id, "stream").await.unwrap().is_some());
            here.has_forgotten(&id).await;
        };
        here.listening(&clock, tale).await;
    }

    #[tokio::test]
    async fn what_may_have_changed_unheard_is_not_believed_any_longer() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let line = Line::refusing(&clock, "", &Arc::default());
        let here = instance(&Store::memory(clock.clone()).over_line(line.clone()), &clock, "here");
        let id = here.open().await;
        let tale = async {
            here.sees(&id).await;
            line.mended();
            here.has_forgotten(&id).await;
            here.sees(&id).await;
        };
        here.listening(&clock, tale).await;
    }

    #[tokio::test]
    async fn a_call_here_is_cancelled_though_the_others_cannot_be_told() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let store = Store::memory(clock.clone());
        let line = Line::refusing(&clock, "publish", &Arc::new(AtomicBool::new(true)));
        let here = instance(&store.over_line(line), &clock, "here");
        let (id, request) = (SessionId::random(&Entropy::seeded(1)), RequestId::Number(1));
        let call = here.calls.register(&id, &request).unwrap();
        here.control.cancel(&id, Some(request)).await.unwrap_err();
        assert!(call.token().is_cancelled());
    }
}
