//! A signed token taken apart (RFC 7515), and what its header may say.
//!
//! The header is the attacker's until the signature is checked, and says nothing about which key
//! to use but a name: `jwk`, `jku`, `x5u` and `x5c` are not looked at.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::{Claims, Inactive, Policy, json};

/// Types of tokens that are signed by the same keys and are no access tokens, whatever is allowed.
const OTHER_TYPES: [&str; 8] = [
    "logout+jwt",
    "oauth-id-jag+jwt",
    "dpop+jwt",
    "secevent+jwt",
    "token-introspection+jwt",
    "oauth-authz-req+jwt",
    "client-authentication+jwt",
    "id_token+jwt",
];

/// How the settings say that a header without a type is accepted.
const NO_TYPE: &str = "-";

/// A token of three parts whose signature nobody has looked at.
#[derive(Debug)]
pub(crate) struct Jws<'a> {
    /// What is signed: header and payload as they were sent.
    pub(super) signed: &'a str,
    pub(super) signature: &'a str,
    pub(super) algorithm: Algorithm,
    /// The name of the key.
    pub(super) kid: Option<String>,
    claims: Claims,
}

/// Whether a token looks like a signed one, so that it can be checked here.
pub(crate) fn looks_signed(token: &str) -> bool {
    parts(token)
        .is_some_and(|[header, _, _]| decode(header).is_some_and(|h| h.first() == Some(&b'{')))
}

/// Whether it is encrypted for somebody (RFC 7516): nobody but its reader can say anything of it.
pub(crate) fn looks_encrypted(token: &str) -> bool {
    let header = token.split('.').next().and_then(decode).and_then(|text| json::object(&text));
    token.split('.').count() == 5 && header.is_some_and(|header| header.contains_key("enc"))
}

/// Whether its header says that it is a token of another kind, whatever is accepted.
pub(crate) fn says_another_kind(token: &str) -> bool {
    let header = parts(token).and_then(|[header, ..]| json::object(&decode(header)?));
    let typ = header.as_ref().and_then(|header| header.get("typ")?.as_str());
    typ.is_some_and(|name| is_of_another_kind(&media_type(name)))
}

/// Whether tokens of this type are never access tokens.
pub(crate) fn is_of_another_kind(typ: &str) -> bool {
    OTHER_TYPES.contains(&typ)
}

impl<'a> Jws<'a> {
    /// What the token says of itself. Not to be believed before its signature is checked.
    pub(crate) const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Takes a token apart and holds its header to the policy.
    pub(crate) fn parse(token: &'a str, policy: &Policy) -> Result<Self, Inactive> {
        let [header, payload, signature] = parts(token).ok_or(Inactive::NotJwt)?;
        let header = decode(header).and_then(|text| json::object(&text)).ok_or(Inactive::NotJwt)?;
        // Extensions that must be understood, and none is.
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(Inactive::Critical);
        }
        token_type(header.get("typ"), policy)?;
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Inactive::Algorithm)?;
        let algorithm = policy.algorithm(algorithm).ok_or(Inactive::Algorithm)?;
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(Inactive::WrongType),
        };
        let payload = decode(payload).ok_or(Inactive::NotJwt)?;
        let claims = Claims::of_token(&payload).ok_or(Inactive::NotJwt)?;
        // The dot between header and payload is within, the one before the signature is not.
        let signed = &token[..token.len() - signature.len() - 1];
        Ok(Self { signed, signature, algorithm, kid, claims })
    }
}

fn parts(token: &str) -> Option<[&str; 3]> {
    let mut parts = token.split('.');
    let three = [parts.next()?, parts.next()?, parts.next()?];
    (parts.next().is_none() && three.iter().all(|part| !part.is_empty())).then_some(three)
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// The media type of the token, if it says one (RFC 7515 section 4.1.9).
fn token_type(typ: Option<&Value>, policy: &Policy) -> Result<(), Inactive> {
    let name = match typ {
        None if policy.token_types.iter().any(|accepted| accepted == NO_TYPE) => return Ok(()),
        None => return Err(Inactive::TokenType),
        Some(Value::String(name)) => media_type(name),
        Some(_) => return Err(Inactive::WrongType),
    };
    let accepted = policy.token_types.contains(&name);
    if accepted && name != NO_TYPE && !OTHER_TYPES.contains(&name.as_str()) {
        Ok(())
    } else {
        Err(Inactive::TokenType)
    }
}

/// A type as it is compared: its case and `application/` before it mean nothing (RFC 7515 section
/// 4.1.9).
pub(crate) fn media_type(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    name.strip_prefix("application/").map(str::to_owned).unwrap_or(name)
}
