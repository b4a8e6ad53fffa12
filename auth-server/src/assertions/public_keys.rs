//! The public keys of somebody else (RFC 7517), and signatures checked with them.

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey,
    jwk::{AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Jwt;

/// Of more keys, nobody could say which is which.
const MAX_KEYS: usize = 20;

/// No member of a public key of at most 8192 bits is longer.
const MAX_MEMBER: usize = 2048;

/// The members of which a private or a shared key consists.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Public keys that signatures can be checked with; at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PublicKeys {
    keys: Vec<Jwk>,
}

/// Why a document has no public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadKeys {
    #[error("it is not a JWK set")]
    Form,
    #[error("it has more than {MAX_KEYS} keys")]
    TooMany,
    #[error("it has a private or shared key, which everybody could read")]
    Private,
    #[error("it has no public key that signatures can be checked with")]
    None,
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongKey {
    #[error("no key has its kid and fits its algorithm")]
    Unknown,
    #[error("it has no kid, and several keys fit")]
    Ambiguous,
    #[error("it is wrong")]
    Signature,
}

impl PublicKeys {
    /// Reads a JWK set. Keys for other purposes and of unknown kinds are left out.
    pub(crate) fn read(set: &Value) -> Result<Self, BadKeys> {
        let given = set.get("keys").and_then(Value::as_array).ok_or(BadKeys::Form)?;
        if given.len() > MAX_KEYS {
            return Err(BadKeys::TooMany);
        }
        let mut keys = Vec::new();
        for key in given {
            let members = key.as_object().ok_or(BadKeys::Form)?;
            if PRIVATE.iter().any(|name| members.contains_key(*name)) {
                return Err(BadKeys::Private);
            }
            let is_short =
                |value: &Value| value.as_str().is_none_or(|text| text.len() <= MAX_MEMBER);
            if members.values().all(is_short) {
                keys.extend(serde_json::from_value(key.clone()).ok().and_then(usable));
            }
        }
        if keys.is_empty() { Err(BadKeys::None) } else { Ok(Self { keys }) }
    }

    /// Whether there is a key that the JWT can be checked with.
    pub(super) fn has_key_for(&self, jwt: &Jwt<'_>) -> bool {
        self.key_for(jwt).is_ok()
    }

    /// Checks the signature of a JWT.
    pub(super) fn check(&self, jwt: &Jwt<'_>) -> Result<(), WrongKey> {
        let key = DecodingKey::from_jwk(self.key_for(jwt)?).map_err(|_| WrongKey::Unknown)?;
        let message = jwt.message.as_bytes();
        match jsonwebtoken::crypto::verify(jwt.signature, message, &key, jwt.algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(WrongKey::Signature),
        }
    }

    fn key_for(&self, jwt: &Jwt<'_>) -> Result<&Jwk, WrongKey> {
        let mut fitting = self.keys.iter().filter(|key| {
            let is_meant = jwt.kid.is_none() || jwt.kid == key.common.key_id;
            is_meant && fits(key, jwt)
        });
        match (fitting.next(), fitting.next()) {
            (None, _) => Err(WrongKey::Unknown),
            (Some(_), Some(_)) => Err(WrongKey::Ambiguous),
            (Some(only), None) => Ok(only),
        }
    }
}

/// What is needed of a key, if it is one for signatures.
fn usable(key: Jwk) -> Option<Jwk> {
    let is_for_signatures =
        matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let is_known = match &key.algorithm {
        AlgorithmParameters::RSA(_) => true,
        AlgorithmParameters::EllipticCurve(parameters) => {
            matches!(parameters.curve, EllipticCurve::P256 | EllipticCurve::P384)
        }
        AlgorithmParameters::OctetKeyPair(parameters) => parameters.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    let common = CommonParameters {
        key_id: key.common.key_id,
        key_algorithm: key.common.key_algorithm,
        ..CommonParameters::default()
    };
    (is_for_signatures && is_known).then_some(Jwk { common, algorithm: key.algorithm })
}

/// Whether a key is of the kind that the algorithm of the JWT takes, and says nothing else.
fn fits(key: &Jwk, jwt: &Jwt<'_>) -> bool {
    let is_of_kind = match &key.algorithm {
        AlgorithmParameters::RSA(_) => jwt.family() == AlgorithmFamily::Rsa,
        AlgorithmParameters::OctetKeyPair(_) => jwt.family() == AlgorithmFamily::Ed,
        AlgorithmParameters::EllipticCurve(parameters) => {
            let curve = match jwt.algorithm {
                Algorithm::ES256 => EllipticCurve::P256,
                Algorithm::ES384 => EllipticCurve::P384,
                _ => return false,
            };
            parameters.curve == curve
        }
        _ => false,
    };
    let said = key.common.key_algorithm.map(Algorithm::try_from);
    is_of_kind && said.is_none_or(|said| said.is_ok_and(|said| said == jwt.algorithm))
}
