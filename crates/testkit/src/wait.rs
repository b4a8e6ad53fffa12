//! Waiting for something to happen: always bounded, never for a guessed length of time.
//!
//! These waits run on the machine's clock even when the servers run on a manual one, because what
//! they wait for is real: a socket, a process, another thread.

use std::{future::Future, panic::Location, time::Duration};

use ambient::Clock;

/// How long a test waits for something that should happen at once. Generous: it is reached only by
/// a test that fails.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// Waits until `attempt` gives a value, looking again and again, at most for `limit`.
///
/// For conditions that announce themselves in no other way. Whoever can wait for an event should
/// do that instead, inside [`within`].
#[track_caller]
pub fn eventually<T, F>(limit: Duration, mut attempt: impl FnMut() -> F) -> impl Future<Output = T>
where
    F: Future<Output = Option<T>>,
{
    let caller = Location::caller();
    async move {
        let clock = Clock::system();
        let deadline = clock.now() + limit;
        loop {
            // The bound holds for an attempt that hangs, too. Attempts are exchanges, which are large.
            let attempt = Box::pin(attempt());
            match clock.timeout(deadline.since(clock.now()), attempt).await {
                Ok(Some(value)) => return value,
                Ok(None) if clock.now() < deadline => clock.sleep(INTERVAL).await,
                _ => panic!("what {caller} waits for did not happen within {limit:?}"),
            }
        }
    }
}

/// The output of `work`, which must be there within `limit`.
#[track_caller]
pub fn within<T>(limit: Duration, work: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        let Ok(value) = Clock::system().timeout(limit, work).await else {
            panic!("what {caller} waits for did not happen within {limit:?}");
        };
        value
    }
}

/// The output of `work`, while the manual `clock` goes on by `step` as often as that takes.
///
/// For work that waits for the clock more than once, at moments that a test cannot see. Bounded by
/// [`PATIENCE`].
#[track_caller]
pub fn as_time_passes<T>(
    clock: &Clock,
    step: Duration,
    work: impl Future<Output = T>,
) -> impl Future<Output = T> {
    // Such work is an exchange, which is large.
    let work = Box::pin(work);
    let passing = async move {
        loop {
            Clock::system().sleep(INTERVAL).await;
            clock.advance(step);
        }
    };
    within(PATIENCE, async {
        tokio::select! {
            output = work => output,
            () = passing => unreachable!("time does not end"),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use ambient::Timestamp;

    use super::*;

    #[tokio::test]
    async fn a_wait_ends_when_the_condition_holds() {
        let looks = Cell::new(0);
        let value = eventually(PATIENCE, || async {
            looks.set(looks.get() + 1);
            (looks.get() == 3).then_some("there")
        });
        assert_eq!(value.await, "there");
        assert_eq!(looks.get(), 3);
    }

    #[tokio::test]
    async fn time_passes_until_the_work_is_done() {
        let clock = Clock::manual(Timestamp::from_secs(0));
        let work = async {
            clock.sleep(Duration::from_secs(5)).await;
            clock.sleep(Duration::from_secs(5)).await;
            "done"
        };
        assert_eq!(as_time_passes(&clock, Duration::from_secs(1), work).await, "done");
    }

    #[tokio::test]
    #[should_panic(expected = "wait.rs")]
    async fn a_wait_that_is_too_long_names_the_line_that_waited() {
        eventually(Duration::ZERO, || async { None::<()> }).await;
    }

    #[tokio::test]
    #[should_panic(expected = "did not happen within 1ms")]
    async fn an_attempt_that_hangs_is_bounded_too() {
        eventually(Duration::from_millis(1), std::future::pending::<Option<()>>).await;
    }
}
