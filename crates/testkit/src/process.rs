//! Programs as child processes: started with exactly the settings a test names, on free ports,
//! waited for until they are ready, and gone when the test is over.

use std::{
    fmt,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ambient::Entropy;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinSet,
};

use crate::{
    fail::OrFail as _,
    http, secrets,
    wait::{PATIENCE, eventually},
    within,
};

/// A program and its settings.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    settings: Vec<(String, String)>,
}

/// A program that runs. It is killed when this is dropped.
pub struct Process {
    child: Child,
    output: Arc<Mutex<String>>,
    readers: JoinSet<()>,
    // An empty working directory: no `.env` file of the developer's is read by accident.
    _directory: TempDir,
}

impl Program {
    /// A program by its path. It inherits no environment but `PATH`.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        Self { path, arguments: Vec::new(), settings: Vec::new() }
    }

    /// A program of this workspace, built into the directory that the running test is in.
    #[must_use]
    pub fn built(name: &str) -> Self {
        let test = std::env::current_exe().or_fail("a test is a program");
        let directory = test.ancestors().find(|directory| directory.join(name).is_file());
        let hint = format!("`{name}` is built before it is tested: cargo build --bin {name}");
        Self::new(directory.or_fail(hint).join(name))
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn setting(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    /// For whoever starts programs itself: in `directory`, which holds no settings.
    #[must_use]
    pub fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).env_clear().current_dir(directory);
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it, without waiting for anything.
    #[must_use]
    #[track_caller]
    pub fn start(&self) -> Process {
        self.start_writing_to(Stdio::piped())
    }

    /// Starts it with a standard output that nobody reads any more.
    #[must_use]
    #[track_caller]
    pub fn start_unread(&self) -> Process {
        let (reader, writer) = std::io::pipe().or_fail("there are pipes");
        drop(reader);
        self.start_writing_to(writer.into())
    }

    #[track_caller]
    fn start_writing_to(&self, stdout: Stdio) -> Process {
        let directory = TempDir::new().or_fail("there is room for a directory");
        let mut command = self.command(directory.path());
        command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().or_fail(self.path.display());
        let output = Arc::new(Mutex::new(String::new()));
        let mut readers = JoinSet::new();
        readers.spawn(collect(child.stdout.take(), Arc::clone(&output)));
        readers.spawn(collect(child.stderr.take(), Arc::clone(&output)));
        Process { child, output, readers, _directory: directory }
    }

    /// Starts it and waits until `url` answers with success.
    pub async fn start_ready(&self, url: &str) -> Process {
        let mut process = self.start();
        process.ready(url).await;
        process
    }

    /// Runs it to its end; gives its status and everything it has written.
    pub async fn run(&self) -> (ExitStatus, String) {
        self.start().ended().await
    }
}

impl Process {
    /// Its process id; none when it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// What it has written so far, standard output and standard error together.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `url` answers with success; fails the test if the process ends before.
    pub async fn ready(&mut self, url: &str) {
        let client = http::client();
        let child = &mut self.child;
        let ended = eventually(PATIENCE, || {
            let ended = child.try_wait().or_fail("a child can be looked at");
            let request = client.get(url);
            async move {
                let answer = request.send().await.ok().filter(|got| got.status().is_success());
                answer.map(|_| None).or(ended.map(Some))
            }
        })
        .await;
        if let Some(status) = ended {
            while self.readers.join_next().await.is_some() {}
            panic!("it ended with {status} instead of being ready:\n{}", self.output());
        }
    }

    /// Waits until it has written something.
    pub async fn says(&self, part: &str) {
        eventually(PATIENCE, || async { self.output().contains(part).then_some(()) }).await;
    }

    /// Asks it to end (`SIGTERM`), and does not wait.
    #[track_caller]
    pub fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to end (`SIGTERM`) and waits until it has; gives its status and all its output.
    pub async fn terminate(self) -> (ExitStatus, String) {
        self.ask_to_end();
        self.ended().await
    }

    /// Ends it without asking (`SIGKILL`), and waits until it is gone.
    pub async fn kill(mut self) {
        within(PATIENCE, self.child.kill()).await.or_fail("a child can be killed");
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let id = self.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        kill_process(id.or_fail("it is running"), signal).or_fail("a child can be signalled");
    }

    /// Waits until it ends by itself; gives its status and all its output.
    pub async fn ended(self) -> (ExitStatus, String) {
        self.ended_within(PATIENCE).await
    }

    /// The same for one that may take its time.
    pub async fn ended_within(mut self, limit: Duration) -> (ExitStatus, String) {
        let status = within(limit, self.child.wait()).await.or_fail("a child can be waited for");
        while self.readers.join_next().await.is_some() {}
        (status, self.output())
    }
}

impl Drop for Process {
    /// Whatever test this is: nothing that could be stolen stands in the log.
    fn drop(&mut self) {
        if !std::thread::panicking()
            && let Some((secret, line)) = secrets::told_in(&self.output())
        {
            panic!("the program has told {secret}: {line}");
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("id", &self.id()).field("output", &self.output()).finish()
    }
}

/// A port that was free a moment ago. It is not of those that the system hands out by itself (from
/// 32768 on), so that no socket of another test gets it meanwhile.
#[must_use]
pub fn free_port() -> u16 {
    let entropy = Entropy::system();
    let mut ports = (0..100).map(|_| 20_000 + u16::from_be_bytes(entropy.bytes()) % 10_000);
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.find(is_free).or_fail("a port is free")
}

async fn collect(pipe: Option<impl AsyncRead + Unpin>, output: Arc<Mutex<String>>) {
    let Some(pipe) = pipe else { return };
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.push_str(&line);
        output.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new("/bin/sh").argument("-c").argument(script)
    }

    #[tokio::test]
    async fn a_program_sees_its_settings_and_nothing_else() {
        let program = shell("echo \"<$COLOUR$HOME>\"; ls -A; exit 3").setting("COLOUR", "green");
        let (status, output) = program.run().await;
        assert_eq!((status.code(), output.as_str()), (Some(3), "<green>\n"));
    }

    #[tokio::test]
    async fn a_program_that_is_asked_to_end_can_still_say_something() {
        let process =
            shell("trap 'echo bye >&2; exit 0' TERM; echo up; while :; do sleep 0.01; done");
        let process = process.start();
        process.says("up").await;
        let (status, output) = process.terminate().await;
        assert!(status.success());
        assert_eq!(output, "up\nbye\n");
    }

    #[tokio::test]
    #[should_panic(expected = "no such setting")]
    async fn a_program_that_ends_instead_of_being_ready_shows_why() {
        let url = format!("http://127.0.0.1:{}/livez", free_port());
        let _ = shell("echo no such setting >&2; exit 1").start_ready(&url).await;
    }

    #[test]
    fn free_ports_are_free() {
        let port = free_port();
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    }
}
