//! T2: crowds that redeem authorization codes while Redis dies, with what it knows or without.

use std::time::Duration;

use ambient::Clock;
use futures_util::future::{join, join_all};
use testkit::eventually;

use crate::{
    crowd::{Crowd, Outcomes, count, doubles, impossible, strange, verdict},
    groups::Sentinels,
    linear::Redeemed,
    redis::Redis,
    report::{Report, Size},
    site::{Plan, Site},
};

/// How many redeem one code at once.
const REDEEMERS: usize = 64;
/// How long it may take until servers have found the new primary.
const FOUND: Duration = Duration::from_secs(30);

/// Two authorization servers that limit nobody: it is one address that all of this comes from.
fn plan(redis: &str) -> Plan {
    let limits = ["REGISTER", "AUTHORIZE", "TOKEN", "REFUSED"];
    let plan = Plan::new(1, redis)
        .issuers(2)
        .setting("AUTH_LADDER_ACCOUNT", 0)
        .setting("AUTH_LADDER_ADDRESS", 0);
    limits.into_iter().fold(plan, Plan::unlimited)
}

async fn pause(millis: u64) {
    Clock::system().sleep(Duration::from_millis(millis)).await;
}

/// T2 (b): Redis dies with all it knows while crowds redeem.
pub(super) async fn killed_redis(scale: Size) -> Report {
    let mut redis = Redis::start(false).await;
    let mut codes = Vec::new();
    let mut report = Report::default();
    for round in 0..scale.pick(1, 6) {
        // Everything is forgotten each time, the clients too.
        let site = plan(&redis.url()).start().await;
        let crowd = Crowd::at(&site).await;
        let forms = crowd.codes(8).await;
        let redeemed = join_all(forms.iter().map(|form| crowd.rush(form, REDEEMERS / 2)));
        let kill = async {
            pause(30 + 40 * round).await;
            redis.kill().await;
        };
        let (first, ()) = join(redeemed, kill).await;
        redis.again().await;
        let again = join_all(forms.iter().map(|form| crowd.rush(form, 2))).await;
        codes.extend(first.into_iter().zip(again).map(|(first, again)| [first, again].concat()));
    }
    verdict_without_memory(&mut report, &codes);
    report
}

/// Who comes after Redis has forgotten everything is refused, whether anybody has won or not: no
/// history of a code says that.
fn verdict_without_memory(report: &mut Report, codes: &[Outcomes]) {
    report.figure("codes", codes.len());
    let won: usize = codes.iter().map(|code| count(code, Redeemed::Won)).sum();
    report.figure("requests that won", won);
    report.none("codes that were good more than once", doubles(codes));
    let strange =
        codes.iter().flatten().filter(|one| !matches!(one.status, 0 | 200 | 400 | 401 | 503));
    report.none("answers that are none of 200, 400, 401, 503", strange.count());
}

/// T2 (c): the primary dies with writes that its replica does not have, and those count as failed.
pub(super) async fn with_waiting(scale: Size) -> Report {
    let mut report = Report::default();
    let codes = failover(scale, 1).await;
    verdict(&mut report, &codes);
    report
}

/// T2 (d): the same, and nobody waits for the replica. Codes are good twice then: how many is told.
pub(super) async fn without_waiting(scale: Size) -> Report {
    let mut report = Report::default();
    let codes = failover(scale, 0).await;
    report.figure("codes", codes.len());
    report.figure("codes that were good more than once (documented)", doubles(&codes));
    report.none("answers that are none of 200, 400, 503", strange(&codes));
    let thrice = codes.iter().filter(|code| count(code, Redeemed::Won) > 2).count();
    report.none("codes that were good more often than primaries died", thrice);
    // The only thing that went wrong is what was lost with the primary.
    let other = impossible(&codes).saturating_sub(doubles(&codes));
    report.none("histories with another anomaly", other);
    report
}

/// Redeems codes before and after the replica is cut off, kills the primary, and redeems them again.
async fn failover(scale: Size, waits: u8) -> Vec<Outcomes> {
    let mut redis = Sentinels::start().await;
    let site = plan(&redis.url()).setting("REDIS_WAIT_REPLICAS", waits).start().await;
    let crowd = Crowd::at(&site).await;
    let forms = crowd.codes(scale.pick(8, 40)).await;
    let (early, late) = forms.split_at(forms.len() / 2);
    let mut first = join_all(early.iter().map(|form| crowd.rush(form, 4))).await;
    redis.shut_replica_out().await.expect("the primary answers");
    first.extend(join_all(late.iter().map(|form| crowd.rush(form, 4))).await);
    redis.primary.kill().await;
    redis.promoted().await;
    serves(&site).await;
    let again = join_all(forms.iter().map(|form| crowd.rush(form, 4))).await;
    first.into_iter().zip(again).map(|(first, again)| [first, again].concat()).collect()
}

/// Waits until the servers have found the new primary.
async fn serves(site: &Site) {
    eventually(FOUND, || async { site.issuers_are_ready().await.then_some(()) }).await;
}
