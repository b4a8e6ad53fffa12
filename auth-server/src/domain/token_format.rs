//! What access tokens look like.

use std::{fmt, str::FromStr};

/// The form of access tokens. Either is kept, can be introspected and can be revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenFormat {
    /// A text without meaning: who wants to know, asks. A revoked one is good nowhere.
    #[default]
    Opaque,
    /// A signed text that says what it is (RFC 9068), for resource servers that do not ask. They
    /// take a revoked one until it expires.
    Jwt,
}

impl fmt::Display for TokenFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opaque => "opaque",
            Self::Jwt => "jwt",
        })
    }
}

impl FromStr for TokenFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "opaque" => Ok(Self::Opaque),
            "jwt" => Ok(Self::Jwt),
            _ => Err("it is neither opaque nor jwt"),
        }
    }
}
