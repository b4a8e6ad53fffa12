//! The modern way: a question without an answer parks the call; the next request runs it again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;
use serde_json::Value;
use shared::mcp::{InputRequest, ServerNotification};
use tokio::sync::Notify;

use super::{AskError, Client, Journal, NoteSink, Peer, Steps, journal::name};

/// One round of a call. Nothing of it survives the round but the [`Journal`].
pub struct Replay {
    state: Mutex<State>,
    changed: Notify,
    peer: Peer,
    sink: Arc<dyn NoteSink>,
}

#[derive(Default)]
struct State {
    journal: Journal,
    outstanding: BTreeMap<String, InputRequest>,
    /// The names of those questions.
    named: BTreeMap<String, String>,
    steps_running: usize,
}

/// How a round ended.
#[derive(Debug, PartialEq)]
pub enum Outcome<T> {
    /// The call is over.
    Complete(T),
    /// The call cannot go on without answers.
    InputRequired {
        /// What is asked, by key.
        questions: BTreeMap<String, InputRequest>,
        /// What the next round must know.
        journal: Journal,
    },
}

impl Replay {
    /// A round that knows what `journal` holds.
    #[must_use]
    pub fn new(journal: Journal, peer: Peer, sink: Arc<dyn NoteSink>) -> Arc<Self> {
        let state = Mutex::new(State { journal, ..State::default() });
        Arc::new(Self { state, changed: Notify::new(), peer, sink })
    }

    /// Runs `call` until it is complete or cannot go on without the client.
    ///
    /// The call is polled first, so questions that it asks together are found together.
    pub async fn drive<T>(&self, call: impl Future<Output = T>) -> Outcome<T> {
        tokio::select! {
            biased;
            done = call => Outcome::Complete(done),
            () = self.parked() => self.input_required(),
        }
    }

    fn input_required<T>(&self) -> Outcome<T> {
        let mut state = self.state();
        let questions = std::mem::take(&mut state.outstanding);
        let mut journal = std::mem::take(&mut state.journal);
        journal.asked = std::mem::take(&mut state.named);
        journal.round = journal.round.saturating_add(1);
        Outcome::InputRequired { questions, journal }
    }

    /// Ready once a question is open and no step is half done.
    async fn parked(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.state();
                if !state.outstanding.is_empty() && state.steps_running == 0 {
                    return;
                }
            }
            changed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client for Replay {
    fn ask<'a>(
        &'a self,
        key: &'a str,
        question: &'a InputRequest,
    ) -> BoxFuture<'a, Result<Value, AskError>> {
        Box::pin(async move {
            {
                let mut state = self.state();
                let name = name(question);
                let settled = state.journal.answers.get(key);
                if let Some(answer) = settled.filter(|answer| answer.belongs_to(&name)) {
                    return Ok(answer.value.clone());
                }
                state.outstanding.insert(key.to_owned(), question.clone());
                state.named.insert(key.to_owned(), name);
            }
            self.changed.notify_one();
            std::future::pending().await
        })
    }

    fn discard(&self, key: &str) {
        self.state().journal.discard(key);
    }

    fn discarded(&self, key: &str) -> usize {
        self.state().journal.discarded.get(key).copied().map_or(0, usize::from)
    }

    fn steps(&self) -> &dyn Steps {
        self
    }

    fn notify(&self, note: ServerNotification) -> BoxFuture<'_, ()> {
        self.sink.send(note)
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl Steps for Replay {
    fn recorded(&self, step: &str) -> Option<Value> {
        self.state().journal.steps.get(step).cloned()
    }

    fn begin(&self) {
        self.state().steps_running += 1;
    }

    fn end(&self, recorded: Option<(&str, Value)>) {
        {
            let mut state = self.state();
            state.steps_running -= 1;
            if let Some((step, value)) = recorded {
                state.journal.steps.insert(step.to_owned(), value);
            }
        }
        self.changed.notify_one();
    }
}
