//! Randomness as an argument: the system's, or one with a seed.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rand::{Rng, SeedableRng, rngs::StdRng};

/// Where random bytes come from. Identifiers and secrets are made of nothing else.
#[derive(Clone)]
pub struct Entropy(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<StdRng>>),
}

impl Entropy {
    /// The random generator of the operating system.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A generator that gives the same bytes for the same seed. For tests only: it is predictable.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            Source::System => system_fill(&mut bytes),
            Source::Seeded(generator) => {
                generator.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
            }
        }
        bytes
    }

    /// `N` random bytes as lower-case hexadecimal digits.
    #[must_use]
    pub fn hex<const N: usize>(&self) -> String {
        self.hex_as::<N, _>()
    }

    /// The same as text of another type, such as `Arc<str>`, with no other in between.
    #[must_use]
    pub fn hex_as<const N: usize, T: for<'a> From<&'a str>>(&self) -> T {
        T::from(const_hex::Buffer::<N>::new().format(&self.bytes::<N>()))
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Entropy::System",
            Source::Seeded(_) => "Entropy::Seeded",
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system's randomness")]
fn system_fill(bytes: &mut [u8]) {
    rand::rng().fill_bytes(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(Entropy::seeded(7).bytes::<16>(), Entropy::seeded(7).bytes::<16>());
        assert_ne!(Entropy::seeded(7).bytes::<16>(), Entropy::seeded(8).bytes::<16>());
    }

    #[test]
    fn system_entropy_does_not_repeat() {
        let entropy = Entropy::system();
        assert_ne!(entropy.bytes::<16>(), entropy.bytes::<16>());
        assert_eq!(entropy.hex::<16>().len(), 32);
    }
}
