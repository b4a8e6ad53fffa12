//! A load: sessions that follow long calls from end to end, and short calls at a steady rate, until
//! it is told to end.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ambient::Clock;
use tokio::task::JoinSet;

use crate::{
    client::{Answer, Caller, Link},
    history::{End, Flaws},
    report::{Report, percentile},
};

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Sessions that follow calls.
    pub sessions: usize,
    /// Events a second on each.
    pub events: u64,
    /// Short calls a second, over all sessions.
    pub requests: u64,
}

/// How many events one call has. A call is as long as that takes.
const STEPS: u64 = 20;
/// How long a client waits before it tries a call once more.
const BEFORE_RETRY: Duration = Duration::from_millis(100);

/// What was seen until now. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    answered: AtomicUsize,
    retried: AtomicUsize,
    /// Statuses of those that failed and failed again.
    failed: Mutex<Vec<u16>>,
    times: Mutex<Vec<Duration>>,
    calls: AtomicUsize,
    events: AtomicUsize,
    resumed: AtomicUsize,
    ends: Mutex<Vec<Option<End>>>,
    /// How long after their streams broke calls were told that their instance is gone.
    lost: Mutex<Vec<Duration>>,
    /// The streams of these calls.
    buried: Mutex<Vec<Buried>>,
    flaws: Mutex<Flaws>,
}

/// The stream of a call that lost its instance, and how much of it its client has.
#[derive(Clone, Debug)]
pub struct Buried {
    /// The key of its log.
    pub log: String,
    /// How many steps its client was told of.
    pub steps: u64,
}

/// A load that is on.
#[derive(Debug)]
pub struct Running {
    tally: Tally,
    tasks: JoinSet<()>,
}

impl Load {
    /// Begins, with sessions of all callers in turn.
    ///
    /// # Panics
    /// When a session cannot be opened.
    pub async fn begin(self, callers: &[Caller]) -> Running {
        let (tally, mut tasks) = (Tally::default(), JoinSet::new());
        let mut links = Vec::new();
        for caller in callers.iter().cycle().take(self.sessions) {
            links
                .push(caller.open().await.expect("a session can be opened before anything breaks"));
        }
        for link in &links {
            tasks.spawn(follow(link.clone(), self, tally.clone()));
        }
        tasks.spawn(ask(links, self, tally.clone()));
        Running { tally, tasks }
    }
}

impl Running {
    /// Lets it end, and waits for what is under way.
    pub async fn end(mut self) -> Tally {
        self.tally.0.is_over.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
        self.tally
    }
}

async fn follow(link: Link, load: Load, tally: Tally) {
    let duration = Duration::from_secs(STEPS) / u32::try_from(load.events).unwrap_or(1);
    while !tally.is_over() {
        let (seen, connections) = link.follow(duration, STEPS).await;
        let shared = &tally.0;
        shared.calls.fetch_add(1, Ordering::Relaxed);
        shared.events.fetch_add(usize::try_from(seen.steps()).unwrap_or(0), Ordering::Relaxed);
        shared.resumed.fetch_add(connections - 1, Ordering::Relaxed);
        lock(&shared.lost).extend(seen.lost_after);
        if seen.end == Some(End::InstanceLost)
            && let Some(stream) = &seen.stream
        {
            let log = format!("mcp:shttp:toclient:{}:{stream}", link.session);
            lock(&shared.buried).push(Buried { log, steps: seen.steps() });
        }
        lock(&shared.ends).push(seen.end);
        lock(&shared.flaws).add(seen.flaws);
    }
}

/// Sends short calls at the rate, whatever becomes of them.
async fn ask(links: Vec<Link>, load: Load, tally: Tally) {
    let (clock, mut asked) = (Clock::system(), JoinSet::new());
    let pause = Duration::from_secs(1) / u32::try_from(load.requests).unwrap_or(1);
    let mut next = clock.now();
    for (number, link) in links.iter().cycle().enumerate() {
        if tally.is_over() {
            break;
        }
        let (link, tally) = (link.clone(), tally.clone());
        asked.spawn(async move {
            let text = format!("{}-{number}", link.session);
            let first = link.echo(&text).await;
            if first.is_ok() {
                return tally.answered(&first);
            }
            tally.0.retried.fetch_add(1, Ordering::Relaxed);
            Clock::system().sleep(BEFORE_RETRY).await;
            let second = link.echo(&text).await;
            if second.is_ok() {
                tally.answered(&second);
            } else {
                lock(&tally.0.failed).push(second.code());
            }
        });
        while asked.try_join_next().is_some() {}
        next = next + pause;
        clock.sleep_until(next).await;
    }
    while asked.join_next().await.is_some() {}
}

impl Tally {
    fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Relaxed)
    }

    fn answered(&self, answer: &Answer) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
        lock(&self.0.times).push(answer.took);
    }

    /// How calls ended.
    #[must_use]
    pub fn ends(&self, end: Option<End>) -> usize {
        lock(&self.0.ends).iter().filter(|ended| **ended == end).count()
    }

    /// How long each call that lost its instance was left without a word.
    #[must_use]
    pub fn told_after(&self) -> Vec<Duration> {
        lock(&self.0.lost).clone()
    }

    /// The streams of the calls that lost their instance.
    #[must_use]
    pub fn buried(&self) -> Vec<Buried> {
        lock(&self.0.buried).clone()
    }

    /// Writes down what was seen, and what of it may not be.
    pub fn report(&self, report: &mut Report) {
        let failed = lock(&self.0.failed).clone();
        report.none("short calls failed after a retry", failed.len());
        if let Some(status) = failed.first() {
            report.figure("the first of them with status", status);
        }
        self.seen(report);
        report.none("calls that ended with another error", self.ends(Some(End::Error)));
    }

    /// The same where more is down than a retry can bridge: then 503 is an answer, and a call may
    /// end with an error that says so.
    pub fn report_with_outages(&self, report: &mut Report) {
        let failed = lock(&self.0.failed).clone();
        report.figure("short calls failed after a retry", failed.len());
        let other = failed.iter().filter(|status| **status != 503).count();
        report.none("of them not with 503", other);
        self.seen(report);
        report.figure("calls that ended with an error", self.ends(Some(End::Error)));
        report.figure("calls that lost their instance", self.ends(Some(End::InstanceLost)));
    }

    fn seen(&self, report: &mut Report) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let shared = &self.0;
        report.figure("short calls answered", count(&shared.answered));
        report.figure("of them after one retry", count(&shared.retried));
        let times = &mut *lock(&shared.times);
        report.figure("median and p99 of short calls", {
            let (median, p99) = (percentile(times, 0.5), percentile(times, 0.99));
            format!("{} ms, {} ms", median.as_millis(), p99.as_millis())
        });
        report.figure("long calls, events on their streams", {
            format!("{}, {}", count(&shared.calls), count(&shared.events))
        });
        report.figure("streams taken up again", count(&shared.resumed));
        let flaws = *lock(&shared.flaws);
        report.none("events lost", flaws.lost);
        report.none("events of another stream", flaws.crossed);
        report.none("events out of order or repeated", flaws.repeated);
        report.none("calls without an end", self.ends(None));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
