//! T15: clients that do not read what they have asked for.

use std::{collections::BTreeSet, time::Duration};

use ambient::{Clock, Entropy};
use futures_util::future::join_all;
use testkit::eventually;

use crate::{
    client::Caller,
    history::End,
    probe::Probe,
    redis::Redis,
    report::{Report, Size, percentile},
    site::{Plan, Site, established, resident},
    stalled::{Call, Stalled},
};

/// How many events a call has: as many as the tool allows.
const STEPS: u64 = 100;
/// How long the token of a call is, which each of its events carries. All events together are more
/// than the kernel takes from the server and for the client.
const TOKEN: usize = 8 * 1024;
/// After so long without progress a reader is cut off, and a little later it is gone.
const CUT: Duration = Duration::from_secs(35);
/// A short call beside them. In a small run those who read share two processors with the servers.
const HEALTHY: [Duration; 2] = [Duration::from_secs(3), Duration::from_millis(50)];

/// T15: readers that stall cost little, hold up nobody, are cut off, and find everything later.
pub(super) async fn slow(scale: Size) -> Report {
    let redis = Redis::start(false).await;
    let plan = Plan::new(1, &redis.url()).setting("MCP_STREAMS_PER_CALLER", 1000);
    let site = plan.start().await;
    let mut report = Report::default();
    let callers = site.everybody().await;
    let number = scale.pick(20, 200);
    let healthy = sessions(&callers, &site, number).await;
    let calls = sessions(&callers, &site, number).await;
    let (process, memory) = (site.process(0), resident(site.process(0)));

    let probe = Probe::begin(healthy.iter().map(|call| call.link.clone()).collect(), 20);
    let address = site.address(0);
    let watch = Clock::system().stopwatch();
    let stalled: Vec<Stalled> = join_all(calls.into_iter().map(|call| call.stall(address)))
        .await
        .into_iter()
        .flatten()
        .collect();
    report.equal("readers that stall", stalled.len(), number);
    // Those that read, beside them: the same calls.
    let read = healthy.iter().map(|call| call.link.follow(Duration::ZERO, STEPS));
    let read = join_all(read).await;
    let lost = read.iter().map(|(seen, _)| seen.flaws.lost).sum();
    report.none("events lost by readers that read", lost);
    let grown = resident(process).saturating_sub(memory) / 1024;
    report.at_most("growth of memory in MiB", grown, 64);

    cut(&mut report, address.port(), &stalled, scale).await;
    report.figure("since they began", format!("{} s", watch.elapsed().as_secs()));
    let noted = probe.end().await;
    let mut times: Vec<_> = noted.iter().map(|one| one.answer.took).collect();
    let [small, full] = HEALTHY;
    let p99 = percentile(&mut times, 0.99);
    report.within("p99 of short calls beside them", p99, scale.pick(small, full));
    let failed = noted.iter().filter(|one| !one.answer.is_ok()).count();
    report.none("short calls that failed", failed);
    taken_up(&mut report, stalled).await;
    report
}

async fn sessions(callers: &[Caller], site: &Site, number: usize) -> Vec<Call> {
    let entropy = Entropy::system();
    let mut calls = Vec::new();
    for caller in callers.iter().cycle().take(number) {
        let link = caller.at(&site.endpoint_at(0)).open().await.expect("a session can be opened");
        let token = entropy.hex::<8>() + &"x".repeat(TOKEN);
        calls.push(Call { link, token, steps: STEPS });
    }
    calls
}

/// Waits until the server has closed the connections of all who do not read.
async fn cut(report: &mut Report, port: u16, stalled: &[Stalled], scale: Size) {
    let watch = Clock::system().stopwatch();
    let limit = scale.at_most(CUT);
    let ports: BTreeSet<_> = stalled.iter().filter_map(Stalled::port).collect();
    eventually(limit, || async { (established(port, &ports) == 0).then_some(()) }).await;
    report.within("until they were cut off", watch.elapsed(), limit);
}

/// Each comes back with the id of the event that it has read, and finds the rest.
async fn taken_up(report: &mut Report, stalled: Vec<Stalled>) {
    let (mut open, mut lost, mut whole) = (0, 0, 0);
    for one in stalled {
        let (call, first) = (one.call.clone(), one.first.clone());
        let (_, is_ended) = one.rest().await;
        open += usize::from(!is_ended);
        let seen = call.link.take_up(&call.token, call.steps, first).await;
        lost += seen.flaws.lost + seen.flaws.crossed;
        whole += usize::from(seen.end == Some(End::Result));
    }
    report.none("streams that were still open", open);
    report.figure("calls that were read to their end later", whole);
    report.none("events they did not find", lost);
}
