//! Clients that take and do not give back: readers that do not read, sessions that nobody ends.

use std::time::Duration;

use futures_util::future::join_all;
use testkit::eventually;

use crate::{
    client::Caller,
    redis::Redis,
    report::{Report, Size},
    site::{Plan, open_files, resident},
};

/// Five of each of the two servers, and who asks.
pub(super) const CONNECTIONS: u64 = 12;
/// How many clients open sessions at the same time.
const AT_ONCE: usize = 25;
/// How long an unused session lives in these tests, in seconds.
const IDLE: u64 = 4;
/// How long it may take until nothing of them is left.
const FORGOTTEN: Duration = Duration::from_mins(2);

/// T16: sessions that are opened and left leave nothing.
pub(super) async fn churn(scale: Size) -> Report {
    let redis = Redis::start(false).await;
    let plan = Plan::new(1, &redis.url())
        .setting("SESSION_TTL", IDLE)
        .setting("SESSION_MAX_AGE", IDLE * 2)
        .setting("MCP_SESSIONS_PER_OWNER", u16::MAX)
        .setting("MCP_MAX_SESSIONS", 1_000_000);
    let site = plan.start().await;
    let mut report = Report::default();
    let caller = site.login("alice").await.at(&site.endpoint_at(0));
    // What as many sessions before leave in caches, and with the allocator, is not a leak.
    let (keys, sessions) = (redis.keys().await, scale.pick(1000, 20_000));
    open(&caller, sessions).await;
    let process = site.process(0);
    forgotten(&redis, keys).await;
    let (memory, files) = (resident(process), open_files(process));
    let opened = open(&caller, sessions).await;
    report.equal("sessions opened and left", opened, sessions);
    forgotten(&redis, keys).await;
    eventually(FORGOTTEN, || async { (open_files(process) <= files + 5).then_some(()) }).await;
    report.at_most("keys that are left", redis.keys().await, keys + 5);
    report.at_most("open files that are left", open_files(process), files + 5);
    let grown = resident(process).saturating_sub(memory);
    report.figure("memory before, and growth", format!("{memory} KiB, {grown} KiB"));
    // The slope of the design, and in a small run room for what an allocator keeps.
    let allowed = u64::try_from(sessions / 100).unwrap_or(0) + scale.pick(16 * 1024, 0);
    report.at_most("growth of memory in KiB", grown, allowed);
    report.at_most("connections to Redis", redis.info("connected_clients").await, CONNECTIONS);
    report
}

/// Waits until no more keys are left than there were `before`, but for a few.
async fn forgotten(redis: &Redis, before: u64) {
    let few = before + 5;
    eventually(FORGOTTEN, || async { (redis.keys().await <= few).then_some(()) }).await;
}

/// Opens sessions and leaves them; how many were opened.
async fn open(caller: &Caller, sessions: usize) -> usize {
    let mut opened = 0;
    for left in (0..sessions).step_by(AT_ONCE) {
        let batch = (left..sessions.min(left + AT_ONCE)).map(|_| async { caller.open().await });
        opened += join_all(batch).await.iter().filter(|link| link.is_ok()).count();
    }
    opened
}
