//! An MCP resource server: every revision of the protocol on one endpoint.
//!
//! A request goes one way: `http` takes it, `auth` says who calls, `era` says what is spoken,
//! `mcp_core` runs the feature, and the answer goes back through the same rooms. [`features`] is
//! what a fork replaces; nothing else knows what is offered.
//!
//! ```no_run
//! # async fn run(config: mcp_server::Config, parts: mcp_server::Parts) -> Result<(), Box<dyn std::error::Error>> {
//! use mcp_core::Features;
//! use mcp_server::{Server, features};
//!
//! let offered = Features::new(features::server(), features::catalog(), features::App::default());
//! let server = Server::new(config, offered, parts)?;
//! let app: chassis::App = server.app();
//! # let _ = app;
//! # Ok(())
//! # }
//! ```

mod auth;
pub mod cli;
mod config;
mod connect;
mod doctor;
mod era;
mod feature_state;
pub mod features;
mod flow;
mod http;
mod metrics;
mod operation;
mod pace;
mod quota;
mod rhythms;
pub mod run;
mod session;
mod stdio;
mod subscriptions;
mod tasks;
mod vitals;
mod web;

use std::{sync::Arc, time::Duration};

use ambient::{Clock, Entropy};
use axum::Router;
use chassis::{App, Lifecycle, telemetry::Telemetry};
use mcp_core::{
    Call, ChangeFeed, Features, Lent, NoFeed, Principal,
    flow::{Journal, Peer, Replay, SealKey, Sealer},
};
use shared::mcp::{ClientCapabilities, ClientProfile, Revision};
use store::Store;
use tokio_util::sync::CancellationToken;

pub use self::config::{
    AuthConfig, AuthSettings, CacheSettings, ClientAuth, ClientKey, Config, Credentials, Discovery,
    JwksSettings, Outage, PageSettings, PlainHosts, Profile, SessionCheck, TraceAddress,
    Validation,
};
use self::{
    auth::Auth,
    feature_state::FeatureState,
    flow::Flow,
    http::Guard,
    metrics::McpMetrics,
    operation::Operations,
    pace::Pace,
    quota::Streams,
    session::{Control, Instances, Keeper, Near, SessionId, Sessions, calls::Calls},
    subscriptions::Feed,
    tasks::Tasks,
    vitals::Vitals,
};
pub use self::{quota::StreamLimits, session::SessionLimits};

/// The longest that any call may take.
pub(crate) const CALL_LIMIT: Duration = Duration::from_mins(15);

/// What the outside world provides.
#[derive(Clone)]
pub struct Parts {
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// State.
    pub store: Store,
    /// Start and end of the process.
    pub lifecycle: Lifecycle,
}

/// The server. Cheap to clone.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    config: Config,
    features: Features,
    parts: Parts,
    auth: Option<Arc<Auth>>,
    anonymous: Arc<Principal>,
    guard: Guard,
    sessions: Sessions,
    keeper: Keeper,
    instances: Instances,
    tasks: Tasks,
    feed: Arc<Feed>,
    calls: Calls,
    streams: Streams,
    pace: Pace,
    control: Control,
    sealer: Sealer,
    vitals: Vitals,
    lent: Lent,
    telemetry: Telemetry,
    metrics: McpMetrics,
    operations: Operations,
    flow: Flow,
}

/// The server could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Tokens cannot be checked.
    #[error(transparent)]
    Auth(#[from] StartAuthError),
}

/// Why tokens cannot be checked.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StartAuthError(#[from] auth::OutboundStartError);

/// The authorization server answers, and tokens cannot be checked with what it says.
#[derive(Debug, thiserror::Error)]
#[error("the authorization server {issuer} is of no use: {why}")]
pub struct UnusableAuthServer {
    issuer: String,
    why: Arc<auth::DiscoveryError>,
}

/// What is remembered of sessions, if anything is.
fn near(config: &Config, clock: &Clock) -> Near {
    match config.session_check {
        SessionCheck::Near => Near::new(clock, config.sessions.idle),
        SessionCheck::Strict => Near::default(),
    }
}

impl Server {
    /// A server that offers `features`. It begins to look after its authorization server at once.
    pub fn new(config: Config, features: Features, parts: Parts) -> Result<Self, StartError> {
        Self::observed(config, features, parts, Telemetry::off())
    }

    /// The same, measured by `telemetry`.
    pub fn observed(
        config: Config,
        features: Features,
        parts: Parts,
        telemetry: Telemetry,
    ) -> Result<Self, StartError> {
        let metrics = McpMetrics::new(telemetry.metrics(), config.base.is_https(), &parts.clock);
        let instances = Instances::new(&parts.store, &parts.entropy);
        let flow = Flow::start(config.pages.flow, &parts, instances.own());
        let auth = match &config.auth {
            AuthConfig::Off => None,
            AuthConfig::Required(settings) => {
                let seen = (&metrics, &flow);
                let started = Auth::start(settings, &parts, config.base.to_string(), seen);
                Some(started.map_err(StartAuthError)?)
            }
        };
        if let Some(auth) = auth.clone() {
            metrics::observe_auth(telemetry.metrics(), &auth);
        }
        let instruments = (metrics.instruments(), &flow);
        let operations = Operations::new(instruments, &parts.clock, features.names());
        let calls = Calls::default();
        let sessions = Sessions::new(&parts.store, &parts.clock, config.sessions, instances.own());
        let sessions = sessions.remembering(near(&config, &parts.clock)).shown_in(&flow);
        let control = Control::new(&parts.store, calls.clone(), &sessions).shown_in(&flow);
        let feed = Feed::new(&parts.store, &parts.clock, &flow);
        look_after(&parts, (control.clone(), feed.clone()), instances.clone(), calls.clone());
        let tasks = Tasks::new(&parts.store, &instances, &parts.clock, &parts.entropy);
        let vitals = Vitals::new(&parts.store, &parts.clock, &parts.entropy, config.sessions.idle);
        let reporting = vitals.clone().report(metrics.clone(), parts.lifecycle.stopping());
        parts.lifecycle.spawn(reporting);
        let lent = Lent {
            state: Arc::new(FeatureState::new(&parts.store)),
            vitals: Arc::new(vitals.clone()),
            web: Arc::new(web::PublicWeb::new()),
            session: None,
        };
        let (vitals_of_all, state) = (Arc::clone(&lent.vitals), Arc::clone(&lent.state));
        let seen_by_all = (vitals_of_all, state, config.sessions.in_all);
        let bus = parts.store.bus();
        metrics::observe_fleet(telemetry.metrics(), seen_by_all, features.metered(), &bus);
        Ok(Self(Arc::new(Inner {
            lent,
            auth,
            anonymous: Arc::new(Principal::anonymous()),
            guard: Guard::new(&config),
            keeper: Keeper::new(&sessions, &vitals, &parts.lifecycle),
            vitals,
            sessions,
            instances,
            tasks,
            feed: Arc::new(feed),
            calls,
            streams: Streams::new(config.streams),
            pace: Pace::new(config.requests_per_second, &parts.clock),
            control,
            sealer: sealer(&config, &parts.entropy),
            config,
            features,
            parts,
            telemetry,
            metrics,
            operations,
            flow,
        })))
    }

    /// All of its URLs.
    #[must_use]
    pub fn app(&self) -> App {
        http::app(self)
    }

    /// Shows on the flow page what comes to an authorization server in the same process. Where the
    /// page is off, the router is what it was.
    pub fn showing(&self, authorization_server: Router) -> Router {
        self.flow().around_authorization(authorization_server)
    }

    /// Serves one client over lines of text, such as standard input and output, until its input ends.
    /// There is no authorization.
    ///
    /// # Errors
    /// When the input cannot be read or the output cannot be written.
    pub async fn serve_lines(
        &self,
        input: impl tokio::io::AsyncBufRead + Unpin,
        output: impl tokio::io::AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        stdio::serve(self, input, output).await
    }

    /// Whether protected requests are answered: the authorization server is, or none is needed.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.0.auth.as_ref().is_none_or(|auth| auth.is_available())
    }

    /// Waits until [`is_available`](Self::is_available) may have changed.
    pub async fn availability_changed(&self) {
        match &self.0.auth {
            Some(auth) => auth.availability_changed().await,
            None => std::future::pending().await,
        }
    }

    /// Waits until the authorization server has been looked at for the first time; ends only if it
    /// is of no use with these settings. What happens later is an outage.
    pub async fn unusable(&self) -> UnusableAuthServer {
        if let Some(auth) = &self.0.auth
            && let Some(why) = auth.first_finding().await
        {
            return UnusableAuthServer { issuer: auth.issuer().to_owned(), why };
        }
        std::future::pending().await
    }

    fn config(&self) -> &Config {
        &self.0.config
    }

    fn features(&self) -> &Features {
        &self.0.features
    }

    fn clock(&self) -> &Clock {
        &self.0.parts.clock
    }

    fn entropy(&self) -> &Entropy {
        &self.0.parts.entropy
    }

    fn store(&self) -> &Store {
        &self.0.parts.store
    }

    fn lifecycle(&self) -> &Lifecycle {
        &self.0.parts.lifecycle
    }

    fn auth(&self) -> Option<&Auth> {
        self.0.auth.as_deref()
    }

    fn anonymous(&self) -> &Arc<Principal> {
        &self.0.anonymous
    }

    fn guard(&self) -> &Guard {
        &self.0.guard
    }

    fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    fn keeper(&self) -> &Keeper {
        &self.0.keeper
    }

    fn pace(&self) -> &Pace {
        &self.0.pace
    }

    fn instances(&self) -> &Instances {
        &self.0.instances
    }

    fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    fn feed(&self) -> &Feed {
        &self.0.feed
    }

    /// Where calls announce what they change.
    fn changes(&self) -> Arc<dyn ChangeFeed> {
        self.0.feed.clone()
    }

    fn calls(&self) -> &Calls {
        &self.0.calls
    }

    fn streams(&self) -> &Streams {
        &self.0.streams
    }

    fn control(&self) -> &Control {
        &self.0.control
    }

    fn sealer(&self) -> &Sealer {
        &self.0.sealer
    }

    fn vitals(&self) -> &Vitals {
        &self.0.vitals
    }

    /// What the features that a call runs may use, in a session or without one.
    fn lent(&self, session: Option<&SessionId>) -> Lent {
        Lent { session: session.map(|id| Arc::from(id.as_str())), ..self.0.lent.clone() }
    }

    fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    fn metrics(&self) -> &McpMetrics {
        &self.0.metrics
    }

    fn flow(&self) -> &Flow {
        &self.0.flow
    }

    fn operations(&self) -> &Operations {
        &self.0.operations
    }

    /// A call of the server's own, for what it shows to people: nobody can be asked anything.
    fn own_call(&self) -> Call {
        let profile = ClientProfile {
            revision: Revision::V2026_07_28,
            capabilities: ClientCapabilities::default(),
            info: None,
        };
        let peer = Peer { profile, progress_token: None, log_level: None };
        Call {
            client: Replay::new(Journal::default(), peer, Arc::new(mcp_core::flow::Silence)),
            principal: Arc::clone(self.anonymous()),
            clock: self.clock().clone(),
            entropy: self.entropy().clone(),
            cancelled: CancellationToken::new(),
            changes: Arc::new(NoFeed),
            lent: Lent::default(),
        }
    }
}

/// What seals the state of calls that wait for their clients: with the operator's key, or with one of
/// this process alone.
fn sealer(config: &Config, entropy: &Entropy) -> Sealer {
    let chosen = config.state_key.as_ref().and_then(|key| config::decode_hex(key.expose()));
    Sealer::new(vec![SealKey::new(chosen.unwrap_or_else(|| entropy.bytes()))])
}

/// Listens to the other instances and gives them signs of life, until the end. Calls may go on after
/// a stop has begun, and then this does too; it does not keep the process from ending.
fn look_after(parts: &Parts, (control, feed): (Control, Feed), instances: Instances, calls: Calls) {
    let (clock, stopping) = (parts.clock.clone(), parts.lifecycle.stopping());
    let done = async move {
        stopping.await;
        calls.none_left().await;
    };
    parts.lifecycle.spawn(async move {
        tokio::select! {
            biased;
            () = control.listen(&clock) => {}
            () = feed.carry() => {}
            () = instances.beat(&clock) => {}
            () = done => {}
        }
        feed.finish().await;
        instances.leave().await;
    });
}
