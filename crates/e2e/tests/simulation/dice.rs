//! Everything that is left to chance, from one seed.

use std::time::Duration;

use ambient::Entropy;

/// Dice. Clones share one row of throws, so the order of throws is part of what a seed decides.
#[derive(Clone)]
pub(crate) struct Dice(Entropy);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Entropy::seeded(seed))
    }

    /// Randomness for a server, whose throws are not ours: what it needs changes with its code.
    pub(crate) fn entropy(&self) -> Entropy {
        Entropy::seeded(u64::from_le_bytes(self.0.bytes()))
    }

    /// A number below `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        u64::from_le_bytes(self.0.bytes()) % end
    }

    /// An index of something that has `len` of them.
    pub(crate) fn index(&self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("it is below a usize")
    }

    /// Whether something happens that does so `percent` times of a hundred.
    pub(crate) fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A time from `least` to `most` milliseconds.
    pub(crate) fn millis(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least + 1))
    }
}
