//! Many streams on one instance.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Response;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::bounds::CONNECTIONS;
use crate::{
    client::Caller,
    redis::Redis,
    report::{Report, Size},
    site::{Plan, resident},
};

/// How many sessions are opened at the same time.
const AT_ONCE: usize = 50;

/// T9: idle streams cost little, and an instance that is asked to end takes leave of all of them.
pub(super) async fn idle(scale: Size) -> Report {
    let streams = scale.pick(1000, 10_000);
    raise_limit(u64::try_from(streams).unwrap_or(u64::MAX) * 3);
    let redis = Redis::start(false).await;
    let plan = Plan::new(1, &redis.url())
        .setting("MCP_SESSIONS_PER_OWNER", streams * 2)
        .setting("MCP_MAX_SESSIONS", streams * 2)
        .setting("MCP_STREAMS_PER_CALLER", streams * 2)
        .setting("MCP_MAX_STREAMS", streams * 2)
        .setting("DRAIN_MIN_MS", 0);
    let mut site = plan.start().await;
    let mut report = Report::default();
    // Beside the balancer: its sockets would count too.
    let caller = site.login("alice").await.at(&site.endpoint_at(0));
    drop(open(&caller, AT_ONCE).await);
    let before = resident(site.process(0));
    let open = open(&caller, streams).await;
    let after = resident(site.process(0));
    report.equal("streams", open.len(), streams);
    report.at_most("connections to Redis", redis.info("connected_clients").await, CONNECTIONS);
    let growth = after.saturating_sub(before);
    report.figure("memory before and with them", format!("{before} KiB, {after} KiB"));
    report.figure(
        "memory for each stream and its session",
        format!("{:.1} KiB", approximate(growth) / approximate(streams as u64)),
    );
    let readers = open.into_iter().map(ended);
    let ((took, in_order), clean) =
        futures_util::future::join(site.terminate(0), join_all(readers)).await;
    report.within("exit", took, scale.at_most(Duration::from_secs(2)));
    report.none("exits out of order", usize::from(!in_order));
    report.none("streams that broke", clean.iter().filter(|clean| !**clean).count());
    report
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn approximate(number: u64) -> f64 {
    number as f64
}

async fn open(caller: &Caller, streams: usize) -> Vec<Response> {
    let mut open = Vec::new();
    while open.len() < streams {
        let batch = (0..AT_ONCE.min(streams - open.len())).map(|_| async {
            let link = caller.open().await.ok()?;
            link.listen(None).await.ok()
        });
        let opened: Vec<_> = join_all(batch).await.into_iter().flatten().collect();
        if opened.is_empty() {
            break;
        }
        open.extend(opened);
    }
    open
}

/// Whether a stream ended as a response does, and not by a broken connection.
async fn ended(mut stream: Response) -> bool {
    loop {
        match stream.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Raises the number of files that may be open, here and in the programs that are started. Without
/// the right to do so, the test says how far it came.
fn raise_limit(files: u64) {
    let now = getrlimit(Resource::Nofile);
    let maximum = now.maximum.map(|maximum| maximum.max(files));
    let wanted = Rlimit { current: Some(files), maximum };
    if now.current.is_some_and(|current| current < files) {
        let _ = setrlimit(Resource::Nofile, wanted);
    }
}
