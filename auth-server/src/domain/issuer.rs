//! The issuer: the public URL of the server, which may have a path, and the one place that knows what
//! follows from that for every address.
//!
//! A path is there when a gateway serves several things on one host. It hands requests on as they are,
//! path and all (decision 0076), so an address is the same to a browser and to this process.

use std::fmt;

use ambient::values::BaseUrl;
use shared::oauth::well_known;

/// What is at the root of the process whatever the issuer, and so cannot be the path of one.
const ROOT: [&str; 6] = [".well-known", "livez", "readyz", "version", "metrics", "debug"];

/// The public URL of the server: its name in documents and tokens, byte for byte, without a slash at
/// the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    /// Where the path begins in it.
    path: usize,
}

impl From<&BaseUrl> for Issuer {
    fn from(url: &BaseUrl) -> Self {
        let text = url.as_str().to_owned();
        let host = text.find("://").map_or(0, |scheme| scheme + "://".len());
        let path = text[host..].find('/').map_or(text.len(), |slash| host + slash);
        Self { text, path }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Issuer {
    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether what is said to it is encrypted.
    pub(crate) fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// What a browser calls the origin of our pages.
    pub(crate) fn origin(&self) -> &str {
        &self.text[..self.path]
    }

    /// What all our addresses begin with behind the host: nothing, or a slash and what follows.
    pub(crate) fn path(&self) -> &str {
        &self.text[self.path..]
    }

    /// Why nothing can be served at this path, if so.
    pub(crate) fn trouble(&self) -> Option<&'static str> {
        let segments = || self.path().split('/').skip(1);
        let is_plain = |segment: &str| {
            segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
        };
        if !segments().all(|segment| !segment.is_empty() && is_plain(segment)) {
            return Some(
                "has a path with more than letters, digits and -._~ between single slashes",
            );
        }
        let is_taken = segments().next().is_some_and(|first| ROOT.contains(&first));
        is_taken.then_some("has a path that this server needs for itself; give it another one")
    }

    /// The URL of what is at `path` below the issuer.
    pub(crate) fn at(&self, path: &str) -> String {
        [&*self.text, path].concat()
    }

    /// The same for links and redirects of our own: without the host.
    pub(crate) fn local(&self, path: &str) -> String {
        [self.path(), path].concat()
    }

    /// What a path is below the issuer; nothing if it is elsewhere.
    pub(crate) fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(self.path())?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    /// Where the metadata is, on the host: the form of RFC 8414 first, then those of `OpenID`. With a
    /// path that is the same with the path at the end, and what Discovery 1.0 says, with the path in
    /// front. A client refuses a document at any other address, which would belong to another issuer.
    pub(crate) fn metadata_paths(&self) -> Vec<String> {
        let path = self.path();
        let inserted = [well_known::AUTHORIZATION_SERVER, well_known::OPENID_CONFIGURATION]
            .map(|known| [known, path].concat());
        let appended = (!path.is_empty()).then(|| self.local(well_known::OPENID_CONFIGURATION));
        inserted.into_iter().chain(appended).collect()
    }

    /// The same as URLs.
    pub(crate) fn metadata_urls(&self) -> impl Iterator<Item = String> {
        let url = |path: String| [self.origin(), &path].concat();
        self.metadata_paths().into_iter().map(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(url: &str) -> Issuer {
        Issuer::from(&url.parse::<BaseUrl>().unwrap())
    }

    #[test]
    fn an_issuer_is_an_origin_and_maybe_a_path() {
        let table = [
            ("https://a.example", "https://a.example", ""),
            ("https://a.example/", "https://a.example", ""),
            ("https://a.example:1/auth/", "https://a.example:1", "/auth"),
            ("http://[::1]:1/a/b", "http://[::1]:1", "/a/b"),
        ];
        for (url, origin, path) in table {
            let issuer = issuer(url);
            assert_eq!((issuer.origin(), issuer.path()), (origin, path));
            assert_eq!(issuer.at("/token"), format!("{origin}{path}/token"));
            assert_eq!(issuer.local("/token"), format!("{path}/token"));
        }
    }

    #[test]
    fn metadata_are_where_clients_look_and_nowhere_else() {
        let at_root =
            ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
        assert_eq!(issuer("https://a.example").metadata_paths(), at_root);
        let below = [
            "/.well-known/oauth-authorization-server/a/b",
            "/.well-known/openid-configuration/a/b",
            "/a/b/.well-known/openid-configuration",
        ];
        let issuer = issuer("https://a.example/a/b");
        assert_eq!(issuer.metadata_paths(), below);
        assert!(issuer.metadata_urls().eq(below.map(|path| format!("https://a.example{path}"))));
    }

    #[test]
    fn a_path_is_below_the_issuer_or_elsewhere() {
        let table = [
            ("/auth/token", Some("/token")),
            ("/auth", Some("")),
            ("/authority", None),
            ("/token", None),
        ];
        for (path, below) in table {
            assert_eq!(issuer("https://a.example/auth").below(path), below, "{path}");
            assert_eq!(issuer("https://a.example").below(path), Some(path));
        }
    }

    #[test]
    fn a_path_that_cannot_be_served_is_told() {
        for good in ["", "/auth", "/a-b/c.d/~1_2"] {
            assert_eq!(issuer(&format!("https://a.example{good}")).trouble(), None, "{good}");
        }
        for bad in ["/a//b", "/%61", "/{x}", "/a:b", "/*", "/livez", "/.well-known/x", "/debug/a"] {
            assert!(issuer(&format!("https://a.example{bad}")).trouble().is_some(), "{bad}");
        }
    }
}
