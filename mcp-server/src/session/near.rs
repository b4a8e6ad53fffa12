//! The sessions that this instance has seen within the last second, so that not every request asks
//! the store for its session.
//!
//! What changes or ends a session is told to all instances ([`super::Control`]), and each forgets
//! what it has seen of it. While this instance cannot hear the others it remembers nothing. So a
//! session that was ended elsewhere is gone as soon as the message is here, and in any case after
//! [`FRESH`]. Only with `SESSION_CHECK=near`: whoever has not chosen that asks the store each time.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use ambient::{Clock, Timestamp};

use super::{SessionId, SessionRecord, Transport};

/// How long what was seen counts. Beyond it a request asks the store, which also keeps the session
/// alive.
const FRESH: Duration = Duration::from_secs(1);

/// How many sessions are remembered. The others are looked up each time.
const MOST: usize = 20_000;

/// What was seen. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Near(Option<Arc<Inner>>);

struct Inner {
    clock: Clock,
    fresh: Duration,
    seen: RwLock<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Whether the other instances are heard.
    hears: bool,
    /// Grows with everything that is forgotten: a look into the store that began before does not
    /// bring it back.
    forgotten: u64,
    records: HashMap<SessionId, (Arc<SessionRecord>, Timestamp)>,
    swept: Timestamp,
}

/// A look into the store that has begun.
#[derive(Clone, Copy)]
pub(super) struct Look(Option<u64>);

impl Near {
    /// Remembers sessions that live `idle` unused.
    pub(crate) fn new(clock: &Clock, idle: Duration) -> Self {
        let seen = RwLock::default();
        Self(Some(Arc::new(Inner { clock: clock.clone(), fresh: FRESH.min(idle / 4), seen })))
    }

    /// What was seen of a session lately.
    pub(super) fn get(&self, id: &SessionId) -> Option<Arc<SessionRecord>> {
        let inner = self.0.as_ref()?;
        let now = inner.clock.now();
        let seen = inner.read();
        let (record, at) = seen.records.get(id)?;
        inner.is_fresh(*at, now).then(|| Arc::clone(record))
    }

    /// A look into the store begins.
    pub(super) fn look(&self) -> Look {
        let seen = self.0.as_ref().map(|inner| inner.read());
        Look(seen.filter(|seen| seen.hears).map(|seen| seen.forgotten))
    }

    /// What a look has found. A session that nobody has agreed on yet is not remembered: what comes
    /// next may reach another instance, and must not find it as it was.
    pub(super) fn remember(&self, look: Look, id: &SessionId, record: &Arc<SessionRecord>) {
        let (Some(inner), Look(Some(began))) = (&self.0, look) else { return };
        if record.transport == Transport::SseOpening {
            return;
        }
        let now = inner.clock.now();
        let mut seen = inner.write();
        if !seen.hears || seen.forgotten != began {
            return;
        }
        if seen.records.len() >= MOST && !inner.is_fresh(seen.swept, now) {
            seen.swept = now;
            seen.records.retain(|_, (_, at)| inner.is_fresh(*at, now));
        }
        if seen.records.len() < MOST || seen.records.contains_key(id) {
            seen.records.insert(id.clone(), (Arc::clone(record), now));
        }
    }

    /// A session is not what it was.
    pub(super) fn forget(&self, id: &SessionId) {
        if let Some(inner) = &self.0 {
            let mut seen = inner.write();
            seen.forgotten += 1;
            seen.records.remove(id);
        }
    }

    /// From now on the other instances are heard, or are not; what was missed is not known.
    pub(super) fn hears(&self, hears: bool) {
        if let Some(inner) = &self.0 {
            let mut seen = inner.write();
            seen.hears = hears;
            seen.forgotten += 1;
            seen.records.clear();
        }
    }
}

impl Inner {
    /// A clock may go back; what seems to come from the future is not fresh.
    fn is_fresh(&self, at: Timestamp, now: Timestamp) -> bool {
        at <= now && now < at + self.fresh
    }

    fn read(&self) -> RwLockReadGuard<'_, Seen> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Seen> {
        self.seen.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ambient::Entropy;
    use mcp_core::Principal;
    use shared::mcp::{ClientCapabilities, Implementation, Revision};

    use super::{super::Owner, *};

    fn record(transport: Transport) -> Arc<SessionRecord> {
        Arc::new(SessionRecord {
            owner: Owner::from(&Principal::anonymous()),
            revision: Revision::V2025_11_25,
            capabilities: ClientCapabilities::default(),
            client: Implementation::new("test", "1"),
            transport,
            level: None,
            opened_at: Timestamp::from_secs(0),
            initialized: true,
            has_listened: false,
            listener: None,
            watched: BTreeSet::new(),
        })
    }

    fn world() -> (Near, Clock, SessionId) {
        let clock = Clock::manual(Timestamp::from_secs(1000));
        let near = Near::new(&clock, Duration::from_mins(5));
        near.hears(true);
        (near, clock, SessionId::random(&Entropy::seeded(1)))
    }

    #[test]
    fn what_was_seen_counts_for_a_second() {
        let (near, clock, id) = world();
        near.remember(near.look(), &id, &record(Transport::Streamable));
        clock.advance(FRESH.saturating_sub(Duration::from_millis(1)));
        assert!(near.get(&id).is_some());
        clock.advance(Duration::from_millis(1));
        assert!(near.get(&id).is_none());
    }

    #[test]
    fn what_was_forgotten_is_not_brought_back_by_a_look_that_began_before() {
        let (near, _, id) = world();
        let look = near.look();
        near.forget(&id);
        near.remember(look, &id, &record(Transport::Streamable));
        assert!(near.get(&id).is_none());
    }

    #[test]
    fn nothing_is_remembered_while_the_others_are_not_heard() {
        let (near, _, id) = world();
        near.remember(near.look(), &id, &record(Transport::Streamable));
        near.hears(false);
        assert!(near.get(&id).is_none());
        near.remember(near.look(), &id, &record(Transport::Streamable));
        assert!(near.get(&id).is_none());
    }

    #[test]
    fn a_session_that_has_not_begun_is_not_remembered() {
        let (near, _, id) = world();
        near.remember(near.look(), &id, &record(Transport::SseOpening));
        assert!(near.get(&id).is_none());
    }

    #[test]
    fn the_number_of_sessions_is_bounded_and_old_ones_make_room() {
        let (near, clock, _) = world();
        let entropy = Entropy::seeded(2);
        let shared = record(Transport::Streamable);
        for _ in 0..=MOST {
            near.remember(near.look(), &SessionId::random(&entropy), &shared);
        }
        let len = || near.0.as_ref().unwrap().read().records.len();
        assert_eq!(len(), MOST);
        clock.advance(FRESH);
        near.remember(near.look(), &SessionId::random(&entropy), &shared);
        assert_eq!(len(), 1);
    }

    /// What somebody does next. Each is one critical section, or one look at the store: so the
    /// schedules that there can be are the orders of these, and all of them are tried.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Look(usize),
        Read(usize),
        Remember(usize),
        End,
        Tell,
        Deaf,
        Hear,
    }

    /// Two requests for a session, another instance that ends it, and a line to that one which
    /// breaks and is mended.
    const ACTORS: [&[Step]; 4] = [
        &[Step::Look(0), Step::Read(0), Step::Remember(0)],
        &[Step::Look(1), Step::Read(1), Step::Remember(1)],
        &[Step::End, Step::Tell],
        &[Step::Deaf, Step::Hear],
    ];

    /// Shows `see` every order of what is left to do.
    fn orders(left: [&'static [Step]; 4], done: &mut Vec<Step>, see: &mut dyn FnMut(&[Step])) {
        if left.iter().all(|steps| steps.is_empty()) {
            return see(done);
        }
        for actor in 0..left.len() {
            if let Some((next, rest)) = left[actor].split_first() {
                let mut left = left;
                left[actor] = rest;
                done.push(*next);
                orders(left, done, see);
                done.pop();
            }
        }
    }

    fn play(order: &[Step]) {
        let (near, _, id) = world();
        let (record, mut looks, mut found) =
            (record(Transport::Streamable), [Look(None); 2], [false; 2]);
        let (mut ended, mut told, mut hears) = (false, false, true);
        for step in order {
            match *step {
                Step::Look(who) => looks[who] = near.look(),
                Step::Read(who) => found[who] = !ended,
                Step::Remember(who) if found[who] => near.remember(looks[who], &id, &record),
                Step::Remember(_) => {}
                Step::End => ended = true,
                // Whoever does not hear it is not told.
                Step::Tell => {
                    told = true;
                    if hears {
                        near.forget(&id);
                    }
                }
                Step::Deaf | Step::Hear => {
                    hears = matches!(step, Step::Hear);
                    near.hears(hears);
                }
            }
            assert!(!told || near.get(&id).is_none(), "{order:?}");
        }
    }

    #[test]
    fn in_no_order_of_steps_is_a_session_seen_whose_end_was_told() {
        let mut number = 0;
        orders(ACTORS, &mut Vec::new(), &mut |order| {
            number += 1;
            play(order);
        });
        assert_eq!(number, 25_200);
    }
}
