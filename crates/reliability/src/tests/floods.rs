//! T17: everybody who may not come in, all at once.
//!
//! The tokens that are none come at the rate of the design, however slowly they are answered. The rest
//! comes at rates too, which leave the servers a part of the machine; or as fast as it is answered
//! (T17b), which leaves nobody anything.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ambient::{Clock, Entropy};
use chassis::client::{Timeouts, http_client};
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    probe::{Probe, only_outages, statuses},
    redis::Redis,
    report::{Report, Size, percentile},
    site::{Plan, Site, resident},
    torrent::{Poured, pour},
};

/// What a healthy client waits for a short call meanwhile, small and full. In a small run whatever else
/// the machine does shares its processors.
const HEALTHY: [Duration; 2] = [Duration::from_secs(2), Duration::from_millis(100)];
/// The same where the flood takes what it gets. Then it is the machine that is slow, and a call may
/// wait as long as a token may be asked about, twice.
const HEALTHY_UNDER_ALL: Duration = Duration::from_secs(6);
/// The memory that a server may have then, in MiB.
const MEMORY: u64 = 256;
/// Connections that never finish their header.
const SLOW_HEADERS: usize = 100;
/// How long such a connection may be open: ten seconds, and what a busy machine adds.
const SLOW_ENDS: [Duration; 2] = [Duration::from_secs(25), Duration::from_secs(12)];
/// How many tokens that are none come each second, and over how many connections.
const BAD_TOKENS: [u32; 2] = [500, 5000];
const BAD_TOKEN_CONNECTIONS: u32 = 16;

/// What a kind of request was answered with.
#[derive(Default)]
struct Answers {
    /// How often with which status; zero is a connection that was closed.
    by_status: BTreeMap<u16, usize>,
    /// How many were not JSON.
    bare: usize,
}

impl Answers {
    fn add(&mut self, other: Self) {
        self.bare += other.bare;
        for (status, count) in other.by_status {
            *self.by_status.entry(status).or_default() += count;
        }
    }
}

/// How fast a flood comes, apart from the tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// As often as its kind says.
    Steady,
    /// As fast as it is answered.
    Unchecked,
}

/// T17: floods are answered with refusals, and whoever is let in does not notice.
pub(super) async fn all(scale: Size, pace: Pace) -> Report {
    let redis = Redis::start(false).await;
    let site = Plan::new(1, &redis.url()).start().await;
    let mut report = Report::default();
    let caller = site.login("alice").await.at(&site.endpoint_at(0));
    let link = caller.open().await.expect("a session can be opened");
    let probe = Probe::begin(vec![link], scale.pick(20, 50));
    let is_over = Arc::<AtomicBool>::default();
    let mut floods = flooded(&site, scale, pace, &is_over);
    let [few, many] = BAD_TOKENS;
    let rate = scale.pick(few, many);
    let mut tokens = bad_tokens(&site, rate, &is_over);
    let slow = slow_headers(site.address(0)).await;
    let lasts = Duration::from_secs(scale.pick(10, 30));
    Clock::system().sleep(lasts).await;
    is_over.store(true, Ordering::Relaxed);
    let mut answers = BTreeMap::<&str, Answers>::new();
    while let Some(done) = floods.join_next().await {
        let (name, some) = done.unwrap_or_default();
        answers.entry(name).or_default().add(some);
    }
    refusals(&mut report, &answers, lasts);
    let mut poured = Poured::default();
    while let Some(done) = tokens.join_next().await {
        poured.add(done.unwrap_or_default());
    }
    refused_tokens(&mut report, rate, &poured, lasts);
    slow_headers_end(&mut report, slow, scale).await;
    let noted = probe.end().await;
    let mut times: Vec<_> = noted.iter().map(|one| one.answer.took).collect();
    let [small, full] = HEALTHY;
    let healthy = match pace {
        Pace::Steady => scale.pick(small, full),
        Pace::Unchecked => HEALTHY_UNDER_ALL,
    };
    report.within("p99 of a healthy client", percentile(&mut times, 0.99), healthy);
    statuses(&mut report, "its calls", &noted, Duration::ZERO, Duration::MAX);
    only_outages(&mut report, &noted, HEALTHY_UNDER_ALL);
    let failed = noted.iter().filter(|one| !one.answer.is_ok()).count();
    // On such a machine the question about its token may come too late, once in a while.
    report.at_most("its calls that failed", failed, scale.pick(noted.len() / 20, 0));
    memory(&mut report, &site);
    report
}

fn memory(report: &mut Report, site: &Site) {
    report.at_most("memory of the MCP server in MiB", resident(site.process(0)) / 1024, MEMORY);
    let issuer = resident(site.issuer_process(0)) / 1024;
    report.at_most("memory of the authorization server in MiB", issuer, MEMORY);
}

fn refusals(report: &mut Report, answers: &BTreeMap<&str, Answers>, lasts: Duration) {
    for kind in KINDS {
        let none = Answers::default();
        let Answers { by_status, bare } = answers.get(kind.name).unwrap_or(&none);
        told(report, kind.name, by_status, lasts);
        let wrong = by_status.iter().filter(|(status, _)| !kind.allowed.contains(status));
        report.none("  of them not to be", wrong.map(|(_, count)| count).sum());
        report.none("  of them not JSON", *bare);
    }
}

/// How many answers of which status there were, and how many in a second.
fn told(report: &mut Report, name: &str, by_status: &BTreeMap<u16, usize>, lasts: Duration) {
    let text = by_status.iter().map(|(status, count)| format!("{count} × {status}"));
    let text = text.collect::<Vec<_>>().join(", ");
    report.figure(name, format!("{text}; {}", a_second(by_status.values().sum(), lasts)));
}

fn a_second(count: usize, lasts: Duration) -> String {
    format!("{} a second", count / usize::try_from(lasts.as_secs()).unwrap_or(1).max(1))
}

/// Tokens that are none, at a rate.
fn bad_tokens(site: &Site, rate: u32, is_over: &Arc<AtomicBool>) -> JoinSet<Poured> {
    let mut pouring = JoinSet::new();
    for _ in 0..BAD_TOKEN_CONNECTIONS {
        let rate = f64::from(rate) / f64::from(BAD_TOKEN_CONNECTIONS);
        let (address, is_over) = (site.address(0), Arc::clone(is_over));
        pouring.spawn(pour(address, rate, move || bad_token(address), is_over));
    }
    pouring
}

/// A request with a token that nobody has issued. It has no body: a connection is closed whose request
/// was refused before its body was read.
fn bad_token(address: SocketAddr) -> String {
    let token = Entropy::system().hex::<16>();
    let port = address.port();
    format!(
        "GET /mcp HTTP/1.1\r\nhost: localhost:{port}\r\nauthorization: Bearer {token}\r\n\
         accept: text/event-stream\r\n\r\n"
    )
}

/// All of them are refused, in JSON. How many came in a second depends on the machine.
fn refused_tokens(report: &mut Report, rate: u32, poured: &Poured, lasts: Duration) {
    let sent = a_second(poured.sent, lasts);
    report.figure("tokens that are none", format!("{rate} a second wanted, {sent} sent"));
    told(report, "  answered", &poured.answers, lasts);
    let allowed = [401, 429, 503];
    let wrong = poured.answers.iter().filter(|(status, _)| !allowed.contains(status));
    report.none("  of them not to be", wrong.map(|(_, count)| count).sum());
    report.none("  of them not JSON", poured.bare);
    report.none("  runs without a refusal", usize::from(!poured.answers.contains_key(&401)));
}

/// Connections that say half a header are closed by the server.
async fn slow_headers_end(report: &mut Report, slow: Vec<TcpStream>, scale: Size) {
    report.equal("connections with half a header", slow.len(), SLOW_HEADERS);
    let [small, full] = SLOW_ENDS;
    let mut rest = Vec::new();
    let ended = async {
        for mut stream in slow {
            // It is told that it was too slow, or not; then it is over.
            drop(stream.read_to_end(&mut rest).await);
        }
    };
    let still_open = Clock::system().timeout(scale.pick(small, full), ended).await.is_err();
    report.none("of them still open", usize::from(still_open));
}

/// One kind of request.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    /// How many clients send it at the same time; one in a small run.
    at_once: u32,
    /// How many come in a second where they do not come as fast as they are answered, small and full.
    a_second: [u32; 2],
    make: fn(&Client, &str, &str) -> RequestBuilder,
    /// What it may be answered with; zero is a connection that was closed.
    allowed: &'static [u16],
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "initialize without a token",
        at_once: 8,
        a_second: [50, 200],
        make: |http, mcp, _| {
            http.post(mcp).header("accept", "application/json, text/event-stream").json(&json!({
                "jsonrpc": "2.0", "id": 1, "method": "initialize",
                "params": { "protocolVersion": "2025-11-25", "capabilities": {},
                            "clientInfo": { "name": "flood", "version": "0" } },
            }))
        },
        allowed: &[401, 429, 503],
    },
    Kind {
        name: "registrations",
        at_once: 4,
        a_second: [25, 100],
        make: |http, _, issuer| {
            http.post(format!("{issuer}/register")).json(&json!({
                "client_name": Entropy::system().hex::<8>(),
                "redirect_uris": ["http://127.0.0.1/callback"],
                "token_endpoint_auth_method": "none",
            }))
        },
        allowed: &[201, 429, 503],
    },
    Kind {
        name: "bodies of 10 MB",
        at_once: 4,
        a_second: [5, 20],
        make: |http, mcp, _| http.post(mcp).bearer_auth("x").body(vec![b' '; 10_000_000]),
        // The answer comes before the body is through, and the connection is closed under it.
        allowed: &[0, 401, 413, 429, 503],
    },
];

/// All kinds, each from as many clients as it has.
fn flooded(
    site: &Site,
    scale: Size,
    pace: Pace,
    is_over: &Arc<AtomicBool>,
) -> JoinSet<(&'static str, Answers)> {
    let mut floods = JoinSet::new();
    for kind in KINDS {
        let at_once = scale.pick(1, kind.at_once);
        let [few, many] = kind.a_second;
        let every = match pace {
            Pace::Steady => Duration::from_secs(at_once.into()) / scale.pick(few, many),
            Pace::Unchecked => Duration::ZERO,
        };
        for _ in 0..at_once {
            let (mcp, issuer) = (site.endpoint_at(0), site.issuer_origin());
            floods.spawn(flood(kind, every, (mcp, issuer), Arc::clone(is_over)));
        }
    }
    floods
}

/// Sends one kind, one after the other, until told to end. What is late is sent at once.
async fn flood(
    kind: Kind,
    every: Duration,
    (mcp, issuer): (String, String),
    is_over: Arc<AtomicBool>,
) -> (&'static str, Answers) {
    let patience = Duration::from_secs(30);
    let timeouts = Timeouts { connect: patience, total: patience };
    let http = http_client("flood", timeouts).expect("a client can be made");
    let (clock, mut answers) = (Clock::system(), Answers::default());
    let mut next = clock.now();
    while !is_over.load(Ordering::Relaxed) {
        let mut status = 0;
        if let Ok(answer) = (kind.make)(&http, &mcp, &issuer).send().await {
            status = answer.status().as_u16();
            // Where the connection is closed under the request, the body may be cut off as well.
            let body = answer.bytes().await.unwrap_or_default();
            let is_json = serde_json::from_slice::<serde_json::Value>(&body).is_ok();
            answers.bare += usize::from(!is_json && !body.is_empty());
        }
        *answers.by_status.entry(status).or_default() += 1;
        next = next + every;
        clock.sleep_until(next).await;
    }
    (kind.name, answers)
}

/// Connections that have begun to say what they want, and go no further.
async fn slow_headers(address: SocketAddr) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for _ in 0..SLOW_HEADERS {
        if let Ok(mut stream) = TcpStream::connect(address).await
            && stream.write_all(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await.is_ok()
        {
            open.push(stream);
        }
    }
    open
}
