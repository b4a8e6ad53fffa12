//! How the server is, over all instances: who is there, what each has done, how sessions are used.
//!
//! An instance reports every few seconds and is forgotten soon after its last report. A session is
//! counted as long as it is used or has a stream; what was kept for one that nobody comes back to ends
//! here. No call depends on any of this: what fails is logged.

mod left;
mod uses;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ambient::{Clock, Entropy, Timestamp};
use futures_util::future::{BoxFuture, OptionFuture, join_all};
use mcp_core::{InstanceFacts, SessionFacts, Snapshot, StateError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::{Bus, Count, Record, Roster, Store, StoreError, Table, Tally};

use self::{left::Left, uses::Uses};
use crate::{feature_state::unavailable, metrics::McpMetrics, session::SessionId};

/// How often an instance reports.
const PERIOD: Duration = Duration::from_secs(5);

/// How long a report counts: a few may be late or lost.
const REPORT_LIFETIME: Duration = Duration::from_secs(20);

/// How many instances are told of.
const MOST_INSTANCES: u16 = 100;

pub(crate) const SESSIONS: &str = "mcp:sessions";
const INSTANCES: &str = "mcp:instances";

/// What an instance says of itself.
#[derive(Serialize, Deserialize)]
struct Report {
    started: Timestamp,
    reported: Timestamp,
    streams: u64,
    sent: u64,
    received: u64,
}

impl Record for Report {
    const PREFIX: &'static str = "mcp:instance:";
}

/// Knows how all instances are. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Vitals(Arc<Inner>);

struct Inner {
    name: String,
    started: Timestamp,
    clock: Clock,
    /// How long a session is counted after its last sign of life.
    idle: Duration,
    streams: Arc<AtomicU64>,
    /// Whether other instances have the same store.
    is_shared: bool,
    uses: Uses,
    left: Left,
    bus: Bus,
    roster: Roster,
    tally: Tally,
    reports: Table<Report>,
}

/// A stream that is open. Dropping it says that it is not.
pub(crate) struct OpenStream(Arc<AtomicU64>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Vitals {
    pub(crate) fn new(store: &Store, clock: &Clock, entropy: &Entropy, idle: Duration) -> Self {
        Self(Arc::new(Inner {
            name: entropy.hex::<4>(),
            started: clock.now(),
            clock: clock.clone(),
            idle,
            streams: Arc::default(),
            is_shared: store.is_shared(),
            uses: Uses::default(),
            left: Left::new(store, idle),
            bus: store.bus(),
            roster: store.roster(),
            tally: store.tally(),
            reports: store.table(),
        }))
    }

    /// Reports for as long as the server runs, then says that it does not any more.
    pub(crate) async fn report(self, metrics: McpMetrics, stopping: impl Future<Output = ()>) {
        let mut stopping = std::pin::pin!(stopping);
        loop {
            noticed(self.put_report().await);
            self.count_all().await;
            self.count_expired(&metrics).await;
            self.0.left.look(self.0.clock.now()).await;
            tokio::select! {
                biased;
                () = &mut stopping => break,
                () = self.0.clock.sleep(PERIOD) => {}
            }
        }
        self.count_all().await;
        noticed(self.0.roster.leave(INSTANCES, &self.0.name).await);
    }

    /// A stream to a client is open from now on.
    pub(crate) fn stream(&self) -> OpenStream {
        self.0.streams.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(&self.0.streams))
    }

    /// A session has been opened.
    pub(crate) async fn opened(&self, session: &SessionId) {
        self.count(session.as_str(), 1, Some(self.0.clock.now())).await;
    }

    /// A request has come in a session. Gives what tells the store, which hears of it at once, or within
    /// some seconds if it has just heard of another: then it is nothing.
    pub(crate) fn used<'a>(&'a self, session: &'a SessionId) -> OptionFuture<BoxFuture<'a, ()>> {
        let due = self.0.uses.note(session.as_str(), self.0.clock.now());
        // Rare, and large: in a box it takes no room in every call.
        let telling = due
            .map(|due| -> BoxFuture<'a, ()> { Box::pin(self.count(session.as_str(), due, None)) });
        telling.into()
    }

    /// A session is still there, although no request has come. It counts as there for as long as it can
    /// live if it was kept until just before this is said again, [a while](Self::stays_every) later.
    pub(crate) async fn stays(&self, session: &SessionId) {
        self.stay(&[session]).await;
    }

    /// The same of many.
    pub(crate) async fn stay(&self, sessions: &[&SessionId]) {
        let lifetime = self.0.idle + self.stays_every();
        let facts: Vec<_> = sessions.iter().map(|session| facts(session.as_str())).collect();
        let members: Vec<_> = sessions.iter().map(|session| hashed(session.as_str())).collect();
        // At once: a client waits for both, and neither may keep it waiting when the store is away.
        let kept = self.0.tally.keep_each(&facts, lifetime);
        let counted = self.0.roster.stay_all(SESSIONS, &members, lifetime);
        let (kept, counted) = tokio::join!(kept, counted);
        noticed(kept);
        noticed(counted);
    }

    /// How often is enough to say that a session is still there: one attempt may fail, and there is time
    /// for another.
    pub(crate) fn stays_every(&self) -> Duration {
        self.0.idle / 3
    }

    /// A session has ended, and its use is forgotten.
    pub(crate) async fn ended(&self, session: &SessionId) {
        let (member, facts) = (hashed(session.as_str()), facts(session.as_str()));
        let (left, forgotten) = tokio::join!(
            self.0.roster.leave(SESSIONS, &member),
            self.0.tally.count(&facts, &[], Duration::ZERO),
        );
        noticed(left);
        noticed(forgotten);
    }

    async fn counts_as_there(&self, session: &str, lifetime: Duration) {
        noticed(self.0.roster.stay(SESSIONS, &hashed(session), lifetime).await);
    }

    /// Sessions that have ended by themselves, each of them counted on one instance: that which asks
    /// first. One that measures nothing does not ask, unless nobody else could: who asks also takes them
    /// from the store.
    async fn count_expired(&self, metrics: &McpMetrics) {
        if metrics.instruments().is_none() && self.0.is_shared {
            return;
        }
        match self.0.roster.lapsed(SESSIONS).await {
            Ok(lapsed) => metrics.sessions_expired(lapsed),
            Err(error) => noticed::<()>(Err(error)),
        }
    }

    /// What has been noted and not told to the store.
    async fn count_all(&self) {
        let taken = self.0.uses.take(self.0.clock.now());
        for (session, last) in taken.silent {
            self.0.left.note(session, last);
        }
        for (session, uses, last) in taken.untold {
            self.tally(&session, uses, last, None).await;
        }
    }

    async fn count(&self, session: &str, requests: u64, opened: Option<Timestamp>) {
        let tallied = self.tally(session, requests, self.0.clock.now(), opened);
        tokio::join!(tallied, self.counts_as_there(session, self.0.idle));
    }

    async fn tally(
        &self,
        session: &str,
        requests: u64,
        last: Timestamp,
        opened: Option<Timestamp>,
    ) {
        let counts = [
            ("requests", Count::Add(requests)),
            ("last_used", Count::AtLeast(last.as_millis())),
            ("opened", Count::AtLeast(opened.map_or(0, Timestamp::as_millis))),
        ];
        // What is known of the use of a session is kept as long as the session.
        noticed(self.0.tally.count(&facts(session), &counts, self.0.idle).await);
    }

    async fn put_report(&self) -> Result<(), StoreError> {
        let Inner { name, roster, reports, .. } = &*self.0;
        reports.put(name, &self.own_report(), REPORT_LIFETIME).await?;
        roster.enter(INSTANCES, name, REPORT_LIFETIME).await?;
        Ok(())
    }

    fn own_report(&self) -> Report {
        let traffic = self.0.bus.traffic();
        Report {
            started: self.0.started,
            reported: self.0.clock.now(),
            streams: self.0.streams.load(Ordering::Relaxed),
            sent: traffic.sent,
            received: traffic.received,
        }
    }

    async fn reported(&self, name: String) -> Result<Option<InstanceFacts>, StoreError> {
        let answers = name == self.0.name;
        let report =
            if answers { Some(self.own_report()) } else { self.0.reports.get(&name).await? };
        Ok(report.map(|report| InstanceFacts {
            name,
            answers,
            started: report.started,
            reported: report.reported,
            streams: report.streams,
            sent: report.sent,
            received: report.received,
        }))
    }

    async fn look(&self) -> Result<Snapshot, StoreError> {
        let Inner { roster, name, .. } = &*self.0;
        let (sessions, members) =
            tokio::try_join!(roster.len(SESSIONS), roster.members(INSTANCES, MOST_INSTANCES))?;
        // The one that answers is there, whether its first report has arrived or not.
        let others = members.into_iter().filter(|member| member != name);
        let names = others.chain([name.clone()]);
        let found = join_all(names.map(|name| self.reported(name))).await;
        let found: Vec<Option<InstanceFacts>> = found.into_iter().collect::<Result<_, _>>()?;
        let mut instances: Vec<_> = found.into_iter().flatten().collect();
        instances.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Snapshot { sessions, instances })
    }

    async fn facts(&self, session: &str) -> Result<Option<SessionFacts>, StoreError> {
        if let Some((uses, last)) = self.0.uses.take_one(session) {
            self.tally(session, uses, last, None).await;
        }
        let counts = self.0.tally.counts(&facts(session)).await?;
        let moment = |counter| counts.get(counter).copied().map(Timestamp::from_millis);
        let Some(last_used) = moment("last_used") else { return Ok(None) };
        // One that was opened before this was counted has no such moment.
        let opened = moment("opened").filter(|at| at.as_millis() > 0).unwrap_or(last_used);
        let requests = counts.get("requests").copied().unwrap_or_default();
        Ok(Some(SessionFacts { opened, last_used, requests }))
    }
}

impl mcp_core::Vitals for Vitals {
    fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, StateError>> {
        Box::pin(async move { self.look().await.map_err(unavailable) })
    }

    fn session<'a>(
        &'a self,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionFacts>, StateError>> {
        Box::pin(async move { self.facts(id).await.map_err(unavailable) })
    }
}

/// What a session is called among all that are counted.
pub(crate) fn counted_as(session: &SessionId) -> String {
    hashed(session.as_str())
}

/// The name of a session opens it: it is not stored where it need not be.
fn hashed(session: &str) -> String {
    const_hex::encode(Sha256::digest(session))
}

fn facts(session: &str) -> String {
    format!("mcp:session:{}:facts", hashed(session))
}

/// A count that is missing does no harm; that it is missing is worth a line.
fn noticed<T>(done: Result<T, StoreError>) {
    if let Err(error) = done {
        tracing::warn!(%error, "how the server is used could not be counted");
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::Vitals as _;

    use super::*;

    const IDLE: Duration = Duration::from_mins(5);

    fn instance(store: &Store, clock: &Clock, seed: u64) -> Vitals {
        Vitals::new(store, clock, &Entropy::seeded(seed), IDLE)
    }

    fn world() -> (Clock, Store) {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        (clock.clone(), Store::memory(clock))
    }

    #[tokio::test]
    async fn sessions_are_counted_while_they_are_used() {
        let (clock, store) = world();
        let (here, there) = (instance(&store, &clock, 1), instance(&store, &clock, 2));
        let (one, other) =
            (SessionId::random(&Entropy::seeded(3)), SessionId::random(&Entropy::seeded(4)));
        here.opened(&one).await;
        there.opened(&other).await;
        assert_eq!(here.snapshot().await.unwrap().sessions, 2);
        clock.advance(IDLE / 2);
        there.used(&one).await;
        clock.advance(IDLE / 2);
        assert_eq!(here.snapshot().await.unwrap().sessions, 1);
        there.ended(&one).await;
        assert_eq!(here.snapshot().await.unwrap().sessions, 0);
    }

    #[tokio::test]
    async fn the_use_of_a_session_is_known_on_every_instance() {
        let (clock, store) = world();
        let (here, there) = (instance(&store, &clock, 1), instance(&store, &clock, 2));
        let session = SessionId::random(&Entropy::seeded(3));
        let opened = clock.now();
        here.opened(&session).await;
        clock.advance(Duration::from_secs(1));
        there.used(&session).await;
        let facts = here.session(session.as_str()).await.unwrap().unwrap();
        assert_eq!(facts, SessionFacts { opened, last_used: clock.now(), requests: 2 });
        assert_eq!(here.session("other").await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_use_of_a_session_is_forgotten_with_it() {
        let (clock, store) = world();
        let here = instance(&store, &clock, 1);
        let (left, ended) =
            (SessionId::random(&Entropy::seeded(3)), SessionId::random(&Entropy::seeded(4)));
        here.opened(&left).await;
        here.opened(&ended).await;
        here.ended(&ended).await;
        clock.advance(IDLE / 2);
        assert_eq!(here.session(ended.as_str()).await.unwrap(), None);
        // One with an open stream is not used, and stays; the stream may have ended just before this
        // was to be said again.
        here.stays(&left).await;
        clock.advance(IDLE);
        assert!(here.session(left.as_str()).await.unwrap().is_some());
        clock.advance(here.stays_every());
        assert_eq!(here.session(left.as_str()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn uses_that_follow_each_other_are_counted_together_and_none_is_lost() {
        let (clock, store) = world();
        let (here, there) = (instance(&store, &clock, 1), instance(&store, &clock, 2));
        let session = SessionId::random(&Entropy::seeded(3));
        for _ in 0..5 {
            here.used(&session).await;
        }
        let requests =
            async |at: &Vitals| at.session(session.as_str()).await.unwrap().unwrap().requests;
        assert_eq!(requests(&there).await, 1);
        assert_eq!(requests(&here).await, 5);
        assert_eq!(requests(&there).await, 5);
        here.used(&session).await;
        here.clone().report(McpMetrics::default(), std::future::ready(())).await;
        assert_eq!(requests(&there).await, 6);
    }

    #[tokio::test]
    async fn an_instance_is_known_until_it_stops_or_falls_silent() {
        let (clock, store) = world();
        let (here, there) = (instance(&store, &clock, 1), instance(&store, &clock, 2));
        let _stream = there.stream();
        there.put_report().await.unwrap();
        let instances = here.snapshot().await.unwrap().instances;
        let streams: Vec<_> = instances.iter().map(|one| (one.answers, one.streams)).collect();
        assert!(streams.contains(&(true, 0)) && streams.contains(&(false, 1)), "{streams:?}");
        clock.advance(REPORT_LIFETIME);
        assert_eq!(here.snapshot().await.unwrap().instances.len(), 1);
        there.clone().report(McpMetrics::default(), std::future::ready(())).await;
        assert_eq!(here.snapshot().await.unwrap().instances.len(), 1);
    }

    #[tokio::test]
    async fn a_stream_that_ends_is_not_counted() {
        let (clock, store) = world();
        let here = instance(&store, &clock, 1);
        drop((here.stream(), here.stream()));
        assert_eq!(here.snapshot().await.unwrap().instances[0].streams, 0);
    }
}
