//! T14: the authorization server is away, silent, or comes and goes.

use std::time::Duration;

use ambient::Clock;

use super::outages::Scene;
use crate::{
    probe::{Noted, only_outages, recovery, statuses},
    redis::Redis,
    report::{Report, Size, percentile},
    site::Plan,
};

/// The MCP server notices within this that the authorization server is gone or back.
const NOTICE: Duration = Duration::from_secs(2);
/// A refusal while that is known asks nobody. The small run shares its processors.
const REFUSAL: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(10)];
/// How often it comes and goes.
const FLAPS: usize = 4;

async fn pause(millis: u64) {
    Clock::system().sleep(Duration::from_millis(millis)).await;
}

/// T14 (a): nobody is told that a token is bad because it cannot be checked.
pub(super) async fn closed(scale: Size) -> Report {
    let redis = Redis::start(false).await;
    let mut scene = Scene::start(Plan::new(2, &redis.url()), scale).await;
    let mut report = Report::default();
    let probe = scene.probe();
    pause(1000).await;
    scene.site.kill_issuer(0).await;
    let killed = probe.elapsed();
    pause(scale.pick(8, 30) * 1000).await;
    scene.site.issuer_again(0).await;
    let back = probe.elapsed();
    pause(scale.pick(8, 4) * 1000).await;
    let noted = probe.end().await;
    statuses(&mut report, "while it is away", &noted, killed, back);
    statuses(&mut report, "after", &noted, back, Duration::MAX);
    only_outages(&mut report, &noted, scale.at_most(NOTICE));
    let [small, full] = REFUSAL;
    let limit = scale.pick(small, full);
    report.within(
        "p99 of the 503 once that is known",
        refusals(&noted, killed + NOTICE, back),
        limit,
    );
    report.within("recovery", recovery(&noted, back), scale.at_most(NOTICE));

    let probe = scene.probe();
    scene.site.freeze_issuer(0);
    pause(scale.pick(4, 10) * 1000).await;
    scene.site.thaw_issuer(0);
    let thawed = probe.elapsed();
    pause(scale.pick(8, 4) * 1000).await;
    let noted = probe.end().await;
    statuses(&mut report, "while it is silent, and after", &noted, Duration::ZERO, Duration::MAX);
    only_outages(&mut report, &noted, scale.at_most(NOTICE));
    report.within("recovery from silence", recovery(&noted, thawed), scale.at_most(NOTICE));

    let probe = scene.probe();
    for _ in 0..FLAPS {
        scene.site.freeze_issuer(0);
        pause(1000).await;
        scene.site.thaw_issuer(0);
        pause(1000).await;
    }
    let last = probe.elapsed();
    pause(scale.pick(8, 4) * 1000).await;
    let noted = probe.end().await;
    statuses(
        &mut report,
        "while it comes and goes, and after",
        &noted,
        Duration::ZERO,
        Duration::MAX,
    );
    only_outages(&mut report, &noted, scale.at_most(NOTICE));
    report.within("recovery from that", recovery(&noted, last), scale.at_most(NOTICE));
    report
}

/// T14 (b): with `MCP_AUTH_OUTAGE=stale` a token that was checked a moment ago is good for a while.
pub(super) async fn stale(scale: Size) -> Report {
    let redis = Redis::start(false).await;
    let seconds = scale.pick(6, 60);
    let plan = Plan::new(2, &redis.url())
        .setting("MCP_AUTH_CACHE_TTL", 1)
        .setting("MCP_AUTH_OUTAGE", format!("stale:{seconds}"));
    let mut scene = Scene::start(plan, scale).await;
    let mut report = Report::default();
    let probe = scene.probe();
    pause(2000).await;
    scene.site.kill_issuer(0).await;
    let killed = probe.elapsed();
    // Until a little before its end, and from a little after it.
    let good = killed + Duration::from_secs(seconds / 2);
    let over = killed + Duration::from_secs(seconds + seconds / 2);
    pause((seconds + seconds / 2 + 3) * 1000).await;
    let noted = probe.end().await;
    statuses(&mut report, "while the answer is remembered", &noted, killed, good);
    statuses(&mut report, "after that", &noted, over, Duration::MAX);
    let within =
        |from, until| noted.iter().filter(move |one: &&Noted| (from..until).contains(&one.at));
    let refused = within(killed, good).filter(|one| !one.answer.is_ok()).count();
    report.none("calls that failed while it is remembered", refused);
    let let_in = within(over, Duration::MAX).filter(|one| one.answer.is_ok()).count();
    report.none("calls that were let in after that", let_in);
    only_outages(&mut report, &noted, scale.at_most(NOTICE));
    report
}

/// How long refusals took that were asked for between two moments.
fn refusals(noted: &[Noted], from: Duration, until: Duration) -> Duration {
    let refused = noted.iter().filter(|one| (from..until).contains(&one.at) && !one.answer.is_ok());
    percentile(&mut refused.map(|one| one.answer.took).collect::<Vec<_>>(), 0.99)
}
