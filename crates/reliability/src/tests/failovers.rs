//! Redis with a second node that takes over: Sentinel and Cluster.

use std::time::Duration;

use ambient::Clock;

use super::{
    carried::{Carried, Kept},
    outages::Scene,
};
use crate::{
    certificates::Certificates,
    groups::{Cluster, Sentinels},
    probe::{Noted, only_outages, recovery, statuses},
    report::{Report, Size},
    site::Plan,
};

async fn pause(seconds: u64) {
    Clock::system().sleep(Duration::from_secs(seconds)).await;
}

/// What an answer of a cluster must never bring to a client, or into a log.
fn redirections(report: &mut Report, scene: &Scene, noted: &[Noted]) {
    let bodies = noted.iter().map(|one| one.answer.body.to_string());
    let texts: Vec<_> = bodies.chain([scene.site.logs()]).collect();
    for word in ["CROSSSLOT", "MOVED ", "ASK "] {
        let seen = texts.iter().filter(|text| text.contains(word)).count();
        report.none(&format!("answers and logs with {}", word.trim()), seen);
    }
}

/// T12: Sentinel promotes the replica when the primary is gone.
pub(super) async fn sentinel(scale: Size) -> Report {
    let redis = Sentinels::start().await;
    let plan = Plan::new(2, &redis.url());
    promoted(redis, plan, scale).await
}

/// The same where everybody speaks TLS: to sentinels, to the primary, and to the one after it.
pub(super) async fn sentinel_tls(scale: Size) -> Report {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let certificates = Certificates::new(directory.path()).await;
    let redis = Sentinels::behind_tls(&certificates).await;
    let plan = Plan::new(2, &redis.url()).setting("REDIS_CA_FILE", certificates.authority());
    promoted(redis, plan, scale).await
}

async fn promoted(mut redis: Sentinels, plan: Plan, scale: Size) -> Report {
    let scene = Scene::start(plan, scale).await;
    let mut report = Report::default();
    let probe = scene.probe();
    let carried = Carried::begin(&scene.links);
    pause(1).await;
    let killed = probe.elapsed();
    redis.primary.kill().await;
    pause(scale.pick(20, 12)).await;
    let noted = probe.end().await;
    statuses(&mut report, "before", &noted, Duration::ZERO, killed);
    statuses(&mut report, "after the death of the primary", &noted, killed, Duration::MAX);
    only_outages(&mut report, &noted, scale.at_most(Duration::from_secs(1)));
    let limit = scale.at_most(Duration::from_secs(6));
    report.within("recovery", recovery(&noted, killed), limit);
    carried.end(&mut report, Kept::OrToldOf).await;
    report
}

/// T13: a master of a cluster dies, and slots move to another one.
pub(super) async fn cluster(scale: Size) -> Report {
    let mut redis = Cluster::start().await;
    let scene = Scene::start(Plan::new(2, &redis.url()), scale).await;
    let mut report = Report::default();

    let probe = scene.probe();
    pause(1).await;
    let began = probe.elapsed();
    let moved = redis.move_slots(scale.pick(1000, 4000)).await;
    let done = probe.elapsed();
    pause(1).await;
    let noted = probe.end().await;
    report.none("moves of slots that failed", usize::from(moved.is_err()));
    moved.unwrap_or_else(|said| report.figure("the first of them", said));
    report
        .figure("time for moving slots", format!("{} ms", done.saturating_sub(began).as_millis()));
    statuses(&mut report, "while slots move", &noted, began, Duration::MAX);
    report.none("of them no success", noted.iter().filter(|one| !one.answer.is_ok()).count());
    redirections(&mut report, &scene, &noted);

    let probe = scene.probe();
    let carried = Carried::begin(&scene.links);
    pause(1).await;
    let killed = probe.elapsed();
    redis.nodes[2].kill().await;
    pause(scale.pick(20, 14)).await;
    let noted = probe.end().await;
    statuses(&mut report, "after the death of a master", &noted, killed, Duration::MAX);
    only_outages(&mut report, &noted, scale.at_most(Duration::from_secs(1)));
    let limit = scale.at_most(Duration::from_secs(8));
    report.within("recovery", recovery(&noted, killed), limit);
    carried.end(&mut report, Kept::OrToldOf).await;
    redirections(&mut report, &scene, &noted);
    report
}
