//! An OAuth 2.1 authorization server for MCP, with a mock identity provider to log in at.
//!
//! `http` has an endpoint per file, `domain` the rules, `grants` what tokens are issued for, `repo`
//! what is kept, `upstream` where people log in, `idp` the mock among those, `pages` what people see. `documents` are what
//! clients publish about themselves, and `fetch` is the one way to get something from elsewhere.
//!
//! ```no_run
//! # fn run(config: auth_server::Config, parts: auth_server::Parts) -> Result<(), auth_server::StartError> {
//! use auth_server::AuthServer;
//!
//! let app: chassis::App = AuthServer::new(config, parts)?.app();
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! Any number of instances can run on one store: a flow that begins on one can end on another.

mod assertions;
mod audit;
mod clients_file;
pub mod commands;
mod config;
mod documents;
mod domain;
mod fetch;
mod grants;
mod guard;
mod http;
mod idp;
mod keys;
mod metrics;
mod pages;
mod repo;
pub mod run;
mod upstream;

use std::sync::Arc;

use ambient::{Clock, Entropy, Timestamp};
use axum::Router;
use chassis::{App, Lifecycle, telemetry::Telemetry};
use shared::oauth::ScopeSet;
use store::{Store, StoreError};
use url::Url;

pub use self::clients_file::GivenClients;
pub use self::config::{ClientDocuments, Config, Lifetimes, ResourceServer, TokenFormat};
pub use self::domain::Issuer;
pub use self::grants::TrustedIssuers;
pub use self::guard::{GuardSettings, Ladder, Rate, Step, TrustedProxies};
pub use self::keys::{SigningAlgorithm, SigningKeys};
pub use self::upstream::UpstreamSettings;
use self::{
    assertions::Assertions,
    documents::Documents,
    domain::{Allowance, Client, Offer, Resources},
    fetch::{Fetcher, Reach},
    guard::Guard,
    idp::Idp,
    keys::Keys,
    metrics::AuthMetrics,
    repo::Repo,
    upstream::Upstreams,
};

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
pub struct AuthServer(Arc<Inner>);

struct Inner {
    config: Config,
    parts: Parts,
    resources: Resources,
    repo: Repo,
    documents: Documents,
    guard: Guard,
    /// Those of clients.
    assertions: Assertions,
    /// Those of identity providers that the operator trusts.
    provider_assertions: Assertions,
    /// The mock, if it is there.
    idp: Option<Idp>,
    upstreams: Upstreams,
    keys: Keys,
    telemetry: Telemetry,
    metrics: AuthMetrics,
}

/// The server could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// [`Config::mcp_base`] is not a URL.
    #[error("the URL of the MCP server cannot be used")]
    McpBase(#[source] url::ParseError),
    /// The TLS library cannot be set up.
    #[error("the HTTP client cannot be made")]
    Http(#[from] reqwest::Error),
    /// The mock identity provider has no key.
    #[error("the key of the mock identity provider cannot be made")]
    MockKey,
}

impl AuthServer {
    /// A server with its mock identity provider.
    pub fn new(config: Config, parts: Parts) -> Result<Self, StartError> {
        Self::observed(config, parts, Telemetry::off())
    }

    /// The same, measured by `telemetry`.
    pub fn observed(
        config: Config,
        parts: Parts,
        telemetry: Telemetry,
    ) -> Result<Self, StartError> {
        let parts = Parts { store: config.sealed(&parts.store, &parts.entropy), ..parts };
        let metrics = AuthMetrics::new(telemetry.metrics(), config.issuer.is_https(), &parts.clock);
        let mcp_base = Url::parse(&config.mcp_base).map_err(StartError::McpBase)?;
        let policy = config.documents.clone();
        let reach = if policy.allow_private { Reach::Anywhere } else { Reach::Internet };
        let fetcher = |reach| Fetcher::new(reach, parts.clock.clone());
        let assertions = |fetcher| Assertions::new(fetcher, &parts.store, parts.clock.clone());
        let guard = Guard::new(config.guard.clone(), parts.clock.clone(), &parts.store);
        let callback = upstream::mock_callback(&config.issuer);
        let counted = metrics.clone();
        let mock = || Idp::new(&config.issuer, callback, &parts, guard.clone(), counted);
        let idp = config.upstreams.mock.then(mock).transpose().map_err(|_| StartError::MockKey)?;
        let (settings, issuer) = (&config.upstreams, &config.issuer);
        let upstreams = Upstreams::new(settings, issuer, idp.as_ref(), &parts.clock)?;
        Ok(Self(Arc::new(Inner {
            // A fetcher for each: what strangers make us fetch takes no place away from logins.
            assertions: assertions(fetcher(reach)?),
            // The operator has chosen these addresses, which may be in his own network.
            provider_assertions: assertions(fetcher(Reach::Anywhere)?),
            documents: Documents::new(fetcher(reach)?, policy, parts.clock.clone()),
            resources: Resources::of_mcp_server(&mcp_base),
            repo: Repo::new(&parts.store, &parts.clock, config.strangers.may_register),
            idp,
            upstreams,
            guard,
            keys: config.keys(&parts.store, &parts.clock, &parts.entropy),
            config,
            parts,
            telemetry,
            metrics,
        })))
    }

    /// All of its URLs, and a shortcut to the one that is asked most.
    #[must_use]
    pub fn app(&self) -> App {
        http::app(self)
    }

    /// All of its URLs, as a router to put layers around.
    pub fn router(&self) -> Router {
        http::router(self)
    }

    fn config(&self) -> &Config {
        &self.0.config
    }

    fn issuer(&self) -> &Issuer {
        &self.0.config.issuer
    }

    fn lifetimes(&self) -> &Lifetimes {
        &self.0.config.lifetimes
    }

    fn scopes(&self) -> &ScopeSet {
        &self.0.config.scopes
    }

    fn resources(&self) -> &Resources {
        &self.0.resources
    }

    fn repo(&self) -> &Repo {
        &self.0.repo
    }

    /// The client of this name: the operator's, or a registered one.
    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError> {
        if self.config().clients.blocks(id) {
            return Ok(None);
        }
        match self.config().clients.find(id) {
            Some(client) => Ok(Some(client.clone())),
            None => self.repo().clients.find(id).await,
        }
    }

    /// Whether the operator has blocked the client of this name, in the file or by a command.
    async fn is_blocked(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.config().clients.blocks(id) || self.repo().clients.standing(id).await?.is_blocked)
    }

    fn assertions(&self) -> &Assertions {
        &self.0.assertions
    }

    fn provider_assertions(&self) -> &Assertions {
        &self.0.provider_assertions
    }

    /// Whether the operator has registered the client of this name.
    fn is_given(&self, id: &str) -> bool {
        self.config().clients.find(id).is_some()
    }

    /// Whether a client may have browsers led to this address, if it has registered it: the operator's
    /// own may, others where he has named the host. What was registered before he named any, or is
    /// nowhere but in a document, is held to it by this.
    fn may_lead_to(&self, client: &str, uri: &str) -> bool {
        self.is_given(client) || self.config().redirect_hosts.allow(uri)
    }

    /// The scopes that a client can have. Those of the operator's own are limits, and a name is his
    /// or is not: what a client of that name says of itself is never asked.
    fn allowance<'a>(&'a self, client: &'a Client) -> Allowance<'a> {
        let (limit, wish) = match self.config().clients.find(&client.id) {
            Some(given) => (given.scope.as_ref(), None),
            None => (None, client.scope.as_ref()),
        };
        Allowance { scopes: self.scopes(), limit, wish }
    }

    /// What a client can ask for.
    fn offer<'a>(&'a self, client: &'a Client) -> Offer<'a> {
        Offer { resources: self.resources(), allowance: self.allowance(client) }
    }

    fn documents(&self) -> &Documents {
        &self.0.documents
    }

    fn guard(&self) -> &Guard {
        &self.0.guard
    }

    fn keys(&self) -> &Keys {
        &self.0.keys
    }

    fn idp(&self) -> Option<&Idp> {
        self.0.idp.as_ref()
    }

    fn upstreams(&self) -> &Upstreams {
        &self.0.upstreams
    }

    fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
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

    fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    fn metrics(&self) -> &AuthMetrics {
        &self.0.metrics
    }
}
