//! Streams that carry events while the store breaks, and that are read again afterwards.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::{
    client::Link,
    history::{End, Flaws, Seen},
    report::Report,
};

/// How many calls there are.
const CALLS: usize = 6;
/// How long each takes, while nothing is in its way.
const DURATION: Duration = Duration::from_secs(12);
/// How many events it has.
const STEPS: u64 = 60;

/// Long calls, each of another session, whose streams are read to their end.
pub(super) struct Carried(JoinSet<(Link, Seen)>);

/// What may become of events that nobody had read when the store broke.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// All are there.
    All,
    /// The last ones before a failover may be gone, which is told.
    OrToldOf,
}

impl Carried {
    pub(super) fn begin(links: &[Link]) -> Self {
        let mut calls = JoinSet::new();
        for link in links.iter().take(CALLS).cloned() {
            calls.spawn(async move {
                let (seen, _) = link.follow(DURATION, STEPS).await;
                (link, seen)
            });
        }
        Self(calls)
    }

    /// Waits for their ends, and reads each again from its first event.
    pub(super) async fn end(self, report: &mut Report, kept: Kept) {
        let (mut flaws, mut cut, mut events) = (Flaws::default(), 0, 0);
        let (mut lost, mut crossed, mut gaps, mut untold, mut no_end) = (0, 0, 0, 0, 0);
        for (link, seen) in self.0.join_all().await {
            flaws.add(seen.flaws);
            events += seen.steps();
            cut += usize::from(seen.end != Some(End::Result));
            let Some(first) = seen.first.clone() else {
                no_end += 1;
                continue;
            };
            let again = link.take_up(seen.token(), STEPS, first).await;
            no_end += usize::from(again.end != Some(End::Result));
            lost += again.flaws.lost;
            crossed += again.flaws.crossed;
            gaps += again.gaps;
            untold += if again.gaps == 0 { again.flaws.lost } else { 0 };
        }
        report.figure("events on streams meanwhile", events);
        report.none("of them lost", flaws.lost);
        report.none("of another stream", flaws.crossed);
        report.figure("said again to who came back", flaws.repeated);
        report.none("of their calls without a result", cut);
        report.none("streams not read again to their end", no_end);
        report.figure("events missing then, gaps told", format!("{lost}, {gaps}"));
        report.none(
            "of them not told, or not allowed",
            if kept == Kept::All { lost } else { untold },
        );
        report.none("of another stream then", crossed);
    }
}
