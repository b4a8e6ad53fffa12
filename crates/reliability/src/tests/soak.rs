//! T25: everything at once for a while, and every now and then something breaks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ambient::{Clock, Entropy};
use futures_util::future::join_all;
use tokio::task::JoinSet;

use crate::{
    client::Caller,
    fresh::{Refreshed, keep_fresh},
    load::Load,
    redis::Redis,
    report::{Report, Size},
    site::{Plan, Site, USERS, resident},
};

const INSTANCES: usize = 3;
/// How often something breaks.
const EVERY: [Duration; 2] = [Duration::from_secs(8), Duration::from_secs(30)];
/// How often that happens. In a full run it is twice as often as in the design, for the same twenty
/// minutes.
const TIMES: [usize; 2] = [4, 39];
/// After so many faults memory is what it will be.
const WARM: usize = 2;
/// How much memory may grow from then on, in KiB a minute. In a small run what an allocator keeps is
/// more than what a minute can leak.
const SLOPE: [u64; 2] = [16 * 1024, 1024];

/// How long an access token lives, in seconds. Clients replace theirs at half of that.
const TOKEN: [u64; 2] = [20, 120];

/// What breaks.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// An instance is asked to end, and started again.
    Restart,
    /// An instance is killed, and started again.
    Kill,
    /// Redis does not answer for two seconds.
    Silence,
    /// The authorization server is killed, and started again.
    Issuer,
}

const FAULTS: [Fault; 4] = [Fault::Restart, Fault::Silence, Fault::Kill, Fault::Issuer];

/// T25: nothing is lost and nothing grows. The first instance is never ended: its memory is told.
pub(super) async fn mixed(scale: Size) -> Report {
    let redis = Redis::start(false).await;
    let [short, long] = TOKEN;
    let token = scale.pick(short, long);
    let plan = Plan::new(INSTANCES, &redis.url())
        .setting("SESSION_TTL", 10)
        .setting("ACCESS_TOKEN_TTL", token)
        .setting("MCP_SESSIONS_PER_OWNER", 10_000);
    let mut site = plan.start().await;
    let mut report = Report::default();
    let is_over = Arc::<AtomicBool>::default();
    let (callers, mut refreshing) = fresh(&site, Duration::from_secs(token / 2), &is_over).await;
    let load = match scale {
        Size::Small => Load { sessions: 6, events: 5, requests: 10 },
        Size::Full => Load { sessions: 60, events: 10, requests: 100 },
    };
    let running = load.begin(&callers).await;
    let ([short, long], [few, many]) = (EVERY, TIMES);
    let (every, times) = (scale.pick(short, long), scale.pick(few, many));
    let offset = usize::from(Entropy::system().bytes::<1>()[0]);
    let (clock, mut warm) = (Clock::system(), None);
    for number in 0..times {
        abandon(&callers, scale.pick(10, 100)).await;
        clock.sleep(every).await;
        if number == WARM {
            warm = Some((clock.stopwatch(), resident(site.process(0))));
        }
        let fault = FAULTS[(offset + number) % FAULTS.len()];
        happens(fault, 1 + number % 2, &mut site, &redis).await;
        report.figure(&format!("fault {}", number + 1), format!("{fault:?}"));
    }
    clock.sleep(every).await;
    if let Some((watch, before)) = warm {
        let grown = resident(site.process(0)).saturating_sub(before);
        let slope = grown * 60 / watch.elapsed().as_secs().max(1);
        let [small, full] = SLOPE;
        report.figure("memory of the first instance", format!("{before} KiB and {grown} KiB more"));
        report.at_most("growth of its memory in KiB a minute", slope, scale.pick(small, full));
    }
    running.end().await.report_with_outages(&mut report);
    is_over.store(true, Ordering::Relaxed);
    let mut refreshed = Refreshed::default();
    while let Some(of_one) = refreshing.join_next().await {
        refreshed.add(of_one.unwrap_or_default());
    }
    refreshed.report(&mut report);
    report
}

/// Users whose clients refresh their tokens every so often.
async fn fresh(
    site: &Site,
    every: Duration,
    is_over: &Arc<AtomicBool>,
) -> (Vec<Caller>, JoinSet<Refreshed>) {
    let (mut callers, mut refreshing) = (Vec::new(), JoinSet::new());
    for user in USERS {
        let (login, caller) = site.let_in(user).await;
        callers.push(caller.clone());
        refreshing.spawn(keep_fresh((login, caller), site.issuer_origin(), every, is_over.clone()));
    }
    (callers, refreshing)
}

async fn happens(fault: Fault, index: usize, site: &mut Site, redis: &Redis) {
    match fault {
        Fault::Restart => {
            site.terminate(index).await;
            site.again(index).await;
        }
        Fault::Kill => {
            site.kill(index).await;
            site.again(index).await;
        }
        Fault::Silence => {
            redis.freeze();
            Clock::system().sleep(Duration::from_secs(2)).await;
            redis.thaw();
        }
        Fault::Issuer => {
            site.kill_issuer(0).await;
            site.issuer_again(0).await;
        }
    }
}

/// Opens sessions that nobody uses or ends.
async fn abandon(callers: &[Caller], sessions: usize) {
    let open = callers.iter().cycle().take(sessions).map(Caller::open);
    join_all(open).await;
}
