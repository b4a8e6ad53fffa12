//! A caller who asks the features of one server any number of times, in one era.

use std::sync::{Arc, Mutex, PoisonError};

use ambient::{Clock, Entropy, Timestamp};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use shared::mcp::{
    ClientCapabilities, ClientRequest, Era, Implementation, Method, Params, ProgressToken,
    Revision, ServerNotification,
};
use tokio_util::sync::CancellationToken;

use super::{TestState, in_flight, peer};
use crate::{
    Beats, Call, Catalog, Change, ChangeFeed, Features, Lent, Owners, Principal, Refusal, Vitals,
    Web,
    flow::{Journal, NoteSink, Outcome, Replay},
};

/// A caller in a world of one server. Others of the same world are made from it.
///
/// It asks what features answer without questions; for those see [`both_eras`](super::both_eras).
#[derive(Clone)]
pub struct Asker {
    features: Features,
    revision: Revision,
    principal: Arc<Principal>,
    lent: Lent,
    capabilities: Option<ClientCapabilities>,
    clock: Clock,
    entropy: Entropy,
    changes: Arc<Announcements>,
}

impl Asker {
    /// One caller in each era, each in a world of its own: the older one in a session.
    pub fn both<S: Send + Sync + 'static>(
        catalog: impl Fn() -> Catalog<S>,
        app: impl Fn() -> S,
    ) -> [Self; 2] {
        [Revision::V2025_11_25, Revision::V2026_07_28]
            .map(|revision| Self::new(revision, catalog(), app()))
    }

    /// A caller that speaks `revision`.
    pub fn new<S: Send + Sync + 'static>(revision: Revision, catalog: Catalog<S>, app: S) -> Self {
        let session = (revision.era() == Era::Legacy).then(|| Arc::from("session-1"));
        let state = Arc::new(TestState::default());
        Self {
            features: Features::new(Implementation::new("test", "1"), catalog, app),
            revision,
            principal: Arc::new(Principal::anonymous()),
            lent: Lent { state, session, ..Lent::default() },
            capabilities: None,
            clock: Clock::manual(Timestamp::from_secs(1_800_000_000)),
            entropy: Entropy::seeded(1),
            changes: Arc::default(),
        }
    }

    /// Another user of the same server.
    #[must_use]
    pub fn user(&self, name: &str) -> Self {
        let principal = Principal { user: Some(name.to_owned()), ..Principal::anonymous() };
        Self { principal: Arc::new(principal), ..self.clone() }
    }

    /// The same user in another session; without sessions, the same.
    #[must_use]
    pub fn session(&self, id: &str) -> Self {
        let session = self.lent.session.as_ref().map(|_| Arc::from(id));
        Self { lent: Lent { session, ..self.lent.clone() }, ..self.clone() }
    }

    /// The same on a server that tells this of itself.
    #[must_use]
    pub fn vitals(&self, vitals: Arc<dyn Vitals>) -> Self {
        Self { lent: Lent { vitals, ..self.lent.clone() }, ..self.clone() }
    }

    /// The same on a server that reaches this much of the web.
    #[must_use]
    pub fn web(&self, web: Arc<dyn Web>) -> Self {
        Self { lent: Lent { web, ..self.lent.clone() }, ..self.clone() }
    }

    /// The same with these scopes alone.
    #[must_use]
    pub fn scoped(&self, scopes: &[&str]) -> Self {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let principal = Principal { scopes, ..(*self.principal).clone() };
        Self { principal: Arc::new(principal), ..self.clone() }
    }

    /// The same with a client that declares these capabilities, instead of all that are answered.
    ///
    /// # Panics
    /// When they are none.
    #[must_use]
    pub fn able(&self, capabilities: Value) -> Self {
        let capabilities = serde_json::from_value(capabilities).expect("they are capabilities");
        Self { capabilities: Some(capabilities), ..self.clone() }
    }

    /// The name of the session.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.lent.session.as_deref()
    }

    /// What the server says it can do.
    ///
    /// # Panics
    /// Never: capabilities are JSON.
    #[must_use]
    pub fn capabilities(&self) -> Value {
        serde_json::to_value(self.features.capabilities(self.revision)).expect("they are JSON")
    }

    /// The caller's clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What has been announced in this world since this was asked last, and concerns this caller.
    #[must_use]
    pub fn announced(&self) -> Vec<Change> {
        let owners = Owners::of(&self.principal, self.session_id());
        let all = &mut *self.changes.0.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = std::mem::take(all).into_iter().flat_map(|change| match change {
            Change::Of { owner, changes } if owners.include(&owner) => changes,
            Change::Of { .. } => Vec::new(),
            of_all => vec![of_all],
        });
        heard.collect()
    }

    /// What is told again and again on a stream of the caller.
    #[must_use]
    pub fn beats(&self) -> Beats {
        let (principal, clock) = (Arc::clone(&self.principal), self.clock.clone());
        self.features.beats(self.lent.clone(), principal, clock, self.entropy.clone())
    }

    /// Asks; gives the result as JSON.
    ///
    /// # Errors
    /// What the features refuse.
    ///
    /// # Panics
    /// When the parameters are not those of the method, or something is asked of the client.
    pub async fn ask(&self, method: Method, params: Value) -> Result<Value, Refusal> {
        self.asked(method, params, Journal::default(), Arc::default()).await
    }

    /// Asks, and brings the answers to what will be asked, by key; gives the result as JSON.
    ///
    /// # Errors
    /// What the features refuse.
    pub async fn answered(
        &self,
        method: Method,
        params: Value,
        answers: impl IntoIterator<Item = (&str, Value)>,
    ) -> Result<Value, Refusal> {
        let answers = answers.into_iter().map(|(key, answer)| (key.to_owned(), answer)).collect();
        self.asked(method, params, Journal::unasked(answers), Arc::default()).await
    }

    /// Calls a tool; gives its result.
    ///
    /// # Panics
    /// When the call is refused.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.ask(Method::CallTool, params).await.expect("the call is not refused")
    }

    /// Calls a tool and wants to know how far it is; gives its result and what it told.
    ///
    /// # Panics
    /// When the call is refused.
    pub async fn told(&self, tool: &str, arguments: Value) -> (Value, Vec<Value>) {
        let notes = Arc::<Notes>::default();
        let params = json!({ "name": tool, "arguments": arguments });
        let result =
            self.asked(Method::CallTool, params, Journal::default(), Arc::clone(&notes)).await;
        let notes = std::mem::take(&mut *notes.0.lock().unwrap_or_else(PoisonError::into_inner));
        (result.expect("the call is not refused"), notes)
    }

    /// Reads a resource; gives its one text.
    ///
    /// # Errors
    /// What the features refuse.
    pub async fn read(&self, uri: &str) -> Result<String, Refusal> {
        let result = self.ask(Method::ReadResource, json!({ "uri": uri })).await?;
        Ok(result["contents"][0]["text"].as_str().unwrap_or_default().to_owned())
    }

    async fn asked(
        &self,
        method: Method,
        params: Value,
        journal: Journal,
        notes: Arc<Notes>,
    ) -> Result<Value, Refusal> {
        let request = ClientRequest::decode(method, Some(&Params::from(&params)))
            .expect("the parameters are those of the method");
        let mut peer = peer(self.revision);
        if let Some(capabilities) = &self.capabilities {
            peer.profile.capabilities.clone_from(capabilities);
        }
        peer.progress_token = Some(ProgressToken::String("token".to_owned()));
        let replay = Replay::new(journal, peer, notes);
        let call = Call {
            client: replay.clone(),
            principal: Arc::clone(&self.principal),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            cancelled: CancellationToken::new(),
            changes: self.changes.clone(),
            lent: self.lent.clone(),
        };
        let work = replay.drive(self.features.dispatch(request, call));
        match in_flight(&self.clock, work).await {
            Outcome::Complete(result) => {
                result.map(|result| serde_json::to_value(result).expect("a result is JSON"))
            }
            Outcome::InputRequired { questions, .. } => panic!("it asks: {questions:?}"),
        }
    }
}

/// What was announced.
#[derive(Default)]
struct Announcements(Mutex<Vec<Change>>);

impl ChangeFeed for Announcements {
    fn announce(&self, change: Change) -> BoxFuture<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(change);
        Box::pin(std::future::ready(()))
    }
}

/// What a call tells before its end.
#[derive(Default)]
struct Notes(Mutex<Vec<Value>>);

impl NoteSink for Notes {
    fn send(&self, note: ServerNotification) -> BoxFuture<'_, ()> {
        let note = match note {
            ServerNotification::Progress(params) => serde_json::to_value(params),
            ServerNotification::Log(params) => serde_json::to_value(params),
            other => panic!("a call does not tell {other:?}"),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(note.expect("it is JSON"));
        Box::pin(std::future::ready(()))
    }
}
