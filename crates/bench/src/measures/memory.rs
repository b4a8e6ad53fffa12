//! How large the programs are, on disk and in memory.

use std::{fs, io, time::Duration};

use tokio::runtime::Runtime;

use super::calls::CONNECTIONS;
use crate::{
    cases::Case,
    process::beside,
    report::Table,
    rounds::{Effort, approximate},
    site::{Kept, Site},
    wrk::Script,
};

/// How many connections the second aim is about.
const MANY: usize = 256;

pub(super) fn run(runtime: &Runtime, effort: Effort) -> io::Result<Vec<Table>> {
    let mut sizes = Table::new("Programs on disk", &["program", "size", "aim"]);
    for name in ["mcp-server", "auth-server"] {
        let bytes = fs::metadata(beside(name)?)?.len();
        sizes.row([name.to_owned(), mib(bytes), "≤ 8 MiB".to_owned()]);
    }
    let site = Site::start()?;
    let instance = site.first(Kept::Memory)?;
    let mut memory = Table::new("Memory in use", &["when", "mcp-server", "auth-server", "aim"]);
    let mut row = |when: &str, aim: &str| {
        let used = [instance.server.resident(), site.auth.resident()].map(mib);
        let [server, auth] = used;
        memory.row([when.to_owned(), server, auth, aim.to_owned()]);
    };
    row("after the start", "≤ 10 MiB");
    let login = runtime.block_on(site.login());
    let script = Script::of(&Case::Call.ask(Some(login.access()), None))?;
    script.run(&instance.url(), CONNECTIONS, effort.length)?;
    row("after 32 connections", "");
    script.run(&instance.url(), MANY, Duration::from_secs(3))?;
    row("after 256 connections", "≤ 20 MiB");
    Ok(vec![sizes, memory])
}

/// Bytes for people.
pub(super) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", approximate(bytes) / 1_048_576.0)
}
