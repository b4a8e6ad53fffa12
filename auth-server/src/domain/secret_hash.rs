//! The hash of a secret that an operator has chosen, as `sha256sum` writes it.

use std::fmt;

use ambient::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// SHA-256 of a secret. A slow hash is for what people remember; these secrets are random.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretHash(String);

impl SecretHash {
    /// The hash of a secret.
    pub(crate) fn of(secret: &Secret) -> Self {
        Self(const_hex::encode(Sha256::digest(secret.expose())))
    }

    /// A hash as it is written: 64 hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| Self(text.to_ascii_lowercase()))
    }

    /// Whether it is this secret's. Timing tells nothing: what is compared cannot be turned back.
    pub(crate) fn is_of(&self, secret: &Secret) -> bool {
        *self == Self::of(secret)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_sha256sum_writes() {
        let written = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08";
        let hash = SecretHash::parse(written).unwrap();
        assert!(hash.is_of(&Secret::new("test")) && !hash.is_of(&Secret::new("Test")));
        assert_eq!(format!("{hash:?}"), "[redacted]");
        for text in ["", "test", &written[1..]] {
            assert_eq!(SecretHash::parse(text), None);
        }
    }
}
