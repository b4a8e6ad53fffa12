//! Short calls at a steady rate, each noted with its moment: what clients see of an outage.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ambient::Clock;
use tokio::task::JoinSet;

use crate::{
    client::{Answer, Link},
    report::{Report, percentile},
};

/// Calls that are being sent.
#[derive(Debug)]
pub struct Probe {
    is_over: Arc<AtomicBool>,
    sent: JoinSet<Vec<Noted>>,
    watch: ambient::Stopwatch,
}

/// An answer, and when its request was sent.
#[derive(Debug)]
pub struct Noted {
    /// Since the probe began.
    pub at: Duration,
    /// What came.
    pub answer: Answer,
}

impl Probe {
    /// Begins to call on these sessions in turn, so many times a second.
    #[must_use]
    pub fn begin(links: Vec<Link>, rate: u32) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let watch = Clock::system().stopwatch();
        let mut sent = JoinSet::new();
        sent.spawn(send(links, Duration::from_secs(1) / rate, Arc::clone(&is_over)));
        Self { is_over, sent, watch }
    }

    /// How long it has been going on.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.watch.elapsed()
    }

    /// Ends, and waits for the last answers.
    pub async fn end(mut self) -> Vec<Noted> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut noted: Vec<_> = Vec::new();
        while let Some(sent) = self.sent.join_next().await {
            noted.extend(sent.unwrap_or_default());
        }
        noted.sort_by_key(|noted| noted.at);
        noted
    }
}

async fn send(links: Vec<Link>, pause: Duration, is_over: Arc<AtomicBool>) -> Vec<Noted> {
    let (clock, mut asked) = (Clock::system(), JoinSet::new());
    let (watch, mut next, mut noted) = (clock.stopwatch(), clock.now(), Vec::new());
    for (number, link) in links.iter().cycle().enumerate() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let (link, at) = (link.clone(), watch.elapsed());
        asked.spawn(async move { Noted { at, answer: link.echo(&number.to_string()).await } });
        while let Some(done) = asked.try_join_next() {
            noted.extend(done.ok());
        }
        next = next + pause;
        clock.sleep_until(next).await;
    }
    while let Some(done) = asked.join_next().await {
        noted.extend(done.ok());
    }
    noted
}

/// Writes down how many answers of which status came to requests from `from` to `until`.
pub fn statuses(report: &mut Report, name: &str, noted: &[Noted], from: Duration, until: Duration) {
    let mut counts = BTreeMap::<u16, usize>::new();
    for one in noted.iter().filter(|one| (from..until).contains(&one.at)) {
        *counts.entry(one.answer.code()).or_default() += 1;
    }
    let text: Vec<_> = counts.iter().map(|(code, count)| format!("{count} × {code}")).collect();
    report.figure(name, text.join(", "));
}

/// An outage is told as one: 503 that says when to come again, and nothing else.
pub fn only_outages(report: &mut Report, noted: &[Noted], limit: Duration) {
    let failed = || noted.iter().filter(|one| !one.answer.is_ok());
    let other = failed().filter(|one| one.answer.code() != 503).count();
    report.none("answers that are neither success nor 503", other);
    let bare = failed().filter(|one| one.answer.code() == 503 && !one.answer.has_retry_after);
    report.none("503 without Retry-After", bare.count());
    let mut times: Vec<_> = failed().map(|one| one.answer.took).collect();
    report.figure("median of the 503", format!("{} ms", percentile(&mut times, 0.5).as_millis()));
    report.within("slowest 503", percentile(&mut times, 1.0), limit);
}

/// From `moment` to the first request after the last failure.
#[must_use]
pub fn recovery(noted: &[Noted], moment: Duration) -> Duration {
    let last = noted.iter().rposition(|one| !one.answer.is_ok());
    let first_good = last.map_or(noted.first(), |last| noted.get(last + 1));
    first_good.map_or(Duration::MAX, |one| one.at.saturating_sub(moment))
}
