//! Values that are of no use to who reads the store and does not know a secret.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use ambient::{Entropy, Secret};
use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey},
    error::Unspecified,
    hkdf, hmac,
};
use bytes::Bytes;

/// What a sealed value begins with. No JSON does.
const VERSION: u8 = 1;

const NONCE: usize = 12;

/// What the keys of this purpose are derived with: other uses of the same secret have nothing to do
/// with them.
const SALT: &[u8] = b"records at rest";

/// What records are sealed with, and what names that could be guessed are hashed with. The first secret
/// seals, each of them opens, so that a secret can be changed without a gap.
pub struct Seal {
    keys: Vec<Keys>,
    entropy: Entropy,
    /// Whether it was said already that something does not open.
    has_warned: AtomicBool,
}

/// What is derived from one secret.
struct Keys {
    /// A nonce may be random with it, for any number of records, and one that comes twice tells no more
    /// than that two texts are the same.
    records: LessSafeKey,
    names: hmac::Key,
}

impl Seal {
    /// A seal with these secrets.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>, entropy: &Entropy) -> Self {
        // Deriving fails for keys of many thousand bytes only.
        let keys = secrets.into_iter().filter_map(|secret| Keys::of(secret).ok()).collect();
        Self { keys, entropy: entropy.clone(), has_warned: AtomicBool::new(false) }
    }

    /// `text` for the record of this key: under that key only it can be opened.
    pub(crate) fn close(&self, key: &str, text: &[u8]) -> Option<Bytes> {
        let nonce = self.entropy.bytes::<NONCE>();
        let head = 1 + NONCE;
        let mut sealed = Vec::with_capacity(head + text.len() + AES_256_GCM_SIV.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(text);
        let (nonce, aad) = (Nonce::assume_unique_for_key(nonce), Aad::from(key));
        let records = &self.keys.first()?.records;
        let tag = records.seal_in_place_separate_tag(nonce, aad, sealed.get_mut(head..)?).ok()?;
        sealed.extend_from_slice(tag.as_ref());
        Some(sealed.into())
    }

    /// What was sealed for the record of this key. What does not open, or was never sealed, is not there
    /// for anybody: it is said once, and not with each of perhaps many records.
    pub(crate) fn open(&self, key: &str, kind: &str, sealed: &[u8]) -> Option<Bytes> {
        let opened = self.opened(key, sealed);
        if opened.is_none() && !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                kind,
                "a record does not open with the secret of this instance, nor with the one before, and \
                 counts as missing; check that all instances have the same secret (this is said once)"
            );
        }
        opened
    }

    fn opened(&self, key: &str, sealed: &[u8]) -> Option<Bytes> {
        let (nonce, sealed) = sealed.strip_prefix(&[VERSION])?.split_first_chunk::<NONCE>()?;
        self.keys.iter().find_map(|keys| {
            let mut text = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let length = keys.records.open_in_place(nonce, Aad::from(key), &mut text).ok()?.len();
            text.truncate(length);
            Some(text.into())
        })
    }

    /// What to call something whose name could be guessed, by each secret.
    pub(crate) fn aliases(&self, name: &str) -> impl Iterator<Item = String> {
        self.keys.iter().map(|keys| {
            let tag = hmac::sign(&keys.names, name.as_bytes());
            const_hex::encode(tag.as_ref().first_chunk::<16>().unwrap_or(&[0; 16]))
        })
    }
}

impl Keys {
    fn of(secret: &Secret) -> Result<Self, Unspecified> {
        let key = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret.expose().as_bytes());
        let records = UnboundKey::from(key.expand(&[b"values"], &AES_256_GCM_SIV)?);
        let names = hmac::Key::from(key.expand(&[b"names"], hmac::HMAC_SHA256)?);
        Ok(Self { records: LessSafeKey::new(records), names })
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({} secrets)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tracing::{Event, Metadata, Subscriber, span, subscriber};

    use super::*;

    /// Counts what is said.
    struct Ear(&'static AtomicUsize);

    impl Subscriber for Ear {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn what_does_not_open_is_said_once() {
        static SAID: AtomicUsize = AtomicUsize::new(0);
        let (seal, sealed) = (seal(&["a"]), seal(&["b"]).close("a", b"{}").unwrap());
        subscriber::with_default(Ear(&SAID), || {
            for _ in 0..3 {
                assert_eq!(seal.open("a", "x:", &sealed), None);
            }
        });
        assert_eq!(SAID.load(Ordering::Relaxed), 1);
    }

    fn seal(secrets: &[&str]) -> Seal {
        let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(*text)).collect();
        Seal::new(&secrets, &Entropy::seeded(1))
    }

    #[test]
    fn the_secret_and_the_key_open_it_and_nothing_else_does() {
        let sealed = seal(&["new"]).close("a", b"{}").unwrap();
        let open = |secrets, key, value: &[u8]| seal(secrets).open(key, "x:", value);
        assert_eq!(open(&["newer", "new"], "a", &sealed).unwrap(), "{}");
        assert_eq!(open(&["new"], "b", &sealed), None);
        assert_eq!(open(&["newer"], "a", &sealed), None);
        for place in 0..sealed.len() {
            let mut changed = sealed.to_vec();
            changed[place] ^= 1;
            assert_eq!(open(&["new"], "a", &changed), None, "{place}");
        }
        for text in [&b""[..], b"\x01", b"{}", &sealed[..sealed.len() - 1]] {
            assert_eq!(open(&["new"], "a", text), None);
        }
    }

    #[test]
    fn the_same_text_is_never_the_same() {
        let seal = seal(&["a"]);
        assert_ne!(seal.close("a", b"{}"), seal.close("a", b"{}"));
    }

    #[test]
    fn a_name_is_another_with_each_secret() {
        let names = |secrets, name| seal(secrets).aliases(name).collect::<Vec<_>>();
        let both = names(&["new", "old"], "192.0.2.1");
        assert_eq!(both, [names(&["new"], "192.0.2.1"), names(&["old"], "192.0.2.1")].concat());
        assert_ne!(both[0], both[1]);
        assert_ne!(both[0], names(&["new"], "192.0.2.2")[0]);
    }
}
