//! A private key as a JWK (RFC 7517), which is how most providers hand one out: rewritten in DER,
//! because that is what the signing library reads.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::Value;

/// A key, what it is for, and its name.
pub(super) struct Found {
    pub(super) key: EncodingKey,
    pub(super) usual: Algorithm,
    pub(super) id: Option<String>,
}

/// `ecPublicKey` and its curve, and Ed25519, as object identifiers with tag and length.
const EC: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// The public key within a private one (RFC 5915).
const PUBLIC: u8 = 0xa1;

/// The private key that `text` is; none if it is another thing.
pub(super) fn read(text: &[u8]) -> Option<Found> {
    let jwk: Value = serde_json::from_slice(text).ok()?;
    let member = |name: &str| jwk.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(member(name)?).ok();
    let (key, usual) = match (member("kty")?, member("crv")) {
        ("RSA", _) => {
            let parts = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
            let parts = parts.map(|name| bytes(name).map(|number| integer(&number)));
            let parts = parts.into_iter().collect::<Option<Vec<_>>>()?.concat();
            let key = tagged(SEQUENCE, &[&integer(&[0]), &parts]);
            (EncodingKey::from_rsa_der(&key), Algorithm::RS256)
        }
        ("EC", Some(curve)) => {
            let (curve, usual) = match curve {
                "P-256" => (P256, Algorithm::ES256),
                "P-384" => (P384, Algorithm::ES384),
                _ => return None,
            };
            let public = [&[0, 4][..], &bytes("x")?, &bytes("y")?].concat();
            let public = tagged(PUBLIC, &[&tagged(BIT_STRING, &[&public])]);
            let secret = tagged(OCTET_STRING, &[&bytes("d")?]);
            let inner = tagged(SEQUENCE, &[&integer(&[1]), &secret, &public]);
            (EncodingKey::from_ec_der(&pkcs8(&[EC, curve], &inner)), usual)
        }
        ("OKP", Some("Ed25519")) => {
            let inner = tagged(OCTET_STRING, &[&bytes("d")?]);
            (EncodingKey::from_ed_der(&pkcs8(&[ED25519], &inner)), Algorithm::EdDSA)
        }
        _ => return None,
    };
    let usual = member("alg").and_then(|name| name.parse().ok()).unwrap_or(usual);
    Some(Found { key, usual, id: member("kid").map(str::to_owned) })
}

/// A private key with the name of its algorithm (RFC 5208).
fn pkcs8(algorithm: &[&[u8]], key: &[u8]) -> Vec<u8> {
    let algorithm = tagged(SEQUENCE, algorithm);
    tagged(SEQUENCE, &[&integer(&[0]), &algorithm, &tagged(OCTET_STRING, &[key])])
}

/// An unsigned number: no zeros in front but the one that keeps it from being negative.
fn integer(number: &[u8]) -> Vec<u8> {
    let begin = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let number = &number[begin..];
    let front: &[u8] = if number.first().is_none_or(|byte| *byte >= 0x80) { &[0] } else { &[] };
    tagged(INTEGER, &[front, number])
}

/// A value with its tag and length (X.690 section 8.1).
fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let long = length.to_be_bytes();
    let long = &long[long.iter().position(|byte| *byte != 0).unwrap_or(long.len() - 1)..];
    let mut value = vec![tag];
    if length >= 0x80 {
        // Eight bytes at most.
        value.extend(u8::try_from(long.len()).map(|count| 0x80 | count));
    }
    value.extend(long);
    value.extend(parts.concat());
    value
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::crypto::{sign, verify};
    use jsonwebtoken::{DecodingKey, jwk::Jwk};

    use super::*;

    macro_rules! key {
        ($name:literal, $end:literal) => {
            include_bytes!(concat!("../../../tests/keys/", $name, $end))
        };
    }

    /// What is signed with the JWK is good under the public half of the same key in PEM.
    fn same(jwk: &[u8], pem: &EncodingKey, kid: &str) {
        let found = read(jwk).unwrap();
        let public = Jwk::from_encoding_key(pem, found.usual).unwrap();
        let public = DecodingKey::from_jwk(&public).unwrap();
        let signature = sign(b"text", &found.key, found.usual).unwrap();
        assert_eq!(verify(&signature, b"text", &public, found.usual), Ok(true));
        assert_eq!(found.id.as_deref(), Some(kid));
    }

    #[test]
    fn a_jwk_is_the_same_key_as_its_pem() {
        let rsa = EncodingKey::from_rsa_pem(key!("rsa", ".pem")).unwrap();
        same(key!("rsa", ".jwk"), &rsa, "rsa");
        let p256 = EncodingKey::from_ec_pem(key!("p256", ".pem")).unwrap();
        same(key!("p256", ".jwk"), &p256, "p256");
        let p384 = EncodingKey::from_ec_pem(key!("p384", ".pem")).unwrap();
        same(key!("p384", ".jwk"), &p384, "p384");
        let ed25519 = EncodingKey::from_ed_pem(key!("ed25519", ".pem")).unwrap();
        same(key!("ed25519", ".jwk"), &ed25519, "ed25519");
    }

    #[test]
    fn what_is_no_private_key_is_none() {
        let public = r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#;
        let symmetric = r#"{"kty":"oct","k":"c2VjcmV0"}"#;
        for text in ["", "{}", "[]", public, symmetric, r#"{"kty":"OKP","crv":"X25519","d":"AA"}"#]
        {
            assert!(read(text.as_bytes()).is_none(), "{text}");
        }
    }
}
