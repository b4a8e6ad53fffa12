//! A line between an instance and a store in memory, which a test makes as bad as it likes.
//!
//! What an outage of Redis does to an instance can be had with a real Redis behind a real proxy, but
//! not twice in the same way. Over such a line two instances share one memory, and what goes wrong
//! between them and it is decided by a [`Weather`], command by command: so the same decisions give the
//! same run.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ambient::Clock;

use crate::{
    bus::{Mailbox, MailboxInner},
    error::{Action, StoreError},
};

/// How long a command may take: as long as one to Redis may.
const COMMAND: Duration = Duration::from_millis(500);

/// Decides what becomes of what goes over a line.
pub trait Weather: Send + Sync {
    /// What becomes of a command that is given now.
    fn of_command(&self, action: Action) -> Fate;

    /// Whether a message that is published now reaches the subscriptions over this line. One that does
    /// not is lost without a word, as promise 5 of the store allows.
    fn delivers(&self) -> bool;
}

/// A line over which every message comes, and that decides about commands only.
impl<F: Fn(Action) -> Fate + Send + Sync> Weather for F {
    fn of_command(&self, action: Action) -> Fate {
        self(action)
    }

    fn delivers(&self) -> bool {
        true
    }
}

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is done after the first time, and answered after the second. If that is longer than a command
    /// may take, the answer is lost like in [`AnswerLost`](Self::AnswerLost).
    Done(Duration, Duration),
    /// It never gets there; whoever gave it is told that there was no answer, when the time is over.
    Lost,
    /// It is refused at once, and not done.
    Refused,
    /// It is done at once, and nobody hears of it.
    AnswerLost,
    /// Whoever gave it is dead: it is not done, and never ends.
    Dead,
}

impl Fate {
    /// It is done, and answered, in no time.
    pub const AT_ONCE: Self = Self::Done(Duration::ZERO, Duration::ZERO);
}

/// A line. Cheap to clone; clones are the same line.
#[derive(Clone)]
pub struct Line(Arc<Inner>);

struct Inner {
    clock: Clock,
    weather: Box<dyn Weather>,
    /// The subscriptions over this line.
    mailboxes: Mutex<Vec<Weak<MailboxInner>>>,
}

impl Line {
    /// A line in this weather, whose delays are counted on `clock`.
    #[must_use]
    pub fn new(clock: &Clock, weather: impl Weather + 'static) -> Self {
        let (clock, weather) = (clock.clone(), Box::new(weather));
        Self(Arc::new(Inner { clock, weather, mailboxes: Mutex::default() }))
    }

    /// A line to a store that refuses what begins with `verb`, as errors name it, while `refuses` is
    /// set: all commands, if it is empty.
    #[must_use]
    pub fn refusing(clock: &Clock, verb: &'static str, refuses: &Arc<AtomicBool>) -> Self {
        let refuses = Arc::clone(refuses);
        Self::new(clock, move |action: Action| {
            let is_meant = refuses.load(Ordering::Relaxed) && action.to_string().starts_with(verb);
            if is_meant { Fate::Refused } else { Fate::AT_ONCE }
        })
    }

    /// Tells every subscription over this line that it may have missed messages: what a connection
    /// that was lost and is there again does.
    pub fn mended(&self) {
        let mut mailboxes = self.0.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        mailboxes.retain(|mailbox| mailbox.strong_count() > 0);
        mailboxes.iter().filter_map(Mailbox::upgrade).for_each(|mailbox| mailbox.gap());
    }

    pub(crate) fn delivers(&self) -> bool {
        self.0.weather.delivers()
    }

    pub(crate) fn listens(&self, mailbox: &Mailbox) {
        let mut mailboxes = self.0.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        mailboxes.push(mailbox.downgrade());
    }

    /// Takes a command there and its answer back.
    pub(crate) async fn carry<T>(
        &self,
        action: Action,
        work: impl FnOnce() -> T,
    ) -> Result<T, StoreError> {
        let Inner { clock, weather, .. } = &*self.0;
        match weather.of_command(action) {
            Fate::Done(there, back) if there + back < COMMAND => {
                pause(clock, there).await;
                let done = work();
                pause(clock, back).await;
                return Ok(done);
            }
            Fate::Done(there, _) if there < COMMAND => {
                pause(clock, there).await;
                drop(work());
                pause(clock, COMMAND.saturating_sub(there)).await;
            }
            Fate::Done(..) | Fate::Lost => pause(clock, COMMAND).await,
            Fate::Refused => {}
            Fate::AnswerLost => {
                drop(work());
                pause(clock, COMMAND).await;
            }
            Fate::Dead => std::future::pending().await,
        }
        Err(action.unavailable("the line to the store is bad"))
    }
}

async fn pause(clock: &Clock, time: Duration) {
    if !time.is_zero() {
        clock.sleep(time).await;
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}
