//! What the toggles switch on: the rhythm of the original, which it kept up uninvited.

use std::{collections::BTreeSet, time::Duration};

use ambient::Entropy;
use mcp_core::{Rhythm, Told};
use shared::mcp::{LogLevel, LogParams};

/// How long a toggle lasts when nobody switches it off.
const LASTS: Duration = Duration::from_hours(1);

/// Log messages of random levels.
pub(crate) struct SimulatedLogging;

impl Rhythm for SimulatedLogging {
    const NAME: &'static str = "everything.logging";
    const EVERY: Duration = Duration::from_secs(20);
    const LASTS: Duration = LASTS;

    fn beat(_: &BTreeSet<String>, entropy: &Entropy) -> Vec<Told> {
        vec![Told::Log(random_message(entropy))]
    }
}

/// Updates of everything that is subscribed to.
pub(crate) struct SubscriberUpdates;

impl Rhythm for SubscriberUpdates {
    const NAME: &'static str = "everything.updates";
    const EVERY: Duration = Duration::from_secs(10);
    const LASTS: Duration = LASTS;

    fn beat(watched: &BTreeSet<String>, _: &Entropy) -> Vec<Told> {
        watched.iter().cloned().map(Told::Updated).collect()
    }
}

/// The words of the original, slips included: clients have seen them.
const MESSAGES: [(LogLevel, &str); 8] = [
    (LogLevel::Debug, "Debug-level message"),
    (LogLevel::Info, "Info-level message"),
    (LogLevel::Notice, "Notice-level message"),
    (LogLevel::Warning, "Warning-level message"),
    (LogLevel::Error, "Error-level message"),
    (LogLevel::Critical, "Critical-level message"),
    (LogLevel::Alert, "Alert level-message"),
    (LogLevel::Emergency, "Emergency-level message"),
];

/// A message of a random level.
pub(super) fn random_message(entropy: &Entropy) -> LogParams {
    // Eight divides the range of a byte: every level is as likely.
    let [byte] = entropy.bytes::<1>();
    let (level, text) = MESSAGES[usize::from(byte) % MESSAGES.len()];
    LogParams { level, logger: None, data: text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_comes_and_has_its_own_words() {
        let entropy = Entropy::seeded(1);
        let all: BTreeSet<_> = (0..200).map(|_| random_message(&entropy).level).collect();
        assert_eq!(all.len(), MESSAGES.len());
        for (level, text) in MESSAGES {
            assert!(text.to_lowercase().starts_with(&format!("{level:?}").to_lowercase()));
        }
    }

    #[test]
    fn updates_are_of_what_is_watched() {
        let watched = BTreeSet::from(["a://1".to_owned()]);
        let told = SubscriberUpdates::beat(&watched, &Entropy::seeded(1));
        assert_eq!(told, [Told::Updated("a://1".to_owned())]);
        assert!(SubscriberUpdates::beat(&BTreeSet::new(), &Entropy::seeded(1)).is_empty());
    }
}
