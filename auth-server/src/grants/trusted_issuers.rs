//! The identity providers that may speak for their users, as the operator names them.

use ambient::{Reader, values::List};

use crate::domain::KeySource;

const NAME: &str = "AUTH_ID_JAG_ISSUERS";

/// Identity providers whose assertions (ID-JAG) are redeemed.
#[derive(Clone, Debug, Default)]
pub struct TrustedIssuers(Vec<TrustedIssuer>);

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct TrustedIssuer {
    /// Its identifier, byte for byte.
    pub(crate) issuer: String,
    pub(crate) keys: KeySource,
}

impl TrustedIssuers {
    /// Reads the setting.
    pub(crate) fn read(read: &mut Reader<'_>) -> Self {
        let meaning = "Identity providers that may speak for their users, as \
                       issuer=jwks_uri, comma separated.";
        let named: List = read.setting(NAME, meaning).optional().unwrap_or_default();
        let mut issuers: Vec<TrustedIssuer> = Vec::new();
        for text in named.0 {
            match parse(&text) {
                Some(one) if issuers.iter().all(|other| other.issuer != one.issuer) => {
                    issuers.push(one);
                }
                _ => read.mistake(
                    NAME,
                    format!("`{text}` is not an issuer, `=` and the https URL of its keys, once"),
                ),
            }
        }
        Self(issuers)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The provider with this identifier.
    pub(crate) fn find(&self, issuer: &str) -> Option<&TrustedIssuer> {
        self.0.iter().find(|known| known.issuer == issuer)
    }
}

fn parse(text: &str) -> Option<TrustedIssuer> {
    let (issuer, keys) = text.split_once('=')?;
    // An issuer is a URL without a query (RFC 8414 section 2): no `=` is in it.
    KeySource::at(issuer).ok()?;
    Some(TrustedIssuer { issuer: issuer.to_owned(), keys: KeySource::at(keys).ok()? })
}

#[cfg(test)]
mod tests {
    use ambient::Env;

    use super::*;

    fn read(text: &str) -> Option<TrustedIssuers> {
        Env::from([(NAME, text)]).read(TrustedIssuers::read).0.ok()
    }

    #[test]
    fn an_issuer_comes_with_its_keys() {
        let two =
            "https://a.example=https://a.example/k?x=1, https://b.example/t=https://k.example/";
        let issuers = read(two).unwrap();
        let keys = &issuers.find("https://a.example").unwrap().keys;
        assert_eq!(*keys, KeySource::At("https://a.example/k?x=1".into()));
        assert!(issuers.find("https://a.example/").is_none());
        assert!(read("").unwrap().is_empty());
        for wrong in ["https://a.example", "a=https://a.example/", "https://a.example=http://b/"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
        let twice = "https://a.example=https://a.example/1,https://a.example=https://a.example/2";
        assert!(read(twice).is_none());
    }
}
