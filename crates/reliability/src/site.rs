//! What a deployment has: an authorization server, MCP servers, a balancer in front of them, and
//! Redis beside them, each a process of its own.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use ambient::{Clock, Entropy};
use e2e::{Asking, CALLBACK, Login};
use rustix::process::Signal;
use testkit::{
    PATIENCE,
    browser::Browser,
    process::{Process, Program, free_port},
    within,
};

use crate::{balancer::Balancer, client::Caller};

/// The users that the mock identity provider knows.
pub const USERS: [&str; 3] = ["alice", "bob", "carol"];

/// How a site is set up.
#[derive(Debug)]
pub struct Plan {
    /// How many MCP servers.
    pub instances: usize,
    /// How many authorization servers.
    pub issuers: usize,
    /// Where their state is.
    pub redis: String,
    /// Further settings of all servers.
    pub settings: Vec<(String, String)>,
}

/// A running deployment. Everything ends when this is dropped.
pub struct Site {
    plan: Plan,
    ports: Vec<u16>,
    issuer_ports: Vec<u16>,
    secret: String,
    key: String,
    instances: Vec<Option<Process>>,
    issuers: Vec<Option<Process>>,
    balancer: Balancer,
    issuer_balancer: Balancer,
}

impl Plan {
    /// So many MCP servers on the Redis at a URL.
    #[must_use]
    pub fn new(instances: usize, redis: &str) -> Self {
        Self { instances, issuers: 1, redis: redis.to_owned(), settings: Vec::new() }
    }

    /// So many authorization servers instead of one.
    #[must_use]
    pub fn issuers(self, issuers: usize) -> Self {
        Self { issuers, ..self }
    }

    /// Sets something for all servers.
    #[must_use]
    pub fn setting(self, name: &str, value: impl std::fmt::Display) -> Self {
        self.named(name.to_owned(), &value.to_string())
    }

    /// Takes a limit of the authorization servers away, by the end of its name.
    #[must_use]
    pub fn unlimited(self, limit: &str) -> Self {
        self.named(format!("AUTH_LIMIT_{limit}"), "0")
    }

    fn named(mut self, name: String, value: &str) -> Self {
        self.settings.push((name, value.to_owned()));
        self
    }

    /// Starts everything, and waits until it is ready.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn start(self) -> Site {
        let entropy = Entropy::system();
        let ports: Vec<_> = (0..self.instances).map(|_| free_port()).collect();
        let balancer = Balancer::start(&ports).await.expect("a port is free");
        let issuer_ports: Vec<_> = (0..self.issuers).map(|_| free_port()).collect();
        let issuer_balancer = Balancer::start(&issuer_ports).await.expect("a port is free");
        let (secret, key) = (entropy.hex::<32>(), entropy.hex::<32>());
        let (instances, issuers) = (Vec::new(), Vec::new());
        let mut site = Site {
            plan: self,
            ports,
            issuer_ports,
            secret,
            key,
            instances,
            issuers,
            balancer,
            issuer_balancer,
        };
        for port in site.issuer_ports.clone() {
            site.issuers.push(Some(site.issuer(port)));
        }
        for port in site.ports.clone() {
            site.instances.push(Some(site.instance(port)));
        }
        for index in 0..site.issuers.len() {
            site.issuer_ready(index).await;
        }
        for index in 0..site.ports.len() {
            site.ready(index).await;
        }
        within(PATIENCE, site.issuer_balancer.all_ready()).await;
        within(PATIENCE, site.balancer.all_ready()).await;
        site
    }
}

impl Site {
    fn program(&self, name: &str) -> Program {
        let program = Program::built(name)
            .setting("AUTH_SERVER_URL", self.issuer_balancer.origin())
            .setting("BASE_URI", self.balancer.origin())
            .setting("REDIS_URL", &self.plan.redis)
            .setting("MCP_AUTH_CLIENT_SECRET", &self.secret)
            .setting("MCP_STATE_KEY", &self.key)
            .setting("RUST_LOG", "warn");
        let settings = self.plan.settings.iter();
        settings.fold(program, |program, (name, value)| program.setting(name, value))
    }

    fn instance(&self, port: u16) -> Process {
        self.program("mcp-server").setting("PORT", port).start()
    }

    fn issuer(&self, port: u16) -> Process {
        self.program("auth-server").setting("AUTH_SERVER_PORT", port).start()
    }

    /// Kills an authorization server.
    pub async fn kill_issuer(&mut self, index: usize) {
        if let Some(process) = self.issuers[index].take() {
            process.kill().await;
        }
    }

    /// Freezes an authorization server: connections stay open, nothing is answered.
    pub fn freeze_issuer(&self, index: usize) {
        self.signal_issuer(index, Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw_issuer(&self, index: usize) {
        self.signal_issuer(index, Signal::CONT);
    }

    fn signal_issuer(&self, index: usize, signal: Signal) {
        if let Some(process) = &self.issuers[index] {
            process.signal(signal);
        }
    }

    /// Starts an authorization server again, on its port, and waits until it is ready.
    pub async fn issuer_again(&mut self, index: usize) {
        self.issuers[index] = Some(self.issuer(self.issuer_ports[index]));
        self.issuer_ready(index).await;
    }

    /// Whether all authorization servers are ready now.
    pub async fn issuers_are_ready(&self) -> bool {
        for port in &self.issuer_ports {
            let http = testkit::http::Http::new(&format!("http://localhost:{port}"));
            let answer = http.try_send(http.request(http::Method::GET, "/readyz")).await;
            if !answer.is_ok_and(|answer| answer.status == 200) {
                return false;
            }
        }
        true
    }

    async fn issuer_ready(&mut self, index: usize) {
        let url = format!("http://localhost:{}/readyz", self.issuer_ports[index]);
        if let Some(process) = &mut self.issuers[index] {
            process.ready(&url).await;
        }
    }

    /// The endpoint behind the balancer.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("{}/mcp", self.balancer.origin())
    }

    /// The endpoint of one instance.
    #[must_use]
    pub fn endpoint_at(&self, index: usize) -> String {
        format!("http://localhost:{}/mcp", self.ports[index])
    }

    /// The address of one instance.
    #[must_use]
    pub fn address(&self, index: usize) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports[index]).into()
    }

    /// Where the authorization servers are.
    #[must_use]
    pub fn issuer_origin(&self) -> String {
        self.issuer_balancer.origin()
    }

    /// The process id of an authorization server.
    #[must_use]
    pub fn issuer_process(&self, index: usize) -> Option<u32> {
        self.issuers[index].as_ref()?.id()
    }

    /// A user, logged in through the pages.
    pub async fn login(&self, user: &str) -> Caller {
        self.let_in(user).await.1
    }

    /// The same, with what its client refreshes its token by.
    pub async fn let_in(&self, user: &str) -> (Login, Caller) {
        let mut browser = Browser::default().with_callback(CALLBACK);
        let login = Asking::at(&self.endpoint()).await.let_in(&mut browser, user).await;
        let caller = Caller::new(&self.endpoint(), login.access());
        (login, caller)
    }

    /// All users.
    pub async fn everybody(&self) -> Vec<Caller> {
        let mut callers = Vec::new();
        for user in USERS {
            callers.push(self.login(user).await);
        }
        callers
    }

    /// The process id of an instance.
    #[must_use]
    pub fn process(&self, index: usize) -> Option<u32> {
        self.instances[index].as_ref()?.id()
    }

    /// What all servers that run have logged so far.
    #[must_use]
    pub fn logs(&self) -> String {
        self.instances.iter().chain(&self.issuers).flatten().map(Process::output).collect()
    }

    /// Asks an instance to end, and waits until it has; how long that took, and whether it ended as
    /// it should.
    pub async fn terminate(&mut self, index: usize) -> (Duration, bool) {
        let Some(process) = self.instances[index].take() else {
            return (Duration::ZERO, false);
        };
        let watch = Clock::system().stopwatch();
        process.signal(Signal::TERM);
        let (status, output) = process.ended_within(Duration::from_mins(1)).await;
        (watch.elapsed(), status.success() && !output.contains("panicked"))
    }

    /// Kills an instance.
    pub async fn kill(&mut self, index: usize) {
        if let Some(process) = self.instances[index].take() {
            process.kill().await;
        }
    }

    /// Starts an instance again, on its port, and waits until it is ready.
    pub async fn again(&mut self, index: usize) {
        self.instances[index] = Some(self.instance(self.ports[index]));
        self.ready(index).await;
    }

    async fn ready(&mut self, index: usize) {
        let url = format!("http://localhost:{}/readyz", self.ports[index]);
        if let Some(process) = &mut self.instances[index] {
            process.ready(&url).await;
        }
    }
}

/// The memory that a process has in use, in KiB; zero when it cannot be told.
#[must_use]
pub fn resident(process: Option<u32>) -> u64 {
    let read = |id| std::fs::read_to_string(format!("/proc/{id}/status")).ok();
    let text = process.and_then(read).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// How many files and sockets a process has open.
#[must_use]
pub fn open_files(process: Option<u32>) -> usize {
    let files = process.and_then(|id| std::fs::read_dir(format!("/proc/{id}/fd")).ok());
    files.map_or(0, Iterator::count)
}

/// How many connections the server at `port` still has with `peers`, ports of this machine: as the
/// kernel sees them, since whoever does not read does not see an end.
#[must_use]
pub fn established(port: u16, peers: &BTreeSet<u16>) -> usize {
    const ESTABLISHED: &str = "01";
    let port_of = |address: &str| {
        u16::from_str_radix(address.rsplit(':').next().unwrap_or_default(), 16).unwrap_or(0)
    };
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let open = table.lines().filter(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (Some(local), Some(remote), Some(state)) = (words.next(), words.next(), words.next())
        else {
            return false;
        };
        state == ESTABLISHED && port_of(local) == port && peers.contains(&port_of(remote))
    });
    open.count()
}
