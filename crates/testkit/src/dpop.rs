//! The client's side of RFC 9449: a key, and proofs that it is there. Every part of a proof can be
//! changed before it is signed.

use ambient::{Entropy, Timestamp};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{fail::OrFail as _, secrets};

/// A key of a client.
#[derive(Debug)]
pub struct ProofKey {
    secret: Pair,
    /// The public key as it is in every proof.
    pub jwk: Value,
}

#[derive(Debug)]
enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// A proof that is not signed yet.
#[derive(Debug)]
pub struct Draft<'a> {
    key: &'a ProofKey,
    header: Value,
    claims: Value,
}

impl ProofKey {
    /// A new key for ES256.
    #[must_use]
    pub fn p256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).or_fail("a key");
        // An uncompressed point: 4, x, y.
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let jwk = json!({ "crv": "P-256", "kty": "EC", "x": text(x), "y": text(y) });
        Self { secret: Pair::P256(pair), jwk }
    }

    /// A new key for `EdDSA`.
    #[must_use]
    pub fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate().or_fail("a key");
        let jwk = json!({ "crv": "Ed25519", "kty": "OKP", "x": text(pair.public_key().as_ref()) });
        Self { secret: Pair::Ed25519(pair), jwk }
    }

    /// A new key for RS256.
    #[must_use]
    pub fn rsa() -> Self {
        let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).or_fail("a key");
        let public = pair.public_key();
        let (n, e) = (public.modulus(), public.exponent());
        let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
        let jwk = json!({ "e": text(e), "kty": "RSA", "n": text(n) });
        Self { secret: Pair::Rsa(Box::new(pair)), jwk }
    }

    /// The name of the key (RFC 7638): what tokens are bound to.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // All members here are required ones, and each key above has them in the order of their names.
        text(&Sha256::digest(self.jwk.to_string()))
    }

    /// A correct proof for a request, made at `now`.
    #[must_use]
    pub fn draft(&self, method: &str, url: &str, now: Timestamp) -> Draft<'_> {
        let alg = match self.secret {
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
            Pair::Rsa(_) => "RS256",
        };
        let header = json!({ "typ": "dpop+jwt", "alg": alg, "jwk": self.jwk });
        let jti = text(&Entropy::system().bytes::<16>());
        let claims = json!({ "jti": jti, "htm": method, "htu": url, "iat": now.as_secs() });
        Draft { key: self, header, claims }
    }

    /// A correct proof for a request without a token.
    #[must_use]
    pub fn proof(&self, method: &str, url: &str, now: Timestamp) -> String {
        self.draft(method, url, now).sign()
    }
}

impl Draft<'_> {
    /// Says which access token goes along.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        let hash = text(&Sha256::digest(token));
        self.claim("ath", json!(hash))
    }

    /// Sets a claim; `null` leaves it out.
    #[must_use]
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        set(&mut self.claims, name, value);
        self
    }

    /// Sets a member of the header; `null` leaves it out.
    #[must_use]
    pub fn header(mut self, name: &str, value: Value) -> Self {
        set(&mut self.header, name, value);
        self
    }

    /// The proof.
    #[must_use]
    pub fn sign(self) -> String {
        let part = |value: &Value| text(value.to_string().as_bytes());
        let message = format!("{}.{}", part(&self.header), part(&self.claims));
        let random = SystemRandom::new();
        let signature = match &self.key.secret {
            Pair::P256(pair) => {
                text(pair.sign(&random, message.as_bytes()).or_fail("a signature").as_ref())
            }
            Pair::Ed25519(pair) => text(pair.sign(message.as_bytes()).as_ref()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed =
                    pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature);
                signed.or_fail("a signature");
                text(&signature)
            }
        };
        secrets::note(&signature);
        format!("{message}.{signature}")
    }
}

fn set(object: &mut Value, name: &str, value: Value) {
    let members = object.as_object_mut().or_fail("an object");
    match value {
        Value::Null => drop(members.shift_remove(name)),
        value => drop(members.insert(name.to_owned(), value)),
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
