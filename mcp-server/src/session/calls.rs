//! Calls of sessions that are in progress on this instance, so that they can be cancelled.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use shared::mcp::RequestId;
use tokio_util::sync::CancellationToken;

use super::SessionId;

type Key = (SessionId, RequestId);

/// The calls in progress, by session and request id. Ids of different types are different ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Mutex<HashMap<Key, CancellationToken>>>);

/// A call in progress; it is forgotten when this is dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    calls: Calls,
    key: Key,
    token: CancellationToken,
}

/// The id belongs to a call of the session that is still in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InUse;

impl Calls {
    /// Registers a call. A client must not use an id again while it waits for the answer.
    pub(crate) fn register(
        &self,
        session: &SessionId,
        id: &RequestId,
    ) -> Result<Registered, InUse> {
        let key = (session.clone(), id.clone());
        let token = CancellationToken::new();
        let mut calls = self.lock();
        if calls.contains_key(&key) {
            return Err(InUse);
        }
        calls.insert(key.clone(), token.clone());
        drop(calls);
        Ok(Registered { calls: self.clone(), key, token })
    }

    /// Cancels a call, if it is in progress here.
    pub(crate) fn cancel(&self, session: &SessionId, id: &RequestId) {
        if let Some(token) = self.lock().get(&(session.clone(), id.clone())) {
            token.cancel();
        }
    }

    /// Cancels every call of a session that is in progress here.
    pub(crate) fn cancel_all(&self, session: &SessionId) {
        for ((of, _), token) in self.lock().iter() {
            if of == session {
                token.cancel();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.calls.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use ambient::Entropy;

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
        assert_eq!(calls.register(&session, &id).unwrap_err(), InUse);
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
}
