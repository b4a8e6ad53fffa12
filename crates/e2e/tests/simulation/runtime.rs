//! One thread, and a clock that jumps.
//!
//! Whenever nobody has anything to do, the clock goes to the next moment that somebody waits for. So
//! an hour takes no longer than what happens in it, and what happens depends on nothing outside: the
//! runtime has neither sockets nor timers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ambient::{Clock, Timestamp};
use tokio::sync::Notify;

/// When every simulation begins.
pub(crate) const BEGIN: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Runs `work` to its end on a clock that jumps. Panics when it waits for what never comes.
pub(crate) fn run<T>(clock: &Clock, work: impl Future<Output = T>) -> T {
    let (stuck, hopeless) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let (moving, told, is_hopeless) = (clock.clone(), Arc::clone(&stuck), Arc::clone(&hopeless));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .on_thread_park(move || match moving.next_waking() {
            Some(next) => moving.advance(next.since(moving.now()).max(Duration::from_millis(1))),
            None if is_hopeless.swap(true, Ordering::Relaxed) => {}
            None => told.notify_one(),
        })
        .build()
        .expect("a runtime without drivers can be made");
    runtime.block_on(async {
        tokio::select! {
            biased;
            done = work => done,
            () = stuck.notified() => panic!("nothing can happen any more"),
        }
    })
}
