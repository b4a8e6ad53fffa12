//! Proof key for code exchange (RFC 7636), S256 only: `plain` protects nothing.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The secret that a client keeps until it redeems its code: 43 to 128 unreserved characters.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeVerifier(String);

/// The SHA-256 of a verifier in unpadded base64url: 43 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CodeChallenge(String);

/// The text cannot be a verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code_verifier has 43 to 128 characters of A-Z a-z 0-9 - . _ ~")]
pub struct NotACodeVerifier;

/// The text cannot be a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an S256 code_challenge has 43 characters of A-Z a-z 0-9 - _")]
pub struct NotACodeChallenge;

impl CodeVerifier {
    /// The challenge that goes ahead of this verifier.
    #[must_use]
    pub fn challenge(&self) -> CodeChallenge {
        CodeChallenge(URL_SAFE_NO_PAD.encode(Sha256::digest(&self.0)))
    }

    /// The verifier, for the request that redeems.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for CodeVerifier {
    type Err = NotACodeVerifier;

    fn from_str(text: &str) -> Result<Self, NotACodeVerifier> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let fits = (43..=128).contains(&text.len()) && text.bytes().all(unreserved);
        if fits { Ok(Self(text.to_owned())) } else { Err(NotACodeVerifier) }
    }
}

impl fmt::Debug for CodeVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl CodeChallenge {
    /// Whether it was made of this verifier. Takes the same time for every wrong one.
    #[must_use]
    pub fn fits(&self, verifier: &CodeVerifier) -> bool {
        self.0.as_bytes().ct_eq(verifier.challenge().0.as_bytes()).into()
    }

    /// The challenge as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CodeChallenge {
    type Err = NotACodeChallenge;

    fn from_str(text: &str) -> Result<Self, NotACodeChallenge> {
        let base64url = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let fits = text.len() == 43 && text.bytes().all(base64url);
        if fits { Ok(Self(text.to_owned())) } else { Err(NotACodeChallenge) }
    }
}

impl<'de> Deserialize<'de> for CodeChallenge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc_fits() {
        let challenge: CodeChallenge = CHALLENGE.parse().unwrap();
        assert!(challenge.fits(&VERIFIER.parse().unwrap()));
        assert!(!challenge.fits(&VERIFIER.replace('d', "e").parse().unwrap()));
    }

    #[test]
    fn the_verifier_itself_does_not_fit_as_its_own_challenge() {
        let plain: CodeChallenge = VERIFIER.parse().unwrap();
        assert!(!plain.fits(&VERIFIER.parse().unwrap()));
    }

    #[test]
    fn verifiers_and_challenges_have_a_syntax() {
        for text in ["", &"a".repeat(42), &"a".repeat(129), &format!("{}!", "a".repeat(43))] {
            assert_eq!(text.parse::<CodeVerifier>(), Err(NotACodeVerifier), "{text}");
        }
        assert!("a".repeat(128).parse::<CodeVerifier>().is_ok());
        for text in ["", &"a".repeat(44), &format!("{}=", "a".repeat(42))] {
            assert_eq!(text.parse::<CodeChallenge>(), Err(NotACodeChallenge), "{text}");
        }
    }
}
