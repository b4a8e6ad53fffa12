//! How the values of settings are written.

use std::{fmt, num::ParseIntError, str::FromStr};

use url::{Host, Url};

/// An absolute `http:` or `https:` URL without query and fragment, and without a slash at the end.
#[derive(Debug)]
pub(super) struct BaseUrl {
    pub(super) text: String,
    pub(super) is_https: bool,
    pub(super) is_loopback: bool,
    pub(super) has_path: bool,
}

impl BaseUrl {
    /// A default, which is an `http` URL on loopback without a path.
    pub(super) fn literal(text: &str) -> Self {
        Self { text: text.to_owned(), is_https: false, is_loopback: true, has_path: false }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for BaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| "it is not an absolute URL")?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("it does not start with http:// or https:// and a host");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it has a query or a fragment");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it has a user name or a password");
        }
        Ok(Self {
            text: url.as_str().trim_end_matches('/').to_owned(),
            is_https: url.scheme() == "https",
            is_loopback: is_loopback(&url),
            has_path: url.path() != "/",
        })
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A whole number of seconds.
pub(super) struct Seconds(pub(super) u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Seconds {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// On or off.
pub(super) struct Switch(pub(super) bool);

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "1" } else { "0" })
    }
}

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "1" | "true" | "on" => Ok(Self(true)),
            "0" | "false" | "off" => Ok(Self(false)),
            _ => Err("it is neither 1 nor 0"),
        }
    }
}
