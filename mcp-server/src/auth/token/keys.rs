//! The keys that an issuer publishes (RFC 7517), and whether one of them has signed a token.

use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::{Inactive, Jws, json};

/// The most keys that are kept of a document.
const MAX_KEYS: usize = 64;

/// What a key can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Kind {
    const fn fits(self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => matches!(self, Self::Rsa),
            Algorithm::ES256 => matches!(self, Self::P256),
            Algorithm::ES384 => matches!(self, Self::P384),
            Algorithm::EdDSA => matches!(self, Self::Ed25519),
            // Symmetric ones and those that are still to come.
            _ => false,
        }
    }
}

/// A public key for signatures.
struct Key {
    id: Option<String>,
    kind: Kind,
    /// The one algorithm it is for, if it says so.
    algorithm: Option<String>,
    public: DecodingKey,
}

/// An issuer's public keys.
#[derive(Default)]
pub(crate) struct KeySet(Vec<Key>);

/// Whether a set of keys knows a token's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    /// One of them has signed it.
    Yes,
    /// It names a key that is not among them: a newer set may know it.
    UnknownKey,
}

impl KeySet {
    /// The keys of a document that can be used here. One that cannot is left out: issuers publish
    /// keys of many kinds, and for encryption. None if it is no such document.
    pub(crate) fn parse(document: &[u8]) -> Option<Self> {
        let members = json::object(document)?;
        let keys = members.get("keys")?.as_array()?;
        Some(Self(
            keys.iter().filter_map(Value::as_object).filter_map(key).take(MAX_KEYS).collect(),
        ))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether one of the keys has signed the token.
    pub(crate) fn check(&self, token: &Jws<'_>) -> Result<Signed, Inactive> {
        let algorithm = token.algorithm;
        let name = format!("{algorithm:?}");
        let fit = |key: &&Key| {
            key.kind.fits(algorithm) && key.algorithm.as_ref().is_none_or(|only| *only == name)
        };
        let named = |key: &&Key| token.kid.is_none() || key.id == token.kid;
        let candidates: Vec<_> = self.0.iter().filter(named).collect();
        if token.kid.is_some() && candidates.is_empty() {
            return Ok(Signed::UnknownKey);
        }
        let candidates: Vec<_> = candidates.into_iter().filter(fit).collect();
        // Without a name nothing is guessed.
        if token.kid.is_none() && candidates.len() > 1 {
            return Err(Inactive::Key);
        }
        let signed = candidates.iter().any(|candidate| {
            jsonwebtoken::crypto::verify(
                token.signature,
                token.signed.as_bytes(),
                &candidate.public,
                algorithm,
            )
            .is_ok_and(|good| good)
        });
        match (signed, &token.kid) {
            (true, _) => Ok(Signed::Yes),
            (false, None) => Ok(Signed::UnknownKey),
            (false, Some(_)) if candidates.is_empty() => Err(Inactive::Key),
            (false, Some(_)) => Err(Inactive::Signature),
        }
    }
}

fn key(jwk: &Map<String, Value>) -> Option<Key> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    if jwk.contains_key("use") && text("use") != Some("sig") {
        return None;
    }
    let verifies = |operations: &Value| {
        operations.as_array().is_some_and(|list| list.iter().any(|o| o.as_str() == Some("verify")))
    };
    if jwk.get("key_ops").is_some_and(|operations| !verifies(operations)) {
        return None;
    }
    let (kind, key) = match (text("kty")?, text("crv")) {
        ("RSA", _) => (Kind::Rsa, DecodingKey::from_rsa_components(text("n")?, text("e")?)),
        ("EC", Some("P-256")) => {
            (Kind::P256, DecodingKey::from_ec_components(text("x")?, text("y")?))
        }
        ("EC", Some("P-384")) => {
            (Kind::P384, DecodingKey::from_ec_components(text("x")?, text("y")?))
        }
        ("OKP", Some("Ed25519")) => (Kind::Ed25519, DecodingKey::from_ed_components(text("x")?)),
        _ => return None,
    };
    Some(Key {
        id: text("kid").map(str::to_owned),
        kind,
        algorithm: text("alg").map(str::to_owned),
        public: key.ok()?,
    })
}
