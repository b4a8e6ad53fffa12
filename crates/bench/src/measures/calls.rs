//! Requests of both eras, each against a bare handler that reads the same body and answers with the
//! same bytes.

use std::{
    io::{self, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::Path,
};

use tempfile::NamedTempFile;
use testkit::process::free_port;
use tokio::runtime::Runtime;

use super::connect;
use crate::{
    cases::{Ask, Case},
    process::{SUBJECT, beside, start, until},
    report::Table,
    rounds::{Compared, Effort, Side, compare},
    site::{Got, Instance, Kept, Site, post},
    wrk::Script,
};

/// The columns of a comparison.
pub(super) const COLUMNS: &[&str] = &[
    "case",
    "answers/s",
    "bare",
    "throughput ratio",
    "CPU µs",
    "bare",
    "CPU ratio",
    "p99 ratio",
    "aim",
];

/// How many connections the aims are about.
pub(super) const CONNECTIONS: usize = 32;

/// A case, where its session is kept, and the aim.
type Row = (&'static str, Case, Kept, &'static str);

const ROWS: [Row; 9] = [
    ("stateless `tools/call`", Case::Call, Kept::Memory, "≥ 0.90"),
    ("session `tools/call`, memory", Case::SessionCall, Kept::Memory, "≥ 0.90"),
    ("session `tools/call`, Redis, near", Case::SessionCall, Kept::Near, "≥ 0.85"),
    ("session `tools/call`, Redis, strict", Case::SessionCall, Kept::Strict, "≥ 0.55"),
    ("`tools/list`", Case::List, Kept::Memory, "≥ 0.80"),
    ("`server/discover`", Case::Discover, Kept::Memory, ""),
    ("`resources/read`", Case::Read, Kept::Memory, ""),
    ("`tools/call` of 100 kB in and out", Case::Large, Kept::Memory, ""),
    ("`tools/call` with 20 events", Case::Progress, Kept::Memory, ""),
];

pub(super) fn run(runtime: &Runtime, effort: Effort) -> io::Result<Vec<Table>> {
    let site = Site::start()?;
    let memory = site.first(Kept::Memory)?;
    let (near, strict) = (site.another(Kept::Near)?, site.another(Kept::Strict)?);
    let login = runtime.block_on(site.login());
    let token = Some(login.access());
    let mut table = Table::new("Requests, 32 connections", COLUMNS);
    for (what, case, kept, aim) in ROWS {
        let instance = match kept {
            Kept::Memory => &memory,
            Kept::Near => &near,
            Kept::Strict => &strict,
        };
        let session = match case {
            Case::SessionCall => Some(instance.session(token)?),
            _ => None,
        };
        let ask = case.ask(token, session.as_deref());
        table.row(cells(what, &against_bare(instance, &ask, effort)?, aim));
    }
    let large = site.fork("large")?;
    let read = against_bare(&large, &Case::ReadLarge.ask(token, None), effort)?;
    table.row(cells("`resources/read` of 1 MiB, by a fork", &read, ""));
    let mut ask = Case::Call.ask(token, None);
    ask.headers.push(("connection", "close".to_owned()));
    let connecting = against_bare(&memory, &ask, effort)?;
    table.row(cells("`tools/call`, a connection each", &connecting, ""));
    Ok(vec![table, connect::table(&memory, token, effort)?])
}

/// Compares a server with a handler that gives the same answer.
pub(super) fn against_bare(instance: &Instance, ask: &Ask, effort: Effort) -> io::Result<Compared> {
    let answer = first(instance, ask)?;
    let (bare, url) = bare("/mcp", &answer, None)?;
    let script = Script::of(ask)?;
    let own = instance.url();
    let subject = Side { server: &instance.server, url: &own, script: &script };
    let bare = Side { server: &bare.server, url: &url, script: &script };
    compare(subject, bare, CONNECTIONS, effort)
}

/// An answer. The first request with a token may have to wait until it is known.
pub(super) fn first(instance: &Instance, ask: &Ask) -> io::Result<Got> {
    until("a success", || post(instance.port, "/mcp", ask).ok())
        .or_else(|_| post(instance.port, "/mcp", ask))
}

/// Starts a bare handler with an answer.
pub(super) fn bare(
    path: &str,
    answer: &Got,
    redis: Option<&str>,
) -> io::Result<(Instance, String)> {
    let mut body = NamedTempFile::new()?;
    body.write_all(&answer.body)?;
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}{path}");
    let text = port.to_string();
    let media_type = answer.header("content-type").unwrap_or("application/json");
    let file = body.path().to_string_lossy();
    let mut words = vec![text.as_str(), path, media_type, &*file];
    words.extend(redis);
    let program = beside("ceiling")?;
    let server = start(SUBJECT, Path::new(&program), &words, &[])?;
    // It has read the file when it listens.
    until("the bare handler", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok())?;
    Ok((Instance { server, port }, url))
}

/// A comparison as a row.
pub(super) fn cells(what: &str, compared: &Compared, aim: &str) -> Vec<String> {
    vec![
        what.to_owned(),
        format!("{:.0}", compared.subject(|sample| sample.rate)),
        format!("{:.0}", compared.ceiling(|sample| sample.rate)),
        format!("{:.2}", compared.throughput()),
        format!("{:.1}", compared.subject(|sample| sample.cpu)),
        format!("{:.1}", compared.ceiling(|sample| sample.cpu)),
        format!("{:.2}", compared.cpu()),
        format!("{:.1} ×", compared.p99()),
        aim.to_owned(),
    ]
}
