//! The ring: which key signs when, and how long the others are still told. Pure rules.

use std::time::Duration;

use ambient::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{SigningAlgorithm, signing_key::SigningKey};

/// How long a key is public before it signs: caches of `/jwks` keep it no longer.
pub(crate) const PUBLISHED_BEFORE: Duration = Duration::from_mins(5);

/// When keys change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Of new keys.
    pub(crate) algorithm: SigningAlgorithm,
    /// How long a key signs.
    pub(crate) period: Duration,
    /// How long a signature counts at most: a key is told for this long after its last one.
    pub(crate) signatures_live: Duration,
}

/// The keys, in the order in which they sign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ring {
    keys: Vec<Entry>,
}

/// What is kept of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) kid: String,
    pub(crate) algorithm: SigningAlgorithm,
    /// The public part as it is told.
    pub(crate) public: Value,
    /// The private part, sealed.
    pub(super) sealed: String,
    /// From when on it signs.
    pub(crate) signs_from: Timestamp,
    /// When its last signature has ended; unknown until its successor is.
    pub(crate) gone_at: Option<Timestamp>,
}

/// How far a key has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It is told, and will sign.
    Next,
    /// It signs.
    Signing,
    /// Its signatures count.
    Retired,
}

/// Public keys (RFC 7517 section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeySet {
    keys: Vec<Value>,
}

impl Entry {
    pub(super) fn new(key: SigningKey, sealed: String, signs_from: Timestamp) -> Self {
        let SigningKey { kid, algorithm, public, .. } = key;
        Self { kid, algorithm, public, sealed, signs_from, gone_at: None }
    }
}

impl Ring {
    /// A ring of one key, which signs now.
    pub(super) fn begun_with(first: Entry, now: Timestamp) -> Self {
        Self { keys: vec![Entry { signs_from: now, ..first }] }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.keys
    }

    /// The key that signs.
    pub(super) fn signing(&self, now: Timestamp) -> Option<&Entry> {
        self.keys.iter().rfind(|key| key.signs_from <= now)
    }

    /// How far a key of this ring has come.
    pub(super) fn phase(&self, key: &Entry, now: Timestamp) -> Phase {
        match self.signing(now) {
            Some(signing) if signing.kid == key.kid => Phase::Signing,
            _ if now < key.signs_from => Phase::Next,
            _ => Phase::Retired,
        }
    }

    /// What is told of the keys.
    pub(super) fn public(&self, now: Timestamp) -> KeySet {
        let told = self.keys.iter().filter(|key| key.gone_at.is_none_or(|end| now < end));
        KeySet { keys: told.map(|key| key.public.clone()).collect() }
    }

    /// Whether it is time for the next key to be published. A key of another algorithm than the one
    /// that is set is changed once it signs.
    pub(super) fn is_due(&self, policy: Policy, now: Timestamp) -> bool {
        let Some(newest) = self.keys.last() else { return true };
        let is_over = newest.signs_from + policy.period <= now + PUBLISHED_BEFORE;
        let is_other = newest.algorithm != policy.algorithm;
        newest.signs_from <= now && (is_over || is_other)
    }

    /// The ring with the next key published, without those that are of no use any more. As it is if
    /// the next key is published already.
    pub(super) fn rotated(mut self, next: Entry, policy: Policy, now: Timestamp) -> Self {
        self.keys.retain(|key| key.gone_at.is_none_or(|end| now < end));
        let Some(newest) = self.keys.last_mut() else { return Self::begun_with(next, now) };
        if newest.signs_from <= now {
            let signs_from = now + PUBLISHED_BEFORE;
            newest.gone_at = Some(signs_from + policy.signatures_live);
            self.keys.push(Entry { signs_from, ..next });
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        algorithm: SigningAlgorithm::Es256,
        period: Duration::from_hours(24),
        signatures_live: Duration::from_mins(15),
    };
    const START: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn entry(kid: &str) -> Entry {
        Entry {
            kid: kid.to_owned(),
            algorithm: SigningAlgorithm::Es256,
            public: kid.into(),
            sealed: String::new(),
            signs_from: START,
            gone_at: None,
        }
    }

    fn minutes(count: u64) -> Timestamp {
        START + Duration::from_mins(count)
    }

    fn told(ring: &Ring, now: Timestamp) -> Vec<Value> {
        ring.public(now).keys
    }

    #[test]
    fn the_next_key_is_told_five_minutes_before_it_signs() {
        let ring = Ring::begun_with(entry("a"), START);
        assert!(!ring.is_due(POLICY, minutes(24 * 60 - 6)));
        let now = minutes(24 * 60 - 5);
        assert!(ring.is_due(POLICY, now));
        let ring = ring.rotated(entry("b"), POLICY, now);
        assert_eq!(told(&ring, now), ["a", "b"]);
        assert_eq!(ring.signing(minutes(24 * 60 - 1)).unwrap().kid, "a");
        assert_eq!(ring.signing(minutes(24 * 60)).unwrap().kid, "b");
    }

    #[test]
    fn the_old_key_is_told_until_its_last_signature_has_ended() {
        let ring = Ring::begun_with(entry("a"), START).rotated(entry("b"), POLICY, minutes(10));
        assert_eq!(told(&ring, minutes(10 + 5 + 14)), ["a", "b"]);
        assert_eq!(told(&ring, minutes(10 + 5 + 15)), ["b"]);
        let phases = [minutes(10), minutes(15)]
            .map(|now| [&ring.keys[0], &ring.keys[1]].map(|key| ring.phase(key, now)));
        assert_eq!(phases, [[Phase::Signing, Phase::Next], [Phase::Retired, Phase::Signing]]);
    }

    #[test]
    fn a_change_that_is_under_way_is_not_made_twice() {
        let ring = Ring::begun_with(entry("a"), START).rotated(entry("b"), POLICY, minutes(10));
        assert!(!ring.is_due(POLICY, minutes(12)));
        assert_eq!(ring.clone().rotated(entry("c"), POLICY, minutes(12)), ring);
        let later = ring.rotated(entry("c"), POLICY, minutes(60));
        assert_eq!(told(&later, minutes(60)), ["b", "c"]);
    }

    #[test]
    fn another_algorithm_comes_with_the_next_key() {
        let policy = Policy { algorithm: SigningAlgorithm::EdDsa, ..POLICY };
        let ring = Ring::begun_with(entry("a"), START);
        assert!(ring.is_due(policy, START));
        let next = Entry { algorithm: SigningAlgorithm::EdDsa, ..entry("b") };
        let ring = ring.rotated(next, policy, START);
        assert!(!ring.is_due(policy, minutes(10)));
    }
}
