//! Proofs of possession (RFC 9449): a token is bound to a key, and every request shows by a signature
//! that whoever sends it has that key. A token that is stolen without the key is of no use.
//!
//! Both servers check proofs: the authorization server binds tokens to the key, the resource server
//! asks for it. This is what they share. It has no sockets and no store: that a proof is used once
//! ([`Proof::name`]) is for the caller to see to, and so is the key that a token is bound to.
//!
//! ```
//! use ambient::Timestamp;
//! use dpop::{Request, verify};
//!
//! let request = Request {
//!     method: "POST",
//!     url: "https://auth.example/token",
//!     token: None,
//!     now: Timestamp::from_secs(1_800_000_000),
//! };
//! assert!(verify("no proof", &request).is_err());
//! ```

mod claims;
mod key;

use std::time::Duration;

use ambient::Timestamp;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use self::{claims::Claims, key::PublicKey};
pub use key::{NotAThumbprint, Thumbprint};

/// The algorithms of proofs, for metadata: all asymmetric (RFC 9449 section 4.2).
pub const ALGORITHMS: [&str; 5] = ["ES256", "ES384", "EdDSA", "RS256", "PS256"];

/// How old a proof may be. A client makes one per request; what takes longer is the network, or a
/// clock that is wrong.
pub const MAX_AGE: Duration = Duration::from_mins(5);

/// How far the clock of a client may be ahead.
pub const MAX_AHEAD: Duration = Duration::from_mins(1);

/// The largest proof that is read, in bytes. One with an RSA key of 4096 bits has about 2 KiB.
pub const MAX_PROOF: usize = 4 * 1024;

/// The request that a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its public URL. Query and fragment do not count.
    pub url: &'a str,
    /// The access token that it shows, if it shows one.
    pub token: Option<&'a str>,
    /// When it came.
    pub now: Timestamp,
}

/// A proof that holds for its request, if it was not used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The key that was shown.
    pub key: Thumbprint,
    /// What the proof is called: a hash that no other proof of any key has. Whoever sees it a second
    /// time sees a replay.
    pub name: String,
    /// When the proof is too old, and its name can be forgotten.
    pub expires_at: Timestamp,
    /// The nonce that it carries, if any (RFC 9449 section 8). Whether it is one is for the caller.
    pub nonce: Option<String>,
}

/// Why a proof does not hold. The texts are for the client's developer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    /// It cannot be read.
    #[error("the DPoP proof is not a JWT with a header, claims and a signature of at most 4 KiB")]
    NotAJwt,
    /// RFC 9449 section 4.3, 4.
    #[error("the typ of a DPoP proof is dpop+jwt")]
    Type,
    /// RFC 9449 section 4.3, 5: symmetric, none, or unknown.
    #[error("the alg of the DPoP proof is not one of ES256, ES384, EdDSA, RS256 and PS256")]
    Algorithm,
    /// The key is none, not of this algorithm, or too weak.
    #[error("the jwk of the DPoP proof is not a public key for its alg")]
    Key,
    /// RFC 9449 section 4.3, 7.
    #[error("the jwk of the DPoP proof has private parts; make a new key")]
    PrivateKey,
    /// RFC 7515 section 4.1.11.
    #[error("the DPoP proof has critical extensions, which are not understood")]
    Critical,
    /// RFC 9449 section 4.3, 6.
    #[error("the signature of the DPoP proof does not fit its jwk")]
    Signature,
    /// RFC 9449 section 4.3, 3.
    #[error("the DPoP proof needs jti, htm and htu as texts and iat as a number")]
    Claims,
    /// RFC 9449 section 4.3, 8.
    #[error("the htm of the DPoP proof is not the method of the request")]
    Method,
    /// RFC 9449 section 4.3, 9.
    #[error("the htu of the DPoP proof is not the URL of the request")]
    Url,
    /// RFC 9449 section 4.3, 11: in the past or in the future.
    #[error("the iat of the DPoP proof is not now; look at the clock of this device")]
    Time,
    /// RFC 9449 section 4.3, 12.
    #[error("the ath of the DPoP proof is not the hash of the access token")]
    TokenHash,
}

/// The header of a proof.
#[derive(Deserialize)]
struct Header {
    typ: Option<String>,
    alg: Option<String>,
    jwk: Option<Map<String, Value>>,
    crit: Option<Value>,
}

/// Checks everything that a proof says of its request (RFC 9449 section 4.3), its signature first.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(proof: &str, request: &Request<'_>) -> Result<Proof, BadProof> {
    if proof.len() > MAX_PROOF {
        return Err(BadProof::NotAJwt);
    }
    let (message, signature) = proof.rsplit_once('.').ok_or(BadProof::NotAJwt)?;
    let (header, claims) = message.split_once('.').ok_or(BadProof::NotAJwt)?;
    let header: Header = part(header).ok_or(BadProof::NotAJwt)?;
    let key = header.key()?;
    if !key.has_signed(message, signature) {
        return Err(BadProof::Signature);
    }
    let claims: Claims = part(claims).ok_or(BadProof::Claims)?;
    let issued_at = claims.check(request)?;
    let key = key.thumbprint();
    let name = hash(&[key.as_str(), &claims.jti]);
    Ok(Proof { key, name, expires_at: issued_at + MAX_AGE, nonce: claims.nonce })
}

impl Header {
    /// The key that the proof shows, if the header is as it must be.
    fn key(self) -> Result<PublicKey, BadProof> {
        // RFC 7515 section 4.1.9: media types do not care for case.
        if !self.typ.is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt")) {
            return Err(BadProof::Type);
        }
        if self.crit.is_some() {
            return Err(BadProof::Critical);
        }
        PublicKey::read(&self.alg.unwrap_or_default(), self.jwk.ok_or(BadProof::Key)?)
    }
}

/// A part of a JWT. A member that is there twice spoils it.
fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// The SHA-256 of parts, each with its length, in hexadecimal.
fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    const_hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests;
