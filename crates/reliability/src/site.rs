//! What a deployment has: an authorization server, MCP servers, a balancer in front of them, and
//! Redis beside them, each a process of its own.

use std::time::Duration;

use ambient::{Clock, Entropy};
use e2e::{Asking, CALLBACK};
use testkit::{
    browser::Browser,
    process::{Process, Program, free_port},
};

use crate::{balancer::Balancer, client::Caller};

/// The users that the mock identity provider knows.
const USERS: [&str; 3] = ["alice", "bob", "carol"];

/// How a site is set up.
#[derive(Debug)]
pub struct Plan {
    /// How many MCP servers.
    pub instances: usize,
    /// Where their state is.
    pub redis: String,
    /// Further settings of all servers.
    pub settings: Vec<(&'static str, String)>,
}

/// A running deployment. Everything ends when this is dropped.
pub struct Site {
    plan: Plan,
    ports: Vec<u16>,
    auth_port: u16,
    secret: String,
    key: String,
    instances: Vec<Option<Process>>,
    auth: Process,
    balancer: Balancer,
}

impl Plan {
    /// So many MCP servers on the Redis at a URL.
    #[must_use]
    pub fn new(instances: usize, redis: &str) -> Self {
        Self { instances, redis: redis.to_owned(), settings: Vec::new() }
    }

    /// Sets something for all servers.
    #[must_use]
    pub fn setting(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.settings.push((name, value.to_string()));
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
        let (secret, key) = (entropy.hex::<32>(), entropy.hex::<32>());
        let auth_port = free_port();
        let common =
            Common { plan: &self, auth_port, secret: &secret, key: &key, base: balancer.origin() };
        let auth = common.program("auth-server").start();
        let mut instances = Vec::new();
        for port in &ports {
            instances.push(Some(common.mcp(*port)));
        }
        let mut site =
            Site { plan: self, ports, auth_port, secret, key, instances, auth, balancer };
        site.auth.ready(&format!("http://localhost:{auth_port}/readyz")).await;
        for index in 0..site.ports.len() {
            site.ready(index).await;
        }
        // The balancer has to find out too.
        Clock::system().sleep(Duration::from_millis(500)).await;
        site
    }
}

/// What all programs of a site are told.
struct Common<'a> {
    plan: &'a Plan,
    auth_port: u16,
    secret: &'a str,
    key: &'a str,
    base: String,
}

impl Common<'_> {
    fn program(&self, name: &str) -> Program {
        let program = Program::built(name)
            .setting("AUTH_SERVER_PORT", self.auth_port)
            .setting("AUTH_SERVER_URL", format!("http://localhost:{}", self.auth_port))
            .setting("BASE_URI", &self.base)
            .setting("REDIS_URL", &self.plan.redis)
            .setting("MCP_AUTH_CLIENT_SECRET", self.secret)
            .setting("MCP_STATE_KEY", self.key)
            .setting("RUST_LOG", "warn");
        self.plan.settings.iter().fold(program, |with, (name, value)| with.setting(name, value))
    }

    fn mcp(&self, port: u16) -> Process {
        self.program("mcp-server").setting("PORT", port).start()
    }
}

impl Site {
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

    /// A user, logged in through the pages.
    pub async fn login(&self, user: &str) -> Caller {
        let mut browser = Browser::default().with_callback(CALLBACK);
        let login = Asking::at(&self.endpoint()).await.let_in(&mut browser, user).await;
        Caller::new(&self.endpoint(), login.access())
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

    /// What all instances have logged so far.
    #[must_use]
    pub fn logs(&self) -> String {
        self.instances.iter().flatten().map(Process::output).collect()
    }

    /// Asks an instance to end, and waits until it has; how long that took, and whether it ended as
    /// it should.
    pub async fn terminate(&mut self, index: usize) -> (Duration, bool) {
        let Some(process) = self.instances[index].take() else {
            return (Duration::ZERO, false);
        };
        let watch = Clock::system().stopwatch();
        process.signal(rustix::process::Signal::TERM);
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
        let common = Common {
            plan: &self.plan,
            auth_port: self.auth_port,
            secret: &self.secret,
            key: &self.key,
            base: self.balancer.origin(),
        };
        self.instances[index] = Some(common.mcp(self.ports[index]));
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
