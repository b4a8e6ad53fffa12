//! `requestState`: sealed, bound, short-lived.
//!
//! The state is the client's to keep, so it is an attacker's to change. It is encrypted, because
//! results of steps may hold what the client must not read, and authenticated together with who
//! asked for what: a state that is brought back by somebody else, or for something else, does not
//! open. Every failure looks the same.

use std::time::Duration;

use ambient::{Entropy, Timestamp};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Journal;

/// How long a state may be brought back.
pub(super) const LIFETIME: Duration = Duration::from_mins(10);

/// How often a call may ask.
pub(super) const MAX_ROUNDS: u8 = 10;

/// The longest state, in bytes on the wire: some clients and proxies cut longer ones.
pub(super) const MAX_STATE: usize = 16 * 1024;

const VERSION: &str = "v1";

/// A key of the ring. It is named on the wire by four bytes of its hash.
#[derive(Clone)]
pub struct SealKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl SealKey {
    /// A key of 32 random bytes, the same on every instance.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        let id = URL_SAFE_NO_PAD.encode(&Sha256::digest(key)[..4]);
        Self { id, cipher: XChaCha20Poly1305::new(&key.into()) }
    }
}

/// Seals with the newest key of a ring, opens with all of them.
pub struct Sealer {
    keys: Vec<SealKey>,
}

/// Who asked for what. It is not in the state but bound to it: nothing to compare by hand, nothing
/// to forget, no bytes on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// Who.
    pub principal: &'a str,
    /// Which method.
    pub method: &'a str,
    /// Which tool, prompt or resource.
    pub target: &'a str,
    /// With which arguments.
    pub arguments_digest: &'a str,
}

/// The state cannot be opened; which check failed is nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request state is not valid")]
pub struct OpenError;

/// The call cannot go on over another round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It has asked too often.
    #[error("The call has asked the client too often")]
    TooManyRounds,
    /// It has learnt too much.
    #[error("The call has more to remember than fits into a request state")]
    TooLarge,
    /// There is no key, or the cipher failed.
    #[error("The request state could not be sealed")]
    Failed,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    expires_at: Timestamp,
    journal: Journal,
}

impl Binding<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let Self { principal, method, target, arguments_digest } = self;
        // Strings can always be written.
        serde_json::to_vec(&["mcp-request-state/1", principal, method, target, arguments_digest])
            .unwrap_or_default()
    }
}

impl Sealer {
    /// A ring of keys, the newest first.
    #[must_use]
    pub const fn new(keys: Vec<SealKey>) -> Self {
        Self { keys }
    }

    /// Seals what the next round must know.
    ///
    /// # Errors
    /// When it would be too long, or one round too many.
    pub fn seal(
        &self,
        journal: Journal,
        binding: &Binding<'_>,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<String, SealError> {
        if journal.round > MAX_ROUNDS {
            return Err(SealError::TooManyRounds);
        }
        let key = self.keys.first().ok_or(SealError::Failed)?;
        let sealed = Sealed { expires_at: now + LIFETIME, journal };
        let text = serde_json::to_vec(&sealed).map_err(|_| SealError::Failed)?;
        let nonce = entropy.bytes::<24>();
        let payload = Payload { msg: &text, aad: &binding.associated_data() };
        let sealed = key.cipher.encrypt(&nonce.into(), payload).map_err(|_| SealError::Failed)?;
        let (nonce, sealed) = (URL_SAFE_NO_PAD.encode(nonce), URL_SAFE_NO_PAD.encode(sealed));
        let state = format!("{VERSION}.{}.{nonce}.{sealed}", key.id);
        if state.len() > MAX_STATE { Err(SealError::TooLarge) } else { Ok(state) }
    }

    /// Opens what a client has brought back.
    ///
    /// # Errors
    /// When it was not sealed here for this caller and this request, or too long ago.
    pub fn open(
        &self,
        state: &str,
        binding: &Binding<'_>,
        now: Timestamp,
    ) -> Result<Journal, OpenError> {
        if state.len() > MAX_STATE {
            return Err(OpenError);
        }
        let mut parts = state.split('.');
        let (Some(VERSION), Some(id), Some(nonce), Some(sealed), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(OpenError);
        };
        let key = self.keys.iter().find(|key| key.id == id).ok_or(OpenError)?;
        let nonce: [u8; 24] = decode(nonce)?.try_into().map_err(|_| OpenError)?;
        let payload = Payload { msg: &decode(sealed)?, aad: &binding.associated_data() };
        let text = key.cipher.decrypt(&nonce.into(), payload).map_err(|_| OpenError)?;
        let sealed: Sealed = serde_json::from_slice(&text).map_err(|_| OpenError)?;
        if sealed.expires_at <= now { Err(OpenError) } else { Ok(sealed.journal) }
    }
}

fn decode(text: &str) -> Result<Vec<u8>, OpenError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| OpenError)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1000);

    fn binding(principal: &str) -> Binding<'_> {
        Binding { principal, method: "tools/call", target: "ask", arguments_digest: "d" }
    }

    fn sealer(key: u8) -> Sealer {
        Sealer::new(vec![SealKey::new([key; 32])])
    }

    fn sealed(sealer: &Sealer) -> String {
        let journal = Journal::unasked([("k".to_owned(), 1.into())].into());
        sealer.seal(journal, &binding("alice"), NOW, &Entropy::seeded(1)).unwrap()
    }

    #[test]
    fn a_state_opens_for_whom_it_was_sealed() {
        let journal = sealer(1).open(&sealed(&sealer(1)), &binding("alice"), NOW).unwrap();
        assert_eq!(journal, Journal::unasked([("k".to_owned(), 1.into())].into()));
    }

    #[test]
    fn it_opens_for_nobody_and_nothing_else() {
        let state = sealed(&sealer(1));
        let others = [
            binding("bob"),
            Binding { method: "prompts/get", ..binding("alice") },
            Binding { target: "other", ..binding("alice") },
            Binding { arguments_digest: "e", ..binding("alice") },
        ];
        for other in others {
            assert_eq!(sealer(1).open(&state, &other, NOW), Err(OpenError));
        }
        assert_eq!(sealer(2).open(&state, &binding("alice"), NOW), Err(OpenError));
    }

    #[test]
    fn it_does_not_open_changed_or_late() {
        let (sealer, state) = (sealer(1), sealed(&sealer(1)));
        for changed in
            [format!("{state}A"), state[1..].to_owned(), String::new(), "v1.a.b.c".into()]
        {
            assert_eq!(sealer.open(&changed, &binding("alice"), NOW), Err(OpenError));
        }
        assert_eq!(sealer.open(&state, &binding("alice"), NOW + LIFETIME), Err(OpenError));
    }

    #[test]
    fn a_ring_opens_what_older_keys_have_sealed() {
        let state = sealed(&sealer(1));
        let ring = Sealer::new(vec![SealKey::new([2; 32]), SealKey::new([1; 32])]);
        assert!(ring.open(&state, &binding("alice"), NOW).is_ok());
    }

    #[test]
    fn rounds_and_size_are_bounded() {
        let seal = |journal| sealer(1).seal(journal, &binding("a"), NOW, &Entropy::seeded(1));
        let many = Journal { round: MAX_ROUNDS + 1, ..Journal::default() };
        assert_eq!(seal(many), Err(SealError::TooManyRounds));
        let large = Journal::unasked([("k".to_owned(), "x".repeat(MAX_STATE).into())].into());
        assert_eq!(seal(large), Err(SealError::TooLarge));
    }

    #[test]
    fn nothing_opens_that_was_not_sealed() {
        type Tried = (String, [Vec<u8>; 3]);
        bolero::check!().with_iterations(1000).with_type::<Tried>().for_each(|(text, parts)| {
            let [key, nonce, sealed] = parts.each_ref().map(|part| URL_SAFE_NO_PAD.encode(part));
            let own = self::sealed(&sealer(1));
            let known = own.split('.').nth(1).unwrap();
            let formed = format!("v1.{key}.{nonce}.{sealed}");
            let nearly = format!("v1.{known}.{nonce}.{sealed}");
            for state in [text, &formed, &nearly, &format!("{own}{sealed}")] {
                let opened = sealer(1).open(state, &binding("alice"), NOW);
                assert!(opened == Err(OpenError) || *state == own, "{state}");
            }
        });
    }

    proptest::proptest! {
        #[test]
        fn no_change_of_a_state_opens(place: proptest::sample::Index, with in "[A-Za-z0-9._-]") {
            let mut state = sealed(&sealer(1));
            let place = place.index(state.len());
            if state[place..=place] != with {
                state.replace_range(place..=place, &with);
                assert_eq!(sealer(1).open(&state, &binding("alice"), NOW), Err(OpenError));
            }
        }
    }
}
