//! Keeps the sessions of open streams alive, those of many streams with one question to the store.
//!
//! Every stream looks now and then whether its session is still there, and whether its log goes on
//! unheard. Streams do so at the same moments (`http::reply::keep_alive_at`): the first to ask
//! starts a task, which waits until all that are awake have asked. What one costs alone is in decision
//! 0094.

use std::sync::{Arc, Mutex, PoisonError};

use chassis::Lifecycle;
use store::{EventId, StoreError};
use tokio::sync::oneshot;

use super::{Session, SessionId, SessionRecord, Sessions, Transport, streams::Follower};
use crate::vitals::Vitals;

/// How many are asked about at once. Redis does nothing else meanwhile, for a fraction of a
/// millisecond.
const MOST: usize = 256;

/// Keeps sessions alive. Cheap to clone; clones ask together.
#[derive(Clone)]
pub(crate) struct Keeper {
    sessions: Sessions,
    vitals: Vitals,
    lifecycle: Lifecycle,
    waiting: Arc<Mutex<Vec<Question>>>,
}

/// What one stream asks, and where the answer goes.
struct Question {
    session: (SessionId, Transport),
    log: String,
    at: EventId,
    /// Whether it is time to say that the session is still there.
    is_due: bool,
    answer: oneshot::Sender<Answer>,
}

/// What the session is now, if there is one, and whether the log goes on.
type Answer = Result<(Option<SessionRecord>, bool), StoreError>;

/// What was found of a session.
#[derive(Debug)]
pub(crate) enum Looked {
    /// It is there, and lives on.
    Kept(Box<SessionRecord>),
    /// It has ended.
    Ended,
    /// The store is away: nobody knows.
    Unknown,
}

impl Keeper {
    /// Questions are put by tasks of `lifecycle`.
    pub(crate) fn new(sessions: &Sessions, vitals: &Vitals, lifecycle: &Lifecycle) -> Self {
        let (sessions, vitals, lifecycle) = (sessions.clone(), vitals.clone(), lifecycle.clone());
        Self { sessions, vitals, lifecycle, waiting: Arc::default() }
    }

    /// Keeps a session for another while, and lets its stream read on if there is something unheard.
    /// Where it `is_due`, the session counts as still there.
    pub(crate) async fn keep(
        &self,
        session: &Session,
        follower: &mut Follower,
        is_due: bool,
    ) -> Looked {
        let (answer, told) = oneshot::channel();
        let (log, at) = follower.place();
        let session = (session.id.clone(), session.record.transport);
        self.ask(Question { session, log: log.to_owned(), at, is_due, answer });
        match told.await {
            Ok(Ok((Some(record), goes_on))) => {
                if goes_on {
                    follower.goes_on();
                }
                Looked::Kept(Box::new(record))
            }
            Ok(Ok((None, _))) => Looked::Ended,
            // Nobody answers when the process is at its end.
            Ok(Err(StoreError::Unavailable(_))) | Err(_) => Looked::Unknown,
            Ok(Err(error)) => {
                tracing::warn!(%error, "a stream ends, because its session cannot be read");
                Looked::Ended
            }
        }
    }

    fn ask(&self, question: Question) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(question);
        if waiting.len() == 1 {
            let keeper = self.clone();
            self.lifecycle.spawn(async move { keeper.put_all().await });
        }
    }

    /// Puts what is asked, when all who are awake have asked.
    async fn put_all(&self) {
        tokio::task::yield_now().await;
        let mut waiting = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *waiting)
        };
        while !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min(MOST));
            self.put(std::mem::replace(&mut waiting, rest)).await;
        }
    }

    async fn put(&self, questions: Vec<Question>) {
        let sessions: Vec<_> = questions.iter().map(|asked| asked.session.clone()).collect();
        let logs: Vec<_> = questions.iter().map(|asked| (&*asked.log, asked.at)).collect();
        let found = tokio::try_join!(
            self.sessions.keep_and_look_at_each(&sessions),
            self.sessions.streams().each_goes_on(&logs),
        );
        drop(logs);
        let (kept, go_on) = match found {
            Ok(found) => found,
            Err(error) => {
                for asked in questions {
                    // Whoever does not wait any more need not know.
                    drop(asked.answer.send(Err(error.clone())));
                }
                return;
            }
        };
        let due =
            questions.iter().zip(&kept).filter(|(asked, found)| asked.is_due && is_there(found));
        let due: Vec<_> = due.map(|(asked, _)| &asked.session.0).collect();
        if !due.is_empty() {
            self.vitals.stay(&due).await;
        }
        for ((asked, record), goes_on) in questions.into_iter().zip(kept).zip(go_on) {
            let answer = record.and_then(|record| Ok((record, goes_on?)));
            drop(asked.answer.send(answer));
        }
    }
}

const fn is_there<T>(found: &Result<Option<T>, StoreError>) -> bool {
    matches!(found, Ok(Some(_)))
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, AtomicUsize, Ordering},
        time::Duration,
    };

    use ambient::{Clock, Entropy, Timestamp};
    use futures_util::future::join_all;
    use mcp_core::Principal;
    use store::{Action, Fate, Line, Start, Store};

    use super::*;
    use crate::session::{
        SessionLimits, Terms,
        streams::{Entry, Followed, StreamName},
    };

    struct World {
        clock: Clock,
        entropy: Entropy,
        sessions: Sessions,
        keeper: Keeper,
    }

    impl World {
        fn over(store: &Store, clock: &Clock) -> Self {
            let sessions = Sessions::new(store, clock, SessionLimits::default(), "i");
            let (entropy, idle) = (Entropy::seeded(1), SessionLimits::default().idle);
            let vitals = Vitals::new(store, clock, &entropy, idle);
            let lifecycle = Lifecycle::new(clock.clone(), Duration::ZERO);
            let keeper = Keeper::new(&sessions, &vitals, &lifecycle);
            Self { clock: clock.clone(), entropy, sessions, keeper }
        }

        /// A session, and who follows its stream.
        async fn session(&self) -> (Session, Follower) {
            let (sessions, nobody) = (&self.sessions, Principal::anonymous());
            let terms = Terms { transport: Transport::Streamable, ..Terms::none_yet() };
            let id = sessions.open(&nobody, terms, &self.entropy).await.unwrap();
            let session = sessions.find(id.as_str(), &nobody).await.unwrap().unwrap();
            let name = StreamName::standalone();
            let follower = sessions.streams().follow(&id, &name, Start::Newest).await.unwrap();
            (session, follower)
        }
    }

    fn clock() -> Clock {
        Clock::manual(Timestamp::from_secs(1_800_000_000))
    }

    #[tokio::test]
    async fn streams_that_are_awake_together_ask_together_and_live_on() {
        let (clock, asked) = (clock(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&asked);
        let count = move |action: Action| {
            let is_one = action.to_string().contains(" each");
            counted.fetch_add(usize::from(is_one), Ordering::Relaxed);
            Fate::AT_ONCE
        };
        let store = Store::memory(clock.clone());
        let world = World::over(&store.over_line(Line::new(&clock, count)), &clock);
        let mut open = Vec::new();
        for _ in 0..=MOST {
            open.push(world.session().await);
        }
        // Three times more than half as long as a session lives without being kept.
        let a_while = SessionLimits::default().idle * 3 / 4;
        for round in 1..=3 {
            world.clock.advance(a_while);
            let looks =
                open.iter_mut().map(|(session, tail)| world.keeper.keep(session, tail, true));
            let found = join_all(looks).await;
            assert!(found.iter().all(|found| matches!(found, Looked::Kept(_))));
            // Sessions, logs and what is known of their use, of as many as are asked about at once, and
            // of the one too many.
            assert_eq!(asked.load(Ordering::Relaxed), round * 6);
        }
    }

    #[tokio::test]
    async fn what_was_said_unheard_is_read_and_what_ended_has_ended() {
        let clock = clock();
        let (store, is_away) = (Store::memory(clock.clone()), Arc::new(AtomicBool::new(false)));
        let is_mute = Line::new(&clock, Mute);
        let here = World::over(&store.over_line(is_mute), &clock);
        let there = World::over(&store.over_line(Line::refusing(&clock, "", &is_away)), &clock);
        let (session, mut follower) = here.session().await;
        let (name, said) = (StreamName::standalone(), Entry::Said("1".to_owned()));
        there.sessions.streams().append(&session.id, &name, &said).await.unwrap();
        assert!(matches!(here.keeper.keep(&session, &mut follower, true).await, Looked::Kept(_)));
        let Some(Ok(Followed::Entry(_, heard))) = follower.next().await else { panic!("unheard") };
        assert_eq!(heard, said);
        is_away.store(true, Ordering::Relaxed);
        assert!(matches!(there.keeper.keep(&session, &mut follower, true).await, Looked::Unknown));
        is_away.store(false, Ordering::Relaxed);
        let (other, mut tail) = here.session().await;
        there.sessions.end(&session.id).await.unwrap();
        let (gone, left) = tokio::join!(
            here.keeper.keep(&session, &mut follower, true),
            here.keeper.keep(&other, &mut tail, true),
        );
        assert!(matches!((gone, left), (Looked::Ended, Looked::Kept(_))));
        // Nobody keeps it, and it is as old as it may be.
        clock.advance(SessionLimits::default().idle * 2);
        assert!(matches!(here.keeper.keep(&other, &mut tail, true).await, Looked::Ended));
    }

    /// A line over which commands go, and no messages.
    struct Mute;

    impl store::Weather for Mute {
        fn of_command(&self, _: Action) -> Fate {
            Fate::AT_ONCE
        }

        fn delivers(&self) -> bool {
            false
        }
    }
}
