//! How the settings about tokens are written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    time::Duration,
};

use shared::oauth::ScopeSet;

/// Words between commas or spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words(pub(super) Vec<String>);

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        Self(words.map(str::to_owned).collect())
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl FromStr for Words {
    type Err = &'static str;

    /// A list that somebody has set and that names nothing is a slip, and where nothing is named
    /// anything may be right.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = Self::of(text);
        if words.0.is_empty() {
            return Err("it is a list with nothing in it; name something, or leave it out");
        }
        Ok(words)
    }
}

/// `name=value`, several between commas or spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pairs(pub(super) Vec<(String, String)>);

impl Pairs {
    pub(super) fn into_map(self) -> BTreeMap<String, String> {
        self.0.into_iter().collect()
    }
}

impl fmt::Display for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        f.write_str(&pairs.join(" "))
    }
}

impl FromStr for Pairs {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pair = |word: String| match word.split_once('=') {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                Ok((name.to_owned(), value.to_owned()))
            }
            _ => Err("it is not pairs of the form name=value"),
        };
        let words = text.parse::<Words>()?.0;
        let pairs = words.into_iter().map(pair).collect::<Result<Vec<_>, _>>()?;
        let names: BTreeSet<_> = pairs.iter().map(|(name, _)| name).collect();
        if names.len() < pairs.len() {
            return Err("it has one name twice, and only one of the values can be meant");
        }
        Ok(Self(pairs))
    }
}

/// Scopes, or `-` for none: an empty value counts as not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scopes(pub(super) ScopeSet);

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("-") } else { self.0.fmt(f) }
    }
}

impl FromStr for Scopes {
    type Err = shared::oauth::NotAScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "-" { Ok(Self::default()) } else { text.parse().map(Self) }
    }
}

/// Makes a closed set of words readable and writable.
macro_rules! choice {
    ($(#[$meta:meta])* $vis:vis $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name { $($(#[$of])* $variant),+ }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(concat!("it is none of", $(" ", $word),+)),
                }
            }
        }
    };
}

choice! {
    /// Whether callers are told apart.
    pub(super) AuthMode {
        /// By their tokens.
        Required = "required",
        /// Not at all.
        None = "none",
    }
}

choice! {
    /// How a token is checked.
    pub Validation {
        /// By introspection where that is possible, by its signature elsewhere.
        Auto = "auto",
        /// The authorization server is asked (RFC 7662).
        Introspection = "introspection",
        /// By its signature (RFC 9068).
        Jwt = "jwt",
        /// By its signature first; then the authorization server is asked.
        Both = "both",
    }
}

choice! {
    /// How a request makes sure that its session is still there.
    pub SessionCheck {
        /// What this instance has seen within the last second holds, unless another says otherwise.
        Near = "near",
        /// The store is asked at every request.
        Strict = "strict",
    }
}

choice! {
    /// How this server proves to the introspection endpoint who it is.
    pub ClientAuth {
        /// Id and secret in a header (RFC 6749 section 2.3.1).
        Basic = "basic",
        /// Id and secret in the form.
        Post = "post",
        /// A signed assertion (RFC 7523).
        PrivateKeyJwt = "private_key_jwt",
        /// A token of its own.
        Bearer = "bearer",
        /// Not at all: the network protects the endpoint.
        None = "none",
    }
}

/// What holds while tokens cannot be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Nobody is let in.
    Closed,
    /// Who was let in before is, for so much longer.
    Stale(Duration),
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Stale(time) => write!(f, "stale:{}", time.as_secs()),
        }
    }
}

impl FromStr for Outage {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "closed" {
            return Ok(Self::Closed);
        }
        let seconds = text.strip_prefix("stale:").and_then(|seconds| seconds.parse().ok());
        let time = seconds.map(Duration::from_secs).filter(|time| *time <= LONGEST_STALE);
        time.map(Self::Stale).ok_or("it is neither `closed` nor `stale:` and up to 86400 seconds")
    }
}

/// A revoked token that works for longer than a day is no longer an outage.
const LONGEST_STALE: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for text in ["closed", "stale:300"] {
            assert_eq!(text.parse::<Outage>().unwrap().to_string(), text);
        }
        for text in ["", "stale", "stale:", "stale:-1", "stale:86401", "open"] {
            assert!(text.parse::<Outage>().is_err(), "{text}");
        }
        assert_eq!("a=b, c=d=e".parse::<Pairs>().unwrap().to_string(), "a=b c=d=e");
        for wrong in ["a", "=b", "a=", "a=b,a=c", "a=b a=b", ",", " "] {
            assert!(wrong.parse::<Pairs>().is_err(), "{wrong}");
        }
        assert_eq!("a, b".parse::<Words>().unwrap().to_string(), "a b");
        assert!(",".parse::<Words>().is_err() && " , ,".parse::<Words>().is_err());
        assert_eq!("-".parse::<Scopes>().unwrap().to_string(), "-");
        assert_eq!("b a".parse::<Scopes>().unwrap().to_string(), "a b");
        assert_eq!("jwt".parse(), Ok(Validation::Jwt));
        assert!("JWT".parse::<Validation>().is_err());
    }
}
