//! Instances come and go under load.

use std::time::Duration;

use ambient::Clock;

use crate::{
    history::End,
    load::{Buried, Load},
    redis::Redis,
    report::{Report, Size},
    site::{Plan, Site},
};

const INSTANCES: usize = 3;

const fn load(scale: Size) -> Load {
    match scale {
        Size::Small => Load { sessions: 12, events: 10, requests: 20 },
        Size::Full => Load { sessions: 100, events: 20, requests: 300 },
    }
}

async fn site() -> (Redis, Site) {
    let redis = Redis::start(false).await;
    let site = Plan::new(INSTANCES, &redis.url()).start().await;
    (redis, site)
}

/// T7: each instance is asked to end and started again.
pub(super) async fn rolling(scale: Size) -> Report {
    let (_redis, mut site) = site().await;
    let mut report = Report::default();
    let (callers, pause) = (site.everybody().await, Duration::from_secs(scale.pick(1, 3)));
    let load = load(scale).begin(&callers).await;
    for index in 0..INSTANCES {
        Clock::system().sleep(pause).await;
        let (took, in_order) = site.terminate(index).await;
        // Two seconds of draining, and the longest call.
        report.within("exit", took, scale.at_most(Duration::from_secs(5)));
        report.none("exits out of order", usize::from(!in_order));
        site.again(index).await;
    }
    Clock::system().sleep(pause).await;
    let tally = load.end().await;
    tally.report(&mut report);
    report.none("calls that lost their instance", tally.ends(Some(End::InstanceLost)));
    report
}

/// Until when a call is told that its instance is gone: the promise, and with unoptimised programs on
/// a busy machine a little longer.
const fn told(scale: Size) -> Duration {
    match scale {
        Size::Small => Duration::from_secs(20),
        Size::Full => Duration::from_secs(12),
    }
}

/// What the dead instances had written down of their calls, against what the clients were told.
async fn acknowledged(report: &mut Report, redis: &Redis, buried: Vec<Buried>) {
    let (mut written, mut lost, mut cut) = (0, 0, 0);
    for Buried { log, steps } in buried {
        let kept = redis.command(&["XRANGE", &log, "-", "+"]).await.unwrap_or_default();
        let kept = u64::try_from(kept.matches("notifications/progress").count()).unwrap_or(0);
        // A client is told nothing that is not kept, so less is a log that could not be read.
        cut += usize::from(kept < steps);
        written += kept;
        lost += kept.saturating_sub(steps);
    }
    report.figure("events these calls had written", written);
    report.none("of them not told", usize::try_from(lost).unwrap_or(usize::MAX));
    report.none("logs of such calls that are not whole", cut);
}

/// T8: each instance is killed and started again.
pub(super) async fn killed(scale: Size) -> Report {
    let (redis, mut site) = site().await;
    let mut report = Report::default();
    let (callers, pause) = (site.everybody().await, Duration::from_secs(scale.pick(1, 5)));
    let load = load(scale).begin(&callers).await;
    for index in 0..INSTANCES {
        Clock::system().sleep(pause).await;
        site.kill(index).await;
        // Longer than a sign of life is believed.
        Clock::system().sleep(Duration::from_secs(6)).await;
        site.again(index).await;
    }
    Clock::system().sleep(pause).await;
    let tally = load.end().await;
    tally.report(&mut report);
    let took = tally.told_after();
    report.equal(
        "calls that ended with instance_lost",
        tally.ends(Some(End::InstanceLost)),
        took.len(),
    );
    // Otherwise nothing was shown.
    report.none("runs in which no call lost its instance", usize::from(took.is_empty()));
    acknowledged(&mut report, &redis, tally.buried()).await;
    let longest = took.into_iter().max().unwrap_or_default();
    report.within("the last of them told after", longest, told(scale));
    report
}
