//! Several Redis servers that stand in for each other: a primary with its replica and sentinels, and
//! a cluster.

use std::time::Duration;

use testkit::{
    eventually,
    process::{Program, free_port},
};

use crate::{certificates::Certificates, redis::Redis};

/// How long a group may take until its members know each other.
const FORMATION: Duration = Duration::from_mins(1);
/// How many sentinels there are; two of them must agree.
const SENTINELS: usize = 3;
/// After so many milliseconds without an answer a sentinel thinks that a server is down.
const DOWN_AFTER: u32 = 1000;
/// After so many milliseconds without an answer a node of a cluster is thought to have failed.
const NODE_TIMEOUT: u32 = 2000;
/// A primary sends its data to a replica at once, and does not wait five seconds for others.
const AT_ONCE: [&str; 2] = ["--repl-diskless-sync-delay", "0"];
/// With what the replica logs in at its primary, so that a test can shut it out.
const REPLICATION: [&str; 2] = ["replication", "replication-password"];

/// A primary, its replica, and the sentinels that watch them.
pub struct Sentinels {
    /// What is the primary at the beginning.
    pub primary: Redis,
    /// What stands in for it.
    pub replica: Redis,
    watchers: Vec<Redis>,
    /// Where the watchers speak TLS, if they do.
    encrypted: Vec<u16>,
}

impl Sentinels {
    /// Starts them, and waits until each knows the others.
    pub async fn start() -> Self {
        Self::with(None).await
    }

    /// The same where everybody speaks TLS to everybody else; only the test still has a port at which
    /// it is understood without.
    pub async fn behind_tls(certificates: &Certificates) -> Self {
        Self::with(Some(certificates)).await
    }

    async fn with(certificates: Option<&Certificates>) -> Self {
        let on = |port| certificates.map(|made| made.on(port)).unwrap_or_default();
        let [user, password] = REPLICATION;
        let secret = format!(">{password}");
        let access = ["--user", user, "on", &secret, "~*", "&*", "+@all"];
        let memory = [&["--save", "", "--appendonly", "no"], &AT_ONCE[..]].concat();
        let ports: [u16; 2 + SENTINELS] = std::array::from_fn(|_| free_port());
        let [of_primary, of_replica, encrypted @ ..] = ports;
        let (here, there) = (on(of_primary), on(of_replica));
        let [here, there] = [&here, &there].map(|words| words.iter().map(String::as_str));
        let here: Vec<_> = memory.iter().copied().chain(access).chain(here).collect();
        let primary = Redis::with(&here).await;
        // Where others find it: they are told of this address, and tell of it.
        let port = certificates.map_or(primary.port(), |_| of_primary).to_string();
        let follows = ["--replicaof", "127.0.0.1", &port, "--masteruser", user];
        let follows = [&memory[..], &follows, &["--masterauth", password], &access].concat();
        let replica = Redis::with(&follows.into_iter().chain(there).collect::<Vec<_>>()).await;
        follows_its_primary(&replica).await;
        let mut watchers = Vec::new();
        for own in encrypted {
            let config = format!(
                "sentinel monitor main 127.0.0.1 {port} 2\n\
                 sentinel down-after-milliseconds main {DOWN_AFTER}\n\
                 sentinel failover-timeout main 5000\n"
            );
            let lines = certificates.map(|made| made.lines(own)).unwrap_or_default();
            watchers.push(Redis::sentinel(&(lines + &config)).await);
        }
        let encrypted = certificates.map(|_| encrypted.to_vec()).unwrap_or_default();
        let group = Self { primary, replica, watchers, encrypted };
        for sentinel in &group.watchers {
            group.is_known_to(sentinel).await;
        }
        group
    }

    async fn is_known_to(&self, sentinel: &Redis) {
        eventually(FORMATION, || async {
            let info = sentinel.command(&["INFO", "sentinel"]).await.ok()?;
            info.contains(&format!("slaves=1,sentinels={SENTINELS}")).then_some(())
        })
        .await;
    }

    /// Where it is, for servers.
    #[must_use]
    pub fn url(&self) -> String {
        let plain: Vec<_> = self.watchers.iter().map(Redis::port).collect();
        let (scheme, ports) = if self.encrypted.is_empty() {
            ("redis-sentinel", &plain)
        } else {
            ("rediss-sentinel", &self.encrypted)
        };
        let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let hosts = hosts.join("&node=").replacen("&node=", "/0?sentinelServiceName=main&node=", 1);
        format!("{scheme}://{hosts}")
    }

    /// Keeps the replica from hearing anything more of its primary: what is written from now on is
    /// lost with the primary.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn shut_replica_out(&self) -> std::io::Result<()> {
        self.primary.command(&["ACL", "SETUSER", REPLICATION[0], "off"]).await?;
        self.primary.command(&["CLIENT", "KILL", "TYPE", "replica"]).await?;
        Ok(())
    }

    /// Waits until the replica has become the primary.
    pub async fn promoted(&self) {
        eventually(FORMATION, || async {
            let info = self.replica.command(&["INFO", "replication"]).await.ok()?;
            info.contains("role:master").then_some(())
        })
        .await;
    }
}

/// Waits until a replica has what its primary has. Before that, it is not let to take over.
async fn follows_its_primary(replica: &Redis) {
    eventually(FORMATION, || async {
        let info = replica.command(&["INFO", "replication"]).await.ok()?;
        info.contains("master_link_status:up").then_some(())
    })
    .await;
}

/// Three masters, each with a replica.
pub struct Cluster {
    /// The masters first.
    pub nodes: Vec<Redis>,
}

impl Cluster {
    /// Starts it, and waits until each node says that all is well, and each replica follows.
    ///
    /// # Panics
    /// When the nodes do not become a cluster.
    pub async fn start() -> Self {
        let timeout = NODE_TIMEOUT.to_string();
        let mut nodes = Vec::new();
        for _ in 0..6 {
            // By default it is 10,000 above the other, where the system takes ports for connections.
            let bus = free_port().to_string();
            let is_node = ["--cluster-enabled", "yes", "--cluster-node-timeout", &timeout];
            let is_node = [&is_node[..], &["--cluster-port", &bus]].concat();
            nodes.push(Redis::with(&[&["--save", ""], &AT_ONCE[..], &is_node].concat()).await);
        }
        let hosts = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port()));
        let program = ["--cluster", "create"].into_iter().fold(cli(), Program::argument);
        let program = hosts.fold(program, Program::argument);
        let rest = ["--cluster-replicas", "1", "--cluster-yes"];
        let program = rest.into_iter().fold(program, Program::argument);
        let (status, said) = program.start().ended_within(FORMATION).await;
        assert!(status.success(), "the cluster was not made:\n{said}");
        for node in &nodes {
            eventually(FORMATION, || async {
                let info = node.command(&["CLUSTER", "INFO"]).await.ok()?;
                let known = info.contains("cluster_known_nodes:6");
                (known && info.contains("cluster_state:ok")).then_some(())
            })
            .await;
        }
        for replica in &nodes[3..] {
            follows_its_primary(replica).await;
        }
        let cluster = Self { nodes };
        cluster.is_agreed_on().await;
        cluster
    }

    /// Waits until all nodes say the same of all slots: as long as they do not, none can be moved.
    async fn is_agreed_on(&self) {
        let host = self.first();
        eventually(FORMATION, || async {
            let program = ["--cluster", "check", &host].into_iter().fold(cli(), Program::argument);
            let (status, _) = program.start().ended_within(FORMATION).await;
            status.success().then_some(())
        })
        .await;
    }

    fn first(&self) -> String {
        format!("127.0.0.1:{}", self.nodes[0].port())
    }

    /// Where it is, for servers: two of its nodes are named, the others are found.
    #[must_use]
    pub fn url(&self) -> String {
        let [one, other] = [0, 1].map(|index| self.nodes[index].port());
        format!("redis-cluster://127.0.0.1:{one}?node=127.0.0.1:{other}")
    }

    /// Moves slots from the first master to the second, with what is in them.
    ///
    /// # Errors
    /// When that did not go well: the last that was said.
    pub async fn move_slots(&self, slots: u32) -> Result<(), String> {
        let (from, to) = (name(&self.nodes[0]).await, name(&self.nodes[1]).await);
        let (host, slots) = (self.first(), slots.to_string());
        let program = ["--cluster", "reshard", &host].into_iter().fold(cli(), Program::argument);
        let ends = ["--cluster-from", &from, "--cluster-to", &to];
        let program = ends.into_iter().fold(program, Program::argument);
        let rest = ["--cluster-slots", &slots, "--cluster-yes"];
        let program = rest.into_iter().fold(program, Program::argument);
        let (status, said) = program.start().ended_within(FORMATION * 2).await;
        let last = || said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        if status.success() { Ok(()) } else { Err(last().to_owned()) }
    }
}

async fn name(node: &Redis) -> String {
    let said = node.command(&["CLUSTER", "MYID"]).await.unwrap_or_default();
    said.lines().last().unwrap_or_default().to_owned()
}

fn cli() -> Program {
    Program::new("redis-cli")
}
