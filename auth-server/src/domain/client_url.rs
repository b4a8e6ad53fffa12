//! A client's name that is the URL of a document about it (Client ID Metadata Documents, section 3).
//!
//! Like a redirect URI it is kept and compared as it was written: what a URL library would make of
//! it is only used to fetch the document.

use std::fmt;

use url::Url;

const MAX_LENGTH: usize = 255;

/// A client id that is a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientUrl {
    text: String,
    url: Url,
}

/// Why a text that looks like one is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadClientUrl {
    #[error("a client_id that is a URL has at most {MAX_LENGTH} characters")]
    Length,
    #[error("a client_id that is a URL consists of visible ASCII characters without backslash")]
    Character,
    #[error("a client_id that is a URL is https")]
    Scheme,
    #[error("a client_id that is a URL has a path")]
    Path,
    #[error("a client_id that is a URL has no fragment")]
    Fragment,
    #[error("a client_id that is a URL has no user information")]
    UserInfo,
    #[error("a client_id that is a URL has no `.` or `..` in its path")]
    DotSegment,
    #[error("a client_id that is a URL has a host, in its plain form")]
    Host,
}

impl ClientUrl {
    /// Whether a client id is meant as a URL. No other client id has these letters.
    pub(crate) fn is_meant(client_id: &str) -> bool {
        client_id.contains("://")
    }

    /// Checks a client id that is meant as a URL. `http_here` lets plain http to this computer
    /// through, for development.
    pub(crate) fn parse(text: &str, http_here: bool) -> Result<Self, BadClientUrl> {
        if text.len() > MAX_LENGTH {
            return Err(BadClientUrl::Length);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(BadClientUrl::Character);
        }
        if text.contains('#') {
            return Err(BadClientUrl::Fragment);
        }
        let (scheme, after) = text.split_once("://").ok_or(BadClientUrl::Scheme)?;
        let url = Url::parse(text).map_err(|_| BadClientUrl::Host)?;
        let host = url.host_str().ok_or(BadClientUrl::Host)?;
        let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let is_http = http_here && is_here && scheme.eq_ignore_ascii_case("http");
        if !is_http && !scheme.eq_ignore_ascii_case("https") {
            return Err(BadClientUrl::Scheme);
        }
        let (authority, rest) = after.split_at(after.find(['/', '?']).unwrap_or(after.len()));
        if authority.contains('@') {
            return Err(BadClientUrl::UserInfo);
        }
        // `0x7f000001` and the like are hosts whose plain form is another.
        let name = authority.to_ascii_lowercase();
        let is_plain =
            name.strip_prefix(host).is_some_and(|port| port.is_empty() || port.starts_with(':'));
        if !is_plain {
            return Err(BadClientUrl::Host);
        }
        if !rest.starts_with('/') {
            return Err(BadClientUrl::Path);
        }
        if has_dot_segment(rest) {
            return Err(BadClientUrl::DotSegment);
        }
        Ok(Self { text: text.to_owned(), url })
    }

    /// The client id, as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the document is.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The name of its host, for policies.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Who vouches for a client with this id: a host, with its port if that is not the usual one.
    /// None if its id is no URL.
    pub(crate) fn host_of(client_id: &str) -> Option<String> {
        let client = Self::parse(client_id, true).ok()?;
        let port = client.url.port().map(|port| format!(":{port}"));
        Some(format!("{}{}", client.host(), port.unwrap_or_default()))
    }
}

impl fmt::Display for ClientUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn has_dot_segment(rest: &str) -> bool {
    let path = rest.split('?').next().unwrap_or_default().to_ascii_lowercase();
    path.replace("%2e", ".").split('/').any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_client_ids_are_kept_as_they_are_written() {
        for text in [
            "https://claude.ai/oauth/claude-code-client-metadata",
            "https://grok.com/oauth/mcp-client.json",
            "HTTPS://Example.COM/Client.json?v=1",
            "https://a.example:8443/",
            "https://xn--bcher-kva.example/c",
        ] {
            assert_eq!(ClientUrl::parse(text, false).unwrap().as_str(), text);
        }
        assert_eq!(ClientUrl::host_of("https://A.example:8443/c").unwrap(), "a.example:8443");
        assert_eq!(ClientUrl::host_of("0123456789abcdef0123456789abcdef"), None);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        use BadClientUrl as Bad;
        let long = format!("https://a.example/{}", "x".repeat(255));
        let table = [
            (&*long, Bad::Length),
            ("https://a.example/ x", Bad::Character),
            ("https://a.example/\u{e4}", Bad::Character),
            ("https://a.example/\nx", Bad::Character),
            ("https://a.example\\@evil.example/", Bad::Character),
            ("https://a.example/c#x", Bad::Fragment),
            ("http://a.example/c", Bad::Scheme),
            ("http://localhost/c", Bad::Scheme),
            ("ftp://a.example/c", Bad::Scheme),
            ("https://a.example", Bad::Path),
            ("https://a.example?c", Bad::Path),
            ("https://u@a.example/c", Bad::UserInfo),
            ("https://u:p@a.example/c", Bad::UserInfo),
            ("https://a.example/x/../c", Bad::DotSegment),
            ("https://a.example/./c", Bad::DotSegment),
            ("https://a.example/x/%2E%2e/c", Bad::DotSegment),
            ("https:///a.example/c", Bad::Host),
            ("https://0x7f000001/c", Bad::Host),
            ("https://a.example:99999/c", Bad::Host),
        ];
        for (text, why) in table {
            assert_eq!(ClientUrl::parse(text, false), Err(why), "{text}");
        }
    }

    #[test]
    fn plain_http_is_for_this_computer_and_development() {
        for host in ["localhost", "127.0.0.1:5000", "[::1]"] {
            assert!(ClientUrl::parse(&format!("http://{host}/c"), true).is_ok(), "{host}");
        }
        for host in ["localhost.evil.example", "10.0.0.1", "a.example"] {
            let refused = ClientUrl::parse(&format!("http://{host}/c"), true);
            assert_eq!(refused, Err(BadClientUrl::Scheme), "{host}");
        }
    }
}
