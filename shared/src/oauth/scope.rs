//! Scopes (RFC 6749 section 3.3): tokens between single spaces, in no particular order.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One scope: visible ASCII without `"` and `\`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Scope(String);

/// The text is not a scope, or not a list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is made of visible ASCII characters other than `\"` and `\\`")]
pub struct NotAScope;

impl Scope {
    /// The scope as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Scope {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, NotAScope> {
        let fits = |byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        let is_scope = !text.is_empty() && text.bytes().all(fits);
        if is_scope { Ok(Self(text.to_owned())) } else { Err(NotAScope) }
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A set of scopes, as in a `scope` parameter: one text, single spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|found| found.as_str() == scope)
    }

    /// Whether all of these are among `others`.
    #[must_use]
    pub fn is_within(&self, others: &Self) -> bool {
        self.0.is_subset(&others.0)
    }

    /// Those that are also among `others`.
    #[must_use]
    pub fn limited_to(&self, others: &Self) -> Self {
        Self(self.0.intersection(&others.0).cloned().collect())
    }

    /// These and `others`.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        Self(self.0.union(&others.0).cloned().collect())
    }

    /// One after the other, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{scope}")?;
        }
        Ok(())
    }
}

impl FromStr for ScopeSet {
    type Err = NotAScope;

    /// Lenient about the number of spaces, which clients get wrong without harm.
    fn from_str(text: &str) -> Result<Self, NotAScope> {
        text.split(' ').filter(|word| !word.is_empty()).map(str::parse).collect()
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> ScopeSet {
        text.parse().unwrap()
    }

    #[test]
    fn a_set_is_written_with_single_spaces_and_without_repetition() {
        assert_eq!(set(" b  a b ").to_string(), "a b");
        assert_eq!(set("").to_string(), "");
        assert_eq!(serde_json::to_string(&set("mcp")).unwrap(), r#""mcp""#);
    }

    #[test]
    fn what_cannot_be_in_a_header_is_no_scope() {
        for text in ["a\"b", "a\\b", "a\tb", "ä", "a\u{7f}"] {
            assert_eq!(text.parse::<ScopeSet>(), Err(NotAScope), "{text:?}");
        }
        assert_eq!("".parse::<Scope>(), Err(NotAScope));
    }

    #[test]
    fn sets_are_compared_limited_and_joined() {
        assert!(set("a").is_within(&set("a b")));
        assert!(!set("a c").is_within(&set("a b")));
        assert_eq!(set("a c").limited_to(&set("a b")), set("a"));
        assert_eq!(set("a c").and(&set("b a")), set("a b c"));
        assert!(set("a b").contains("b") && !set("a b").contains("a b"));
    }
}
