//! The key of the mock identity provider: made when the process starts, gone when it ends. Whoever
//! redeems a login asks the provider of the same process, so no other has to know the key.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Serialize;
use serde_json::{Value, json};

/// What the only key is called.
const KID: &str = "mock";

/// The key could not be made or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic library has failed")]
pub(crate) struct NoKey;

/// Signs identity tokens.
pub(super) struct Signer {
    key: EncodingKey,
    public: Value,
}

impl Signer {
    pub(super) fn new() -> Result<Self, NoKey> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| NoKey)?;
        let der = pair.to_pkcs8v1().map_err(|_| NoKey)?;
        let key = EncodingKey::from_ec_der(der.as_ref());
        let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(|_| NoKey)?;
        public.common.key_id = Some(KID.to_owned());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        public.common.key_algorithm = Some(KeyAlgorithm::ES256);
        Ok(Self { key, public: json!({ "keys": [public] }) })
    }

    /// The public key (RFC 7517).
    pub(super) fn public(&self) -> &Value {
        &self.public
    }

    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<String, NoKey> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(KID.to_owned());
        jsonwebtoken::encode(&header, claims, &self.key).map_err(|_| NoKey)
    }
}
