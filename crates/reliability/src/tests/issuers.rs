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
/// Everybody is refused this long after its death at the latest, also who is known: its connections
/// end with it.
const CLOSED: Duration = Duration::from_secs(1);
/// How long a question to it may take.
const QUESTION: Duration = Duration::from_secs(3);
/// How long after it has fallen silent everybody is refused: five seconds until somebody looks, the
/// time of the question, and one.
const SILENCE: Duration = Duration::from_secs(9);
/// A refusal while that is known asks nobody. The small run shares its processors.
const REFUSAL: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(10)];
/// How often it comes and goes.
const FLAPS: usize = 4;

async fn pause(millis: u64) {
    Clock::system().sleep(Duration::from_millis(millis)).await;
}

/// T14 (a): nobody is told that a token is bad because it cannot be checked, and nobody is let in.
pub(super) async fn closed(scale: Size) -> Report {
    let redis = Redis::start(false).await;
    let mut scene = Scene::start(Plan::new(2, &redis.url()), scale).await;
    let mut report = Report::default();
    dies(&mut scene, &mut report, scale).await;
    falls_silent(&scene, &mut report, scale).await;
    comes_and_goes(&scene, &mut report, scale).await;
    report
}

async fn dies(scene: &mut Scene, report: &mut Report, scale: Size) {
    let probe = scene.probe();
    pause(1000).await;
    let killed = probe.elapsed();
    scene.site.kill_issuer(0).await;
    pause(scale.pick(5, 30) * 1000).await;
    let back = probe.elapsed();
    scene.site.issuer_again(0).await;
    let ready = probe.elapsed();
    pause(4000).await;
    let noted = probe.end().await;
    statuses(report, "while it is away", &noted, killed, back);
    statuses(report, "after", &noted, ready, Duration::MAX);
    only_outages(report, &noted, scale.at_most(NOTICE));
    let open = closing(&noted, killed, back);
    report.within("until everybody was refused", open, scale.at_most(CLOSED));
    let [small, full] = REFUSAL;
    let p99 = refusals(&noted, killed + NOTICE, back);
    report.within("p99 of the 503 once that is known", p99, scale.pick(small, full));
    report.within("recovery", recovery(&noted, ready), scale.at_most(NOTICE));
}

async fn falls_silent(scene: &Scene, report: &mut Report, scale: Size) {
    let probe = scene.probe();
    let frozen = probe.elapsed();
    scene.site.freeze_issuer(0);
    pause(12_000).await;
    let thawed = probe.elapsed();
    scene.site.thaw_issuer(0);
    pause(4000).await;
    let noted = probe.end().await;
    statuses(report, "while it is silent", &noted, frozen, thawed);
    statuses(report, "after", &noted, thawed, Duration::MAX);
    // Who asks before that is known waits as long as a question may take.
    only_outages(report, &noted, scale.at_most(NOTICE + QUESTION));
    let open = closing(&noted, frozen, thawed);
    report.within("until everybody was refused in silence", open, SILENCE);
    report.within("recovery from silence", recovery(&noted, thawed), scale.at_most(NOTICE));
}

async fn comes_and_goes(scene: &Scene, report: &mut Report, scale: Size) {
    let probe = scene.probe();
    for _ in 0..FLAPS {
        scene.site.freeze_issuer(0);
        pause(1000).await;
        scene.site.thaw_issuer(0);
        pause(1000).await;
    }
    let last = probe.elapsed();
    pause(4000).await;
    let noted = probe.end().await;
    let name = "while it comes and goes, and after";
    statuses(report, name, &noted, Duration::ZERO, Duration::MAX);
    only_outages(report, &noted, scale.at_most(NOTICE + QUESTION));
    report.within("recovery from that", recovery(&noted, last), scale.at_most(NOTICE));
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

/// How long after `from` somebody was last let in before `until`.
fn closing(noted: &[Noted], from: Duration, until: Duration) -> Duration {
    let let_in = noted.iter().filter(|one| (from..until).contains(&one.at) && one.answer.is_ok());
    let_in.map(|one| one.at.saturating_sub(from)).max().unwrap_or_default()
}

/// How long refusals took that were asked for between two moments.
fn refusals(noted: &[Noted], from: Duration, until: Duration) -> Duration {
    let refused = noted.iter().filter(|one| (from..until).contains(&one.at) && !one.answer.is_ok());
    percentile(&mut refused.map(|one| one.answer.took).collect::<Vec<_>>(), 0.99)
}
