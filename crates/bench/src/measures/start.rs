//! From the start of a process to its first right answer.

use std::{io, net::TcpStream, path::Path, time::Duration};

use ambient::Clock;
use testkit::process::free_port;
use tokio::runtime::Runtime;

use crate::{
    cases::Case,
    process::{SUBJECT, beside, start, until},
    report::Table,
    rounds::{Effort, median},
    site::{Kept, Site, at_once, post},
};

pub(super) fn run(runtime: &Runtime, effort: Effort) -> io::Result<Vec<Table>> {
    let site = Site::start()?;
    let first = site.first(Kept::Memory)?;
    let token = runtime.block_on(site.login()).access().to_owned();
    drop(first);
    let times = effort.rounds * 4;
    let mut table = Table::new("Start to first right answer", &["what", "median", "aim"]);
    let open = ("MCP_AUTH", "none".to_owned());
    let alone = vec![open, ("METRICS_ADDR", "off".to_owned()), at_once()];
    let rows = [
        ("without authorization", alone, None, "≤ 8 ms"),
        (
            "metadata read and token asked about",
            site.settings(Kept::Memory, 0),
            Some(&token),
            "≤ 8 ms",
        ),
        ("the same on Redis", site.settings(Kept::Strict, 0), Some(&token), "≤ 15 ms"),
    ];
    for (what, settings, token, aim) in rows {
        let ask = Case::Call.ask(token.map(String::as_str), None);
        let mut took = Vec::new();
        for _ in 0..times {
            took.push(once(&settings, &ask)?.as_secs_f64() * 1000.0);
        }
        table.row([what.to_owned(), format!("{:.1} ms", median(took.into_iter())), aim.to_owned()]);
    }
    Ok(vec![table])
}

/// Starts a server, and asks until it has answered once as it should.
fn once(settings: &[(&'static str, String)], ask: &crate::cases::Ask) -> io::Result<Duration> {
    let port = free_port();
    let mut settings = settings.to_vec();
    settings.retain(|(name, _)| *name != "PORT");
    settings.push(("PORT", port.to_string()));
    let (program, nothing): (_, [&str; 0]) = (beside("mcp-server")?, []);
    let watch = Clock::system().stopwatch();
    let _server = start(SUBJECT, Path::new(&program), &nothing, &settings)?;
    let answered = || {
        // A connection that is refused costs less than a request.
        drop(TcpStream::connect(("127.0.0.1", port)).ok()?);
        post(port, "/mcp", ask).ok()
    };
    let looked = until("a first answer", answered);
    looked.map(|_| watch.elapsed())
}
