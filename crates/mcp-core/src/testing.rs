//! Tools for tests of features: one test, two eras.

mod asker;
mod names;
mod state;
mod vitals;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ambient::{Clock, Entropy, Timestamp};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use shared::mcp::{
    ClientCapabilities, ClientProfile, ClientRequest, InputRequest, Method, Params, Revision,
    ServerNotification, ServerResult,
};
use tokio_util::sync::CancellationToken;

pub use self::{asker::Asker, names::tool_names, state::TestState, vitals::TestVitals};
use crate::{
    Call, Catalog, Features, Lent, NoFeed, Principal, Refusal,
    flow::{
        AskError, Binding, Client, Journal, NoSteps, Outcome, Peer, Replay, SealKey, Sealer,
        Silence, Steps,
    },
};

const BINDING: Binding<'_> =
    Binding { principal: "test", method: "tools/call", target: "test", arguments_digest: "" };

/// Calls a tool in both eras with the same answers, and gives the result, which must be the same.
///
/// Each era gets a catalog, an app, a clock and state of its own, so that both begin in the same
/// world. `answers`
/// are by question key; a key that comes twice has a second answer for when the first is of no use.
/// In the modern era the state is sealed and opened between rounds, and every round is run once
/// more, without the answers, at another time and with other randomness: it must ask the same.
///
/// ```
/// # use mcp_core::{Catalog, Ctx, Tool, ToolError, testing::both_eras};
/// # use schemars::JsonSchema;
/// # use serde::Deserialize;
/// # use serde_json::json;
/// /// Asks for a name.
/// #[derive(Deserialize, JsonSchema)]
/// struct Greet {}
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Name {
///     name: String,
/// }
///
/// impl Tool<()> for Greet {
///     const NAME: &'static str = "greet";
///     type Output = String;
///     async fn call(self, ctx: &Ctx<()>) -> Result<String, ToolError> {
///         let Name { name } = ctx.elicit("name", "Who are you?").await?.accepted()?;
///         Ok(format!("Hello, {name}."))
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let catalog = || Catalog::new().tool::<Greet>();
/// let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
/// let result = both_eras(catalog, || (), "greet", json!({}), [("name", answer)]).await;
/// assert_eq!(result["content"][0]["text"], "Hello, Ada.");
/// # });
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// # Panics
/// When the eras differ, the tool is refused, a round asks something else when it is run again, or
/// nobody answers.
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
    let mut script = Answers::default();
    for (key, answer) in answers {
        script.0.entry(key.to_owned()).or_default().push_back(answer);
    }
    let request = || {
        let params = Params::from(&json!({ "name": tool, "arguments": arguments }));
        ClientRequest::decode(Method::CallTool, Some(&params)).expect("a name and arguments")
    };
    let clock = Clock::manual(Timestamp::from_secs(0));
    let legacy = in_flight(&clock, legacy(&features(), request(), script.clone(), &clock)).await;
    let clock = Clock::manual(Timestamp::from_secs(0));
    let modern = in_flight(&clock, modern(&features(), request, script, &clock)).await;
    assert_eq!(legacy, modern, "the eras differ");
    modern
}

/// What is left to answer, by key.
#[derive(Clone, Default)]
struct Answers(BTreeMap<String, VecDeque<Value>>);

impl Answers {
    fn next(&mut self, key: &str) -> Value {
        let answers = self.0.get_mut(key).unwrap_or_else(|| panic!("no answer to `{key}`"));
        answers.pop_front().unwrap_or_else(|| {
            panic!("`{key}` is asked again: its answer was unusable, or its question has changed")
        })
    }
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
    let capabilities = json!({ "elicitation": { "form": {}, "url": {} }, "sampling": { "tools": {} }, "roots": {} });
    let capabilities: ClientCapabilities =
        serde_json::from_value(capabilities).expect("they are capabilities");
    let profile = ClientProfile { revision, capabilities, info: None };
    Peer { profile, progress_token: None, log_level: None }
}

fn call(client: Arc<dyn Client>, clock: &Clock, entropy: Entropy) -> Call {
    Call {
        client,
        principal: Arc::new(Principal::anonymous()),
        clock: clock.clone(),
        entropy,
        cancelled: CancellationToken::new(),
        changes: Arc::new(NoFeed),
        lent: Lent { state: Arc::new(TestState::default()), ..Lent::default() },
    }
}

fn read(result: Result<ServerResult, Refusal>) -> Value {
    serde_json::to_value(result.expect("the tool is not refused")).expect("a result is JSON")
}

async fn legacy(
    features: &Features,
    request: ClientRequest,
    answers: Answers,
    clock: &Clock,
) -> Value {
    let client =
        Arc::new(Scripted { peer: peer(Revision::V2025_11_25), answers: Mutex::new(answers) });
    read(features.dispatch(request, call(client, clock, Entropy::seeded(1))).await)
}

async fn modern(
    features: &Features,
    request: impl Fn() -> ClientRequest,
    mut answers: Answers,
    clock: &Clock,
) -> Value {
    let sealer = Sealer::new(vec![SealKey::new([7; 32])]);
    let mut journal = Journal::default();
    loop {
        match round(features, request(), journal, clock, Entropy::seeded(1)).await {
            Outcome::Complete(result) => return read(result),
            Outcome::InputRequired { questions, journal: learnt } => {
                let again = repeated(features, request(), learnt.clone()).await;
                assert_eq!(again.as_ref(), Some(&questions), "run again, it asks something else");
                let now = Timestamp::from_secs(0);
                let state = sealer.seal(learnt, &BINDING, now, &Entropy::seeded(2));
                let opened = sealer.open(&state.expect("it can be sealed"), &BINDING, now);
                let settled = questions.into_keys().map(|key| {
                    let answer = answers.next(&key);
                    (key, answer)
                });
                journal = opened.expect("it can be opened").with_answers(settled.collect());
            }
        }
    }
}

async fn round(
    features: &Features,
    request: ClientRequest,
    journal: Journal,
    clock: &Clock,
    entropy: Entropy,
) -> Outcome<Result<ServerResult, Refusal>> {
    let replay = Replay::new(journal, peer(Revision::V2026_07_28), Arc::new(Silence));
    let call = call(replay.clone(), clock, entropy);
    replay.drive(features.dispatch(request, call)).await
}

/// What a round asks when it is run once more, a day later; nothing if it does not ask.
async fn repeated(
    features: &Features,
    request: ClientRequest,
    journal: Journal,
) -> Option<BTreeMap<String, InputRequest>> {
    let later = Clock::manual(Timestamp::from_secs(24 * 60 * 60));
    let again = round(features, request, journal, &later, Entropy::seeded(3));
    match in_flight(&later, again).await {
        Outcome::InputRequired { questions, .. } => Some(questions),
        Outcome::Complete(_) => None,
    }
}

/// A session's client that answers from a list.
struct Scripted {
    peer: Peer,
    answers: Mutex<Answers>,
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
            Ok(answers.next(key))
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
