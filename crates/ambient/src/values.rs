//! How the values of settings are written, where a plain number or text says too little.

use std::{borrow::Cow, convert::Infallible, fmt, ops::Range, str::FromStr, time::Duration};

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

/// The parts of a value that are each shown by themselves: its words, but what follows a URL and is none
/// belongs to it, for it may be the rest of a password with a space.
fn words(value: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut begin, mut at) = (0, 0);
    for token in value.split_inclusive(char::is_whitespace) {
        let ends = token.contains("://") || !value[begin..at].contains("://");
        if ends && begin < at {
            words.push(&value[begin..at]);
            begin = at;
        }
        at += token.len();
    }
    words.push(&value[begin..]);
    words
}

/// Where user and password are in a word, whether it is a URL or not: up to its last `@`, for people write
/// passwords with every sign that ends the authority of a URL.
fn user(word: &str) -> Option<Range<usize>> {
    let end = word.rfind('@')?;
    let before = &word[..end];
    let begin = before.find("://").map(|scheme| scheme + "://".len());
    Some(begin.or_else(|| before.contains(':').then_some(0))?..end)
}

/// Whether there is `user:password@` or `scheme://user@` in a value.
#[must_use]
pub fn has_user(value: &str) -> bool {
    words(value).into_iter().any(|word| user(word).is_some())
}

/// Whether there is a password in a value, before anybody has looked at whether it is a URL.
#[must_use]
pub fn has_password(value: &str) -> bool {
    let is_one = |user: &str| user.split_once(':').is_some_and(|(_, word)| !word.is_empty());
    words(value).into_iter().any(|word| user(word).is_some_and(|user| is_one(&word[user])))
}

/// A value as it may be shown: without user and password, and without the values in the query of a URL,
/// for keys of interfaces are written there too.
#[must_use]
pub fn shown(value: &str) -> Cow<'_, str> {
    let words = words(value).into_iter().map(|word| {
        let text = word.trim_end();
        (shown_word(text), &word[text.len()..])
    });
    let words: Vec<_> = words.collect();
    if words.iter().all(|(word, _)| matches!(word, Cow::Borrowed(_))) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(words.iter().flat_map(|(word, space)| [&**word, space]).collect())
}

fn shown_word(word: &str) -> Cow<'_, str> {
    const HIDDEN: &str = "[redacted]";

    let user = user(word);
    let rest = user.as_ref().map_or(word, |user| &word[user.end..]);
    let query = word.contains("://").then(|| rest.split_once('?')).flatten();
    if user.is_none() && query.is_none() {
        return Cow::Borrowed(word);
    }
    let (place, query) = query.map_or((rest, None), |(place, query)| (place, Some(query)));
    let mut text = user.map_or_else(String::new, |user| word[..user.start].to_owned() + HIDDEN);
    text += place;
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
        for plain in [
            "",
            "mcp",
            "a=b?c@d",
            "a b@c",
            " a\t b ",
            "https://as.example:8080/x#y",
            "redis://h:6379/0",
        ] {
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
            // What is cut too early shows half of a password, and what is hidden too far shows less.
            ("http://as.example/a@b?k=hunter2#x", "http://[redacted]@b?k=[redacted]"),
            ("https://u:hunter2@no url:x/?k=hunter2", "https://[redacted]@no url:x/?k=[redacted]"),
            ("https://u:hun/ter2@as.example/i", "https://[redacted]@as.example/i"),
            ("https://u:hun#ter2@as.example", "https://[redacted]@as.example"),
            ("https://u:hun?ter2@as.example", "https://[redacted]@as.example"),
            ("https://u:hun\\ter2@as.example", "https://[redacted]@as.example"),
            ("https://u:hun?x=ter2@h/i?k=hunter2", "https://[redacted]@h/i?k=[redacted]"),
            ("https://u:hun ter2@as.example", "https://[redacted]@as.example"),
            ("https://u:hun://ter2@as.example", "https://[redacted]@as.example"),
            ("https://a https://u:hunter2@b", "https://a https://[redacted]@b"),
            ("https://a,https://u:hunter2@b", "https://[redacted]@b"),
            (
                "https://u:hunter2@a?k=hunter2  https://b \thttps://hunter2@c",
                "https://[redacted]@a?k=[redacted]  https://b \thttps://[redacted]@c",
            ),
            ("u:hunter2@as.example", "[redacted]@as.example"),
            ("https:/u:hunter2@as.example", "[redacted]@as.example"),
            ("tcp u:hunter2@as.example and a@b", "tcp [redacted]@as.example and a@b"),
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
