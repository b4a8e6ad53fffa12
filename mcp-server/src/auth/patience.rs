//! How long is waited between two looks at a server that does not answer.

use std::time::Duration;

use ambient::Entropy;

/// The wait before a server of our own is looked at again, and before any other is the first time.
pub(super) const EAGER: Duration = Duration::from_secs(1);

/// The longest wait.
const LAZY: Duration = Duration::from_secs(30);

/// Waits that grow: somebody else's server, and all others who ask it, are served badly by a question a
/// second from everybody whom its outage has hit.
pub(super) struct Patience {
    is_ours: bool,
    longest: Duration,
    entropy: Entropy,
    misses: u32,
}

impl Patience {
    /// With a server that is looked at so often while it answers.
    pub(super) fn new(is_ours: bool, calm: Duration, entropy: Entropy) -> Self {
        Self { is_ours, longest: LAZY.min(calm).max(EAGER), entropy, misses: 0 }
    }

    /// It has answered.
    pub(super) const fn restored(&mut self) {
        self.misses = 0;
    }

    /// It has not, once more: how long to wait now. Each of a crowd waits for another time.
    pub(super) fn spent(&mut self) -> Duration {
        if self.is_ours {
            return EAGER;
        }
        let whole = EAGER.saturating_mul(1 << self.misses.min(5)).min(self.longest);
        self.misses = self.misses.saturating_add(1);
        let part = f64::from(u16::from_be_bytes(self.entropy.bytes())) / f64::from(u16::MAX);
        (whole / 2 + (whole / 2).mul_f64(part)).max(EAGER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(patience: &mut Patience) -> Vec<Duration> {
        (0..9).map(|_| patience.spent()).collect()
    }

    #[test]
    fn a_server_of_ours_is_looked_at_every_second() {
        let mut ours = Patience::new(true, Duration::from_secs(5), Entropy::seeded(1));
        assert!(waits(&mut ours).iter().all(|wait| *wait == EAGER));
    }

    #[test]
    fn waits_for_others_double_up_to_half_a_minute_and_differ() {
        let hour = Duration::from_hours(1);
        let mut other = Patience::new(false, hour, Entropy::seeded(1));
        let first = waits(&mut other);
        for (wait, whole) in
            first.iter().zip([1, 2, 4, 8, 16, 30, 30, 30, 30].map(Duration::from_secs))
        {
            assert!((EAGER.max(whole / 2)..=whole).contains(wait), "{wait:?} of {whole:?}");
        }
        let mut again = Patience::new(false, hour, Entropy::seeded(2));
        assert_ne!(waits(&mut again)[2..], first[2..]);
        other.restored();
        assert_eq!(other.spent(), EAGER);
        let mut often = Patience::new(false, Duration::from_secs(5), Entropy::seeded(1));
        assert!(waits(&mut often).iter().all(|wait| *wait <= Duration::from_secs(5)));
    }
}
