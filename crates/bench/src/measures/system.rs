//! How often a call asks the system for something, as `strace` counts it: on one connection that is
//! kept, one call after the other, so that nothing is shared between calls.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs, io,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Runtime;

use super::calls::{bare, first};
use crate::{
    cases::{Ask, Case},
    process::until,
    report::Table,
    rounds::{Effort, approximate},
    site::{Instance, Kept, Site},
    wire::Wire,
};

/// How many calls are counted.
const CALLS: u64 = 2000;

pub(super) fn run(runtime: &Runtime, _: Effort) -> io::Result<Vec<Table>> {
    let site = Site::start()?;
    let memory = site.first(Kept::Memory)?;
    let (near, strict) = (site.another(Kept::Near)?, site.another(Kept::Strict)?);
    let login = runtime.block_on(site.login());
    let token = Some(login.access());
    let call = Case::Call.ask(token, None);
    let (bare, _) = bare("/mcp", &first(&memory, &call)?, None)?;
    let columns = &["what", "system calls", "which", "aim"];
    let mut table = Table::new("What one call asks the system for", columns);
    let mut row = |what: &str, instance: &Instance, ask: &Ask, aim: &str| -> io::Result<()> {
        let (all, which) = cells(&counted(runtime, instance, ask)?);
        table.row([what.to_owned(), all, which, aim.to_owned()]);
        Ok(())
    };
    row("the bare handler", &bare, &call, "")?;
    row("stateless `tools/call`", &memory, &call, "≤ 3")?;
    for (what, instance) in [
        ("session `tools/call`, memory", &memory),
        ("session `tools/call`, Redis, near", &near),
        ("session `tools/call`, Redis, strict", &strict),
    ] {
        let session = instance.session(token)?;
        row(what, instance, &Case::SessionCall.ask(token, Some(&session)), "")?;
    }
    Ok(vec![table])
}

/// How often each of the system's calls was made for all calls of ours.
fn counted(runtime: &Runtime, instance: &Instance, ask: &Ask) -> io::Result<BTreeMap<String, u64>> {
    first(instance, ask)?;
    let mut wire = runtime.block_on(Wire::connect(instance.port))?;
    let mut send = || {
        runtime.block_on(async {
            wire.ask(ask).await?;
            wire.whole().await
        })
    };
    send()?;
    let strace = Strace::attach(instance)?;
    for _ in 0..CALLS {
        send()?;
    }
    strace.read()
}

/// The program that counts.
struct Strace {
    child: Child,
    file: tempfile::NamedTempFile,
}

impl Strace {
    fn attach(instance: &Instance) -> io::Result<Self> {
        let file = tempfile::NamedTempFile::new()?;
        let mut strace = Command::new("strace");
        strace.args(["-f", "-c", "-p", &instance.server.id().to_string(), "-o"]).arg(file.path());
        let child = strace.stdin(Stdio::null()).stderr(Stdio::null()).spawn().map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("strace (Debian: apt-get install strace): {error}"),
            )
        })?;
        until("strace", || instance.server.is_traced().then_some(()))?;
        Ok(Self { child, file })
    }

    /// Lets go of the server. What was counted is written then.
    fn read(mut self) -> io::Result<BTreeMap<String, u64>> {
        kill_process(Pid::from_child(&self.child), Signal::INT)?;
        self.child.wait()?;
        Ok(parsed(&fs::read_to_string(self.file.path())?))
    }
}

/// The names and numbers of strace's table: its fourth column, and its last.
fn parsed(text: &str) -> BTreeMap<String, u64> {
    let row = |line: &str| {
        let row: Vec<_> = line.split_whitespace().collect();
        let (count, name) = (row.get(3)?.parse().ok()?, *row.last()?);
        (name != "total").then(|| (name.to_owned(), count))
    };
    text.lines().filter_map(row).collect()
}

/// The number of one call, and those that at least every second one makes.
fn cells(calls: &BTreeMap<String, u64>) -> (String, String) {
    let each = |count: u64| approximate(count) / approximate(CALLS);
    let often = calls.iter().filter(|(_, count)| each(**count) >= 0.45);
    let which = often.fold(String::new(), |mut text, (name, count)| {
        // A text takes whatever is written.
        let _ = write!(text, "{name} {:.1}, ", each(*count));
        text
    });
    (format!("{:.1}", each(calls.values().sum())), which.trim_end_matches(", ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_strace_is_read_with_and_without_errors() {
        let text = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.010000           5      2000           sendto
 40.00    0.005000           1      4000      2000 recvfrom
  0.00    0.000000           0         3         1 futex
------ ----------- ----------- --------- --------- ----------------
100.00    0.015000           2      6003      2001 total
";
        let calls = parsed(text);
        assert_eq!((calls.len(), calls["sendto"], calls["recvfrom"]), (3, 2000, 4000));
        assert_eq!(cells(&calls), ("3.0".to_owned(), "recvfrom 2.0, sendto 1.0".to_owned()));
    }
}
