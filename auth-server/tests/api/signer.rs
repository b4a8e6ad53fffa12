//! Somebody who signs: a client with a key, or an identity provider.

use ambient::Entropy;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};

use crate::support::World;

/// The only type of client assertions that is read.
const BY_JWT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A key that is known by a name.
pub(crate) struct Signer {
    pub(crate) kid: &'static str,
    pub(crate) key: EncodingKey,
}

impl Signer {
    pub(crate) fn new(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid, key: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()) }
    }

    /// Its public part, as a set of one.
    pub(crate) fn set(&self) -> Value {
        json!({ "keys": [self.public()] })
    }

    pub(crate) fn public(&self) -> Value {
        let mut key = Jwk::from_encoding_key(&self.key, Algorithm::ES256).unwrap();
        key.common.key_id = Some(self.kid.to_owned());
        json!(key)
    }

    pub(crate) fn header(&self, typ: &str) -> Header {
        let mut header = Header::new(Algorithm::ES256);
        (header.typ, header.kid) = (Some(typ.to_owned()), Some(self.kid.to_owned()));
        header
    }

    pub(crate) fn sign(&self, typ: &str, claims: &Value) -> String {
        jsonwebtoken::encode(&self.header(typ), claims, &self.key).unwrap()
    }

    /// With what a client proves who it is, once and within a minute.
    pub(crate) fn client_assertion(&self, world: &World, client: &str) -> String {
        self.sign("JWT", &client_claims(world, client))
    }

    /// Signs texts that no library would write.
    pub(crate) fn sign_raw(&self, header: &str, claims: &str) -> String {
        let message = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let message = message.as_bytes();
        let signature = jsonwebtoken::crypto::sign(message, &self.key, Algorithm::ES256).unwrap();
        format!("{}.{signature}", str::from_utf8(message).unwrap())
    }
}

/// What a client says of itself.
pub(crate) fn client_claims(world: &World, client: &str) -> Value {
    let now = world.clock.now().as_secs();
    json!({
        "iss": client, "sub": client, "aud": world.issuer,
        "jti": Entropy::system().hex::<16>(), "iat": now, "exp": now + 60,
    })
}

/// The parameters that show an assertion.
pub(crate) fn proving(assertion: &str) -> [(&'static str, &str); 2] {
    [("client_assertion_type", BY_JWT), ("client_assertion", assertion)]
}

/// The same claims with one changed.
pub(crate) fn changed(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

/// The same claims without one.
pub(crate) fn lacking(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().remove(name);
    claims
}
