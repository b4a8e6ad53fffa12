//! T17: everybody who may not come in, all at once.

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
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet};

use crate::{
    probe::{Probe, only_outages, statuses},
    redis::Redis,
    report::{Report, Size, percentile},
    site::{Plan, Site, resident},
};

/// What a healthy client waits for a short call meanwhile. In a small run the flood, the servers and
/// whatever else the machine does share two processors: then it is the machine that is slow, and a
/// call may wait as long as a token may be asked about, twice.
const HEALTHY: [Duration; 2] = [Duration::from_secs(6), Duration::from_millis(100)];
/// The memory that a server may have then, in MiB.
const MEMORY: u64 = 256;
/// Connections that never finish their header.
const SLOW_HEADERS: usize = 100;

/// What a kind of request was answered with, and how often.
type Answers = BTreeMap<u16, usize>;

/// T17: floods are answered with refusals, and whoever is let in does not notice.
pub(super) async fn all(scale: Size) -> Report {
    let redis = Redis::start(false).await;
    let site = Plan::new(1, &redis.url()).start().await;
    let mut report = Report::default();
    let caller = site.login("alice").await.at(&site.endpoint_at(0));
    let link = caller.open().await.expect("a session can be opened");
    let probe = Probe::begin(vec![link], scale.pick(20, 50));
    let is_over = Arc::<AtomicBool>::default();
    let mut floods = JoinSet::new();
    for kind in KINDS {
        for _ in 0..scale.pick(1, kind.at_once) {
            floods.spawn(flood(
                kind,
                site.endpoint_at(0),
                site.issuer_origin(),
                Arc::clone(&is_over),
            ));
        }
    }
    let slow = slow_headers(site.address(0)).await;
    Clock::system().sleep(Duration::from_secs(scale.pick(10, 30))).await;
    is_over.store(true, Ordering::Relaxed);
    let mut answers = BTreeMap::<&str, Answers>::new();
    while let Some(done) = floods.join_next().await {
        let (name, some) = done.unwrap_or_default();
        let all = answers.entry(name).or_default();
        for (status, count) in some {
            *all.entry(status).or_default() += count;
        }
    }
    refusals(&mut report, &answers);
    report.equal("connections with half a header", slow.len(), SLOW_HEADERS);
    let noted = probe.end().await;
    let mut times: Vec<_> = noted.iter().map(|one| one.answer.took).collect();
    let [small, full] = HEALTHY;
    let p99 = percentile(&mut times, 0.99);
    report.within("p99 of a healthy client", p99, scale.pick(small, full));
    statuses(&mut report, "its calls", &noted, Duration::ZERO, Duration::MAX);
    only_outages(&mut report, &noted, scale.pick(small, full));
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

fn refusals(report: &mut Report, answers: &BTreeMap<&str, Answers>) {
    for kind in KINDS {
        let answers = answers.get(kind.name).cloned().unwrap_or_default();
        let text = answers.iter().map(|(status, count)| format!("{count} × {status}"));
        report.figure(kind.name, text.collect::<Vec<_>>().join(", "));
        let wrong = answers.iter().filter(|(status, _)| !kind.allowed.contains(status));
        report.none("  of them not to be", wrong.map(|(_, count)| count).sum());
    }
}

/// One kind of request.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    /// How many clients send it at the same time.
    at_once: usize,
    make: fn(&Client, &str, &str) -> RequestBuilder,
    /// What it may be answered with; zero is a connection that was closed.
    allowed: &'static [u16],
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "initialize without a token",
        at_once: 8,
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
        make: |http, mcp, _| http.post(mcp).bearer_auth("x").body(vec![b' '; 10_000_000]),
        // The answer comes before the body is through, and the connection is closed under it.
        allowed: &[0, 401, 413, 429, 503],
    },
    Kind {
        name: "tokens that are none",
        at_once: 32,
        make: |http, mcp, _| {
            http.post(mcp).bearer_auth(Entropy::system().hex::<16>()).json(&json!({}))
        },
        allowed: &[401, 429, 503],
    },
];

/// Sends one kind, one after the other, until told to end.
async fn flood(
    kind: Kind,
    mcp: String,
    issuer: String,
    is_over: Arc<AtomicBool>,
) -> (&'static str, Answers) {
    let patience = Duration::from_secs(30);
    let timeouts = Timeouts { connect: patience, total: patience };
    let http = http_client("flood", timeouts).expect("a client can be made");
    let mut answers = Answers::new();
    while !is_over.load(Ordering::Relaxed) {
        let answer = (kind.make)(&http, &mcp, &issuer).send().await;
        let status = answer.map_or(0, |answer| answer.status().as_u16());
        *answers.entry(status).or_default() += 1;
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
