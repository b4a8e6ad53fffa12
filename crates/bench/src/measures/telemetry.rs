//! What it costs to tell what happens: the same server with its defaults, with less and with more,
//! in the same rounds.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
};

use tokio::runtime::Runtime;

use super::calls::{COLUMNS, CONNECTIONS, cells, first};
use crate::{
    cases::Case,
    report::Table,
    rounds::{Effort, Side, compare},
    site::{Instance, Kept, Site},
    wrk::Script,
};

type Settings = Vec<(&'static str, String)>;

pub(super) fn run(runtime: &Runtime, effort: Effort) -> io::Result<Vec<Table>> {
    let site = Site::start()?;
    let usual = site.first(Kept::Memory)?;
    let login = runtime.block_on(site.login());
    let ask = Case::Call.ask(Some(login.access()), None);
    let script = Script::of(&ask)?;
    let usual_url = usual.url();
    let compared = |instance: &Instance| {
        first(&usual, &ask)?;
        first(instance, &ask)?;
        let own = instance.url();
        let subject = Side { server: &instance.server, url: &own, script: &script };
        let usual = Side { server: &usual.server, url: &usual_url, script: &script };
        compare(subject, usual, CONNECTIONS, effort)
    };
    let title = "What telling costs, stateless `tools/call`: bare is the server with its defaults";
    let mut table = Table::new(title, COLUMNS);
    let collector = Collector::start()?;
    for (what, settings, aim) in ways(&collector) {
        table.row(cells(what, &compared(&site.telling(&settings)?)?, aim));
    }
    let shown = site.telling(&[setting("MCP_FLOW", "1")])?;
    table.row(cells("the flow page, nobody watches", &compared(&shown)?, "1.00"));
    watch(shown.port)?;
    table.row(cells("the flow page, somebody watches", &compared(&shown)?, "≥ 0.98"));
    Ok(vec![table])
}

/// Less and more than the defaults, which are a log and metrics for Prometheus.
fn ways(collector: &Collector) -> [(&'static str, Settings, &'static str); 4] {
    let (log, metrics) = (setting("RUST_LOG", "off"), setting("METRICS_ADDR", "off"));
    let traces = setting("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url());
    let sampler = setting("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
    let share = setting("OTEL_TRACES_SAMPLER_ARG", "0.01");
    [
        ("neither log nor metrics", vec![log.clone(), metrics], ""),
        ("no log", vec![log], ""),
        ("a trace of one call in a hundred", vec![traces.clone(), sampler, share], ""),
        ("a trace of each call", vec![traces], ""),
    ]
}

fn setting(name: &'static str, value: &str) -> (&'static str, String) {
    (name, value.to_owned())
}

/// A collector that reads what it is sent and keeps nothing.
struct Collector {
    port: u16,
}

impl Collector {
    fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                // Whose connection ends, or is none, has nothing more to send.
                thread::spawn(move || drop(take(&socket)));
            }
        });
        Ok(Self { port })
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Answers every request of a connection with 200, until it is closed.
fn take(mut socket: &TcpStream) -> io::Result<()> {
    let mut from = BufReader::new(socket);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            if line.is_empty() {
                break;
            }
        }
        io::copy(&mut from.by_ref().take(length), &mut io::sink())?;
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
}

/// Watches the flow page as a browser does, until the server ends.
fn watch(port: u16) -> io::Result<()> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let request = format!("GET /flow/events HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n");
    socket.write_all(request.as_bytes())?;
    let mut from = BufReader::new(socket);
    let mut status = String::new();
    from.read_line(&mut status)?;
    if !status.starts_with("HTTP/1.1 200") {
        return Err(io::Error::other(format!("the flow page: {status}")));
    }
    thread::spawn(move || drop(io::copy(&mut from, &mut io::sink())));
    Ok(())
}
