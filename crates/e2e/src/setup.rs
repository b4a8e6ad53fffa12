//! How a world is made: sockets first, because everybody must know everybody's address.

use std::net::{Ipv4Addr, SocketAddr};

use ambient::{Clock, Entropy, Env, Secret};
use auth_server::AuthServer;
use chassis::{
    Lifecycle,
    telemetry::{Service, Telemetry, TelemetrySettings},
};
use mcp_server::{features, run};
use store::{RedisOptions, Store};
use testkit::{PATIENCE, faults::Proxy, redis, within};
use tokio::net::TcpListener;
use url::Url;

use crate::{Instance, World, instance::Life};

/// Where state lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// In the test's process; the instances share it.
    Memory,
    /// In a real Redis, in a namespace of its own; every server has its own connections.
    Redis,
}

/// A world to be started.
#[derive(Debug)]
pub struct Setup {
    clock: Clock,
    backend: Backend,
    instances: usize,
    secret: Secret,
    path: &'static str,
    env: Env,
}

/// The store of a world, as every server of it sees it.
#[derive(Debug)]
pub(crate) enum State {
    Memory(Store),
    Redis { url: String, namespace: String },
}

impl Setup {
    /// One instance of each server, on the machine's clock.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        let entropy = Entropy::system();
        let secret = Secret::new(entropy.hex::<32>());
        let env = Env::from([])
            .with("MCP_AUTH_CLIENT_SECRET", secret.expose())
            .with("MCP_STATE_KEY", &entropy.hex::<32>());
        Self { clock: Clock::system(), backend, instances: 1, secret, path: "", env }
    }

    /// Runs all servers on this clock. Redis keeps its own time.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Starts as many of each server.
    #[must_use]
    pub const fn instances(mut self, instances: usize) -> Self {
        self.instances = instances;
        self
    }

    /// Gives the issuer this path.
    #[must_use]
    pub const fn issuer_path(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    /// Sets a setting of both servers.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.env = self.env.with(name, value);
        self
    }

    /// Starts everything, and waits until the MCP servers have found the authorization server.
    pub async fn start(mut self) -> World {
        let (state, redis_line) = self.open().await;
        let (auth_sockets, mcp_sockets) = (self.sockets().await, self.sockets().await);
        let auth_line = Proxy::start(address(&auth_sockets[0])).await;
        let issuer = self.issuer(auth_line.address());
        self.env = self
            .env
            .with("AUTH_SERVER_URL", &issuer)
            .with("BASE_URI", &origin(address(&mcp_sockets[0])));
        let (mut auth, mut mcp) = (Vec::new(), Vec::new());
        for socket in auth_sockets {
            auth.push(self.auth(socket, &state).await);
        }
        for socket in mcp_sockets {
            mcp.push(self.mcp(socket, &state).await);
        }
        let clock = self.clock.clone();
        World { clock, auth_line, redis_line, auth, mcp, setup: self, state }
    }

    /// Where state lives.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        self.backend
    }

    /// The issuer's identifier, if that is the address.
    pub(crate) fn issuer(&self, address: SocketAddr) -> String {
        format!("{}{}", origin(address), self.path)
    }

    /// What the MCP server shows to the authorization server.
    pub(crate) fn credentials(&self) -> (&'static str, &str) {
        ("mcp-server", self.secret.expose())
    }

    /// Another process in the place of an instance of the MCP server that is gone: on its socket,
    /// with what is left of its state.
    pub(crate) async fn mcp_again(&self, socket: TcpListener, state: &State) -> Instance {
        match state {
            // A process takes its memory with it.
            State::Memory(_) => {
                self.mcp(socket, &State::Memory(Store::memory(self.clock.clone()))).await
            }
            State::Redis { .. } => self.mcp(socket, state).await,
        }
    }

    async fn auth(&self, socket: TcpListener, state: &State) -> Instance {
        let life = Life::new();
        let server = self.auth_server(state, life.lifecycle()).await;
        Instance::start(socket, server.app(), life)
    }

    /// An authorization server that nobody can reach yet.
    pub(crate) async fn auth_server(&self, state: &State, lifecycle: Lifecycle) -> AuthServer {
        let config = auth_server::Config::from_env(&self.env).0.expect("the settings are right");
        let telemetry = telemetry(auth_server::run::SERVICE, &config.telemetry);
        let store = state.store(&telemetry).await;
        let (clock, entropy) = (self.clock.clone(), Entropy::system());
        let parts = auth_server::Parts { clock, entropy, store, lifecycle };
        AuthServer::observed(config, parts, telemetry).expect("it can be made")
    }

    async fn mcp(&self, socket: TcpListener, state: &State) -> Instance {
        let config = mcp_server::Config::from_env(&self.env).0.expect("the settings are right");
        let telemetry = telemetry(run::SERVICE, &config.telemetry);
        let store = state.store(&telemetry).await;
        let life = Life::new();
        let parts = mcp_server::Parts {
            clock: self.clock.clone(),
            entropy: Entropy::system(),
            store,
            lifecycle: life.lifecycle(),
        };
        let offered = features::offered(&self.env).0.expect("the settings are right");
        let server = mcp_server::Server::observed(config, offered, parts, telemetry);
        let server = server.expect("it can be made");
        within(PATIENCE, async {
            while !server.is_available() {
                server.availability_changed().await;
            }
        })
        .await;
        Instance::start(socket, server.app(), life)
    }

    async fn open(&self) -> (State, Option<Proxy>) {
        match self.backend {
            Backend::Memory => (State::Memory(Store::memory(self.clock.clone())), None),
            Backend::Redis => {
                let place = redis::namespace().await;
                let mut url = Url::parse(&place.url).expect("a Redis server has a URL");
                let host = url.host_str().unwrap_or("127.0.0.1").to_owned();
                let port = url.port().unwrap_or(6379);
                let upstream = tokio::net::lookup_host((host, port)).await;
                let upstream = upstream.expect("it has an address").next();
                let line = Proxy::start(upstream.expect("it has an address")).await;
                url.set_ip_host(line.address().ip()).expect("a Redis URL has a host");
                url.set_port(Some(line.address().port())).expect("a Redis URL has a port");
                (State::Redis { url: url.into(), namespace: place.prefix }, Some(line))
            }
        }
    }

    async fn sockets(&self) -> Vec<TcpListener> {
        let mut sockets = Vec::new();
        for _ in 0..self.instances {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            sockets.push(socket.expect("a port is free"));
        }
        sockets
    }
}

impl State {
    /// The store of one server, which measures what it does there.
    async fn store(&self, telemetry: &Telemetry) -> Store {
        match self {
            Self::Memory(store) => store.clone(),
            Self::Redis { url, namespace } => {
                let url = Secret::new(url.as_str());
                let (namespace, observer) = (namespace.clone(), run::observer(telemetry));
                let options = RedisOptions { namespace, observer, ..RedisOptions::new(url) };
                Store::redis(&options).await.expect("Redis can be reached")
            }
        }
    }
}

/// Telemetry of one server. Nothing of it listens on a socket of its own here.
fn telemetry(service: Service, settings: &TelemetrySettings) -> Telemetry {
    Telemetry::new(service, settings, &Entropy::system()).expect("it can be made")
}

fn address(socket: &TcpListener) -> SocketAddr {
    socket.local_addr().expect("a listener that was bound has an address")
}

/// The origin of whoever listens at an address.
pub(crate) fn origin(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// The address of whoever has an origin.
pub(crate) fn address_of(origin: &str) -> SocketAddr {
    let address = origin.strip_prefix("http://").and_then(|address| address.parse().ok());
    address.expect("the origins of a world are made of addresses")
}
