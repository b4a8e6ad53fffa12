//! Whether the machine itself stood still: then a small run says nothing about who was slow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ambient::Clock;
use tokio::task::JoinSet;

/// How often it is looked at.
const TICK: Duration = Duration::from_millis(10);

/// Half of what a command of Redis may take: after a pause like this the servers refuse what they
/// would have done.
const LONG: Duration = Duration::from_millis(250);

/// Watches the machine until it is asked.
#[derive(Debug)]
pub struct Standstill {
    longest: Arc<AtomicU64>,
    _watching: JoinSet<()>,
}

impl Standstill {
    /// Begins to watch.
    #[must_use]
    pub fn watch() -> Self {
        let longest = Arc::<AtomicU64>::default();
        let mut watching = JoinSet::new();
        let noted = Arc::clone(&longest);
        watching.spawn(async move {
            let clock = Clock::system();
            loop {
                let watch = clock.stopwatch();
                clock.sleep(TICK).await;
                let late = watch.elapsed().saturating_sub(TICK);
                noted.fetch_max(
                    u64::try_from(late.as_millis()).unwrap_or(u64::MAX),
                    Ordering::Relaxed,
                );
            }
        });
        Self { longest, _watching: watching }
    }

    /// For how long nothing was run that was due, at worst.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_millis(self.longest.load(Ordering::Relaxed))
    }

    /// Whether that was so long that servers cannot have kept what they promise about time.
    #[must_use]
    pub fn was_long(&self) -> bool {
        self.longest() >= LONG
    }
}
