//! Authorization codes and refresh tokens in a crowd, while nothing is broken and while much is.

use std::time::Duration;

use ambient::Clock;
use futures_util::future::{join, join_all};
use testkit::eventually;

use crate::{
    crowd::{Crowd, Outcomes, count, doubles, impossible, prize, strange, verdict},
    groups::Sentinels,
    linear::Redeemed,
    redis::Redis,
    report::{Report, Size},
    site::{Plan, Site},
};

/// How many redeem one code at once.
const REDEEMERS: usize = 64;
/// How many redeem one refresh token at once.
const REFRESHERS: usize = 32;
/// How many of these crowds come at the same time.
const CROWDS: usize = 4;
/// How long a refresh token may be redeemed again, in seconds: a crowd has to be through by then.
const GRACE: u64 = 20;
/// How long it may take until servers have found the new primary.
const FOUND: Duration = Duration::from_secs(30);

/// Two authorization servers that limit nobody: it is one address that all of this comes from.
fn plan(redis: &str) -> Plan {
    let limits = ["REGISTER", "AUTHORIZE", "TOKEN", "REFUSED"];
    let plan = Plan::new(1, redis)
        .issuers(2)
        .setting("AUTH_LADDER_ACCOUNT", 0)
        .setting("AUTH_LADDER_ADDRESS", 0)
        .setting("REFRESH_GRACE_SECS", GRACE);
    limits.into_iter().fold(plan, Plan::unlimited)
}

async fn pause(millis: u64) {
    Clock::system().sleep(Duration::from_millis(millis)).await;
}

/// T1: of a crowd with one code one gets tokens, and the others end them.
pub(super) async fn single_use(scale: Size) -> Report {
    let redis = Redis::start(false).await;
    let site = plan(&redis.url()).start().await;
    let mut report = Report::default();
    let crowd = Crowd::at(&site).await;
    let (mut codes, mut alive) = (Vec::new(), 0);
    // As many as can be asked for and redeemed within the minute that a code lives.
    for _ in 0..scale.pick(2, 125) {
        let forms = crowd.codes(8).await;
        for some in forms.chunks(CROWDS) {
            codes.extend(join_all(some.iter().map(|form| crowd.rush(form, REDEEMERS))).await);
        }
    }
    for code in codes.iter().rev().take(8) {
        // Those who came too late have shown that the code is in wrong hands.
        let tokens = prize(code).cloned().unwrap_or_default();
        alive += usize::from(crowd.is_active(&site, &tokens).await);
    }
    verdict(&mut report, &codes);
    let unlucky = codes.iter().filter(|code| count(code, Redeemed::Won) != 1).count();
    report.none("codes without a winner, or with several", unlucky);
    let unknown: usize = codes.iter().map(|code| count(code, Redeemed::Unknown)).sum();
    report.none("requests without an answer of the protocol", unknown);
    report.none("tokens of replayed codes that are good", alive);
    report
}

/// T2 (a): authorization servers are killed while crowds redeem.
pub(super) async fn killed_servers(scale: Size) -> Report {
    let redis = Redis::start(false).await;
    let mut site = plan(&redis.url()).start().await;
    let mut report = Report::default();
    let crowd = Crowd::at(&site).await;
    let mut codes = Vec::new();
    for round in 0..scale.pick(3, 30) {
        let forms = crowd.codes(8).await;
        let index = round % 2;
        let redeemed = async {
            let mut codes = Vec::new();
            for some in forms.chunks(2) {
                codes.extend(join_all(some.iter().map(|form| crowd.rush(form, REDEEMERS))).await);
            }
            codes
        };
        // At another moment of the work in each round.
        let kill = async {
            pause(20 + 60 * u64::try_from(round % 7).unwrap_or(0)).await;
            site.kill_issuer(index).await;
        };
        codes.extend(join(redeemed, kill).await.0);
        site.issuer_again(index).await;
    }
    verdict(&mut report, &codes);
    report
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

/// T6: a crowd that refreshes at once stays together, and whoever comes late ends the login.
pub(super) async fn rotation(scale: Size) -> Report {
    let redis = Redis::start(false).await;
    let site = plan(&redis.url()).start().await;
    let mut report = Report::default();
    let crowd = Crowd::at(&site).await;
    let (mut refused, mut split, mut dead, mut revived, mut alive, mut families) =
        (0, 0, 0, 0, 0, 0);
    for _ in 0..scale.pick(1, 50) {
        let mut logins = Vec::new();
        for form in crowd.codes(scale.pick(6, 10)).await {
            let redeemed = crowd.redeem(&form).await;
            let form = crowd.refreshing(&redeemed.body);
            let outcomes = crowd.rush(&form, REFRESHERS).await;
            refused += outcomes.iter().filter(|one| one.status != 200).count();
            let token = |one: &crate::crowd::Outcome| one.body["refresh_token"].clone();
            split += outcomes.iter().filter(|one| token(one) != token(&outcomes[0])).count();
            let pair = prize(&outcomes).cloned().unwrap_or_default();
            dead += usize::from(!crowd.is_active(&site, &pair).await);
            logins.push((form, pair));
        }
        families += logins.len();
        pause(GRACE * 1000 + 1000).await;
        for (form, pair) in &logins {
            revived += usize::from(crowd.redeem(form).await.operation.what != Redeemed::Lost);
            alive += usize::from(crowd.is_active(&site, pair).await);
        }
    }
    report.figure("families", families);
    report.none("refreshes that were refused in their time", refused);
    report.none("refreshes that got another pair than the rest", split);
    report.none("pairs that did not work", dead);
    report.none("refreshes after their time that were not refused", revived);
    report.none("tokens that outlived that", alive);
    report
}
