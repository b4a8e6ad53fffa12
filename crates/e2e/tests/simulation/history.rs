//! What happened, and what of it should not have.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ambient::{Clock, Timestamp};

/// The history in the making. Clones are the same.
#[derive(Clone)]
pub(crate) struct History {
    clock: Clock,
    began: Timestamp,
    state: Arc<Mutex<Outcome>>,
}

/// What a seed has come to.
#[derive(Clone, Default)]
pub(crate) struct Outcome {
    /// What everybody saw, in its order.
    pub(crate) history: Vec<String>,
    /// Which promises were broken.
    wrong: Vec<String>,
    pub(crate) counts: Counts,
}

/// How much was looked at: a simulation in which nothing happens finds nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) seeds: u64,
    pub(crate) answers: u64,
    pub(crate) refusals: u64,
    pub(crate) events: u64,
    pub(crate) resumed: u64,
    pub(crate) lost: u64,
    pub(crate) faults: u64,
    pub(crate) failures: u64,
}

impl History {
    pub(crate) fn new(clock: &Clock) -> Self {
        let counts = Counts { seeds: 1, ..Counts::default() };
        let outcome = Outcome { counts, ..Outcome::default() };
        let state = Arc::new(Mutex::new(outcome));
        Self { clock: clock.clone(), began: clock.now(), state }
    }

    /// Somebody has seen something.
    pub(crate) fn note(&self, who: &str, what: impl fmt::Display) {
        let at = self.clock.now().since(self.began).as_millis();
        self.state().history.push(format!("{at:>6} {who}: {what}"));
    }

    /// Somebody has seen what must not be.
    pub(crate) fn wrong(&self, who: &str, what: impl fmt::Display) {
        let text = format!("WRONG {what}");
        self.note(who, &text);
        self.state().wrong.push(format!("{who}: {what}"));
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.state().counts);
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.state().clone()
    }

    fn state(&self) -> MutexGuard<'_, Outcome> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcome {
    /// What was wrong, with the end of what led to it; nothing when all was well.
    pub(crate) fn report(&self) -> Option<String> {
        const SHOWN: usize = 100;
        let first = self.history.iter().position(|line| line.contains("WRONG"))?;
        let from = (first + 1).saturating_sub(SHOWN);
        Some(format!("{}\n{}", self.wrong.join("\n"), self.history[from..=first].join("\n")))
    }
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.answers += other.answers;
        self.refusals += other.refusals;
        self.events += other.events;
        self.resumed += other.resumed;
        self.lost += other.lost;
        self.faults += other.faults;
        self.failures += other.failures;
    }

    /// Fails when too little has happened for the seeds to mean anything.
    pub(crate) fn expect_substance(&self) {
        let Self { seeds, answers, refusals, faults, failures, .. } = self;
        // One seed alone may be a quiet one.
        if *seeds >= 20 {
            assert!(*answers > 10 * seeds && *faults > 2 * seeds, "{self}");
            assert!(*failures > 2 * seeds && *refusals > *seeds, "{self}");
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
