//! A real `redis-server` for tests: started on a free port, gone when the test process is.
//!
//! [`namespace`] gives a test its own place on one server per process; [`RedisServer`] gives it a
//! server of its own, to kill, freeze and start again.

use std::{
    io::{BufRead, BufReader, ErrorKind},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use ambient::{Clock, Entropy, Env};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::OnceCell,
};

use crate::fail::OrFail;

/// The setting that names a server to use instead of starting one.
const URL_SETTING: &str = "REDIS_URL_TEST";
/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Starts the server, tells its process id, and waits for the end of its own input, which comes
/// when the guard is dropped or the test process ends in whatever way. Then it kills the server.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
dir=$(mktemp -d) || exit 1
redis-server --bind 127.0.0.1 --save '' --appendonly no --dir "$dir" --port "$@" \
    >"$dir/log" 2>&1 &
server=$!
echo "$server"
cat >/dev/null
kill -9 "$server" 2>/dev/null
wait "$server" 2>/dev/null
rm -rf "$dir"
"#;

/// A `redis-server` process on a loopback port, without persistence. Dropping it kills it.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    /// What is said to it beside the port.
    options: Vec<String>,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    watchdog: Child,
    input: Option<ChildStdin>,
    server: u32,
}

/// A place on a server where nobody else reads or writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// The server.
    pub url: String,
    /// What every key and channel must begin with.
    pub prefix: String,
}

/// A new [`Namespace`] on the server that `REDIS_URL_TEST` names, or on one that is started for
/// this process.
///
/// # Panics
/// When there is no `redis-server`: a test that needs one must not pass without it.
pub async fn namespace() -> Namespace {
    // Never dropped: the watchdog kills the server when this process ends.
    static SHARED: OnceCell<(String, Option<RedisServer>)> = OnceCell::const_new();
    let (url, _) = SHARED
        .get_or_init(|| async {
            if let Some(url) = given_url() {
                return (url, None);
            }
            let server = RedisServer::start().await;
            (server.url(), Some(server))
        })
        .await;
    Namespace { url: url.clone(), prefix: format!("test-{}:", Entropy::system().hex::<8>()) }
}

fn given_url() -> Option<String> {
    let env = Env::process().or_fail("the environment of a test can be read");
    let (url, _) =
        env.read(|read| read.setting(URL_SETTING, "A Redis that tests may use.").optional());
    url.or_fail("a text is a text")
}

impl RedisServer {
    /// Starts a server on a free port and waits until it answers.
    ///
    /// # Panics
    /// When `redis-server` is not installed or does not start.
    pub async fn start() -> Self {
        Self::start_with(Vec::new).await
    }

    /// Starts a node of a cluster that knows no other node yet and has no slots.
    ///
    /// # Panics
    /// When `redis-server` is not installed or does not start.
    pub async fn start_node() -> Self {
        // By default the port for other nodes is 10,000 above, among those of outgoing connections.
        Self::start_with(|| {
            let bus = free_port().to_string();
            ["--cluster-enabled", "yes", "--cluster-port", &bus].map(str::to_owned).to_vec()
        })
        .await
    }

    async fn start_with(options: impl Fn() -> Vec<String>) -> Self {
        // Between looking for a free port and using it, another process may take it.
        for _ in 0..5 {
            let mut server = Self { port: free_port(), options: options(), process: None };
            server.process = Some(Process::start(server.port, &server.options));
            if server.is_ready().await {
                return server;
            }
        }
        panic!("redis-server did not start; run `redis-server --port 0` by hand and see why");
    }

    /// `redis://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port, also while the server is stopped.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server as a crash would: its data is gone, its port refuses connections.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Kills the server if it runs, and starts an empty one on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        self.kill();
        self.process = Some(Process::start(self.port, &self.options));
        assert!(self.is_ready().await, "redis-server did not start again");
    }

    /// Freezes the server: connections stay open, nothing is answered.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen server go on.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let process = self.process.as_ref().or_fail("the server runs");
        let done =
            Command::new("kill").args([&format!("-{name}"), &process.server.to_string()]).status();
        assert!(done.is_ok_and(|status| status.success()), "kill -{name}");
    }

    /// Whether the server on this port answers, and is the one that was started.
    async fn is_ready(&mut self) -> bool {
        let Some(process) = &mut self.process else {
            return false;
        };
        let server = format!("process_id:{}\r\n", process.server);
        let port = self.port;
        let clock = Clock::system();
        let answers = async {
            loop {
                match info(port).await {
                    Ok(text) => return text.contains(&server),
                    Err(_) => clock.sleep(Duration::from_millis(5)).await,
                }
            }
        };
        clock.timeout(START_LIMIT, answers).await.unwrap_or(false)
    }
}

impl Process {
    fn start(port: u16, options: &[String]) -> Self {
        assert_installed();
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "redis-watchdog", &port.to_string()])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C ends the tests, and they end the server.
            .process_group(0)
            .spawn()
            .or_fail("there is a shell");
        let input = watchdog.stdin.take();
        let output = watchdog.stdout.take().or_fail("the output is piped");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).or_fail("the watchdog tells the process id");
        let server = line.trim().parse().or_fail("a process id is a number");
        Self { watchdog, input, server }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        // Not to be waited for, it is gone already: nothing left to do.
        drop(self.watchdog.wait());
    }
}

fn assert_installed() {
    let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    if let Err(error) = found {
        assert!(
            error.kind() != ErrorKind::NotFound,
            "redis-server was not found. Install Redis 6.2 or newer (Debian: apt-get install \
             redis-server), or name a server that tests may use in {URL_SETTING}."
        );
        panic!("redis-server cannot be run: {error}");
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .or_fail("there is a free port")
        .port()
}

/// What the server on `port` says about itself.
async fn info(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(b"INFO server\r\nQUIT\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    if text.contains("process_id:") { Ok(text) } else { Err(ErrorKind::InvalidData.into()) }
}
