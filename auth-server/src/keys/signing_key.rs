//! One key: made, told to others, and used.

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::{
    EncodingKey, Header,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};
use serde::Serialize;
use serde_json::Value;

use super::{KeyError, SigningAlgorithm, ring::Entry};

/// A new key, before its private part is sealed.
pub(super) struct SigningKey {
    /// The thumbprint of the public part (RFC 7638): what is called alike is alike.
    pub(super) kid: String,
    pub(super) algorithm: SigningAlgorithm,
    /// The public part (RFC 7517).
    pub(super) public: Value,
    /// The private part (PKCS #8).
    pub(super) der: Vec<u8>,
}

impl SigningKey {
    /// Makes a key. The library draws from the system's randomness itself: what it makes cannot be
    /// repeated by a seed, and no test should want to.
    pub(super) fn generate(algorithm: SigningAlgorithm) -> Result<Self, KeyError> {
        let der = generate_der(algorithm).map_err(|_| KeyError::Crypto)?;
        let of_library = algorithm.of_library();
        let public = Jwk::from_encoding_key(&encoding_key(algorithm, &der)?, of_library);
        let mut public = public.map_err(|_| KeyError::Crypto)?;
        let kid = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeyError::Crypto)?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        public.common.key_algorithm = Some(of_library.into());
        let public = serde_json::to_value(&public).map_err(|_| KeyError::Crypto)?;
        Ok(Self { kid, algorithm, public, der })
    }
}

fn generate_der(algorithm: SigningAlgorithm) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
    Ok(match algorithm {
        SigningAlgorithm::Es256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
            pair.to_pkcs8v1()?.as_ref().to_vec()
        }
        SigningAlgorithm::Rs256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
            let der: Pkcs8V1Der<'_> = pair.as_der()?;
            der.as_ref().to_vec()
        }
        SigningAlgorithm::EdDsa => Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref().to_vec(),
    })
}

fn encoding_key(algorithm: SigningAlgorithm, der: &[u8]) -> Result<EncodingKey, KeyError> {
    match algorithm {
        SigningAlgorithm::Es256 => Ok(EncodingKey::from_ec_der(der)),
        // From DER it would read PKCS #1, which is not what the other library writes.
        SigningAlgorithm::Rs256 => {
            let body = STANDARD.encode(der);
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
            EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| KeyError::Crypto)
        }
        SigningAlgorithm::EdDsa => Ok(EncodingKey::from_ed_der(der)),
    }
}

/// A JWT of this type, signed with the private part of `entry`.
pub(super) fn sign(
    entry: &Entry,
    der: &[u8],
    typ: &str,
    claims: &impl Serialize,
) -> Result<String, KeyError> {
    let mut header = Header::new(entry.algorithm.of_library());
    header.typ = Some(typ.to_owned());
    header.kid = Some(entry.kid.clone());
    let key = encoding_key(entry.algorithm, der)?;
    jsonwebtoken::encode(&header, claims, &key).map_err(|_| KeyError::Crypto)
}
