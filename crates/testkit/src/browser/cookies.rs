//! Cookies, by the rules of RFC 6265bis that servers rely on.
//!
//! Cookies belong to hosts, not to ports: two servers on one machine see each other's. `SameSite`
//! is kept but not enforced, because everything in a test is on one site.

use ambient::{Clock, Timestamp};
use url::{Host, Url};

use crate::fail::OrFail as _;

/// A cookie as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name, with its prefix.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where it is sent to.
    pub host: String,
    /// Below which path.
    pub path: String,
    /// Whether scripts cannot read it.
    pub http_only: bool,
    /// Whether it needs a safe line.
    pub secure: bool,
    /// The `SameSite` attribute as it was given.
    pub same_site: Option<String>,
    /// When it goes; none: with the browser.
    pub expires_at: Option<Timestamp>,
}

/// The cookies of one browser.
#[derive(Debug)]
pub struct Jar {
    clock: Clock,
    cookies: Vec<Cookie>,
}

impl Jar {
    /// An empty jar, in which cookies age on `clock`.
    #[must_use]
    pub const fn new(clock: Clock) -> Self {
        Self { clock, cookies: Vec::new() }
    }

    /// All cookies that have not expired.
    pub fn iter(&self) -> impl Iterator<Item = &Cookie> {
        let now = self.clock.now();
        self.cookies.iter().filter(move |cookie| cookie.expires_at.is_none_or(|at| at > now))
    }

    /// The cookie of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Cookie> {
        self.iter().find(|cookie| cookie.name == name)
    }

    /// Puts a value in place of another's: what somebody who holds the browser can do.
    pub fn forge(&mut self, name: &str, value: &str) {
        let cookie = self.cookies.iter_mut().find(|cookie| cookie.name == name);
        value.clone_into(&mut cookie.or_fail(format!("there is a cookie `{name}`")).value);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.cookies.clear();
    }

    /// The `Cookie` header for a request, longest paths first.
    pub(super) fn header(&self, url: &Url) -> Option<String> {
        let host = url.host_str()?;
        let mut sent: Vec<&Cookie> = self
            .iter()
            .filter(|cookie| cookie.host == host && below(url.path(), &cookie.path))
            .filter(|cookie| !cookie.secure || is_trustworthy(url))
            .collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> =
            sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Keeps what a `Set-Cookie` header says; fails the test where a browser would refuse it.
    pub(super) fn take(&mut self, url: &Url, header: &str) {
        let parsed = cookie::Cookie::parse(header).or_fail(format!("`{header}` is a cookie"));
        let cookie = self.read(url, &parsed);
        check(&cookie, parsed.domain().is_some(), url, header);
        self.cookies.retain(|old| {
            (&old.name, &old.host, &old.path) != (&cookie.name, &cookie.host, &cookie.path)
        });
        if cookie.expires_at.is_none_or(|at| at > self.clock.now()) {
            self.cookies.push(cookie);
        }
    }

    fn read(&self, url: &Url, parsed: &cookie::Cookie<'_>) -> Cookie {
        // `Max-Age` wins over `Expires` (RFC 6265bis section 5.7).
        let after = parsed.max_age().map(|age| {
            let age = std::time::Duration::try_from(age).unwrap_or_default();
            self.clock.now() + age
        });
        let at = parsed.expires_datetime().map(|date| {
            Timestamp::from_secs(u64::try_from(date.unix_timestamp()).unwrap_or_default())
        });
        Cookie {
            name: parsed.name().to_owned(),
            value: parsed.value().to_owned(),
            host: url.host_str().or_fail("a server has a host").to_owned(),
            path: parsed.path().map_or_else(|| default_path(url), ToOwned::to_owned),
            http_only: parsed.http_only().unwrap_or_default(),
            secure: parsed.secure().unwrap_or_default(),
            same_site: parsed.same_site().map(|value| value.to_string()),
            expires_at: after.or(at),
        }
    }
}

/// The rules whose breach makes a browser drop a cookie without a word.
fn check(cookie: &Cookie, has_domain: bool, url: &Url, header: &str) {
    assert!(!has_domain, "a cookie without a domain stays with its host: {header}");
    assert!(!cookie.secure || is_trustworthy(url), "secure, but over an open line: {header}");
    let none = cookie.same_site.as_deref() == Some("None");
    assert!(!none || cookie.secure, "SameSite=None needs Secure: {header}");
    if cookie.name.starts_with("__Host-") {
        assert!(cookie.secure && cookie.path == "/", "__Host- needs Secure and Path=/: {header}");
    }
    if cookie.name.starts_with("__Secure-") {
        assert!(cookie.secure, "__Secure- needs Secure: {header}");
    }
}

/// Whether the line cannot be listened to: TLS, or the machine itself.
fn is_trustworthy(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        }
}

/// Path matching (RFC 6265bis section 5.1.4).
fn below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || parent.ends_with('/'))
}

/// The directory of the page that set a cookie without a path.
fn default_path(url: &Url) -> String {
    match url.path().rsplit_once('/') {
        Some(("", _)) | None => "/".into(),
        Some((directory, _)) => directory.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn url(path: &str) -> Url {
        Url::parse("http://localhost:3001").unwrap().join(path).unwrap()
    }

    fn jar(headers: &[&str]) -> Jar {
        let mut jar = Jar::new(Clock::manual(NOON));
        for header in headers {
            jar.take(&url("/a/b"), header);
        }
        jar
    }

    #[test]
    fn cookies_go_back_to_their_host_and_path_on_any_port() {
        let jar = jar(&["x=1; Path=/a", "y=2; Path=/", "z=3"]);
        assert_eq!(jar.header(&url("/a/c")).as_deref(), Some("x=1; z=3; y=2"));
        assert_eq!(jar.header(&url("/ab")).as_deref(), Some("y=2"));
        let port = Url::parse("http://localhost:9/").unwrap();
        assert_eq!(jar.header(&port).as_deref(), Some("y=2"));
        let host = Url::parse("http://127.0.0.1:3001/").unwrap();
        assert_eq!(jar.header(&host), None);
    }

    #[test]
    fn a_cookie_is_replaced_and_removed_by_its_name() {
        let mut jar = jar(&["x=1", "x=2"]);
        assert_eq!(jar.get("x").unwrap().value, "2");
        jar.take(&url("/a/b"), "x=; Max-Age=0");
        assert_eq!(jar.get("x"), None);
        jar.take(&url("/a/b"), "x=3; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(jar.get("x"), None);
    }

    #[test]
    fn a_cookie_expires_on_the_clock() {
        let jar = jar(&["x=1; Max-Age=60"]);
        jar.clock.advance(Duration::from_secs(59));
        assert!(jar.get("x").is_some());
        jar.clock.advance(Duration::from_secs(1));
        assert_eq!(jar.header(&url("/a/b")), None);
    }

    #[test]
    fn secure_cookies_work_on_the_machine_itself() {
        let jar = jar(&["__Host-s=1; Secure; HttpOnly; Path=/; SameSite=Lax"]);
        let cookie = jar.get("__Host-s").unwrap();
        assert!(cookie.http_only && cookie.secure);
        assert_eq!(cookie.same_site.as_deref(), Some("Lax"));
        assert!(jar.header(&url("/")).is_some());
    }

    #[test]
    #[should_panic(expected = "__Host- needs")]
    fn a_host_cookie_without_the_whole_host_is_refused() {
        jar(&["__Host-s=1; Secure; Path=/login"]);
    }

    #[test]
    #[should_panic(expected = "over an open line")]
    fn a_secure_cookie_over_an_open_line_is_refused() {
        let elsewhere = Url::parse("http://example.com/").unwrap();
        Jar::new(Clock::manual(NOON)).take(&elsewhere, "x=1; Secure");
    }
}
