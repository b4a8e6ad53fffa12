//! Time as an argument: the system's, or one that a test moves.

use std::{
    fmt,
    future::Future,
    ops::{Add, Sub},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

mod manual;

use self::manual::Manual;

/// A moment, in milliseconds since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `seconds` after the Unix epoch.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The moment `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Whole seconds since the Unix epoch: the `NumericDate` of JWT and OAuth documents.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// The moment in UTC, to the millisecond (RFC 3339).
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        // What lies beyond the year 9999 cannot be written.
        let millis = self.as_millis().min(253_402_300_799_999);
        let since = std::time::UNIX_EPOCH + Duration::from_millis(millis);
        humantime::format_rfc3339_millis(since).to_string()
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(millis))
    }
}

/// Where the time comes from. Cheap to clone; clones of a manual clock move together.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<Manual>),
}

/// A deadline passed before the work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has passed")
    }
}

impl std::error::Error for Elapsed {}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `at` and stands still until [`advance`](Self::advance) moves it.
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(Manual::new(at))))
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(manual) => manual.now(),
        }
    }

    /// Starts to measure how long something takes: finer than [`now`](Self::now), and not disturbed
    /// when somebody sets the machine's clock.
    #[must_use]
    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch(match &self.0 {
            Source::System => Start::System(system_instant()),
            Source::Manual(_) => Start::Manual(self.clone(), self.now()),
        })
    }

    /// Moves a manual clock forward and wakes everybody whose moment has come: whoever sleeps for a
    /// shorter time first, and of those with one moment whoever fell asleep first.
    ///
    /// # Panics
    /// On the system clock, which only a test would try to move.
    pub fn advance(&self, by: Duration) {
        match &self.0 {
            Source::System => panic!("the system clock cannot be moved"),
            Source::Manual(manual) => manual.advance(by),
        }
    }

    /// The first moment that somebody sleeps until, if anybody does: where a test that leaves no moment
    /// out moves a manual clock next. Nobody knows it of the system clock.
    #[must_use]
    pub fn next_waking(&self) -> Option<Timestamp> {
        match &self.0 {
            Source::System => None,
            Source::Manual(manual) => manual.next_waking(),
        }
    }

    /// Waits until `duration` has passed on this clock, counted from this call.
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        self.sleep_until(self.now() + duration)
    }

    /// Waits until this clock shows `moment` or later.
    pub fn sleep_until(&self, moment: Timestamp) -> impl Future<Output = ()> + Send + 'static {
        let clock = self.clone();
        async move {
            match &clock.0 {
                Source::System => system_sleep(moment.since(system_now())).await,
                Source::Manual(manual) => manual.sleep_until(moment).await,
            }
        }
    }

    /// Runs `work`, but no longer than `limit`.
    ///
    /// # Errors
    /// [`Elapsed`] when the limit came first; `work` is dropped then.
    pub fn timeout<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, Elapsed>> {
        let deadline = self.sleep(limit);
        async move {
            tokio::select! {
                biased;
                done = work => Ok(done),
                () = deadline => Err(Elapsed),
            }
        }
    }
}

/// Measures how long something takes. On a manual clock it stands still as that does.
#[derive(Clone, Debug)]
pub struct Stopwatch(Start);

#[derive(Clone, Debug)]
enum Start {
    System(Instant),
    Manual(Clock, Timestamp),
}

impl Stopwatch {
    /// How long ago it was started.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Start::System(start) => start.elapsed(),
            Start::Manual(clock, start) => clock.now().since(*start),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
fn system_instant() -> Instant {
    Instant::now()
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::System => f.write_str("Clock::System"),
            Source::Manual(manual) => write!(f, "Clock::Manual({})", manual.now().as_millis()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
fn system_now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default() + since_epoch
}

#[expect(clippy::disallowed_methods, reason = "the one place that sleeps on the system clock")]
async fn system_sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[test]
    fn a_manual_clock_stands_still_until_moved() {
        let clock = Clock::manual(NOON);
        assert_eq!(clock.now(), NOON);
        clock.clone().advance(Duration::from_millis(1500));
        assert_eq!(clock.now().since(NOON), Duration::from_millis(1500));
        assert_eq!(clock.now().as_secs(), 1_800_000_001);
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_moment_has_come_and_not_before() {
        let clock = Clock::manual(NOON);
        let mut sleeper = std::pin::pin!(clock.sleep(Duration::from_secs(10)));
        clock.advance(Duration::from_secs(9));
        assert!(futures_poll(sleeper.as_mut()).await.is_none());
        clock.advance(Duration::from_secs(1));
        assert!(futures_poll(sleeper.as_mut()).await.is_some());
    }

    #[tokio::test]
    async fn sleepers_wake_in_the_order_of_their_moments_and_those_of_one_in_theirs() {
        let (clock, woken) = (Clock::manual(NOON), Arc::new(Mutex::new(Vec::new())));
        let mut sleepers = tokio::task::JoinSet::new();
        for (name, seconds) in [("c", 2), ("d", 2), ("a", 1), ("e", 3), ("b", 1)] {
            let (sleeping, woken) = (clock.sleep(Duration::from_secs(seconds)), Arc::clone(&woken));
            sleepers.spawn(async move {
                sleeping.await;
                woken.lock().unwrap().push(name);
            });
        }
        tokio::task::yield_now().await;
        assert_eq!(clock.next_waking(), Some(NOON + Duration::from_secs(1)));
        clock.advance(Duration::from_secs(2));
        for _ in 0..4 {
            sleepers.join_next().await;
        }
        assert_eq!(*woken.lock().unwrap(), ["a", "b", "c", "d"]);
        assert_eq!(clock.next_waking(), Some(NOON + Duration::from_secs(3)));
    }

    #[tokio::test]
    async fn whoever_does_not_sleep_any_more_is_forgotten() {
        let clock = Clock::manual(NOON);
        let mut sleeper = Box::pin(clock.sleep(Duration::from_secs(1)));
        assert!(futures_poll(sleeper.as_mut()).await.is_none());
        assert!(clock.next_waking().is_some());
        drop(sleeper);
        assert_eq!(clock.next_waking(), None);
    }

    #[tokio::test]
    async fn a_timeout_ends_work_that_takes_too_long() {
        let clock = Clock::manual(NOON);
        let mut waiting =
            std::pin::pin!(clock.timeout(Duration::from_secs(1), std::future::pending::<()>()));
        assert!(futures_poll(waiting.as_mut()).await.is_none());
        clock.advance(Duration::from_secs(1));
        assert_eq!(futures_poll(waiting.as_mut()).await, Some(Err(Elapsed)));
        assert_eq!(clock.timeout(Duration::ZERO, async { 7 }).await, Ok(7));
    }

    #[test]
    fn a_stopwatch_of_a_manual_clock_moves_with_it() {
        let clock = Clock::manual(NOON);
        let watch = clock.stopwatch();
        assert_eq!(watch.elapsed(), Duration::ZERO);
        clock.advance(Duration::from_secs(3));
        assert_eq!(watch.elapsed(), Duration::from_secs(3));
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::default() - Duration::from_secs(1), Timestamp::default());
        assert_eq!(NOON.since(NOON + Duration::from_secs(1)), Duration::ZERO);
        assert!((Timestamp::from_millis(u64::MAX) + Duration::MAX).as_millis() == u64::MAX);
    }

    async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
