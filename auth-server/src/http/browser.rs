//! What binds a form to the browser it was shown in: a cookie of its own, and where it comes from.

use axum::response::{AppendHeaders, IntoResponseParts, ResponseParts};
use cookie::{Cookie, SameSite, time::Duration};
use http::{HeaderMap, header};

use crate::{
    AuthServer,
    domain::{BrowserKey, Handle, Kind, Ticket, sha256_hex},
    repo::TRANSACTION_LIFE,
};

/// A cookie for one transaction. Each has its own, so that two tabs which begin at the same moment
/// do not take each other's.
#[derive(Clone, Debug)]
pub(crate) struct BrowserCookie {
    name: String,
    is_https: bool,
}

/// The header that sets or removes a cookie.
pub(crate) struct SetCookie(String);

/// The cookie of a transaction.
pub(super) fn transaction_cookie(server: &AuthServer, handle: &Handle) -> BrowserCookie {
    BrowserCookie::new("txn", handle.expose(), server.issuer().is_https())
}

impl BrowserCookie {
    /// The cookie for what `subject` names. Its name tells the transaction, its value opens it.
    pub(crate) fn new(purpose: &str, subject: &str, is_https: bool) -> Self {
        let tag = &sha256_hex(&["cookie", purpose, subject])[..16];
        // The prefix keeps other hosts of the domain from setting it, and needs `Secure`.
        let prefix = if is_https { "__Host-" } else { "" };
        Self { name: format!("{prefix}{purpose}-{tag}"), is_https }
    }

    /// The key that this browser has, if it can be one of ours.
    pub(crate) fn read(&self, headers: &HeaderMap) -> Option<BrowserKey> {
        self.read_as(headers)
    }

    /// The same for a key of another kind.
    pub(crate) fn read_as<K: Kind>(&self, headers: &HeaderMap) -> Option<Ticket<K>> {
        let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = sent.flat_map(Cookie::split_parse).filter_map(Result::ok);
        let cookie = cookies.find(|cookie| cookie.name() == self.name)?;
        Ticket::parse(cookie.value())
    }

    /// Gives the browser its key.
    pub(crate) fn set(&self, key: &BrowserKey) -> SetCookie {
        self.set_for(key, TRANSACTION_LIFE)
    }

    /// The same for a key of any kind, for a while.
    pub(crate) fn set_for<K: Kind>(&self, key: &Ticket<K>, life: std::time::Duration) -> SetCookie {
        let life = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        self.with(key.expose(), Duration::seconds(life))
    }

    /// Takes it away, when the transaction has ended.
    pub(crate) fn clear(&self) -> SetCookie {
        self.with("", Duration::ZERO)
    }

    fn with(&self, value: &str, max_age: Duration) -> SetCookie {
        let cookie = Cookie::build((&*self.name, value))
            // Also where the issuer has a path: the prefix demands it, and is worth more. A path
            // keeps nothing from the other pages of the same host (RFC 6265 section 8.5).
            .path("/")
            .http_only(true)
            .secure(self.is_https)
            // `Strict` would be lost on the way back from an identity provider on another site.
            .same_site(SameSite::Lax)
            .max_age(max_age);
        SetCookie(cookie.build().to_string())
    }
}

impl IntoResponseParts for SetCookie {
    type Error = <AppendHeaders<[(header::HeaderName, String); 1]> as IntoResponseParts>::Error;

    fn into_response_parts(self, parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        AppendHeaders([(header::SET_COOKIE, self.0)]).into_response_parts(parts)
    }
}

/// Whether a form comes from a page of `origin`, as far as the browser tells. Programs tell nothing
/// and are not what this is against: they have nobody's cookies.
pub(crate) fn comes_from_our_page(headers: &HeaderMap, origin: &str) -> bool {
    // A page under a name that somebody has pointed at this machine is of the same origin to the
    // browser, so both must fit.
    let is_same = headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin");
    is_same && headers.get(header::ORIGIN).is_none_or(|sent| sent == origin)
}

#[cfg(test)]
mod tests {
    use ambient::Entropy;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_cookie_is_as_strict_as_its_scheme_allows() {
        let key: BrowserKey = Ticket::random(&Entropy::seeded(1));
        let SetCookie(secure) = BrowserCookie::new("txn", "x", true).set(&key);
        let attributes = "; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600";
        assert!(secure.starts_with("__Host-txn-") && secure.ends_with(attributes), "{secure}");
        let SetCookie(plain) = BrowserCookie::new("txn", "x", false).set(&key);
        assert!(plain.starts_with("txn-") && !plain.contains("Secure"), "{plain}");
    }

    #[test]
    fn a_key_is_found_among_other_cookies() {
        let key: BrowserKey = Ticket::random(&Entropy::seeded(1));
        let cookie = BrowserCookie::new("a", "x", false);
        let sent = format!("b=1; {}={}", cookie.name, key.expose());
        let found = cookie.read(&headers(&[("cookie", &sent)])).unwrap();
        assert_eq!(found.expose(), key.expose());
        assert!(BrowserCookie::new("a", "y", false).read(&headers(&[("cookie", &sent)])).is_none());
        let garbage = format!("{}=garbage", cookie.name);
        assert!(cookie.read(&headers(&[("cookie", &garbage)])).is_none());
    }

    #[test]
    fn forms_of_other_sites_are_told_by_the_browser() {
        let table: [(&[(&'static str, &str)], bool); 8] = [
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://a")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "http://a")], true),
            (&[("sec-fetch-site", "same-origin"), ("origin", "http://b")], false),
            (&[("origin", "http://a")], true),
            (&[("origin", "null")], false),
            (&[], true),
        ];
        for (pairs, ours) in table {
            assert_eq!(comes_from_our_page(&headers(pairs), "http://a"), ours, "{pairs:?}");
        }
    }
}
