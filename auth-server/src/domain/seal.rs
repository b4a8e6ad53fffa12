//! An answer that only the token it answers can open: what lies in the store is of no use without
//! the token, and the token is not in the store.

use ambient::Entropy;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit as _, Nonce, aead::Aead as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::RefreshToken;

const NONCE: usize = 12;

/// A sealed answer: nonce and ciphertext in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Sealed(String);

/// Seals `text` with `token`.
pub(crate) fn seal(token: &RefreshToken, text: &[u8], entropy: &Entropy) -> Sealed {
    let nonce = entropy.bytes::<NONCE>();
    // It fails for texts of many gigabytes only; an empty ciphertext is then refused when opened.
    let sealed = cipher(token).encrypt(&Nonce::from(nonce), text).unwrap_or_default();
    Sealed(STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat()))
}

/// Opens what was sealed with `token`. None if it was sealed with another one or has been changed.
pub(crate) fn unseal(token: &RefreshToken, sealed: &Sealed) -> Option<Vec<u8>> {
    let bytes = STANDARD_NO_PAD.decode(&sealed.0).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
    cipher(token).decrypt(&Nonce::from(*nonce), sealed).ok()
}

/// A key for this purpose alone, so that it has nothing to do with the token's name in the store.
fn cipher(token: &RefreshToken) -> ChaCha20Poly1305 {
    let key = Sha256::new_with_prefix(b"sealed answer\0").chain_update(token.expose()).finalize();
    ChaCha20Poly1305::new(&Key::from(<[u8; 32]>::from(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Ticket;

    #[test]
    fn only_the_token_opens_it() {
        let entropy = Entropy::seeded(1);
        let (token, other) = (Ticket::random(&entropy), Ticket::random(&entropy));
        let sealed = seal(&token, b"secret answer", &entropy);
        assert_eq!(unseal(&token, &sealed).unwrap(), b"secret answer");
        assert_eq!(unseal(&other, &sealed), None);
        assert!(!sealed.0.contains("secret"));
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let token = Ticket::random(&Entropy::seeded(1));
        for text in ["", "AAAA", "not base64!"] {
            assert_eq!(unseal(&token, &Sealed(text.into())), None);
        }
        let sealed = seal(&token, b"secret answer", &Entropy::seeded(2));
        let bytes = STANDARD_NO_PAD.decode(&sealed.0).unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_eq!(unseal(&token, &Sealed(STANDARD_NO_PAD.encode(changed))), None, "{place}");
        }
    }
}
