//! Redis processes with a directory of their own, so that data outlives them: to kill, to freeze and
//! to start again.

use std::{io, net::Ipv4Addr, path::PathBuf, time::Duration};

use rustix::process::Signal;
use tempfile::TempDir;
use testkit::{
    eventually,
    process::{Process, Program, free_port},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Which program is the server: Redis, or one that speaks its protocol.
const SERVER: &str = "redis-server";

/// One server on a port that stays its own.
pub struct Redis {
    port: u16,
    arguments: Vec<String>,
    directory: TempDir,
    process: Option<Process>,
}

/// The name of the file that a sentinel keeps what it knows in.
const CONFIG: &str = "redis.conf";

impl Redis {
    /// A server that keeps its data in memory only, and one that writes everything down.
    pub async fn start(keeps_data: bool) -> Self {
        let appends = if keeps_data { "yes" } else { "no" };
        Self::with(&["--save", "", "--appendonly", appends, "--appendfsync", "always"]).await
    }

    /// A server with arguments of its own.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn with(arguments: &[&str]) -> Self {
        let mut server = Self::stopped(arguments);
        server.again().await;
        server
    }

    /// A sentinel, which must have a file for what it finds out.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn sentinel(config: &str) -> Self {
        let mut server = Self::stopped(&["--sentinel"]);
        std::fs::write(server.file(CONFIG), config).expect("a new directory can be written to");
        server.again().await;
        server
    }

    fn stopped(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let directory = TempDir::new().expect("there is room for a directory");
        Self { port: free_port(), arguments, directory, process: None }
    }

    /// Starts it again after an end, with what is left of its data.
    pub async fn again(&mut self) {
        let directory = self.directory.path().to_string_lossy().into_owned();
        let config = self.file(CONFIG);
        let config = config.is_file().then(|| config.to_string_lossy().into_owned());
        let port = self.port.to_string();
        let common = ["--port", &port, "--bind", "127.0.0.1", "--dir", &directory];
        let common = config.into_iter().chain(common.map(str::to_owned));
        let all = common.chain(self.arguments.iter().cloned());
        let program = all.fold(Program::new(SERVER), Program::argument);
        self.process = Some(program.start());
        let port = self.port;
        eventually(START_LIMIT, || async move {
            let said = command(port, &["PING"]).await.ok()?;
            (said.contains("PONG") || said.contains("NOAUTH")).then_some(())
        })
        .await;
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A file in its directory.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Ends it as a crash would.
    pub async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Freezes it: connections stay open, nothing is answered.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Says something to it.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn command(&self, words: &[&str]) -> io::Result<String> {
        command(self.port, words).await
    }

    /// A number from its answer to `INFO`; zero if it has none of that name.
    pub async fn info(&self, name: &str) -> u64 {
        let text = self.command(&["INFO"]).await.unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    }

    /// How many keys there are.
    pub async fn keys(&self) -> u64 {
        let text = self.command(&["DBSIZE"]).await.unwrap_or_default();
        text.trim_start_matches(':').trim().parse().unwrap_or(0)
    }
}

/// Says something to the server on `port`, and gives its answer as it is on the wire.
///
/// # Errors
/// When it cannot be reached.
pub async fn command(port: u16, words: &[&str]) -> io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let words: Vec<_> = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    let request = format!("*{}\r\n{}", words.len(), words.concat());
    stream.write_all(request.as_bytes()).await?;
    // Nothing more comes: it answers, and closes. A sentinel does not know QUIT.
    stream.shutdown().await?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
