//! The rules against forged tokens and the dialects of providers, with real signatures.

mod any;
mod claim_names;
mod forged;
mod keys;

use ambient::{Env, Timestamp};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk};
use serde_json::{Value, json};

use super::{Inactive, Jws, KeySet, Policy, Said, Signed, Validated};
use crate::{AuthConfig, Config};

pub(super) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Seconds before (or after) now, as a claim says it.
pub(super) fn at(seconds: i64) -> i64 {
    1_800_000_000 + seconds
}

/// A key with its name.
pub(super) struct Signer {
    pub(super) kid: &'static str,
    pub(super) algorithm: Algorithm,
    pub(super) key: EncodingKey,
}

impl Signer {
    pub(super) fn rsa() -> Self {
        let key = EncodingKey::from_rsa_pem(include_bytes!("../../../../tests/keys/rsa.pem"));
        Self { kid: "rsa", algorithm: Algorithm::RS256, key: key.unwrap() }
    }

    pub(super) fn p256() -> Self {
        let key = EncodingKey::from_ec_pem(include_bytes!("../../../../tests/keys/p256.pem"));
        Self { kid: "p256", algorithm: Algorithm::ES256, key: key.unwrap() }
    }

    pub(super) fn p384() -> Self {
        let key = EncodingKey::from_ec_pem(include_bytes!("../../../../tests/keys/p384.pem"));
        Self { kid: "p384", algorithm: Algorithm::ES384, key: key.unwrap() }
    }

    pub(super) fn ed25519() -> Self {
        let key = EncodingKey::from_ed_pem(include_bytes!("../../../../tests/keys/ed25519.pem"));
        Self { kid: "ed25519", algorithm: Algorithm::EdDSA, key: key.unwrap() }
    }

    /// Whom nobody trusts.
    pub(super) fn stranger() -> Self {
        let key = EncodingKey::from_ec_pem(include_bytes!("../../../../tests/keys/stranger.pem"));
        Self { kid: "p256", algorithm: Algorithm::ES256, key: key.unwrap() }
    }

    pub(super) fn jwk(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        (jwk["kid"], jwk["use"]) = (json!(self.kid), json!("sig"));
        jwk
    }

    /// Signs any two texts, however wrong.
    pub(super) fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
        let signed = format!("{header}.{payload}");
        let made = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.key, self.algorithm);
        format!("{signed}.{}", made.unwrap())
    }

    pub(super) fn token(&self, header: &Value, payload: &Value) -> String {
        self.sign(header.to_string().as_bytes(), payload.to_string().as_bytes())
    }
}

/// All keys of the issuer, with some that are there for other uses.
pub(super) fn keys() -> KeySet {
    let mut keys = vec![
        Signer::rsa().jwk(),
        Signer::p256().jwk(),
        Signer::p384().jwk(),
        Signer::ed25519().jwk(),
    ];
    let mut for_encryption = Signer::p256().jwk();
    (for_encryption["kid"], for_encryption["use"]) = (json!("enc"), json!("enc"));
    let symmetric = json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "oct", "alg": "HS256" });
    keys.extend([for_encryption, symmetric, json!({ "kty": "new" }), json!(7)]);
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// The policy that these settings make.
pub(super) fn policy(env: &Env) -> Policy {
    match Config::from_env(env).0.unwrap().auth {
        AuthConfig::Required(settings) => settings.policy,
        AuthConfig::Off => panic!("authorization is required"),
    }
}

/// What a token comes to, when the issuer's keys are these.
pub(super) fn check(token: &str, policy: &Policy, keys: &KeySet) -> Result<Validated, Inactive> {
    let jws = Jws::parse(token, policy)?;
    policy.could_be_good(jws.claims(), NOW)?;
    match keys.check(&jws)? {
        Signed::Yes => policy.judge(jws.claims(), Said::ByToken, NOW),
        Signed::UnknownKey => Err(Inactive::Key),
    }
}
