//! Private keys at rest: sealed, so that who reads the store can sign nothing.

use std::fmt;

use ambient::{Entropy, Secret};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::{
    ChaCha20Poly1305, Key, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use sha2::{Digest as _, Sha256};

const NONCE: usize = 12;

/// Seals with the first of several secrets and opens with any of them, so that a secret can be
/// changed without a gap.
pub(crate) struct Sealer(Vec<ChaCha20Poly1305>);

impl Sealer {
    /// A sealer with these secrets. The first one seals.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        Self(secrets.into_iter().map(cipher).collect())
    }

    /// Seals the private part of the key `kid`: under that name only it can be opened.
    pub(super) fn seal(&self, kid: &str, der: &[u8], entropy: &Entropy) -> String {
        let nonce = entropy.bytes::<NONCE>();
        let payload = Payload { msg: der, aad: kid.as_bytes() };
        let cipher = self.0.first();
        // It fails for texts of many gigabytes only; an empty ciphertext then never opens.
        let sealed = cipher.and_then(|cipher| cipher.encrypt(&Nonce::from(nonce), payload).ok());
        STANDARD_NO_PAD.encode([&nonce[..], &sealed.unwrap_or_default()].concat())
    }

    /// Opens the private part of the key `kid`.
    pub(super) fn open(&self, kid: &str, sealed: &str) -> Option<Vec<u8>> {
        let bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, msg) = bytes.split_first_chunk::<NONCE>()?;
        let payload = || Payload { msg, aad: kid.as_bytes() };
        self.0.iter().find_map(|cipher| cipher.decrypt(&Nonce::from(*nonce), payload()).ok())
    }
}

/// A key for this purpose alone: other uses of the same secret have nothing to do with it.
fn cipher(secret: &Secret) -> ChaCha20Poly1305 {
    let key = Sha256::new_with_prefix(b"signing keys at rest\0").chain_update(secret.expose());
    ChaCha20Poly1305::new(&Key::from(<[u8; 32]>::from(key.finalize())))
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({} secrets)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_and_the_name_open_it_and_nothing_else_does() {
        let (old, new) = (Secret::new("old"), Secret::new("new"));
        let sealed = Sealer::new([&old]).seal("a", b"private", &Entropy::seeded(1));
        let both = Sealer::new([&new, &old]);
        assert_eq!(both.open("a", &sealed).unwrap(), b"private");
        assert_eq!(both.open("b", &sealed), None);
        assert_eq!(Sealer::new([&new]).open("a", &sealed), None);
        assert!(["", "AAAA", "?"].iter().all(|text| both.open("a", text).is_none()));
    }

    #[test]
    fn the_first_secret_seals() {
        let (old, new) = (Secret::new("old"), Secret::new("new"));
        let sealed = Sealer::new([&new, &old]).seal("a", b"private", &Entropy::seeded(1));
        assert!(Sealer::new([&new]).open("a", &sealed).is_some());
        assert!(Sealer::new([&old]).open("a", &sealed).is_none());
    }
}
