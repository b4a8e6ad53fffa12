//! Tools for tests of features: one test, two eras.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ambient::{Clock, Entropy, Timestamp};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use shared::mcp::{
    ClientCapabilities, ClientProfile, ClientRequest, InputRequest, Method, RawJson, Revision,
    ServerNotification, ServerResult,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Call, Catalog, Features, NoFeed, Principal, Refusal,
    flow::{
        AskError, Binding, Client, Journal, NoSteps, Outcome, Peer, Replay, SealKey, Sealer,
        Silence, Steps,
    },
};

const BINDING: Binding<'_> =
    Binding { principal: "test", method: "tools/call", target: "test", arguments_digest: "" };

/// Calls a tool in both eras with the same answers, and gives the result, which must be the same.
///
/// Each era gets a catalog and an app of its own, so that both begin in the same world. `answers`
/// are by question key. In the modern era the state is sealed and opened between rounds.
///
/// # Panics
/// When the eras differ, the tool is refused, or it asks what nobody answers.
pub async fn both_eras<S: Send + Sync + 'static>(
    catalog: impl Fn() -> Catalog<S>,
    app: impl Fn() -> S,
    tool: &str,
    arguments: Value,
    answers: impl IntoIterator<Item = (&str, Value)>,
) -> Value {
    let features = || {
        let server = shared::mcp::Implementation::new("test", "1");
        Features::new(server, catalog(), app())
    };
    let answers: BTreeMap<String, Value> =
        answers.into_iter().map(|(key, answer)| (key.to_owned(), answer)).collect();
    let request = || {
        let params = RawJson::from(&json!({ "name": tool, "arguments": arguments }));
        ClientRequest::decode(Method::CallTool, Some(&params)).expect("a name and arguments")
    };
    let clock = Clock::manual(Timestamp::from_secs(0));
    let legacy = in_flight(&clock, legacy(&features(), request(), answers.clone(), &clock)).await;
    let modern = in_flight(&clock, modern(&features(), request, answers, &clock)).await;
    assert_eq!(legacy, modern, "the eras differ");
    modern
}

/// Lets time fly while a tool waits for it.
async fn in_flight<T>(clock: &Clock, work: impl Future<Output = T>) -> T {
    let flying = async {
        loop {
            tokio::task::yield_now().await;
            clock.advance(Duration::from_millis(100));
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        () = flying => unreachable!("time does not end"),
    }
}

/// A client that can do everything.
fn peer(revision: Revision) -> Peer {
    let capabilities =
        json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {} });
    let capabilities: ClientCapabilities =
        serde_json::from_value(capabilities).expect("they are capabilities");
    let profile = ClientProfile { revision, capabilities, info: None };
    Peer { profile, progress_token: None, log_level: None }
}

fn call(client: Arc<dyn Client>, clock: &Clock) -> Call {
    Call {
        client,
        principal: Arc::new(Principal::anonymous()),
        clock: clock.clone(),
        entropy: Entropy::seeded(1),
        cancelled: CancellationToken::new(),
        changes: Arc::new(NoFeed),
    }
}

fn read(result: Result<ServerResult, Refusal>) -> Value {
    serde_json::to_value(result.expect("the tool is not refused")).expect("a result is JSON")
}

async fn legacy(
    features: &Features,
    request: ClientRequest,
    answers: BTreeMap<String, Value>,
    clock: &Clock,
) -> Value {
    let client =
        Arc::new(Scripted { peer: peer(Revision::V2025_11_25), answers: Mutex::new(answers) });
    read(features.dispatch(request, call(client, clock)).await)
}

async fn modern(
    features: &Features,
    request: impl Fn() -> ClientRequest,
    answers: BTreeMap<String, Value>,
    clock: &Clock,
) -> Value {
    let sealer = Sealer::new(vec![SealKey::new([7; 32])]);
    let mut journal = Journal::default();
    loop {
        let replay = Replay::new(journal, peer(Revision::V2026_07_28), Arc::new(Silence));
        match replay.drive(features.dispatch(request(), call(replay.clone(), clock))).await {
            Outcome::Complete(result) => return read(result),
            Outcome::InputRequired { questions, journal: learnt } => {
                let now = Timestamp::from_secs(0);
                let state = sealer.seal(learnt, &BINDING, now, &Entropy::seeded(2));
                let opened = sealer.open(&state.expect("it can be sealed"), &BINDING, now);
                let asked = questions.into_keys().map(|key| {
                    let answer =
                        answers.get(&key).unwrap_or_else(|| panic!("no answer to `{key}`"));
                    (key, answer.clone())
                });
                journal = opened.expect("it can be opened").with_answers(asked.collect());
            }
        }
    }
}

/// A session's client that answers from a list, each question once.
struct Scripted {
    peer: Peer,
    answers: Mutex<BTreeMap<String, Value>>,
}

impl Client for Scripted {
    fn ask<'a>(
        &'a self,
        key: &'a str,
        _: &'a InputRequest,
    ) -> BoxFuture<'a, Result<Value, AskError>> {
        Box::pin(async move {
            // Another task may run while a question is out.
            tokio::task::yield_now().await;
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(answers.remove(key).unwrap_or_else(|| panic!("no answer to `{key}`")))
        })
    }

    fn discard(&self, _: &str) {}

    fn steps(&self) -> &dyn Steps {
        &NoSteps
    }

    fn notify(&self, _: ServerNotification) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }
}
