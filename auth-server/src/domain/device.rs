//! Device authorizations (RFC 8628): the code that a person types, and what becomes of the one that
//! the device asks with.

use std::time::Duration;

use ambient::{Entropy, Timestamp};
use serde::{Deserialize, Serialize};
use shared::oauth::ScopeSet;

use super::{Code, sha256_hex};

/// RFC 8628 section 6.1: no vowels, so that no word comes of it, and nothing that looks like a digit.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// 20^8 codes are 34 bits; how often they can be tried is limited.
const LENGTH: usize = 8;

/// How long a device waits between two questions, until it is told to slow down.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// What each question that comes too early adds (RFC 8628 section 3.5).
const PENALTY: Duration = Duration::from_secs(5);

/// However often a device was hasty, it hears of a decision within this time.
const MAX_INTERVAL: Duration = Duration::from_mins(1);

/// How much earlier a question may arrive than it should: networks are not even.
const LEEWAY: Duration = Duration::from_secs(1);

/// What a person types to say which device is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserCode(String);

impl UserCode {
    /// A new code.
    pub(crate) fn random(entropy: &Entropy) -> Self {
        let mut text = String::with_capacity(LENGTH);
        while text.len() < LENGTH {
            // 240 is the largest multiple of 20 in a byte: what is above would favour some letters.
            let fair = entropy.bytes::<16>().into_iter().filter(|byte| *byte < 240);
            let letters = fair.map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
            text.extend(letters.take(LENGTH - text.len()));
        }
        Self(text)
    }

    /// The code that was meant: people leave the hyphen away, add spaces and do not care for case.
    pub(crate) fn parse(typed: &str) -> Option<Self> {
        let letters = typed.chars().filter(|c| !matches!(c, ' ' | '-' | '\t'));
        let text: String = letters.take(LENGTH + 1).map(|c| c.to_ascii_uppercase()).collect();
        let is_code = text.len() == LENGTH && text.bytes().all(|byte| LETTERS.contains(&byte));
        is_code.then_some(Self(text))
    }

    /// The code as it is shown: two groups of four.
    pub(crate) fn shown(&self) -> String {
        let (front, end) = self.0.split_at(LENGTH / 2);
        format!("{front}-{end}")
    }

    /// What it is called in the store.
    pub(crate) fn name(&self) -> String {
        sha256_hex(&["user code", &self.0])
    }
}

/// A device that waits for its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Device {
    /// The program on it.
    pub(crate) client_id: String,
    /// What will be allowed.
    pub(crate) scope: ScopeSet,
    /// The audience of the tokens.
    pub(crate) resource: String,
    /// The name of the code that the user types, which goes when the user has decided.
    pub(crate) user_code: String,
    /// How far it has come.
    progress: Progress,
    /// How often it may ask.
    pace: Pace,
    /// When it is too late.
    expires_at: Timestamp,
}

/// What the way of a person through consent and login is for. The page about devices goes that way
/// as any client does: with a challenge of its own, and an answer to its own address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Visit {
    /// The name of the device.
    pub(crate) device: String,
    /// What redeems the code that comes back. Of no use without that.
    pub(crate) verifier: String,
}

/// How far a device has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Progress {
    /// The user has not decided.
    Waiting,
    /// The user has said yes: the code that came of it has been redeemed on the device's behalf.
    Allowed(Box<Code>),
    /// The user has said no.
    Denied,
    /// The tokens were handed out.
    Served,
}

/// How often a device may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pace {
    interval: Duration,
    /// When the next question is welcome.
    next: Timestamp,
    /// Whether the last one came before it was.
    hasty: bool,
}

/// What a device is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// To ask again later.
    Wait,
    /// To ask again later, and from now on less often.
    SlowDown,
    /// That the user has said no.
    Denied,
    /// That it took too long.
    Expired,
    /// Nothing new: it has its tokens.
    Served,
    /// The tokens that this code was redeemed for.
    Allowed(Box<Code>),
}

impl Device {
    /// A device that begins to wait now.
    pub(crate) fn new(
        client_id: String,
        (scope, resource): (ScopeSet, String),
        user_code: &UserCode,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        let pace = Pace { interval: INTERVAL, next: now, hasty: false };
        let user_code = user_code.name();
        let progress = Progress::Waiting;
        Self { client_id, scope, resource, user_code, progress, pace, expires_at }
    }

    /// Whether its user can decide now.
    pub(crate) fn is_waiting(&self, now: Timestamp) -> bool {
        self.progress == Progress::Waiting && now < self.expires_at
    }

    /// The device asks: what it is told, if that changes nothing but its pace.
    #[must_use]
    pub(crate) fn asked(mut self, now: Timestamp) -> Self {
        if self.is_waiting(now) {
            let pace = &mut self.pace;
            pace.hasty = now + LEEWAY < pace.next;
            if pace.hasty {
                pace.interval = (pace.interval + PENALTY).min(MAX_INTERVAL);
            }
            pace.next = now + pace.interval;
        }
        self
    }

    /// What a device that has asked is told.
    pub(crate) fn told(self, now: Timestamp) -> Told {
        if self.expires_at <= now {
            return Told::Expired;
        }
        match self.progress {
            Progress::Waiting if self.pace.hasty => Told::SlowDown,
            Progress::Waiting => Told::Wait,
            Progress::Denied => Told::Denied,
            Progress::Served => Told::Served,
            Progress::Allowed(code) => Told::Allowed(code),
        }
    }

    /// The user decides: yes with a code, no without. None if that is done, or too late.
    pub(crate) fn decided(self, code: Option<Box<Code>>, now: Timestamp) -> Option<Self> {
        let progress = code.map_or(Progress::Denied, Progress::Allowed);
        self.is_waiting(now).then_some(Self { progress, ..self })
    }

    /// The tokens are handed out. None if they were before.
    pub(crate) fn served(self) -> Option<Self> {
        let allowed = matches!(self.progress, Progress::Allowed(_));
        allowed.then_some(Self { progress: Progress::Served, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(100);

    fn device() -> Device {
        let code = UserCode::random(&Entropy::seeded(1));
        let target = ("mcp".parse().unwrap(), "r".to_owned());
        Device::new("c".into(), target, &code, NOW, NOW + Duration::from_mins(10))
    }

    fn after(seconds: u64) -> Timestamp {
        NOW + Duration::from_secs(seconds)
    }

    #[test]
    fn a_code_is_read_however_people_type_it() {
        let code = UserCode::random(&Entropy::seeded(1));
        let shown = code.shown();
        assert_eq!((shown.len(), shown.as_bytes()[4]), (9, b'-'));
        let spaced = shown.replace('-', " ");
        for typed in [&*shown, &shown.to_lowercase(), &shown.replace('-', ""), &spaced] {
            assert_eq!(UserCode::parse(typed), Some(code.clone()), "{typed}");
        }
    }

    #[test]
    fn what_cannot_be_a_code_is_none() {
        let wrong = ["", "BCDF-GHJ", "BCDF-GHJKL", "BCDF-GHJA", "BCDF-GHJ1", "ﬀﬀﬀﬀﬀﬀﬀﬀ"];
        for typed in wrong {
            assert_eq!(UserCode::parse(typed), None, "{typed}");
        }
        assert_eq!(UserCode::parse(&"B".repeat(1 << 20)), None);
    }

    #[test]
    fn who_asks_too_often_is_slowed_down_for_good() {
        let first = device().asked(NOW);
        assert_eq!(first.clone().told(NOW), Told::Wait);
        let hasty = first.asked(after(1));
        assert_eq!(hasty.clone().told(after(1)), Told::SlowDown);
        let still = hasty.clone().asked(after(9));
        assert_eq!(still.told(after(9)), Told::SlowDown, "ten seconds have not passed");
        let patient = hasty.asked(after(11));
        assert_eq!(patient.clone().told(after(11)), Told::Wait);
        assert_eq!(patient.pace.interval, Duration::from_secs(10));
    }

    #[test]
    fn a_question_may_come_a_second_early() {
        let device = device().asked(NOW).asked(after(4));
        assert_eq!(device.told(after(4)), Told::Wait);
    }

    #[test]
    fn the_pace_has_a_limit() {
        let device = (0..100).fold(device(), |device, _| device.asked(NOW));
        assert_eq!(device.pace.interval, MAX_INTERVAL);
    }

    #[test]
    fn a_decision_is_made_once_and_in_time() {
        let denied = device().decided(None, NOW).unwrap();
        assert_eq!(denied.clone().told(NOW), Told::Denied);
        assert_eq!(denied.decided(None, NOW), None);
        assert_eq!(device().decided(None, after(600)), None);
        assert_eq!(device().told(after(600)), Told::Expired);
        assert_eq!(device().served(), None);
    }
}
