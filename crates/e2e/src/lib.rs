//! Both servers as one world, for the promises that they keep together.
//!
//! A [`World`] is real: routers on sockets, any number of instances of each server on one store,
//! in memory or in Redis, and a line that can be broken in front of the authorization server and of
//! Redis. Only time and settings are the test's.
//!
//! The helpers panic when something goes wrong, because that is how a test fails.
#![expect(clippy::missing_panics_doc, reason = "the front page says when helpers panic")]

mod instance;
mod login;
mod setup;

use std::time::Duration;

use ambient::Clock;
use chassis::{App, Lifecycle};
use serde_json::Value;
use testkit::{
    faults::Proxy,
    http::Http,
    oauth::OAuth,
    rpc::{Modern, Opening, Session},
};

pub use self::{
    instance::Instance,
    login::{Asking, CALLBACK, Login, approve, sign_in, walk},
    setup::{Backend, Setup},
};

/// Both servers, running. They end when this is dropped.
#[derive(Debug)]
pub struct World {
    /// The time of all servers.
    pub clock: Clock,
    /// The line to the first authorization server; its address is the issuer's, so everybody who
    /// asks the issuer goes through it.
    pub auth_line: Proxy,
    /// The line from every server to Redis, if there is one.
    pub redis_line: Option<Proxy>,
    /// The instances of the authorization server.
    pub auth: Vec<Instance>,
    /// The instances of the MCP server.
    pub mcp: Vec<Instance>,
    setup: Setup,
    state: setup::State,
}

impl World {
    /// One instance of each server, state in memory, on the machine's clock.
    pub async fn start() -> Self {
        Setup::new(Backend::Memory).start().await
    }

    /// The issuer's identifier, which is its address.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.setup.issuer(self.auth_line.address())
    }

    /// The MCP endpoint of the first instance, which is also the identifier of the resource.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.mcp[0].url("/mcp")
    }

    /// The MCP endpoint of any instance.
    #[must_use]
    pub fn endpoint_at(&self, instance: usize) -> String {
        self.mcp[instance].url("/mcp")
    }

    /// Lets new connections to the issuer lead to another of its instances.
    pub fn lead_to_auth(&self, instance: usize) {
        self.auth_line.lead_to(setup::address_of(&self.auth[instance].origin));
    }

    /// Ends an instance of the MCP server as a crash would, and starts another in its place.
    pub async fn restart_mcp(&mut self, instance: usize) {
        let socket = self.mcp[instance].end().await.expect("it has not been ended before");
        self.mcp[instance] = self.setup.mcp_again(socket, &self.state).await;
    }

    /// Another instance of the authorization server, without a socket.
    pub async fn auth_app(&self) -> App {
        let lifecycle = Lifecycle::new(self.clock.clone(), Duration::ZERO);
        self.setup.auth_server(&self.state, lifecycle).await.app()
    }

    /// What the MCP server is told about a token.
    pub async fn introspect(&self, token: &str) -> Value {
        let endpoint = format!("{}/introspect", self.issuer());
        let request = self.auth_http().request(http::Method::POST, &endpoint);
        let (id, secret) = self.setup.credentials();
        let request = request.basic_auth(id, Some(secret)).form(&[("token", token)]);
        let answer = self.auth_http().send(request).await.expect(200);
        answer.expect_no_store();
        answer.json()
    }

    /// Whether a token is good.
    pub async fn is_active(&self, token: &str) -> bool {
        let answer = self.introspect(token).await;
        let active = answer["active"].as_bool().expect("RFC 7662 section 2.2");
        assert!(active || answer.as_object().is_some_and(|told| told.len() == 1), "{answer}");
        active
    }

    /// A plain client of the issuer.
    #[must_use]
    pub fn auth_http(&self) -> Http {
        Http::new(&self.issuer())
    }

    /// A plain client of the first MCP server.
    #[must_use]
    pub fn mcp_http(&self) -> Http {
        Http::new(&self.mcp[0].origin)
    }

    /// What a client finds out, beginning with a request without a token.
    pub async fn oauth(&self) -> OAuth {
        OAuth::discover(&self.endpoint()).await
    }

    /// A client of 2026-07-28 with a token.
    #[must_use]
    pub fn modern(&self, token: &str) -> Modern {
        Modern::new(&self.endpoint()).bearer(token)
    }

    /// A client of the revisions with sessions, with a token, about to open one.
    #[must_use]
    pub fn session(&self, token: &str) -> Opening {
        Session::opening(&self.endpoint()).bearer(token)
    }
}
