//! What is between an instance and the store: fair, slow, changeable, or nothing.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ambient::{Clock, Timestamp};
use store::{Action, Fate, Weather};

use crate::dice::Dice;

/// How a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Commands take some milliseconds.
    Fair,
    /// They take up to half a second there and back, and now and then longer.
    Slow,
    /// One command in five is refused or lost, or its answer is.
    Changeable,
    /// Nothing gets through.
    Cut,
    /// The instance is dead: what it was about to do is not done.
    Dead,
}

/// The weather of one line. Clones are the same weather.
#[derive(Clone)]
pub(crate) struct Sky {
    clock: Clock,
    dice: Dice,
    state: Arc<Mutex<State>>,
}

struct State {
    mood: Mood,
    /// Since when it has been like this.
    since: Timestamp,
    /// When a command failed last.
    failed: Option<Timestamp>,
    /// When one was slow.
    slow: Option<Timestamp>,
    failures: u64,
}

impl Sky {
    pub(crate) fn new(clock: &Clock, dice: &Dice) -> Self {
        let (mood, since) = (Mood::Fair, clock.now());
        let state = State { mood, since, failed: None, slow: None, failures: 0 };
        Self { clock: clock.clone(), dice: dice.clone(), state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn set(&self, mood: Mood) {
        let mut state = self.state();
        // Nobody comes back from the dead.
        if state.mood != Mood::Dead {
            (state.mood, state.since) = (mood, self.clock.now());
        }
    }

    /// Whether nothing at all has got through since then.
    pub(crate) fn was_cut_since(&self, moment: Timestamp) -> bool {
        let state = self.state();
        state.mood == Mood::Cut && state.since <= moment
    }

    pub(crate) fn mood(&self) -> Mood {
        self.state().mood
    }

    /// Whether every command since then was done and answered.
    pub(crate) fn was_fair_since(&self, moment: Timestamp) -> bool {
        let state = self.state();
        state.mood != Mood::Dead && state.failed.is_none_or(|failed| failed < moment)
    }

    /// Whether no command since then was slow, but for those that were not answered.
    pub(crate) fn was_quick_since(&self, moment: Timestamp) -> bool {
        self.state().slow.is_none_or(|slow| slow < moment)
    }

    pub(crate) fn failures(&self) -> u64 {
        self.state().failures
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, mood: Mood) -> Fate {
        let dice = &self.dice;
        match mood {
            Mood::Fair => Fate::Done(dice.millis(0, 2), dice.millis(0, 2)),
            Mood::Slow => Fate::Done(dice.millis(0, 280), dice.millis(0, 280)),
            Mood::Changeable => match dice.below(100) {
                0..80 => Fate::Done(dice.millis(0, 20), dice.millis(0, 20)),
                80..87 => Fate::Refused,
                87..93 => Fate::Lost,
                _ => Fate::AnswerLost,
            },
            Mood::Cut => Fate::Lost,
            Mood::Dead => Fate::Dead,
        }
    }
}

/// Weather that nobody notices, before a simulation begins.
pub(crate) struct Still;

impl Weather for Still {
    fn of_command(&self, _: Action) -> Fate {
        Fate::Done(Duration::ZERO, Duration::ZERO)
    }

    fn delivers(&self) -> bool {
        true
    }
}

impl Weather for Sky {
    fn of_command(&self, _: Action) -> Fate {
        let mood = self.mood();
        let fate = self.fate(mood);
        if mood == Mood::Slow {
            self.state().slow = Some(self.clock.now());
        }
        let is_done = matches!(fate, Fate::Done(there, back) if (there + back).as_millis() < 500);
        if !is_done {
            let mut state = self.state();
            state.failed = Some(self.clock.now());
            state.failures += 1;
        }
        fate
    }

    fn delivers(&self) -> bool {
        match self.mood() {
            Mood::Fair | Mood::Slow => !self.dice.chance(1),
            Mood::Changeable => !self.dice.chance(20),
            Mood::Cut | Mood::Dead => false,
        }
    }
}
