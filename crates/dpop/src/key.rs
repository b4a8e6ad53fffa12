//! The public key in a proof, and its thumbprint (RFC 7638), which tokens are bound to.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::BadProof;

/// The members of private and of symmetric keys (RFC 7518 section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// RSA keys of 2048 to 4096 bits: smaller ones are weak, larger ones are work for nothing.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=512;

/// The name of a public key: the SHA-256 of its required members, in base64url.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Thumbprint(String);

/// The text cannot be a thumbprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 thumbprint has 43 characters of A-Z a-z 0-9 - _")]
pub struct NotAThumbprint;

impl Thumbprint {
    /// The thumbprint as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Thumbprint {
    type Err = NotAThumbprint;

    fn from_str(text: &str) -> Result<Self, NotAThumbprint> {
        let decoded = URL_SAFE_NO_PAD.decode(text);
        let is_hash = decoded.is_ok_and(|hash| hash.len() == Sha256::output_size());
        if is_hash { Ok(Self(text.to_owned())) } else { Err(NotAThumbprint) }
    }
}

impl<'de> Deserialize<'de> for Thumbprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The required members of a public key (RFC 7638 section 3.2).
#[derive(Deserialize)]
#[serde(tag = "kty")]
enum Members {
    #[serde(rename = "EC")]
    Ec { crv: String, x: String, y: String },
    #[serde(rename = "OKP")]
    Okp { crv: String, x: String },
    #[serde(rename = "RSA")]
    Rsa { e: String, n: String },
}

/// A public key for one algorithm.
pub(crate) struct PublicKey {
    algorithm: Algorithm,
    members: Members,
    key: DecodingKey,
}

impl PublicKey {
    /// Reads the `jwk` of a proof with this `alg`.
    pub(crate) fn read(alg: &str, jwk: Map<String, Value>) -> Result<Self, BadProof> {
        let algorithm = match alg {
            "ES256" => Algorithm::ES256,
            "ES384" => Algorithm::ES384,
            "EdDSA" => Algorithm::EdDSA,
            "RS256" => Algorithm::RS256,
            "PS256" => Algorithm::PS256,
            _ => return Err(BadProof::Algorithm),
        };
        if PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
            return Err(BadProof::PrivateKey);
        }
        let members = Members::deserialize(Value::Object(jwk)).map_err(|_| BadProof::Key)?;
        let key = members.key(algorithm).ok_or(BadProof::Key)?;
        Ok(Self { algorithm, members, key })
    }

    /// Whether `signature` is this key's for `message`.
    pub(crate) fn has_signed(&self, message: &str, signature: &str) -> bool {
        let verified = crypto::verify(signature, message.as_bytes(), &self.key, self.algorithm);
        // An error is a key or a signature that is none.
        verified.unwrap_or(false)
    }

    /// Its name.
    pub(crate) fn thumbprint(&self) -> Thumbprint {
        // In the order of their names, which is that of each line here, and without spaces.
        let members = match &self.members {
            Members::Ec { crv, x, y } => json!({"crv": crv, "kty": "EC", "x": x, "y": y}),
            Members::Okp { crv, x } => json!({"crv": crv, "kty": "OKP", "x": x}),
            Members::Rsa { e, n } => json!({"e": e, "kty": "RSA", "n": n}),
        };
        Thumbprint(URL_SAFE_NO_PAD.encode(Sha256::digest(members.to_string())))
    }
}

impl Members {
    /// The key, if it is one for this algorithm, with members of the right size.
    fn key(&self, algorithm: Algorithm) -> Option<DecodingKey> {
        let size = |text: &str| URL_SAFE_NO_PAD.decode(text).map_or(0, |bytes| bytes.len());
        let fits = match (self, algorithm) {
            (Self::Ec { crv, x, y }, Algorithm::ES256) => {
                crv == "P-256" && size(x) == 32 && size(y) == 32
            }
            (Self::Ec { crv, x, y }, Algorithm::ES384) => {
                crv == "P-384" && size(x) == 48 && size(y) == 48
            }
            (Self::Okp { crv, x }, Algorithm::EdDSA) => crv == "Ed25519" && size(x) == 32,
            (Self::Rsa { e, n }, Algorithm::RS256 | Algorithm::PS256) => {
                MODULUS.contains(&size(n)) && (1..=4).contains(&size(e))
            }
            _ => false,
        };
        if !fits {
            return None;
        }
        match self {
            Self::Ec { x, y, .. } => DecodingKey::from_ec_components(x, y).ok(),
            Self::Okp { x, .. } => DecodingKey::from_ed_components(x).ok(),
            Self::Rsa { e, n } => DecodingKey::from_rsa_components(n, e).ok(),
        }
    }
}
