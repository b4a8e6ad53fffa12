//! The life of a process: it runs, is asked to stop, and ends at the latest when the grace is over.
//!
//! A stop is soft first: work in hand is finished, streams end themselves on
//! [`Lifecycle::stopping`]. When the grace is over, or at a second signal, it is hard: what is left
//! is dropped.

use std::{
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::Duration,
};

use ambient::{Clock, Timestamp};
use futures_util::FutureExt as _;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;

/// The one handle on starting and ending background work. Clones share one life.
#[derive(Clone)]
pub struct Lifecycle(Arc<Inner>);

struct Inner {
    clock: Clock,
    grace: Duration,
    soft: CancellationToken,
    hard: CancellationToken,
    deadline: OnceLock<Timestamp>,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// A life that has not been asked to stop. `grace` is the time between a soft stop and the hard
    /// one, on `clock`.
    #[must_use]
    pub fn new(clock: Clock, grace: Duration) -> Self {
        Self(Arc::new(Inner {
            clock,
            grace,
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
            deadline: OnceLock::new(),
            tasks: TaskTracker::new(),
        }))
    }

    /// Runs `task` beside everything else, in the current tracing span.
    ///
    /// It is dropped at a hard stop; if it wants to end in order at a soft one, it waits for
    /// [`stopping`](Self::stopping) itself. A panic in it is logged and ends nothing but the task.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let aborted = self.aborted();
        let task = async move {
            tokio::select! {
                ended = AssertUnwindSafe(task).catch_unwind() => if ended.is_err() {
                    tracing::error!("a background task panicked");
                },
                () = aborted => tracing::debug!("a background task was dropped at the hard stop"),
            }
        };
        self.0.tasks.spawn(task.in_current_span());
    }

    /// Waits until a stop has begun. Bodies of open streams end on this.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.soft.clone().cancelled_owned()
    }

    /// Whether a stop has begun.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.soft.is_cancelled()
    }

    /// Waits for the hard stop: [`abort`](Self::abort), or the end of the grace after a soft stop.
    pub fn aborted(&self) -> impl Future<Output = ()> + Send + 'static {
        let inner = Arc::clone(&self.0);
        async move {
            inner.soft.cancelled().await;
            let over = inner.clock.sleep_until(inner.deadline());
            tokio::select! {
                () = inner.hard.cancelled() => {}
                () = over => inner.hard.cancel(),
            }
        }
    }

    /// Begins the soft stop. Further calls change nothing, the grace included.
    pub fn stop(&self) {
        // The deadline is set first: whoever wakes from `soft` reads it.
        self.0.deadline();
        self.0.soft.cancel();
    }

    /// Begins the hard stop at once.
    pub fn abort(&self) {
        self.stop();
        self.0.hard.cancel();
    }

    /// Waits until a stop has begun and every spawned task has ended.
    pub async fn finished(&self) {
        self.stopping().await;
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Waits for SIGINT or SIGTERM: the first begins the soft stop, the second the hard one.
    ///
    /// Returns after the second, so it is run with [`spawn`](Self::spawn) or beside the server;
    /// it also returns when the life has ended in another way.
    pub async fn on_signal(&self) {
        let mut signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                tracing::error!(%error, "signals cannot be received: only a kill will end this process");
                return;
            }
        };
        tokio::select! {
            name = signals.next() => {
                tracing::info!(signal = name, grace = ?self.0.grace, "stopping; a second signal ends at once");
                self.stop();
            }
            () = self.stopping() => {}
        }
        let idle = async {
            self.0.tasks.close();
            // This very task may be one of the tracked ones: it must not wait for itself.
            self.aborted().await;
        };
        tokio::select! {
            name = signals.next() => {
                tracing::warn!(signal = name, "ending at once");
                self.abort();
            }
            () = idle => {}
        }
    }
}
