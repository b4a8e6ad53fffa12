//! Streams that wait, and events on their way from one instance to another.

use std::{io, net::Ipv4Addr, time::Duration};

use ambient::Clock;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Runtime,
};

use super::memory::mib;
use crate::{
    cases::opening,
    process::until,
    report::Table,
    rounds::{Effort, approximate, median, quantile},
    site::{Instance, Kept, Site},
};

/// How long a stream may take to begin, or to hear of something.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the processor's time is counted while nothing happens but keeping alive.
const WINDOW: Duration = Duration::from_secs(20);

/// How long the memory of closed streams may take to be given back: the allocator keeps what was used
/// lately for ten seconds.
const GIVEN_BACK: Duration = Duration::from_secs(15);

/// Files that neither side opens for a stream.
const SPARE: usize = 300;

/// How many streams there are, for the page and for a glance, if the limit on files allows it.
const MOST: usize = 19_500;
const FEW: usize = 3_000;

/// Streams that are opened before memory is looked at for the first time.
const FIRST: usize = 200;

pub(super) fn run(runtime: &Runtime, effort: Effort) -> io::Result<Vec<Table>> {
    let wanted = if effort.rounds < Effort::FULL.rounds { FEW } else { MOST };
    let streams = wanted.min(raise_limit(wanted + SPARE).saturating_sub(SPARE + FIRST));
    let site = Site::start()?;
    let one = site.first(Kept::Near)?;
    let token = runtime.block_on(site.login()).access().to_owned();
    let mut tables = Vec::new();
    tables.push(runtime.block_on(idle(&one, &token, streams))?);
    let other = site.another(Kept::Near)?;
    tables.push(runtime.block_on(events(&one, &other, &token, effort.rounds * 40))?);
    Ok(tables)
}

/// Idle streams of sessions, their sessions included.
async fn idle(instance: &Instance, token: &str, streams: usize) -> io::Result<Table> {
    let (before_all, files) = (instance.server.resident(), instance.server.open_files());
    let mut open = Vec::new();
    for _ in 0..FIRST {
        open.push(listen(instance, Some(token), &instance.session(Some(token))?).await?);
    }
    let before = instance.server.resident();
    for _ in 0..streams {
        open.push(listen(instance, Some(token), &instance.session(Some(token))?).await?);
    }
    let with = instance.server.resident();
    let used = instance.server.on_processor();
    Clock::system().sleep(WINDOW).await;
    let used = instance.server.on_processor().saturating_sub(used);
    drop(open);
    // Requests of this program leave a few connections behind, which are kept for the next ones.
    until("the end of the streams", || {
        (instance.server.open_files() < files + FIRST).then_some(())
    })?;
    Clock::system().sleep(GIVEN_BACK).await;
    let after = instance.server.resident();
    let each = approximate(with.saturating_sub(before)) / 1024.0 / approximate(streams as u64);
    let core = used.as_secs_f64() / WINDOW.as_secs_f64() * 100.0;
    let mut table =
        Table::new("Idle streams of sessions, state in Redis", &["what", "figure", "aim"]);
    table.row([
        "one, its session included".to_owned(),
        format!("{each:.1} KiB"),
        "≤ 12 KiB".to_owned(),
    ]);
    table.row(["before".to_owned(), mib(before_all), String::new()]);
    let all = streams + FIRST;
    let aim = format!("≤ {} MiB", 250 * all / MOST);
    table.row([format!("with {all}"), mib(with), aim]);
    let closed = format!("{} s after they have closed", GIVEN_BACK.as_secs());
    table.row([closed, mib(after), String::new()]);
    table.row([
        "of a core for keeping them alive".to_owned(),
        format!("{core:.1} %"),
        "< 2 %".to_owned(),
    ]);
    Ok(table)
}

/// A session with a stream at one instance ends at another: from the request to the end of the
/// stream.
async fn events(from: &Instance, to: &Instance, token: &str, count: usize) -> io::Result<Table> {
    let clock = Clock::system();
    let mut times = Vec::new();
    for _ in 0..count {
        let session = to.session(Some(token))?;
        let mut stream = listen(to, Some(token), &session).await?;
        let mut ending = connect(from).await?;
        let watch = clock.stopwatch();
        let delete = request("DELETE", from, Some(token), &session);
        ending.write_all(delete.as_bytes()).await?;
        let mut rest = Vec::new();
        bounded(stream.read_to_end(&mut rest)).await?;
        times.push(watch.elapsed().as_secs_f64() * 1000.0);
    }
    let mut table =
        Table::new("An event between instances on one Redis", &["what", "median", "p99", "aim"]);
    let (middle, p99) = (median(times.iter().copied()), quantile(times.iter().copied(), 99));
    table.row([
        "request at one instance to end of the stream at another".to_owned(),
        format!("{middle:.2} ms"),
        format!("{p99:.2} ms"),
        "p99 ≤ 5 ms".to_owned(),
    ]);
    Ok(table)
}

/// Opens the stream of a session, and waits until it has begun.
pub(super) async fn listen(
    instance: &Instance,
    token: Option<&str>,
    session: &str,
) -> io::Result<TcpStream> {
    let mut stream = connect(instance).await?;
    stream.write_all(request("GET", instance, token, session).as_bytes()).await?;
    let mut head = vec![0; 4096];
    let length = bounded(stream.read(&mut head)).await?;
    if head.starts_with(b"HTTP/1.1 200") {
        return Ok(stream);
    }
    Err(io::Error::other(String::from_utf8_lossy(&head[..length]).into_owned()))
}

pub(super) async fn connect(instance: &Instance) -> io::Result<TcpStream> {
    bounded(TcpStream::connect((Ipv4Addr::LOCALHOST, instance.port))).await
}

pub(super) async fn bounded<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let limited = Clock::system().timeout(PATIENCE, work).await;
    limited.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

pub(super) fn request(
    method: &str,
    instance: &Instance,
    token: Option<&str>,
    session: &str,
) -> String {
    let mut ask = opening(token);
    ask.headers.retain(|(name, _)| *name != "content-type");
    let (headers, port) = (ask.header_lines(), instance.port);
    format!(
        "{method} /mcp HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nmcp-session-id: {session}\r\n\
         mcp-protocol-version: 2025-11-25\r\nconnection: close\r\n{headers}\r\n"
    )
}

/// Each stream is a file of this process, and of the server, which inherits the limit if it is started
/// afterwards. Gives how many files there may be.
pub(super) fn raise_limit(files: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = (files as u64).min(maximum.unwrap_or(u64::MAX));
    if current.is_none_or(|current| current >= wanted) {
        return files;
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    let allowed = if raised.is_ok() { wanted } else { current.unwrap_or(wanted) };
    usize::try_from(allowed).unwrap_or(files)
}
