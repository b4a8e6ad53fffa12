//! Redirect URIs: which may be registered, and which request fits a registered one.
//!
//! Comparison is bytewise on the text as it was sent (RFC 9700 section 4.1.3): nothing is decoded or
//! normalised, so there is nothing to disagree about. The one exception is the port of a loopback
//! address (RFC 8252 section 7.3), which native apps choose when they start.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

const MAX_LENGTH: usize = 2048;

/// Schemes that run code or programs, read files, open connections, leave the flow or are something
/// else altogether.
const FORBIDDEN_SCHEMES: [&str; 64] = [
    "about",
    "afp",
    "android-app",
    "applescript",
    "blob",
    "callto",
    "chrome",
    "cifs",
    "content",
    "data",
    "dav",
    "davs",
    "facetime",
    "file",
    "filesystem",
    "ftp",
    "ftps",
    "hcp",
    "help",
    "intent",
    "irc",
    "itms-services",
    "jar",
    "javascript",
    "jnlp",
    "jnlps",
    "ldap",
    "ldaps",
    "livescript",
    "mailto",
    "market",
    "mhtml",
    "microsoft-edge",
    "mk",
    "mocha",
    "news",
    "nfs",
    "nntp",
    "rdp",
    "res",
    "resource",
    "rlogin",
    "rsync",
    "scp",
    "search",
    "search-ms",
    "sftp",
    "shell",
    "sip",
    "sips",
    "smb",
    "sms",
    "ssh",
    "steam",
    "tel",
    "telnet",
    "urn",
    "vbscript",
    "view-source",
    "vnc",
    "windowsdefender",
    "ws",
    "wss",
    "x-man-page",
];

/// What the schemes begin with that Windows gives to its own programs: some of them run what they are
/// told to, and no client is answered at one.
const FORBIDDEN_BEGINNING: &str = "ms-";

/// A redirect URI that may be registered, exactly as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RedirectUri(String);

/// Why a text is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRedirectUri {
    #[error("a redirect URI has 1 to 2048 characters")]
    Length,
    #[error("a redirect URI consists of visible ASCII characters without backslash")]
    Character,
    #[error("a redirect URI is an absolute URI with a host or a path")]
    NotAbsolute,
    #[error("a redirect URI has no fragment")]
    Fragment,
    #[error("a redirect URI has no user information")]
    UserInfo,
    #[error("a redirect URI has no `.` or `..` in its path")]
    DotSegment,
    #[error("http is for localhost, 127.0.0.1 and [::1] only; use https")]
    PlainHttp,
    #[error("a redirect URI has one host, without wildcards")]
    Host,
    #[error(
        "this scheme is not one of an application; use https, loopback http or a scheme of your own"
    )]
    Scheme,
    #[error("the operator of this server has not named its host in AUTH_REDIRECT_HOSTS")]
    NotAllowed,
}

/// The three parts of `scheme://authority/rest`, cut from the text without changing it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Parts<'a> {
    scheme: &'a str,
    /// None in `com.example.app:/path`.
    authority: Option<&'a str>,
    /// Path and query.
    rest: &'a str,
}

impl RedirectUri {
    /// Checks a redirect URI that a client wants to register.
    pub(crate) fn register(text: &str) -> Result<Self, BadRedirectUri> {
        if text.is_empty() || text.len() > MAX_LENGTH {
            return Err(BadRedirectUri::Length);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(BadRedirectUri::Character);
        }
        if text.contains('#') {
            return Err(BadRedirectUri::Fragment);
        }
        let parts = Parts::cut(text).ok_or(BadRedirectUri::NotAbsolute)?;
        if parts.authority.is_some_and(|authority| authority.contains('@')) {
            return Err(BadRedirectUri::UserInfo);
        }
        if parts.has_dot_segment() {
            return Err(BadRedirectUri::DotSegment);
        }
        parts.check_scheme(text)?;
        Ok(Self(text.to_owned()))
    }

    /// Whether a request may be answered at `requested`. A scheme may have been registered before it
    /// was refused.
    pub(crate) fn allows(&self, requested: &str) -> bool {
        let is_same = self.0 == requested || self.allows_on_another_port(requested);
        is_same && !Parts::cut(requested).is_some_and(Parts::has_forbidden_scheme)
    }

    fn allows_on_another_port(&self, requested: &str) -> bool {
        let (Some(ours), Some(theirs)) = (Parts::cut(&self.0), Parts::cut(requested)) else {
            return false;
        };
        // `localhost` and `127.0.0.1` are different: a name can be made to resolve elsewhere.
        ours.loopback_host().is_some()
            && ours.loopback_host() == theirs.loopback_host()
            && ours.rest == theirs.rest
    }

    /// The URI as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The host of an https address, without its port.
    pub(crate) fn https_host(uri: &str) -> Option<&str> {
        let parts = Parts::cut(uri).filter(|parts| parts.scheme == "https")?;
        let authority = parts.authority?;
        let has_port = |(_, port): &(&str, &str)| is_port(port);
        Some(authority.rsplit_once(':').filter(has_port).map_or(authority, |(host, _)| host))
    }

    /// Where an answer would go, for people: a host, or the application that owns a scheme.
    pub(crate) fn destination(uri: &str) -> Destination {
        match Parts::cut(uri) {
            Some(parts) if parts.loopback_host().is_some() => Destination::ThisComputer,
            Some(Parts { scheme: "https", authority: Some(authority), .. }) => {
                Destination::Host(authority.to_owned())
            }
            Some(parts) => Destination::App(parts.scheme.to_owned()),
            None => Destination::App(String::new()),
        }
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who gets the answer to an authorization request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// A host on the network.
    Host(String),
    /// A program on the user's computer that listens on a port: any program can.
    ThisComputer,
    /// The application that has claimed this scheme.
    App(String),
    /// A device that shows this code, wherever it is.
    Device(String),
}

impl<'a> Parts<'a> {
    fn cut(text: &'a str) -> Option<Self> {
        let (scheme, after) = text.split_once(':')?;
        let mut letters = scheme.bytes();
        let starts = letters.next().is_some_and(|byte| byte.is_ascii_lowercase());
        // RFC 3986 section 3.1. Capitals would be legal and are never seen; refusing them leaves
        // one spelling of each scheme.
        let is_scheme =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
        if !starts || !letters.all(is_scheme) || after.is_empty() {
            return None;
        }
        let Some(after) = after.strip_prefix("//") else {
            return Some(Self { scheme, authority: None, rest: after });
        };
        let (authority, rest) = after.split_at(after.find(['/', '?']).unwrap_or(after.len()));
        (!authority.is_empty() || rest.len() > 1).then_some(Self {
            scheme,
            authority: Some(authority),
            rest,
        })
    }

    /// The host, if this is `http` to one of the three names of this computer.
    fn loopback_host(self) -> Option<&'static str> {
        let authority = self.authority.filter(|_| self.scheme == "http")?;
        ["localhost", "127.0.0.1", "[::1]"].into_iter().find(|host| {
            let after = authority.strip_prefix(host);
            after.is_some_and(|port| port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        })
    }

    fn has_dot_segment(self) -> bool {
        let path = self.rest.split('?').next().unwrap_or_default().to_ascii_lowercase();
        path.replace("%2e", ".").split('/').any(|segment| matches!(segment, "." | ".."))
    }

    fn check_scheme(self, text: &str) -> Result<(), BadRedirectUri> {
        match self.scheme {
            "https" => {
                let authority = self.authority.filter(|authority| !authority.is_empty());
                let authority = authority.ok_or(BadRedirectUri::NotAbsolute)?;
                // The URL library is asked for its opinion, but what is compared is the text.
                let url = Url::parse(text).map_err(|_| BadRedirectUri::NotAbsolute)?;
                let plain = url
                    .host_str()
                    .is_some_and(|host| authority.to_ascii_lowercase().starts_with(host));
                if plain && !authority.contains('*') { Ok(()) } else { Err(BadRedirectUri::Host) }
            }
            "http" if self.loopback_host().is_some() => Ok(()),
            "http" => Err(BadRedirectUri::PlainHttp),
            _ if self.has_forbidden_scheme() => Err(BadRedirectUri::Scheme),
            _ => Ok(()),
        }
    }

    fn has_forbidden_scheme(self) -> bool {
        FORBIDDEN_SCHEMES.contains(&self.scheme) || self.scheme.starts_with(FORBIDDEN_BEGINNING)
    }
}

fn is_port(text: &str) -> bool {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod any;

#[cfg(test)]
mod tests {
    use super::*;

    /// One of every scheme that is refused, written down once more.
    const STARTS_PROGRAMS: [&str; 72] = [
        "about:blank",
        "afp://host/x",
        "android-app://x/y",
        "applescript://com.apple.scripteditor?action=new",
        "blob:https://x/y",
        "callto:1",
        "chrome://settings",
        "cifs://host/x",
        "content://x/y",
        "data:text/html,x",
        "dav://host/x",
        "davs://host/x",
        "facetime:a",
        "file:///etc/passwd",
        "filesystem:https://x/y",
        "ftp://host/x",
        "ftps://host/x",
        "hcp://x/y",
        "help:x",
        "intent://x/y",
        "irc://host/x",
        "itms-services://?action=download-manifest",
        "jar:https://x/y",
        "javascript:alert(1)",
        "jnlp://host/x",
        "jnlps://host/x",
        "ldap://host/x",
        "ldaps://host/x",
        "livescript:x",
        "mailto:a",
        "market://details?id=x",
        "mhtml:https://x/y",
        "microsoft-edge:https://x/",
        "mk:x",
        "mocha:x",
        "ms-appinstaller:?source=https://x/y",
        "ms-cxh-full://0",
        "ms-excel:ofe%7Cu%7Chttps://x/y",
        "ms-msdt:/id",
        "ms-officecmd:x",
        "ms-search://x/y",
        "ms-settings:x",
        "ms-word:x",
        "news:x",
        "nfs://host/x",
        "nntp://host/x",
        "rdp://host/x",
        "res://x/y",
        "resource://x/y",
        "rlogin://host/",
        "rsync://host/x",
        "scp://host/x",
        "search:query=x",
        "search-ms:query=x",
        "sftp://host/x",
        "shell:startup",
        "sip:a",
        "sips:a",
        "smb://host/x",
        "sms:1",
        "ssh://host/x",
        "steam://run/1",
        "tel:1",
        "telnet://host/x",
        "urn:a:b",
        "vbscript:x",
        "view-source:https://x/",
        "vnc://host/x",
        "windowsdefender://x/y",
        "ws://host/x",
        "wss://host/x",
        "x-man-page://x/y",
    ];

    #[test]
    fn what_real_clients_register_is_accepted() {
        let real = [
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
            "https://claude.ai/api/mcp/auth_callback",
            "https://chatgpt.com/connector_platform_oauth_redirect",
            "https://grok.com/connectors-oauth-exchange-code/",
            "https://vscode.dev/redirect",
            "http://127.0.0.1/",
            "http://127.0.0.1:33418/",
            "http://[::1]:8080/cb?x=1",
            "com.example.app:/oauth",
            "vscode://vscode.github-authentication/did-authenticate",
        ];
        for uri in real {
            assert_eq!(RedirectUri::register(uri).unwrap().as_str(), uri);
        }
    }

    #[test]
    fn what_could_do_harm_is_refused() {
        use BadRedirectUri as Bad;
        let table = [
            ("", Bad::Length),
            ("/callback", Bad::NotAbsolute),
            ("https:", Bad::NotAbsolute),
            ("https://", Bad::NotAbsolute),
            ("https:evil.example", Bad::NotAbsolute),
            ("https:///evil.example", Bad::NotAbsolute),
            ("HTTPS://evil.example/", Bad::NotAbsolute),
            ("https://a.example/#x", Bad::Fragment),
            ("https://good.example@evil.example/", Bad::UserInfo),
            ("https://a.example\\@evil.example/", Bad::Character),
            ("https://a.example/ b", Bad::Character),
            ("https://a.example/\r\nSet-Cookie: x", Bad::Character),
            ("https://ä.example/", Bad::Character),
            ("https://a.example/x/../y", Bad::DotSegment),
            ("https://a.example/x/%2E%2e/y", Bad::DotSegment),
            ("https://*.example/", Bad::Host),
            ("https://0x7f000001/", Bad::Host),
            ("http://a.example/cb", Bad::PlainHttp),
            ("http://localhost.evil.example/cb", Bad::PlainHttp),
            ("http://localhost:80x/cb", Bad::PlainHttp),
            ("http://127.0.0.1:99999/cb", Bad::PlainHttp),
            ("http://127.1/cb", Bad::PlainHttp),
            ("http://localhost:1@evil.example/", Bad::UserInfo),
            ("javascript:alert(1)", Bad::Scheme),
            ("data:text/html,x", Bad::Scheme),
            ("file:///etc/passwd", Bad::Scheme),
            ("intent://x/y", Bad::Scheme),
        ];
        for (uri, why) in table {
            assert_eq!(RedirectUri::register(uri), Err(why), "{uri}");
        }
        assert_eq!(
            RedirectUri::register(&format!("https://a.example/{}", "x".repeat(2048))),
            Err(Bad::Length)
        );
    }

    #[test]
    fn no_answer_starts_a_program_that_does_what_it_is_told() {
        for uri in STARTS_PROGRAMS {
            assert_eq!(RedirectUri::register(uri), Err(BadRedirectUri::Scheme), "{uri}");
            assert!(!RedirectUri(uri.to_owned()).allows(uri), "registered earlier: {uri}");
        }
        for uri in [
            "vscode://vscode.github-authentication/did-authenticate",
            "vscode-insiders://x/cb",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "windsurf://x/cb",
            "zed://x/cb",
            "claude://x/cb",
            "msteams-bot://x/cb",
            "com.microsoft.app://x/cb",
        ] {
            assert!(RedirectUri::register(uri).is_ok(), "{uri}");
        }
    }

    #[test]
    fn only_the_port_of_a_loopback_address_may_differ() {
        let table = [
            ("https://a.example/cb", "https://a.example/cb", true),
            ("https://a.example/cb", "https://a.example/cb/", false),
            ("https://a.example/cb", "https://a.example/cb?x=1", false),
            ("https://a.example/cb", "https://A.example/cb", false),
            ("https://a.example/cb", "https://a.example:443/cb", false),
            ("https://a.example/cb", "https://a.example/%63b", false),
            ("https://a.example/cb", "https://a.example.evil.example/cb", false),
            ("https://a.example/cb", "http://a.example/cb", false),
            ("https://localhost/cb", "https://localhost:8443/cb", false),
            ("http://localhost/callback", "http://localhost:51234/callback", true),
            ("http://localhost:8787/callback", "http://localhost/callback", true),
            ("http://127.0.0.1:33418/", "http://127.0.0.1:1/", true),
            ("http://[::1]/cb", "http://[::1]:5000/cb", true),
            ("http://localhost/callback", "http://127.0.0.1/callback", false),
            ("http://localhost/callback", "http://localhost:5/callback2", false),
            ("http://localhost/callback", "http://localhost:5/callback?x=1", false),
            ("http://localhost/callback", "http://localhost:5/callback#x", false),
            ("http://localhost/callback", "http://localhost:5@evil.example/callback", false),
            ("http://localhost/callback", "http://localhost.evil.example/callback", false),
            ("http://localhost/callback", "http://localhost:/callback", false),
            ("cursor://x/cb", "cursor://x:1/cb", false),
        ];
        for (registered, requested, fits) in table {
            let uri = RedirectUri::register(registered).unwrap();
            assert_eq!(uri.allows(requested), fits, "{registered} for {requested}");
        }
    }

    #[test]
    fn people_are_told_where_an_answer_goes() {
        let host = Destination::Host("claude.ai".into());
        assert_eq!(RedirectUri::destination("https://claude.ai/api/mcp/auth_callback"), host);
        assert_eq!(RedirectUri::destination("http://localhost:5/cb"), Destination::ThisComputer);
        assert_eq!(RedirectUri::destination("cursor://x/cb"), Destination::App("cursor".into()));
    }
}
