//! T20: sessions that many clients use and end at the same time, on all instances, while something
//! breaks; and whether what they saw could have happened one after the other.

use std::time::Duration;

use ambient::{Clock, Entropy, Stopwatch};
use futures_util::future::{join, join_all};
use testkit::eventually;

use crate::{
    client::{Answer, Caller, Link},
    groups::Sentinels,
    linear::{Asked, MOST, Operation, Session, is_linear},
    redis::Redis,
    report::{Report, Size},
    site::{Plan, Site},
};

/// How many clients share a session.
const CLIENTS: usize = 6;
/// How many things each of them does.
const STEPS: usize = 12;
/// How many instances there are.
const INSTANCES: usize = 3;
/// Of so many things that are done one is an end.
const ENDS: u8 = 24;

const _: () = assert!(CLIENTS * STEPS <= MOST, "a history can be looked at");

/// A request that begins so near to the death of its instance may be lost by the client's own library:
/// hyper takes it for a connection that it closes at the same moment, and nobody hears of it again
/// (hyperium/hyper#4122).
const NEAR: Duration = Duration::from_secs(1);

/// What was done to each session.
type Histories = Vec<Vec<Operation<Asked>>>;

/// What a client has done, and the requests that nobody answered: to which instance, and when.
#[derive(Default)]
struct Done {
    history: Vec<Operation<Asked>>,
    missing: Vec<(usize, Duration)>,
}

/// T20 (a): while instances are killed.
pub(super) async fn kills(scale: Size) -> Report {
    let redis = Redis::start(false).await;
    let mut site = Plan::new(INSTANCES, &redis.url()).start().await;
    let callers = site.everybody().await;
    let run = Run::open(&site, &callers, scale).await;
    let breaks = async {
        let mut deaths = Vec::new();
        for index in 0..INSTANCES {
            Clock::system().sleep(Duration::from_millis(700)).await;
            let before = run.watch.elapsed();
            site.kill(index).await;
            deaths.push((index, before.saturating_sub(NEAR)..run.watch.elapsed() + NEAR));
            site.again(index).await;
        }
        deaths
    };
    let ((histories, mut missing), deaths) = join(run.go(), breaks).await;
    missing.retain(|(place, began)| {
        !deaths.iter().any(|(dead, near)| dead == place && near.contains(began))
    });
    let mut report = Report::default();
    verdict(&mut report, &histories, missing.len());
    if !report.wrong().is_empty() {
        report.figure("what the servers say", site.logs());
    }
    report
}

/// T20 (b): while the primary dies, and writes count only with the replica. What an unfinished
/// replication may undo was then never acknowledged.
pub(super) async fn failover(scale: Size) -> Report {
    let mut redis = Sentinels::start().await;
    let plan = Plan::new(INSTANCES, &redis.url()).setting("REDIS_WAIT_REPLICAS", 1);
    let site = plan.start().await;
    let callers = site.everybody().await;
    let run = Run::open(&site, &callers, scale).await;
    let breaks = async {
        Clock::system().sleep(Duration::from_millis(1500)).await;
        redis.primary.kill().await;
        redis.promoted().await;
    };
    let ((mut histories, missing), ()) = join(run.go(), breaks).await;
    serves(&run.links[0]).await;
    for (history, more) in histories.iter_mut().zip(run.look().await) {
        history.extend(more);
    }
    let mut report = Report::default();
    verdict(&mut report, &histories, missing.len());
    report
}

async fn serves(link: &Link) {
    let limit = Duration::from_secs(30);
    eventually(limit, || async { (link.echo("x").await.code() != 503).then_some(()) }).await;
}

fn verdict(report: &mut Report, histories: &Histories, missing: usize) {
    let all = || histories.iter().flatten();
    let count = |what| all().filter(|one| one.what == what).count();
    report.figure("sessions, operations", format!("{}, {}", histories.len(), all().count()));
    let [used, ended, gone] = [Asked::Used, Asked::Ended, Asked::Gone].map(count);
    report.figure("used, ended, gone", format!("{used}, {ended}, {gone}"));
    let open = count(Asked::PerhapsUsed) + count(Asked::PerhapsEnded);
    report.figure("without an answer or 503", open);
    let impossible = histories.iter().filter(|history| !is_linear::<Session>(history)).count();
    report.none("histories that cannot have happened", impossible);
    report.none("requests that nobody answered", missing);
}

/// Sessions, and the addresses that their clients use.
struct Run {
    links: Vec<Link>,
    endpoints: Vec<String>,
    watch: Stopwatch,
}

impl Run {
    async fn open(site: &Site, callers: &[Caller], scale: Size) -> Self {
        let mut links = Vec::new();
        for caller in callers.iter().cycle().take(scale.pick(12, 100)) {
            links.push(caller.open().await.expect("a session can be opened"));
        }
        let endpoints = (0..INSTANCES).map(|index| site.endpoint_at(index)).collect();
        Self { links, endpoints, watch: Clock::system().stopwatch() }
    }

    /// All clients of all sessions at once; the second is what nobody answered.
    async fn go(&self) -> (Histories, Vec<(usize, Duration)>) {
        let session = |link: &Link| {
            let clients = (0..CLIENTS).map(|_| self.client(link.clone()));
            join_all(clients)
        };
        let (mut histories, mut missing) = (Vec::new(), Vec::new());
        for clients in join_all(self.links.iter().map(session)).await {
            let mut history = Vec::new();
            for done in clients {
                history.extend(done.history);
                missing.extend(done.missing);
            }
            histories.push(history);
        }
        (histories, missing)
    }

    /// One client: uses the session wherever it comes, and now and then ends it.
    async fn client(&self, link: Link) -> Done {
        let (entropy, clock) = (Entropy::system(), Clock::system());
        let mut done = Done::default();
        for _ in 0..STEPS {
            let [pause, place, dice] = entropy.bytes::<3>();
            clock.sleep(Duration::from_millis(u64::from(pause) * 2)).await;
            let place = usize::from(place) % INSTANCES;
            let link = link.at(&self.endpoints[place]);
            let (operation, is_missing) = self.step(&link, dice % ENDS == 0).await;
            if is_missing {
                done.missing.push((place, operation.began));
            }
            done.history.push(operation);
        }
        done
    }

    /// One more look at each session.
    async fn look(&self) -> Histories {
        join_all(self.links.iter().map(|link| async { vec![self.step(link, false).await.0] })).await
    }

    /// One thing, and whether nobody answered.
    async fn step(&self, link: &Link, ends: bool) -> (Operation<Asked>, bool) {
        let began = self.watch.elapsed();
        let answer = if ends { link.end().await } else { link.echo("x").await };
        let what = asked(ends, &answer);
        (Operation { what, began, ended: self.watch.elapsed() }, answer.is_missing())
    }
}

fn asked(ends: bool, answer: &Answer) -> Asked {
    match (ends, answer.code()) {
        (_, 404) => Asked::Gone,
        (true, 200..300) => Asked::Ended,
        (false, 200..300) if answer.is_ok() => Asked::Used,
        (true, _) => Asked::PerhapsEnded,
        (false, _) => Asked::PerhapsUsed,
    }
}
