//! An access token in one of its two forms: a text without meaning, or one that is signed (RFC 9068).
//!
//! Both are kept in the same way, under their hash. A signed token that was changed, or that somebody
//! else has made with a stolen key, has another hash: it is not there, so it is not good here.

use std::fmt;

use ambient::Secret;

use super::{AccessToken, sha256_hex};

/// Longer texts are no tokens of ours.
const MAX_SIGNED: usize = 4096;

/// An access token that was issued, or is said to be.
#[derive(Clone)]
pub(crate) enum IssuedToken {
    /// Without meaning.
    Opaque(AccessToken),
    /// A JWT.
    Signed(Secret),
}

impl IssuedToken {
    /// The token in a request, if it can be one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(token) = AccessToken::parse(text) {
            return Some(Self::Opaque(token));
        }
        is_jwt(text).then(|| Self::Signed(Secret::new(text)))
    }

    /// What names it in the store and opens nothing.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Opaque(token) => token.digest().as_str().to_owned(),
            Self::Signed(text) => sha256_hex(&["signed access token", text.expose()]),
        }
    }

    /// Where the name of its family is, if that is in it.
    pub(crate) fn family(&self) -> Option<&str> {
        match self {
            Self::Opaque(token) => Some(token.family()),
            Self::Signed(_) => None,
        }
    }

    /// The token itself, for the one whom it is for.
    pub(crate) fn expose(&self) -> &str {
        match self {
            Self::Opaque(token) => token.expose(),
            Self::Signed(text) => text.expose(),
        }
    }
}

/// Three parts of base64url between dots (RFC 7515 section 3.1).
fn is_jwt(text: &str) -> bool {
    let is_part = |part: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        !part.is_empty() && part.bytes().all(fits)
    };
    text.len() <= MAX_SIGNED && text.split('.').count() == 3 && text.split('.').all(is_part)
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use ambient::Entropy;

    use super::*;
    use crate::domain::Ticket;

    #[test]
    fn both_forms_are_known_and_nothing_else_is() {
        let opaque: AccessToken = Ticket::random(&Entropy::seeded(1));
        let parsed = IssuedToken::parse(opaque.expose()).unwrap();
        assert!(matches!(&parsed, IssuedToken::Opaque(_)) && parsed.name().len() == 64);
        assert!(matches!(IssuedToken::parse("aa.bb.cc"), Some(IssuedToken::Signed(_))));
        let long = format!("a.b.{}", "c".repeat(MAX_SIGNED));
        for text in ["", "mcpa_", "a.b", "a..c", "a.b.c.d", "a.b.c=", "a.b.\u{e9}", &long] {
            assert!(IssuedToken::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn it_does_not_print() {
        assert_eq!(format!("{:?}", IssuedToken::parse("aa.bb.cc")), "Some([redacted])");
    }
}
