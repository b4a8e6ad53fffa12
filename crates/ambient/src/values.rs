//! How the values of settings are written, where a plain number or text says too little.

use std::{borrow::Cow, convert::Infallible, fmt, str::FromStr, time::Duration};

use url::{Host, Url};

/// An absolute `http:` or `https:` URL without query and fragment, and without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    written: String,
    url: Url,
}

impl BaseUrl {
    /// The URL as it goes into documents: never with a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL as it was written, for identifiers that are compared byte by byte: a foreign issuer
    /// may well end with a slash.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// Whether what is said to it is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether it is more than a host.
    #[must_use]
    pub fn has_path(&self) -> bool {
        self.url.path() != "/"
    }

    /// The port that it leads to, written or not.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.url.port_or_known_default()
    }

    /// The host that it leads to, as the standard for URLs writes it.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Whether it can only be this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// An `http` URL of this machine: a default.
    ///
    /// # Panics
    /// Never: every port makes a URL.
    #[must_use]
    pub fn localhost(port: u16) -> Self {
        format!("http://localhost:{port}").parse().expect("every port makes a URL")
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
        let written = text.to_owned();
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), written, url })
    }
}

/// A whole number of seconds, ten years at most: what is longer is a mistake, and does not fit into the
/// clocks of all systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u64);

impl Seconds {
    /// The longest.
    pub const MAX: Self = Self(10 * 365 * 24 * 60 * 60);
}

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_secs(seconds.0)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = text.parse().map(Self).map_err(|_| "it is not a whole number of seconds")?;
        if seconds > Self::MAX { Err("it is more than ten years, 315360000") } else { Ok(seconds) }
    }
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch(pub bool);

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

/// Words between commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List(pub Vec<String>);

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl FromStr for List {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        Ok(Self(words.map(str::to_owned).collect()))
    }
}

/// A value as it may be shown. Of a URL that is: without user and password, and without the values of its
/// query, for keys of interfaces are written there too.
#[must_use]
pub fn shown(value: &str) -> Cow<'_, str> {
    const HIDDEN: &str = "[redacted]";

    let Some((scheme, rest)) = value.split_once("://") else { return Cow::Borrowed(value) };
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    let authority = place.find(['/', '#', '\\']).unwrap_or(place.len());
    let (authority, path) = place.split_at(authority);
    let user = authority.rsplit_once('@');
    if user.is_none() && query.is_none() {
        return Cow::Borrowed(value);
    }
    let mut text = format!("{scheme}://");
    if user.is_some() {
        text = text + HIDDEN + "@";
    }
    text = text + user.map_or(authority, |(_, host)| host) + path;
    for (number, pair) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
        text.push(if number == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) => text = text + name + "=" + HIDDEN,
            None => text += HIDDEN,
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_nothing_is_shown_that_is_a_secret() {
        for plain in ["", "mcp", "a=b?c@d", "https://as.example:8080/x#y", "redis://h:6379/0"] {
            assert_eq!(shown(plain), plain);
        }
        let table = [
            ("https://u:hunter2@as.example/i", "https://[redacted]@as.example/i"),
            ("https://hunter2@as.example", "https://[redacted]@as.example"),
            ("https://u:hunt@er2@as.example:1/i", "https://[redacted]@as.example:1/i"),
            (
                "http://as.example/i?key=hunter2&a=hunter2",
                "http://as.example/i?key=[redacted]&a=[redacted]",
            ),
            ("http://as.example?hunter2", "http://as.example?[redacted]"),
            ("http://as.example/a@b?k=hunter2#x", "http://as.example/a@b?k=[redacted]"),
            ("https://u:hunter2@no url:x/?k=hunter2", "https://[redacted]@no url:x/?k=[redacted]"),
        ];
        for (written, seen) in table {
            assert_eq!(shown(written), seen);
        }
    }

    #[test]
    fn a_base_has_no_slash_at_the_end() {
        let base: BaseUrl = "https://Example.COM/mcp/".parse().unwrap();
        assert_eq!(base.as_str(), "https://example.com/mcp");
        assert_eq!(base.as_written(), "https://Example.COM/mcp/");
        assert!(base.is_https() && base.has_path() && !base.is_loopback());
    }

    #[test]
    fn what_is_no_base_is_refused() {
        for text in ["", "example.com", "ftp://a", "http://a?b", "http://a#b", "http://u:p@a"] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for text in ["http://localhost:1", "http://a.localhost", "http://127.1.2.3", "http://[::1]"]
        {
            assert!(text.parse::<BaseUrl>().unwrap().is_loopback(), "{text}");
        }
        for text in ["http://localhost.example", "http://10.0.0.1", "http://[::2]"] {
            assert!(!text.parse::<BaseUrl>().unwrap().is_loopback(), "{text}");
        }
        assert_eq!(BaseUrl::localhost(3001).as_str(), "http://localhost:3001");
    }

    #[test]
    fn seconds_are_whole_and_not_for_ever() {
        assert_eq!("300".parse(), Ok(Seconds(300)));
        assert_eq!(Seconds::MAX.to_string().parse(), Ok(Seconds::MAX));
        for text in ["", "-1", "5m", "1.5", "315360001", "99999999999999999"] {
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
    }

    #[test]
    fn lists_forgive_spaces_and_switches_forgive_nothing() {
        assert_eq!(" a, ,b ".parse(), Ok(List(vec!["a".to_owned(), "b".to_owned()])));
        assert_eq!("on".parse(), Ok(Switch(true)));
        assert!("yes".parse::<Switch>().is_err());
    }
}
