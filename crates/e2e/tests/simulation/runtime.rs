//! One thread, and a clock that jumps.
//!
//! Whenever nobody has anything to do, the clock goes to the next moment that somebody waits for. So
//! an hour takes no longer than what happens in it, and what happens depends on nothing outside: the
//! runtime has neither sockets nor timers.

use std::time::Duration;

use ambient::{Clock, Timestamp};

/// When every simulation begins.
pub(crate) const BEGIN: Timestamp = Timestamp::from_secs(1_800_000_000);

/// How long all of it may take, on its own clock. Instances look at things again and again, so what
/// waits for ever ends here and nowhere else.
const LONGEST: Duration = Duration::from_hours(3);

/// Runs `work` to its end on a clock that jumps. Panics when it waits for what never comes.
pub(crate) fn run<T>(clock: &Clock, work: impl Future<Output = T>) -> T {
    let moving = clock.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .on_thread_park(move || {
            // There is always somebody who sleeps: the end.
            if let Some(next) = moving.next_waking() {
                moving.advance(next.since(moving.now()).max(Duration::from_millis(1)));
            }
        })
        .build()
        .expect("a runtime without drivers can be made");
    runtime.block_on(async {
        tokio::select! {
            biased;
            done = work => done,
            () = clock.sleep(LONGEST) => panic!("somebody waits for what never comes"),
        }
    })
}
