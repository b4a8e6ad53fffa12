//! The life of a process: it runs, is asked to stop, and ends at the latest when the grace is over.
//!
//! A process that is asked to end leaves first: it is not ready any more, but still accepts, because
//! load balancers find out late. The stop that follows is soft: work in hand is finished, streams end
//! themselves on [`Lifecycle::stopping`]. When the grace is over, or at a second signal, it is hard:
//! what is left is dropped.

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

use crate::exit;

/// How long before the hard stop nobody can count on a result any more.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// The one handle on starting and ending background work. Clones share one life.
#[derive(Clone)]
pub struct Lifecycle(Arc<Inner>);

struct Inner {
    clock: Clock,
    grace: Duration,
    drain: Duration,
    leaving: CancellationToken,
    soft: CancellationToken,
    hard: CancellationToken,
    deadline: OnceLock<Timestamp>,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// A life that has not been asked to stop. `grace` is the time between being asked and the hard
    /// stop, on `clock`.
    #[must_use]
    pub fn new(clock: Clock, grace: Duration) -> Self {
        Self::with(clock, grace, Duration::ZERO)
    }

    /// The same life from its beginning, with so much of the grace between being asked to end and the
    /// soft stop.
    #[must_use]
    pub fn draining_for(self, drain: Duration) -> Self {
        Self::with(self.clock(), self.0.grace, drain)
    }

    fn with(clock: Clock, grace: Duration, drain: Duration) -> Self {
        Self(Arc::new(Inner {
            clock,
            grace,
            drain,
            leaving: CancellationToken::new(),
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
                // In this order: at a hard stop a task takes not one step more.
                biased;
                () = aborted => tracing::debug!("a background task was dropped at the hard stop"),
                ended = AssertUnwindSafe(task).catch_unwind() => if ended.is_err() {
                    tracing::error!("a background task panicked");
                },
            }
        };
        self.0.tasks.spawn(task.in_current_span());
    }

    pub(crate) fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    /// Waits until a stop has begun. Bodies of open streams end on this.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + 'static {
        // A child of its own: waiting on the shared token takes its lock at every poll, and an open
        // connection polls this at every request.
        self.0.soft.child_token().cancelled_owned()
    }

    /// What `work` gives, or nothing if a stop begins first: for what a process does before it serves.
    pub async fn unless_stopping<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            output = work => Some(output),
            () = self.stopping() => None,
        }
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
                biased;
                () = inner.hard.cancelled() => {}
                () = over => inner.hard.cancel(),
            }
        }
    }

    /// Waits until a stop has begun and its grace is nearly over: the last moment for whoever is still
    /// at work to say that there will be no result. It is half a second before the hard stop, or a tenth
    /// of the grace if that is less.
    pub fn nearly_over(&self) -> impl Future<Output = ()> + Send + 'static {
        let inner = Arc::clone(&self.0);
        async move {
            inner.soft.cancelled().await;
            let margin = LAST_MOMENT.min(inner.grace / 10);
            tokio::select! {
                biased;
                () = inner.hard.cancelled() => {}
                () = inner.clock.sleep_until(inner.deadline() - margin) => {}
            }
        }
    }

    /// Whether it has been asked to end: nobody should send new work here.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.0.leaving.is_cancelled() || self.is_stopping()
    }

    /// Waits until it has been asked to end, as [`is_leaving`](Self::is_leaving) says.
    pub fn leaving(&self) -> impl Future<Output = ()> + Send + 'static {
        let inner = Arc::clone(&self.0);
        async move {
            tokio::select! {
                () = inner.leaving.cancelled() => {}
                () = inner.soft.cancelled() => {}
            }
        }
    }

    /// Begins to end: says so to whoever asks [`is_leaving`](Self::is_leaving), and when the time for
    /// draining is over, or somebody else has begun the stop, begins the soft stop.
    pub async fn leave(&self) {
        // The grace counts from here: it is what whoever asked has granted.
        self.0.deadline();
        self.0.leaving.cancel();
        tokio::select! {
            biased;
            () = self.0.clock.sleep(self.0.drain) => {}
            () = self.stopping() => {}
        }
        self.stop();
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

    /// Waits for SIGINT, SIGTERM or SIGHUP: at the first it [leaves](Self::leave), at a second one it
    /// stops hard. A hang-up is what a terminal says to whom it leaves behind; whoever was started to
    /// outlive it (`nohup`) does not hear of it.
    ///
    /// Meant for [`spawn`](Self::spawn). It returns when the soft stop has begun, however it began;
    /// the second signal is then watched for until the process ends.
    pub async fn on_signal(&self) {
        let mut signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                tracing::error!(%error, "signals cannot be received: only a kill ends this process");
                return;
            }
        };
        let signal = tokio::select! {
            signal = signals.next() => Some(signal),
            () = self.stopping() => None,
        };
        self.on_second_signal(signals);
        if let Some((name, _)) = signal {
            let (drain, grace) = (self.0.drain, self.0.grace);
            tracing::info!(signal = name, ?drain, ?grace, "stopping; a second signal ends at once");
            self.leave().await;
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "tracked, it would keep `finished` waiting for a signal that need not come"
    )]
    fn on_second_signal(&self, mut signals: Signals) {
        let lifecycle = self.clone();
        tokio::spawn(async move {
            let (name, number) = signals.next().await;
            tracing::warn!(signal = name, "ending at once");
            exit::cut_short(128 + number);
            lifecycle.abort();
        });
    }
}

impl Inner {
    /// When the grace is over; counted from the first call.
    fn deadline(&self) -> Timestamp {
        *self.deadline.get_or_init(|| self.clock.now() + self.grace)
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle")
            .field("stopping", &self.is_stopping())
            .field("aborted", &self.0.hard.is_cancelled())
            .field("tasks", &self.0.tasks.len())
            .finish_non_exhaustive()
    }
}

/// The signals that ask a process to end.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: (!ignores_hang_up()).then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// The name of the next one, and its number.
    async fn next(&mut self) -> (&'static str, u8) {
        let hung_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", 2),
            _ = self.terminate.recv() => ("SIGTERM", 15),
            _ = hung_up => ("SIGHUP", 1),
        }
    }
}

/// Whether whoever has started this process wants it to outlive its terminal: to listen would undo
/// that. Known on Linux only (`SigIgn` of proc(5), whose first bit is that of signal 1).
#[cfg(unix)]
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}

/// The signals that ask a process to end; this platform has one.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> (&'static str, u8) {
        match tokio::signal::ctrl_c().await {
            Ok(()) => ("Ctrl-C", 2),
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const GRACE: Duration = Duration::from_secs(25);

    fn life() -> (Lifecycle, Clock) {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        (Lifecycle::new(clock.clone(), GRACE), clock)
    }

    #[tokio::test]
    async fn a_soft_stop_waits_for_tasks_that_end_in_order() {
        let (life, _) = life();
        let (said, heard) = oneshot::channel();
        let stopping = life.stopping();
        life.spawn(async move {
            stopping.await;
            said.send("done").unwrap();
        });
        assert!(!life.is_stopping());
        life.stop();
        life.finished().await;
        assert_eq!(heard.await, Ok("done"));
    }

    #[tokio::test]
    async fn tasks_that_do_not_end_are_dropped_when_the_grace_is_over() {
        let (life, clock) = life();
        let (held, dropped) = oneshot::channel::<()>();
        life.spawn(async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        life.stop();
        clock.advance(Duration::from_secs(24));
        assert!(life.aborted().now_or_never().is_none());
        // A second request to stop does not start the grace anew.
        life.stop();
        clock.advance(Duration::from_secs(1));
        life.finished().await;
        assert!(dropped.await.is_err());
    }

    #[tokio::test]
    async fn what_comes_before_serving_ends_with_a_stop() {
        let (life, _) = life();
        assert_eq!(life.unless_stopping(std::future::ready(5)).await, Some(5));
        life.stop();
        assert_eq!(life.unless_stopping(std::future::pending::<u8>()).await, None);
    }

    #[tokio::test]
    async fn the_last_moment_comes_after_the_stop_and_before_the_end() {
        let (life, clock) = life();
        let mut nearly_over = Box::pin(life.nearly_over());
        clock.advance(GRACE);
        assert!((&mut nearly_over).now_or_never().is_none());
        life.stop();
        clock.advance(Duration::from_secs(24));
        assert!((&mut nearly_over).now_or_never().is_none());
        clock.advance(LAST_MOMENT);
        assert!(nearly_over.now_or_never().is_some());
        assert!(life.aborted().now_or_never().is_none());
    }

    #[tokio::test]
    async fn leaving_is_told_before_the_stop_and_counts_in_the_grace() {
        let (life, clock) = life();
        let life = life.draining_for(Duration::from_secs(2));
        let mut leaving = Box::pin(life.leave());
        assert!((&mut leaving).now_or_never().is_none());
        assert!(life.is_leaving() && !life.is_stopping());
        clock.advance(Duration::from_secs(2));
        leaving.await;
        assert!(life.is_stopping());
        clock.advance(Duration::from_secs(22));
        assert!(life.aborted().now_or_never().is_none());
        clock.advance(Duration::from_secs(1));
        life.aborted().await;
    }

    #[tokio::test]
    async fn an_abort_needs_no_grace() {
        let (life, _) = life();
        life.spawn(std::future::pending());
        life.abort();
        assert!(life.is_stopping());
        life.finished().await;
    }

    #[tokio::test]
    async fn a_panic_ends_its_task_only() {
        let (life, _) = life();
        life.spawn(async { panic!("expected in this test") });
        let (said, heard) = oneshot::channel();
        life.spawn(async move { said.send(()).unwrap() });
        heard.await.unwrap();
        life.stop();
        life.finished().await;
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_first_signal_is_soft_and_the_second_is_hard() {
        let (life, _) = life();
        let mut listening = Box::pin(life.on_signal());
        // Signals are listened for from the first poll; before it they would end this process.
        assert!((&mut listening).now_or_never().is_none());
        send_to_self("-TERM");
        listening.await;
        assert!(life.is_stopping());
        assert!(life.aborted().now_or_never().is_none());
        assert_eq!(exit::good_status(), 0);
        send_to_self("-INT");
        life.aborted().await;
        assert_eq!(exit::good_status(), 130);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_terminal_that_hangs_up_ends_it_in_order() {
        if ignores_hang_up() {
            // These tests are to outlive their terminal, and so is what they test.
            return;
        }
        let (life, _) = life();
        let mut listening = Box::pin(life.on_signal());
        // Before the first poll the signal would end this process, which is what this is about.
        assert!((&mut listening).now_or_never().is_none());
        send_to_self("-HUP");
        listening.await;
        assert!(life.is_stopping());
        assert!(life.aborted().now_or_never().is_none());
    }

    #[cfg(unix)]
    fn send_to_self(signal: &str) {
        let process = std::process::id().to_string();
        let sent = std::process::Command::new("kill").args([signal, &process]).status();
        assert!(sent.unwrap().success());
    }
}
