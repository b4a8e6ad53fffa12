//! Calls of sessions that are in progress on this instance, so that they can be cancelled.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use shared::mcp::RequestId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::SessionId;

/// How many calls of one session may be in progress on one instance.
const MOST: usize = 100;

type InProgress = HashMap<SessionId, BTreeMap<RequestId, CancellationToken>>;

/// The calls in progress, by session and request id. Ids of different types are different ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    in_progress: Mutex<InProgress>,
    /// Told when no call is left.
    emptied: Notify,
}

/// A call in progress; it is forgotten when this is dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    calls: Calls,
    session: SessionId,
    id: RequestId,
    token: CancellationToken,
}

/// Why a call may not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The id belongs to a call of the session that is still in progress.
    InUse,
    /// The session has as many calls in progress as it may.
    TooMany,
}

impl Refused {
    /// What the client is told.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::InUse => "A request with this id is still in progress",
            Self::TooMany => "This session has too many requests in progress; wait for some",
        }
    }
}

impl Calls {
    /// Registers a call. A client must not use an id again while it waits for the answer.
    pub(crate) fn register(
        &self,
        session: &SessionId,
        id: &RequestId,
    ) -> Result<Registered, Refused> {
        let token = CancellationToken::new();
        let mut calls = self.lock();
        let of_session = calls.entry(session.clone()).or_default();
        if of_session.contains_key(id) {
            return Err(Refused::InUse);
        }
        if of_session.len() >= MOST {
            return Err(Refused::TooMany);
        }
        of_session.insert(id.clone(), token.clone());
        drop(calls);
        Ok(Registered { calls: self.clone(), session: session.clone(), id: id.clone(), token })
    }

    /// Cancels a call, if it is in progress here.
    pub(crate) fn cancel(&self, session: &SessionId, id: &RequestId) {
        let token = self.lock().get(session).and_then(|calls| calls.get(id)).cloned();
        if let Some(token) = token {
            token.cancel();
        }
    }

    /// Cancels every call of a session that is in progress here.
    pub(crate) fn cancel_all(&self, session: &SessionId) {
        let calls = self.lock();
        let tokens: Vec<_> = calls.get(session).into_iter().flat_map(BTreeMap::values).collect();
        tokens.into_iter().for_each(CancellationToken::cancel);
    }

    /// Waits until no call is in progress.
    pub(crate) async fn none_left(&self) {
        loop {
            let emptied = self.0.emptied.notified();
            if self.lock().is_empty() {
                return;
            }
            emptied.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, InProgress> {
        self.0.in_progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registered {
    /// Tells the call that it is cancelled.
    pub(crate) const fn token(&self) -> &CancellationToken {
        &self.token
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut calls = self.calls.lock();
        if let Some(of_session) = calls.get_mut(&self.session) {
            of_session.remove(&self.id);
            if of_session.is_empty() {
                calls.remove(&self.session);
            }
        }
        if calls.is_empty() {
            self.calls.0.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use ambient::Entropy;
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn five_and_the_text_five_are_two_calls() {
        let (calls, session) = (Calls::default(), SessionId::random(&Entropy::seeded(1)));
        let number = calls.register(&session, &RequestId::Number(5)).unwrap();
        let text = calls.register(&session, &RequestId::String("5".to_owned())).unwrap();
        calls.cancel(&session, &RequestId::Number(5));
        assert!(number.token().is_cancelled() && !text.token().is_cancelled());
    }

    #[test]
    fn an_id_is_free_again_when_its_call_is_over() {
        let (calls, session) = (Calls::default(), SessionId::random(&Entropy::seeded(1)));
        let id = RequestId::Number(1);
        let first = calls.register(&session, &id).unwrap();
        assert_eq!(calls.register(&session, &id).unwrap_err(), Refused::InUse);
        drop(first);
        assert!(calls.register(&session, &id).is_ok());
    }

    #[test]
    fn the_end_of_a_session_cancels_its_calls_and_no_others() {
        let (calls, entropy) = (Calls::default(), Entropy::seeded(1));
        let (one, other) = (SessionId::random(&entropy), SessionId::random(&entropy));
        let id = RequestId::Number(1);
        let (mine, theirs) =
            (calls.register(&one, &id).unwrap(), calls.register(&other, &id).unwrap());
        calls.cancel_all(&one);
        assert!(mine.token().is_cancelled() && !theirs.token().is_cancelled());
    }

    #[tokio::test]
    async fn whoever_waits_for_the_last_call_waits_for_all_of_them() {
        let (calls, session) = (Calls::default(), SessionId::random(&Entropy::seeded(1)));
        calls.none_left().await;
        let [one, other] =
            [1, 2].map(|id| calls.register(&session, &RequestId::Number(id)).unwrap());
        let mut waiting = Box::pin(calls.none_left());
        drop(one);
        assert!((&mut waiting).now_or_never().is_none());
        drop(other);
        waiting.await;
    }

    #[test]
    fn a_session_has_so_many_calls_and_no_more() {
        let (calls, session) = (Calls::default(), SessionId::random(&Entropy::seeded(1)));
        let register = |id| calls.register(&session, &RequestId::Number(id));
        let running: Vec<_> = (0..100).map(|id| register(id).unwrap()).collect();
        assert_eq!(register(100).unwrap_err(), Refused::TooMany);
        drop(running);
        assert!(register(100).is_ok());
        assert!(calls.lock().is_empty());
    }
}
