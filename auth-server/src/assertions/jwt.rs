//! A JWT, taken apart strictly: three parts, JSON objects without duplicate members, an algorithm
//! with public keys, nothing critical that is not understood (RFC 7515, RFC 8725).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, AlgorithmFamily};
use serde_json::{Map, Value};

use super::Claims;
use crate::domain::Unique;

/// Longer ones are not read.
const MAX_LENGTH: usize = 8192;

/// The algorithms whose signatures are checked. There is no `none` and no shared secret among them.
pub(crate) const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
];

/// A JWT whose signature has not been checked.
#[derive(Debug)]
pub(crate) struct Jwt<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    typ: Option<String>,
    claims: Claims,
    pub(super) message: &'a str,
    pub(super) signature: &'a str,
}

/// Why a text is no JWT that can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadJwt {
    #[error("it has more than {MAX_LENGTH} characters")]
    Length,
    #[error("it is not three parts of base64url between dots")]
    Parts,
    #[error("a part is not a JSON object whose members are there once")]
    Json,
    #[error("its header has a member of the wrong type")]
    Header,
    #[error("its algorithm is not one of those in the metadata")]
    Algorithm,
    #[error("its header demands an extension that is not known")]
    Critical,
}

impl<'a> Jwt<'a> {
    /// Takes a text apart.
    pub(crate) fn read(text: &'a str) -> Result<Self, BadJwt> {
        if text.len() > MAX_LENGTH {
            return Err(BadJwt::Length);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(BadJwt::Parts)?;
        let (header, payload) = message.split_once('.').ok_or(BadJwt::Parts)?;
        if payload.contains('.') || signature.is_empty() {
            return Err(BadJwt::Parts);
        }
        let header = object(header)?;
        if header.contains_key("crit") {
            return Err(BadJwt::Critical);
        }
        let name = member(&header, "alg")?;
        let known = ALGORITHMS.into_iter().find(|(known, _)| Some(*known) == name);
        let (_, algorithm) = known.ok_or(BadJwt::Algorithm)?;
        Ok(Self {
            algorithm,
            kid: member(&header, "kid")?.map(ToOwned::to_owned),
            typ: member(&header, "typ")?.map(media_type),
            claims: Claims::new(object(payload)?),
            message,
            signature,
        })
    }

    /// What kind of JWT it says it is, in lower case and without `application/` (RFC 7515
    /// section 4.1.9).
    pub(crate) fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// What it says. Not to be believed before the signature has been checked.
    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(super) fn family(&self) -> AlgorithmFamily {
        self.algorithm.family()
    }
}

fn object(part: &str) -> Result<Map<String, Value>, BadJwt> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| BadJwt::Parts)?;
    match serde_json::from_slice(&bytes) {
        Ok(Unique(Value::Object(members))) => Ok(members),
        _ => Err(BadJwt::Json),
    }
}

/// A member of the header that is text, if it is there.
fn member<'a>(header: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, BadJwt> {
    match header.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(BadJwt::Header),
    }
}

fn media_type(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    text.strip_prefix("application/").map(ToOwned::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str, payload: &str) -> Result<(), BadJwt> {
        let text = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        Jwt::read(&format!("{text}.c2ln")).map(drop)
    }

    #[test]
    fn each_mistake_has_its_name() {
        let good = r#"{"alg":"ES256"}"#;
        assert_eq!(read(good, "{}"), Ok(()));
        let table = [
            (r#"{"alg":"none"}"#, "{}", BadJwt::Algorithm),
            (r#"{"alg":"HS256"}"#, "{}", BadJwt::Algorithm),
            (r#"{"alg":"es256"}"#, "{}", BadJwt::Algorithm),
            ("{}", "{}", BadJwt::Algorithm),
            (r#"{"alg":["ES256"]}"#, "{}", BadJwt::Header),
            (r#"{"alg":"ES256","kid":1}"#, "{}", BadJwt::Header),
            (r#"{"alg":"ES256","crit":["b64"],"b64":false}"#, "{}", BadJwt::Critical),
            (r#"{"alg":"none","alg":"ES256"}"#, "{}", BadJwt::Json),
            (good, r#"{"sub":"a","sub":"b"}"#, BadJwt::Json),
            (good, r#"{"a":{"b":1,"\u0062":2}}"#, BadJwt::Json),
            (good, "[]", BadJwt::Json),
        ];
        for (header, payload, why) in table {
            assert_eq!(read(header, payload), Err(why), "{header} {payload}");
        }
    }

    #[test]
    fn there_are_three_parts_and_a_signature() {
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#);
        for text in ["", "a.b", &format!("{head}.e30."), &format!("{head}.e30.a.b"), "?.?.?"] {
            assert_eq!(Jwt::read(text).unwrap_err(), BadJwt::Parts, "{text}");
        }
        assert_eq!(Jwt::read(&"a".repeat(8193)).unwrap_err(), BadJwt::Length);
    }

    #[test]
    fn the_type_is_a_media_type() {
        assert_eq!(media_type("application/OAuth-ID-JAG+jwt"), "oauth-id-jag+jwt");
        assert_eq!(media_type("JWT"), "jwt");
    }
}
