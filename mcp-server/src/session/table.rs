//! Opening, finding and ending sessions.

mod initialized;
mod kept;
mod listening;

use std::{collections::BTreeSet, convert::Infallible, sync::Arc, time::Duration};

use ambient::{Clock, Entropy};
use mcp_core::Principal;
use shared::mcp::{
    ClientCapabilities, ErrorObject, Implementation, InitializeParams, LogLevel, RawJson,
    RequestId, Revision,
};
use store::{Bus, Decoded, Store, StoreError, Subscription, Table, UpdateError};

use super::{
    control::tell_changed,
    live::{Delivered, is_question},
    near::Near,
    quota::{OpenError, Quota, SessionLimits},
    readers::Readers,
    record::{Owner, SessionId, SessionRecord, Transport},
    seeker::Seeker,
    streams::Streams,
};
use crate::{feature_state::Shelves, flow::Flow, subscriptions::MOST_WATCHED};

/// A session that was found, and that belongs to the caller.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) record: Arc<SessionRecord>,
}

/// What a session is opened with.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) revision: Revision,
    pub(crate) capabilities: ClientCapabilities,
    pub(crate) client: Implementation,
    pub(crate) transport: Transport,
}

impl Terms {
    /// What `initialize` says.
    pub(crate) fn new(revision: Revision, params: InitializeParams, transport: Transport) -> Self {
        let InitializeParams { capabilities, client_info: client, .. } = params;
        Self { revision, capabilities, client, transport }
    }

    /// What holds before `initialize`.
    pub(crate) fn none_yet() -> Self {
        Self {
            revision: Revision::V2024_11_05,
            capabilities: ClientCapabilities::default(),
            client: Implementation::new("unknown", "0"),
            transport: Transport::SseOpening,
        }
    }
}

/// All sessions, of all instances that share a store.
#[derive(Clone)]
pub(crate) struct Sessions {
    table: Table<SessionRecord>,
    decoded: Decoded<SessionRecord>,
    answers: Table<Delivered>,
    bus: Bus,
    streams: Streams,
    readers: Readers,
    near: Near,
    quota: Quota,
    shelves: Shelves,
    limits: SessionLimits,
    clock: Clock,
    flow: Flow,
}

impl Sessions {
    /// What their streams say is marked as coming from `instance`.
    pub(crate) fn new(store: &Store, clock: &Clock, limits: SessionLimits, instance: &str) -> Self {
        Self {
            table: store.table(),
            decoded: Decoded::default(),
            answers: store.table(),
            bus: store.bus(),
            streams: Streams::new(store, limits.idle, instance),
            readers: Readers::default(),
            near: Near::default(),
            quota: Quota::new(store, limits),
            shelves: Shelves::new(store),
            limits,
            clock: clock.clone(),
            flow: Flow::default(),
        }
    }

    /// Not every request looks into the store.
    #[must_use]
    pub(crate) fn remembering(self, near: Near) -> Self {
        Self { near, ..self }
    }

    /// What was seen of them lately.
    pub(crate) const fn near(&self) -> &Near {
        &self.near
    }

    /// What is kept and passed on is shown to whoever watches.
    #[must_use]
    pub(crate) fn shown_in(self, flow: &Flow) -> Self {
        Self { streams: self.streams.shown_in(flow), flow: flow.clone(), ..self }
    }

    /// Where it is shown.
    pub(super) const fn flow(&self) -> &Flow {
        &self.flow
    }

    /// What their streams say.
    pub(crate) const fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Who reads their streams on this instance.
    pub(crate) const fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Opens a session for a caller.
    pub(crate) async fn open(
        &self,
        principal: &Principal,
        terms: Terms,
        entropy: &Entropy,
    ) -> Result<SessionId, OpenError> {
        let (id, owner) = (SessionId::random(entropy), Owner::from(principal));
        self.quota.enter(&owner, &id).await?;
        let record = SessionRecord {
            owner,
            revision: terms.revision,
            capabilities: terms.capabilities,
            client: terms.client,
            transport: terms.transport,
            level: None,
            opened_at: self.clock.now(),
            initialized: false,
            has_listened: false,
            listener: None,
            watched: BTreeSet::new(),
        };
        self.flow.kept("session: opened", None, Some(id.as_str()));
        let kept = self.table.put(id.as_str(), &record, self.lifetime(record.transport)).await;
        if let Err(error) = kept {
            self.quota.give_back(&record.owner, &id).await;
            return Err(error.into());
        }
        Ok(id)
    }

    /// Agrees on the terms of a session that was opened without; false when there are some already.
    pub(crate) async fn agree(&self, id: &SessionId, terms: &Terms) -> Result<bool, StoreError> {
        struct Agreed;
        let change = |record: SessionRecord| {
            if record.transport != Transport::SseOpening {
                return Err(Agreed);
            }
            let Terms { revision, capabilities, client, transport } = terms.clone();
            Ok(SessionRecord { revision, capabilities, client, transport, ..record })
        };
        match self.table.update(id.as_str(), change).await {
            Ok(_) => Ok(true),
            Err(UpdateError::Change(Agreed)) => Ok(false),
            Err(UpdateError::Store(error)) => Err(error),
        }
    }

    /// Finds a session and keeps it alive. A foreign one is answered like one that never was.
    pub(crate) async fn find(
        &self,
        id: &str,
        seeker: impl Into<Seeker<'_>>,
    ) -> Result<Option<Session>, StoreError> {
        let seeker = seeker.into();
        let Some(id) = SessionId::parse(id) else { return Ok(None) };
        let Some(record) = self.seen(&id).await? else { return Ok(None) };
        if !record.owner.is(seeker.principal) {
            seeker.tell();
            return Ok(None);
        }
        Ok(Some(Session { id, record }))
    }

    /// What this instance has seen of a session within the last second, or what the store has.
    async fn seen(&self, id: &SessionId) -> Result<Option<Arc<SessionRecord>>, StoreError> {
        if let Some(record) = self.near.get(id)
            && !self.is_too_old(&record)
        {
            return Ok(Some(record));
        }
        self.flow.fetched("session: read and renewed", None, Some(id.as_str()));
        let look = self.near.look();
        let found = self.kept(id, Transport::Streamable).await?;
        if let Some(record) = &found {
            self.near.remember(look, id, record);
        }
        Ok(found)
    }

    /// Remembers which log messages the client wants.
    pub(crate) async fn set_level(
        &self,
        id: &SessionId,
        level: LogLevel,
    ) -> Result<(), StoreError> {
        let change = |record| Ok::<_, Infallible>(SessionRecord { level: Some(level), ..record });
        match self.table.update(id.as_str(), change).await {
            Ok(_) => {
                self.changed(id).await?;
                self.announce(id, WATCHED).await
            }
            Err(UpdateError::Store(error)) => Err(error),
            Err(UpdateError::Change(never)) => match never {},
        }
    }

    /// Nobody may go on with what was seen before.
    async fn changed(&self, id: &SessionId) -> Result<(), StoreError> {
        self.near.forget(id);
        self.flow.kept("mcp:control: a session has changed", None, Some(id.as_str()));
        tell_changed(&self.bus, id).await
    }

    /// Begins or ends to watch a resource, and tells the session's stream.
    pub(crate) async fn watch(
        &self,
        id: &SessionId,
        uri: String,
        wanted: bool,
    ) -> Result<(), WatchError> {
        let change = |mut record: SessionRecord| {
            if wanted {
                record.watched.insert(uri.clone());
            } else {
                record.watched.remove(&uri);
            }
            if record.watched.len() > MOST_WATCHED { Err(TooMany) } else { Ok(record) }
        };
        self.table.update(id.as_str(), change).await.map_err(|error| match error {
            UpdateError::Store(error) => WatchError::Store(error),
            UpdateError::Change(TooMany) => WatchError::TooMany,
        })?;
        Ok(self.announce(id, WATCHED).await?)
    }

    /// What a session is now; nothing when it has ended.
    pub(crate) async fn record(&self, id: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.table.get(id.as_str()).await
    }

    /// Ends a session everywhere.
    pub(crate) async fn end(&self, id: &SessionId) -> Result<(), StoreError> {
        if let Some(record) = self.table.take(id.as_str()).await? {
            self.quota.leave(&record.owner, id).await?;
        }
        self.changed(id).await?;
        self.bus.publish(&control_channel(id), ENDED).await?;
        self.shelves.end_with(id.as_str()).await
    }

    /// Listens to what concerns a session as a whole.
    pub(crate) async fn control(&self, id: &SessionId) -> Result<Subscription, StoreError> {
        self.bus.subscribe(&control_channel(id)).await
    }

    /// Says something to all streams of a session.
    pub(crate) async fn announce(&self, id: &SessionId, message: &str) -> Result<(), StoreError> {
        self.bus.publish(&control_channel(id), message).await
    }

    /// Listens to what the client sends to a call that is running on some instance.
    pub(crate) async fn to_server(&self, id: &SessionId) -> Result<Subscription, StoreError> {
        self.bus.subscribe(&to_server_channel(id)).await
    }

    /// Passes an answer of the client to the call that asked, on whichever instance it runs. It is
    /// kept first: whoever misses the message finds it.
    pub(crate) async fn deliver(
        &self,
        session: &SessionId,
        id: &RequestId,
        outcome: Result<RawJson, ErrorObject>,
    ) -> Result<(), StoreError> {
        let Some(message) = self.keep_answer(session, id, outcome).await? else { return Ok(()) };
        self.bus.publish(&to_server_channel(session), &message.to_json()).await
    }

    /// Keeps an answer, if it is one to a question of ours, and gives what the call is told of it.
    pub(super) async fn keep_answer(
        &self,
        session: &SessionId,
        id: &RequestId,
        outcome: Result<RawJson, ErrorObject>,
    ) -> Result<Option<Delivered>, StoreError> {
        let Some(key) = answer_key(session, id) else { return Ok(None) };
        self.flow.answered(id, session.as_str());
        let message = Delivered::new(id.clone(), outcome);
        self.answers.put(&key, &message, ANSWER_KEPT).await?;
        Ok(Some(message))
    }

    /// An answer that has come already.
    pub(super) async fn delivered(
        &self,
        session: &SessionId,
        id: &RequestId,
    ) -> Result<Option<Delivered>, StoreError> {
        match answer_key(session, id) {
            Some(key) => self.answers.get(&key).await,
            None => Ok(None),
        }
    }
}

/// How long an answer waits to be found by a call that has missed it.
const ANSWER_KEPT: Duration = Duration::from_mins(1);

/// Where an answer is kept; nowhere if its id is not one that we give to questions.
fn answer_key(session: &SessionId, id: &RequestId) -> Option<String> {
    match id {
        RequestId::String(text) if is_question(text) => Some(format!("{session}:{text}")),
        _ => None,
    }
}

struct TooMany;

/// Why a resource is not watched.
#[derive(Debug)]
pub(crate) enum WatchError {
    /// The session watches as many as it may.
    TooMany,
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for WatchError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Announced when a session wants to hear of something else than before.
pub(crate) const WATCHED: &str = "watched";

/// Announced when a session has ended.
pub(crate) const ENDED: &str = "ended";

fn control_channel(id: &SessionId) -> String {
    format!("mcp:control:{id}")
}

fn to_server_channel(id: &SessionId) -> String {
    format!("mcp:shttp:toserver:{id}")
}

#[cfg(test)]
mod tests {
    use ambient::Timestamp;
    use mcp_core::{ShelfAddress, StateStore as _};
    use serde_json::json;
    use shared::mcp::{ClientRequest, Method, Params};

    use super::*;
    use crate::feature_state::FeatureState;

    const IDLE: Duration = Duration::from_mins(5);
    const LIMITS: SessionLimits =
        SessionLimits { idle: IDLE, age: Duration::from_hours(1), of_owner: 2, in_all: 100 };

    fn terms() -> Terms {
        Terms::new(Revision::V2025_11_25, params(), Transport::Streamable)
    }

    fn params() -> InitializeParams {
        let params = Params::from(&json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        }));
        match ClientRequest::decode(Method::Initialize, Some(&params)).unwrap() {
            ClientRequest::Initialize(params) => *params,
            _ => unreachable!("decoded by its method"),
        }
    }

    fn alice() -> Principal {
        Principal { user: Some("alice".to_owned()), ..Principal::anonymous() }
    }

    async fn opened(clock: &Clock) -> (Sessions, SessionId) {
        let sessions = Sessions::new(&Store::memory(clock.clone()), clock, LIMITS, "i");
        let entropy = Entropy::seeded(1);
        let id = sessions.open(&alice(), terms(), &entropy).await.unwrap();
        (sessions, id)
    }

    #[tokio::test]
    async fn a_session_is_found_by_its_owner_and_by_nobody_else() {
        let (sessions, id) = opened(&Clock::manual(Timestamp::from_secs(0))).await;
        assert!(sessions.find(id.as_str(), &alice()).await.unwrap().is_some());
        let bob = Principal { user: Some("bob".to_owned()), ..Principal::anonymous() };
        assert!(sessions.find(id.as_str(), &bob).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_session_lives_as_long_as_it_is_used() {
        let clock = Clock::manual(Timestamp::from_secs(0));
        let (sessions, id) = opened(&clock).await;
        for _ in 0..3 {
            clock.advance(IDLE.saturating_sub(Duration::from_secs(1)));
            assert!(sessions.find(id.as_str(), &alice()).await.unwrap().is_some());
        }
        clock.advance(IDLE + Duration::from_secs(1));
        assert!(sessions.find(id.as_str(), &alice()).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_session_ends_when_it_is_old_however_much_it_is_used() {
        let clock = Clock::manual(Timestamp::from_secs(0));
        let (sessions, id) = opened(&clock).await;
        for _ in 1..20 {
            clock.advance(Duration::from_mins(3));
            assert!(sessions.find(id.as_str(), &alice()).await.unwrap().is_some());
        }
        let mut control = sessions.control(&id).await.unwrap();
        clock.advance(Duration::from_mins(3));
        assert!(sessions.find(id.as_str(), &alice()).await.unwrap().is_none());
        let heard = control.next().await;
        assert!(matches!(heard, Some(store::Delivery::Message(text)) if text == ENDED));
    }

    #[tokio::test]
    async fn a_session_that_was_seen_a_moment_ago_ends_when_it_is_old() {
        let clock = Clock::manual(Timestamp::from_secs(0));
        let (limits, near) =
            (SessionLimits { age: Duration::from_millis(500), ..LIMITS }, Near::new(&clock, IDLE));
        near.hears(true);
        let sessions = Sessions::new(&Store::memory(clock.clone()), &clock, limits, "i");
        let sessions = sessions.remembering(near);
        let id = sessions.open(&alice(), terms(), &Entropy::seeded(1)).await.unwrap();
        assert!(sessions.find(id.as_str(), &alice()).await.unwrap().is_some());
        assert!(sessions.near.get(&id).is_some(), "it is remembered");
        clock.advance(Duration::from_millis(500));
        assert!(sessions.find(id.as_str(), &alice()).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn terms_are_agreed_on_once() {
        let (sessions, _) = opened(&Clock::manual(Timestamp::from_secs(0))).await;
        let entropy = Entropy::seeded(2);
        let id = sessions.open(&alice(), Terms::none_yet(), &entropy).await.unwrap();
        assert!(sessions.agree(&id, &terms()).await.unwrap());
        assert!(!sessions.agree(&id, &Terms::none_yet()).await.unwrap());
        let record = sessions.record(&id).await.unwrap().unwrap();
        assert_eq!(record.revision, Revision::V2025_11_25);
    }

    #[tokio::test]
    async fn an_owner_has_so_many_sessions_and_another_one_as_many() {
        let clock = Clock::manual(Timestamp::from_secs(0));
        let (sessions, first) = opened(&clock).await;
        let entropy = Entropy::seeded(2);
        let open = async |who: Principal| sessions.open(&who, terms(), &entropy).await;
        open(alice()).await.unwrap();
        let elsewhere = Principal { client: Some("another".to_owned()), ..alice() };
        assert!(matches!(open(elsewhere).await, Err(OpenError::TooManyOfOwner(2))));
        open(Principal { user: Some("bob".to_owned()), ..alice() }).await.unwrap();
        sessions.end(&first).await.unwrap();
        open(alice()).await.unwrap();
        assert!(open(alice()).await.is_err());
        // Those that nobody has used for long do not count.
        clock.advance(IDLE + Duration::from_secs(1));
        open(alice()).await.unwrap();
    }

    #[tokio::test]
    async fn an_ended_session_is_gone_and_its_streams_hear_of_it() {
        let (sessions, id) = opened(&Clock::manual(Timestamp::from_secs(0))).await;
        let mut control = sessions.control(&id).await.unwrap();
        sessions.end(&id).await.unwrap();
        assert!(sessions.find(id.as_str(), &alice()).await.unwrap().is_none());
        let heard = control.next().await;
        assert!(matches!(heard, Some(store::Delivery::Message(text)) if text == ENDED));
    }

    #[tokio::test]
    async fn what_was_kept_for_a_session_ends_with_it() {
        let clock = Clock::manual(Timestamp::from_secs(0));
        let store = Store::memory(clock.clone());
        let sessions = Sessions::new(&store, &clock, LIMITS, "i");
        let state = FeatureState::new(&store);
        let entropy = Entropy::seeded(1);
        let opened = async || {
            let id = sessions.open(&alice(), terms(), &entropy).await.unwrap();
            let address = ShelfAddress {
                kind: "note",
                owner: id.to_string(),
                counted_with: "alice".to_owned(),
                ends_with: Some(ShelfAddress::end_of(id.as_str())),
                most: 1,
                shelves: 9,
                lifetime: Duration::from_hours(24),
            };
            state.append(&address, vec!["x".to_owned()]).await.unwrap();
            (id, address)
        };
        let is_kept = async |address| !state.entries(address).await.unwrap().is_empty();
        let (ended, with_it) = opened().await;
        let (idle, with_idle) = opened().await;
        sessions.end(&ended).await.unwrap();
        assert!(!is_kept(&with_it).await && is_kept(&with_idle).await);
        // Its client comes back too late.
        clock.advance(IDLE + Duration::from_secs(1));
        let (_, with_left) = opened().await;
        assert!(sessions.find(idle.as_str(), &alice()).await.unwrap().is_none());
        assert!(!is_kept(&with_idle).await);
        // Nobody comes back, and the place is needed.
        clock.advance(IDLE + Duration::from_secs(1));
        opened().await;
        opened().await;
        assert!(!is_kept(&with_left).await);
    }

    #[tokio::test]
    async fn the_level_is_remembered() {
        let (sessions, id) = opened(&Clock::manual(Timestamp::from_secs(0))).await;
        sessions.set_level(&id, LogLevel::Warning).await.unwrap();
        let session = sessions.find(id.as_str(), &alice()).await.unwrap().unwrap();
        assert_eq!(session.record.level, Some(LogLevel::Warning));
    }
}
