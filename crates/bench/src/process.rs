//! Programs on a core of their own, and what the system says of them: time on the processor, memory.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// The core of what is measured.
pub const SUBJECT: usize = 0;

/// The core of everything else: load generator, Redis, this program.
pub const OTHERS: usize = 1;

/// How many ticks of `/proc` a second has, on every Linux.
const TICKS: u64 = 100;

/// A program that runs. When this is dropped it is asked to end, so that it writes what it has still
/// to write (decision 0077), and killed if it does not.
#[derive(Debug)]
pub struct Running(Child);

/// A program of this workspace: it stands beside the one that runs.
///
/// # Errors
/// When it is not there.
pub fn beside(name: &str) -> io::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(io::Error::new(io::ErrorKind::NotFound, format!("{} is not built", path.display())))
}

/// Starts a program on one core, with this environment and nothing of ours but `PATH`. What it
/// writes is thrown away.
///
/// # Errors
/// When it, or `taskset`, is not there.
pub fn start<A: AsRef<OsStr>>(
    core: usize,
    program: &Path,
    arguments: &[A],
    settings: &[(&str, String)],
) -> io::Result<Running> {
    let mut command = pinned(core, program);
    command.args(arguments).env_clear();
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    // A directory without a `.env` file of somebody's.
    command.current_dir(std::env::temp_dir());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map(Running)
}

/// A command that runs on one core.
#[must_use]
pub fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]).arg(program);
    command
}

/// A command that runs on both cores: what is built is not measured.
#[must_use]
pub fn on_both_cores(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &format!("{SUBJECT},{OTHERS}")]).arg(program);
    command.stdin(Stdio::null());
    command
}

impl Running {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether another program watches all of its threads.
    #[must_use]
    pub fn is_traced(&self) -> bool {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.0.id())) else { return false };
        threads.flatten().all(|thread| {
            let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
            tracer.is_some_and(|tracer| tracer.trim() != "0")
        })
    }

    /// How long it has been on a processor.
    #[must_use]
    pub fn on_processor(&self) -> Duration {
        let text = self.read("stat");
        // The second member is the name, in parentheses, and may hold anything.
        let members = text.rsplit_once(')').map(|(_, rest)| rest.split_whitespace());
        let ticks = members.into_iter().flatten().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 1000 / TICKS)
    }

    /// The memory that it has in use, in bytes.
    #[must_use]
    pub fn resident(&self) -> u64 {
        let text = self.read("status");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }

    /// How many files and sockets it has open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.0.id())).map_or(0, Iterator::count)
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    fn read(&self, what: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{what}", self.0.id())).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
            let _ = until("the end of a program", || self.has_ended().then_some(()));
        }
        // What does not end when it is asked has had its time.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Tries again and again, a fifth of a millisecond apart, until something is there.
///
/// # Errors
/// When it is not within ten seconds.
pub fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> io::Result<T> {
    for _ in 0..50_000 {
        if let Some(found) = attempt() {
            return Ok(found);
        }
        thread::sleep(Duration::from_micros(200));
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("{what} did not come")))
}
