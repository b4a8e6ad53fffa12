//! The keys of a client that proves who it is by a signature (RFC 7523 section 2.2).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::{Host, Url};

use crate::assertions::{BadKeys, PublicKeys};

const MAX_URL: usize = 2000;

/// Where the keys of somebody are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeySource {
    /// They were told.
    Here(PublicKeys),
    /// They are published at this address.
    At(String),
}

/// Why the keys of a client are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadKeySource {
    #[error("private_key_jwt needs jwks or jwks_uri")]
    Missing,
    #[error("jwks and jwks_uri exclude each other")]
    Both,
    #[error("jwks_uri must be an https URL")]
    Url,
    #[error("jwks: {0}")]
    Keys(#[from] BadKeys),
}

impl KeySource {
    /// From the two members that can name keys (RFC 7591 section 2).
    pub(crate) fn new(jwks: Option<&Value>, jwks_uri: Option<&str>) -> Result<Self, BadKeySource> {
        match (jwks, jwks_uri) {
            (None, None) => Err(BadKeySource::Missing),
            (Some(_), Some(_)) => Err(BadKeySource::Both),
            (Some(set), None) => Ok(Self::Here(PublicKeys::read(set)?)),
            (None, Some(url)) => Self::at(url),
        }
    }

    /// Keys at an address: https, or on this machine, which is for the operator's own
    /// ([`Self::is_without_tls`]). Whether it may be reached is decided when it is fetched.
    pub(crate) fn at(url: &str) -> Result<Self, BadKeySource> {
        let parsed = Url::parse(url).map_err(|_| BadKeySource::Url)?;
        let is_here = match parsed.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(BadKeySource::Url),
        };
        let is_good = parsed.scheme() == "https" || is_here && parsed.scheme() == "http";
        let is_plain = parsed.username().is_empty() && parsed.password().is_none();
        if is_good && is_plain && url.len() <= MAX_URL {
            Ok(Self::At(url.to_owned()))
        } else {
            Err(BadKeySource::Url)
        }
    }

    /// Whether they are to be fetched without TLS. That is done on this machine only, and for
    /// strangers not even there.
    pub(crate) fn is_without_tls(&self) -> bool {
        matches!(self, Self::At(url) if !url.starts_with("https:"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(key: &Value) -> Result<KeySource, BadKeySource> {
        KeySource::new(Some(&json!({ "keys": [key] })), None)
    }

    #[test]
    fn keys_are_public_and_for_signatures() {
        let good = json!({"kty": "OKP", "crv": "Ed25519", "x": "a", "kid": "1"});
        assert!(read(&good).is_ok());
        let with = |name: &str, value: &str| {
            let mut key = good.clone();
            key[name] = json!(value);
            read(&key)
        };
        assert_eq!(with("d", "secret"), Err(BadKeys::Private.into()));
        assert_eq!(with("use", "enc"), Err(BadKeys::None.into()));
        assert_eq!(with("crv", "Ed448"), Err(BadKeys::None.into()));
        assert_eq!(read(&json!({"kty": "oct", "k": "secret"})), Err(BadKeys::Private.into()));
        assert_eq!(read(&json!("text")), Err(BadKeys::Form.into()));
        let many = json!({ "keys": vec![good; 21] });
        assert_eq!(KeySource::new(Some(&many), None), Err(BadKeys::TooMany.into()));
    }

    #[test]
    fn one_source_and_a_safe_one() {
        let set = json!({"keys": []});
        assert_eq!(KeySource::new(None, None), Err(BadKeySource::Missing));
        assert_eq!(KeySource::new(Some(&set), Some("https://a/")), Err(BadKeySource::Both));
        assert!(KeySource::at("https://a.example/jwks").is_ok());
        assert!(KeySource::at("http://127.0.0.1:1/jwks").is_ok());
        for url in ["http://a.example/", "file:///etc/passwd", "x", "https://u@a.example/"] {
            assert_eq!(KeySource::at(url), Err(BadKeySource::Url), "{url}");
        }
    }
}
