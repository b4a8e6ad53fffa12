//! One question for everybody who wants to know the same.
//!
//! Whoever waits drives the question on, so it does not end with the one who came first; when
//! nobody waits any more, it is dropped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, WeakShared},
};

use super::cache::TokenHash;

/// The questions in progress.
pub(super) struct Flights<T: Clone>(Mutex<HashMap<TokenHash, Flight<T>>>);

type Flight<T> = WeakShared<BoxFuture<'static, T>>;

impl<T: Clone> Default for Flights<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// What comes of the question about `key`: the one in progress, or `question`.
    pub(super) async fn join(
        self: &Arc<Self>,
        key: TokenHash,
        question: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let flight = {
            let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let there = flights.get(&key).and_then(WeakShared::upgrade);
            there.unwrap_or_else(|| {
                let landing = Landing { flights: Arc::clone(self), key };
                let flight = async move {
                    let _landing = landing;
                    question.await
                };
                let flight = flight.boxed().shared();
                if let Some(weak) = flight.downgrade() {
                    flights.insert(key, weak);
                }
                flight
            })
        };
        flight.await
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Takes a question off the list, answered or dropped.
struct Landing<T: Clone> {
    flights: Arc<Flights<T>>,
    key: TokenHash,
}

impl<T: Clone> Drop for Landing<T> {
    fn drop(&mut self) {
        // A question that began in the meantime may be taken off as well: it is asked twice then.
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{future::join_all, poll};
    use tokio::sync::oneshot;

    use super::*;

    const KEY: TokenHash = [7; 32];

    #[tokio::test]
    async fn who_comes_meanwhile_gets_the_same_answer() {
        let flights = Arc::new(Flights::default());
        let (answer, question) = oneshot::channel::<u8>();
        let mut first = Box::pin(flights.join(KEY, async { question.await.unwrap() }));
        assert!(poll!(&mut first).is_pending());
        let others = (0..9).map(|_| flights.join(KEY, async { unreachable!() }));
        let mut others = join_all(others);
        assert!(poll!(&mut others).is_pending());
        answer.send(5).unwrap();
        assert!(others.await.into_iter().all(|answer| answer == 5));
        assert_eq!((first.await, flights.len()), (5, 0));
    }

    #[tokio::test]
    async fn a_question_outlives_the_one_who_asked_first_but_not_the_last() {
        let flights = Arc::new(Flights::default());
        let (answer, question) = oneshot::channel::<u8>();
        let mut first = Box::pin(flights.join(KEY, async { question.await.unwrap() }));
        let mut second = Box::pin(flights.join(KEY, async { unreachable!() }));
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        drop(first);
        answer.send(5).unwrap();
        assert_eq!(second.await, 5);
        let mut third = Box::pin(flights.join(KEY, std::future::pending::<u8>()));
        assert!(poll!(&mut third).is_pending() && flights.len() == 1);
        drop(third);
        assert_eq!(flights.len(), 0);
    }
}
