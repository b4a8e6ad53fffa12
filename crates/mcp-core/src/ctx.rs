//! The one object a feature sees of the outside world.

use std::sync::{Arc, Mutex, PoisonError};

use ambient::{Clock, Entropy};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use shared::mcp::{
    ClientCapabilities, ElicitAction, ElicitParams, ElicitResult, InputRequest, ListRootsResult,
    LogLevel, LogParams, ProgressParams, Root, ServerNotification, UrlMode, misfit,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Change, ChangeFeed, NoState, NoVitals, NoWeb, Principal, State, StateStore, ToolError, Vitals,
    Web, arguments,
    flow::{AskError, Client, Peer, Steps},
    form::Form,
    page_address,
};

/// How often a question is put before the call goes on without a usable answer, in however many
/// rounds.
const ATTEMPTS: usize = 3;

/// What a call is made with: who calls, how the client is reached, and the outside world.
#[derive(Clone)]
pub struct Call {
    /// The era seam.
    pub client: Arc<dyn Client>,
    /// Who calls.
    pub principal: Arc<Principal>,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// Cancelled when nobody wants the result any more.
    pub cancelled: CancellationToken,
    /// Carries what features announce.
    pub changes: Arc<dyn ChangeFeed>,
    /// What the server lends to features.
    pub lent: Lent,
}

/// What a server lends to the features that it runs; nothing by default.
#[derive(Clone)]
pub struct Lent {
    /// Where features keep what outlives a call.
    pub state: Arc<dyn StateStore>,
    /// How the server is.
    pub vitals: Arc<dyn Vitals>,
    /// What the server reaches.
    pub web: Arc<dyn Web>,
    /// The session that the call belongs to; none in the modern era.
    pub session: Option<Arc<str>>,
}

impl Default for Lent {
    fn default() -> Self {
        let (state, vitals, web) = (Arc::new(NoState), Arc::new(NoVitals), Arc::new(NoWeb));
        Self { state, vitals, web, session: None }
    }
}

impl Call {
    /// The state that this call may reach.
    pub(crate) fn state(&self) -> State<'_> {
        State {
            store: &*self.lent.state,
            principal: &self.principal,
            session: self.lent.session.as_deref(),
        }
    }
}

/// Everything a feature may reach. Borrowed, never cloned: a call cannot outlive its request.
///
/// A function that asks may run again from the top after its question. What it has asked is
/// answered from memory; what it does to the world goes into [`step`](Self::step).
pub struct Ctx<S> {
    pub(crate) app: Arc<S>,
    pub(crate) call: Call,
    /// How far the call was when it said so last.
    pub(crate) reached: Mutex<Option<f64>>,
}

/// What the user made of a form or a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elicited<T> {
    /// Filled in, or agreed to.
    Accepted(T),
    /// Refused.
    Declined,
    /// Put aside.
    Cancelled,
}

impl<T> Elicited<T> {
    /// The answer, or the tool error that says there is none.
    ///
    /// # Errors
    /// When the user declined or cancelled.
    pub fn accepted(self) -> Result<T, ToolError> {
        match self {
            Self::Accepted(answer) => Ok(answer),
            Self::Declined => Err(ToolError::failed("The user declined.")),
            Self::Cancelled => Err(ToolError::failed("The user cancelled.")),
        }
    }
}

impl<S: Send + Sync> Ctx<S> {
    /// What the features of this server share.
    #[must_use]
    pub fn app(&self) -> &S {
        &self.app
    }

    /// Who calls.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.call.principal
    }

    /// What is known of the caller's program.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        self.call.client.peer()
    }

    /// Time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.call.clock
    }

    /// Randomness.
    #[must_use]
    pub fn entropy(&self) -> &Entropy {
        &self.call.entropy
    }

    /// Tells when nobody wants the result any more. A call that awaits is dropped then; one that
    /// computes for long looks here.
    #[must_use]
    pub fn cancelled(&self) -> &CancellationToken {
        &self.call.cancelled
    }

    /// What is kept beyond this call.
    #[must_use]
    pub fn state(&self) -> State<'_> {
        self.call.state()
    }

    /// The name of the session of this call; none in the modern era. Nobody else may see it.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.call.lent.session.as_deref()
    }

    /// The public web.
    #[must_use]
    pub fn web(&self) -> &dyn Web {
        &*self.call.lent.web
    }

    /// How the server is.
    #[must_use]
    pub fn vitals(&self) -> &dyn Vitals {
        &*self.call.lent.vitals
    }

    /// Tells everybody who listens that something has changed.
    pub async fn announce(&self, change: Change) {
        self.call.changes.announce(change).await;
    }

    /// Tells those who listen for the session of this call, or for its caller where there are no
    /// sessions, that what is theirs has changed: that of a [shelf](State::shelf), for example.
    pub async fn announce_own(&self, changes: Vec<Change>) {
        self.announce(Change::Of { owner: self.state().owner(), changes }).await;
    }

    /// Tells those who listen for the caller, in any session or without one: of what has a name of
    /// the caller's own, for example.
    pub async fn announce_to_caller(&self, changes: Vec<Change>) {
        let owner = self.state().caller();
        self.announce(Change::Of { owner, changes }).await;
    }

    /// Lets the connection go while the call runs on, for a call that will take long: the client comes
    /// back for the answer. Only sessions can; elsewhere nothing happens.
    pub async fn let_go(&self) {
        self.call.client.let_go().await;
    }

    /// Goes on as a task, where the client can follow one: it is answered now with the name of the
    /// task, and asks for what comes of it later. Elsewhere the client waits, and nothing happens;
    /// so it is where the caller has as many tasks as it may.
    ///
    /// What is asked before this is part of the call; it is answered first. What is asked afterwards
    /// is asked by the task. The tool says that it may with [`Info::task`](crate::Info::task).
    ///
    /// # Errors
    /// When the caller has as many tasks as it may and the tool is called as one only, and when a task
    /// cannot be kept.
    pub async fn become_task(&self) -> Result<(), ToolError> {
        self.call.client.become_task().await.map_err(ToolError::Failed)
    }

    /// Says where a task is, in words that its client sees when it asks. A call that is none says
    /// nothing.
    pub async fn status(&self, message: &str) {
        self.call.client.status(message).await;
    }

    /// Tells the client how far the call is, if it wants to know. Progress only grows: what is not
    /// farther than the last time, or no number, is not told (2026-07-28 basic/patterns/progress).
    /// `total` is a number, or `None` while nobody knows it.
    pub async fn progress(&self, done: f64, total: impl Into<Option<f64>>, message: &str) {
        let total = total.into().filter(|total| total.is_finite());
        let Some(token) = self.peer().progress_token.clone() else { return };
        if !self.reaches(done) {
            return;
        }
        let message =
            self.peer().profile.revision.has_tool_annotations().then(|| message.to_owned());
        let params = ProgressParams { progress_token: token, progress: done, total, message };
        self.call.client.notify(ServerNotification::Progress(params)).await;
    }

    fn reaches(&self, done: f64) -> bool {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let farther = done.is_finite() && reached.is_none_or(|last| done > last);
        if farther {
            *reached = Some(done);
        }
        farther
    }

    /// Tells the client something for its log, if it wants that level. Deprecated by the newest
    /// revision, which still has it.
    pub async fn log(&self, level: LogLevel, logger: Option<&str>, data: Value) {
        if self.peer().log_level.is_none_or(|least| level < least) {
            return;
        }
        let params = LogParams { level, logger: logger.map(str::to_owned), data };
        self.call.client.notify(ServerNotification::Log(params)).await;
    }

    /// Whether the user can be asked to fill in a form: the revision has forms, and the client has
    /// declared that it shows them.
    #[must_use]
    pub fn can_elicit(&self) -> bool {
        let profile = &self.peer().profile;
        profile.revision.has_elicitation() && profile.capabilities.has_form_elicitation()
    }

    /// Asks the user to fill in a form shaped like `T`: a flat struct of simple fields. An answer
    /// that does not keep to the form, its ranges and lengths included, is asked for again; the third
    /// ends the call.
    ///
    /// # Errors
    /// When the client cannot be asked at all, or gives no usable answer. A refusal is an answer, not
    /// an error.
    ///
    /// # Panics
    /// When `T` is no form; it is the same for every call, so the first test finds it.
    pub async fn elicit<T: JsonSchema + DeserializeOwned + 'static>(
        &self,
        key: &str,
        message: &str,
    ) -> Result<Elicited<T>, AskError> {
        let form = Form::of::<T>();
        let requested_schema = form.schema.clone();
        let params = ElicitParams::Form { message: message.to_owned(), requested_schema };
        self.ask(key, &InputRequest::Elicit(params), |answer| {
            let result = elicited(answer)?;
            Ok(match result.action {
                ElicitAction::Accept => {
                    let content = Value::Object(result.content.unwrap_or_default());
                    form.constraints.check(&content)?;
                    Elicited::Accepted(arguments::filled_in(content)?)
                }
                ElicitAction::Decline => Elicited::Declined,
                ElicitAction::Cancel => Elicited::Cancelled,
            })
        })
        .await
    }

    /// Asks the user to go to a page. Acceptance means that the user went, not that anything is
    /// done there.
    ///
    /// The page has an absolute https address; http is for this machine. Neither a user name nor a
    /// password is in it, nor should be anything that is secret or lets in whoever has the address:
    /// people say on the page itself who they are.
    ///
    /// # Errors
    /// When the client cannot be asked at all; when people are not sent to such an address, which
    /// `?` makes an internal error with a line in the log.
    pub async fn elicit_url(
        &self,
        key: &str,
        message: &str,
        url: &str,
    ) -> Result<Elicited<()>, AskError> {
        page_address::check(url).map_err(|why| AskError::NoPage { key: key.to_owned(), why })?;
        let (message, url) = (message.to_owned(), url.to_owned());
        // Only 2025-11-25 names the question; the key is unique in the call and stable.
        let sessions = self.peer().profile.revision.has_stream_polling();
        let elicitation_id = sessions.then(|| key.to_owned());
        let params = ElicitParams::Url { mode: UrlMode::Url, message, url, elicitation_id };
        self.ask(key, &InputRequest::Elicit(params), |answer| {
            Ok(match elicited(answer)?.action {
                ElicitAction::Accept => Elicited::Accepted(()),
                ElicitAction::Decline => Elicited::Declined,
                ElicitAction::Cancel => Elicited::Cancelled,
            })
        })
        .await
    }

    /// Asks which folders matter. Deprecated by the newest revision, which still has it.
    ///
    /// # Errors
    /// When the client cannot be asked at all, or refuses.
    pub async fn roots(&self, key: &str) -> Result<Vec<Root>, AskError> {
        self.ask(key, &InputRequest::Roots {}, |answer| {
            let result: ListRootsResult =
                serde_json::from_value(answer).map_err(|wrong| misfit(&wrong))?;
            Ok(result.roots)
        })
        .await
    }

    /// Runs `work` once per call, however many rounds the call takes. Its result travels, sealed,
    /// through the client; a failure is not remembered.
    ///
    /// # Errors
    /// Whatever `work` fails with.
    pub async fn step<T, E, F>(&self, key: &str, work: impl FnOnce() -> F) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, E>>,
    {
        let steps = self.call.client.steps();
        let recorded = steps.recorded(key).and_then(|value| serde_json::from_value(value).ok());
        if let Some(value) = recorded {
            return Ok(value);
        }
        let mut running = Running::begin(steps);
        let value = work().await?;
        running.recorded = serde_json::to_value(&value).ok().map(|value| (key.to_owned(), value));
        Ok(value)
    }

    /// Whether a question may be put to the client: its revision has it, and it has declared it.
    pub(crate) fn may_ask(&self, question: &InputRequest) -> bool {
        let profile = &self.peer().profile;
        question.is_in(profile.revision) && question.is_for(&profile.capabilities)
    }

    /// Asks, if that may be asked, and asks again while the answer cannot be read. `read` says what
    /// is wrong with it.
    pub(crate) async fn ask<T>(
        &self,
        key: &str,
        question: &InputRequest,
        read: impl Fn(Value) -> Result<T, String>,
    ) -> Result<T, AskError> {
        if !self.may_ask(question) {
            let is_in_revision = question.is_in(self.peer().profile.revision);
            return Err(self.cannot_ask(is_in_revision, question.needed()));
        }
        let mut tried = 0;
        loop {
            let answer = self.call.client.ask(key, question).await?;
            // Every answer is an object: a derived type would read a list of members as well.
            let found = if answer.is_object() { read(answer) } else { Err(NO_OBJECT.to_owned()) };
            let why = match found {
                Ok(answer) => return Ok(answer),
                Err(why) => why,
            };
            tried += 1;
            // The last one stays where it is: whoever runs the call again comes to the same end.
            if tried + self.call.client.discarded(key) >= ATTEMPTS {
                return Err(AskError::Unusable { key: key.to_owned(), why });
            }
            self.call.client.discard(key);
        }
    }

    /// Why a question is not put to the client: its revision does not have it, or the client has not
    /// declared what it would have to.
    pub(crate) fn cannot_ask(&self, is_in_revision: bool, needed: ClientCapabilities) -> AskError {
        let needed = Box::new(needed);
        if is_in_revision {
            AskError::Unsupported(needed)
        } else {
            AskError::NotInRevision { needed, revision: self.peer().profile.revision }
        }
    }
}

/// An answer that is none.
const NO_OBJECT: &str = "must be an object";

/// What the user made of a form or a page.
fn elicited(answer: Value) -> Result<ElicitResult, String> {
    serde_json::from_value(answer).map_err(|wrong| misfit(&wrong))
}

/// Keeps a call from being parked while a step is half done.
struct Running<'a> {
    steps: &'a dyn Steps,
    recorded: Option<(String, Value)>,
}

impl<'a> Running<'a> {
    fn begin(steps: &'a dyn Steps) -> Self {
        steps.begin();
        Self { steps, recorded: None }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let recorded = self.recorded.take();
        self.steps.end(recorded.as_ref().map(|(key, value)| (key.as_str(), value.clone())));
    }
}
