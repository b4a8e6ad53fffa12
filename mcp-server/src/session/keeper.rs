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

/// How many are asked about at once. Redis does nothing else meanwhile, for a fraction of a
/// millisecond.
const MOST: usize = 256;

/// Keeps sessions alive. Cheap to clone; clones ask together.
#[derive(Clone)]
pub(crate) struct Keeper {
    sessions: Sessions,
    lifecycle: Lifecycle,
    waiting: Arc<Mutex<Vec<Question>>>,
}

/// What one stream asks, and where the answer goes.
struct Question {
    session: (SessionId, Transport),
    log: String,
    at: EventId,
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
    pub(crate) fn new(sessions: &Sessions, lifecycle: &Lifecycle) -> Self {
        let (sessions, lifecycle) = (sessions.clone(), lifecycle.clone());
        Self { sessions, lifecycle, waiting: Arc::default() }
    }

    /// Keeps a session for another while, and lets its stream read on if there is something unheard.
    pub(crate) async fn keep(&self, session: &Session, follower: &mut Follower) -> Looked {
        let (answer, told) = oneshot::channel();
        let (log, at) = follower.place();
        let session = (session.id.clone(), session.record.transport);
        self.ask(Question { session, log: log.to_owned(), at, answer });
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
        for ((asked, record), goes_on) in questions.into_iter().zip(kept).zip(go_on) {
            let answer = record.and_then(|record| Ok((record, goes_on?)));
            drop(asked.answer.send(answer));
        }
    }
}
