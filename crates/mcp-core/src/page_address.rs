//! Addresses of web pages that people are sent to: what a client may refuse, or a person should not open,
//! is its author's mistake, and is told before anybody is asked.

use shared::mcp::ElicitParams;
use url::{Host, Url};

/// Why people are not sent to an address (2026-07-28 client/elicitation, 2025-11-25 the same).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPage {
    /// It is no URL, or one that only browsers would read.
    #[error(
        "it is no absolute URL: it needs a scheme and a host, and what is neither ASCII nor visible \
         is percent-encoded"
    )]
    NotAUrl,
    /// What is said to it travels open.
    #[error("it is not https, and http is for this machine only")]
    NotHttps,
    /// It has a user name or a password before its host.
    #[error(
        "it has a user name or a password: whoever opens a page says there who they are (MUST NOT \
         be pre-authenticated)"
    )]
    Credentials,
}

/// Whether people may be sent there.
pub(crate) fn check(url: &str) -> Result<(), NoPage> {
    // A parser of browsers mends what a client's parser need not.
    let is_plain =
        url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte));
    let page = Url::parse(url).ok().filter(|page| is_plain && page.has_host());
    let page = page.ok_or(NoPage::NotAUrl)?;
    let is_here = match page.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    // The parser also mends slashes that are missing or too many.
    let rest = &url[page.scheme().len()..];
    match page.scheme() {
        "https" | "http" if !rest.starts_with("://") || rest.starts_with(":///") => {
            return Err(NoPage::NotAUrl);
        }
        "https" => {}
        "http" if is_here => {}
        _ => return Err(NoPage::NotHttps),
    }
    let is_nobodys = page.username().is_empty() && page.password().is_none();
    if is_nobodys { Ok(()) } else { Err(NoPage::Credentials) }
}

/// The same for pages that must come first.
pub(crate) fn check_all(pages: &[ElicitParams]) -> Result<(), NoPage> {
    pages.iter().try_for_each(|page| match page {
        ElicitParams::Url { url, .. } => check(url),
        ElicitParams::Form { .. } => Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_sent_to_whole_https_addresses_that_are_nobodys() {
        for good in [
            "https://example.com/a?b=c#d",
            "https://xn--bcher-kva.example/%C3%BC",
            "HTTPS://example.com:8443",
            "http://localhost:8080/x",
            "http://a.localhost",
            "http://127.0.0.2/",
            "http://[::1]:1/",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (why, wrong) in [
            (
                NoPage::NotAUrl,
                &[
                    "",
                    "/a",
                    "example.com/a",
                    "//example.com/a",
                    "https:example.com",
                    "https:example.com/?next=https://example.com",
                    "https:/example.com/",
                    "https:///example.com/",
                    "https:///",
                    "https://",
                    "https://example.com/a b",
                    " https://example.com",
                    "https://exam\tple.com",
                    "https://example.com/ü",
                    "https:\\\\example.com",
                    "javascript:alert(1)",
                    "data:text/html,x",
                    "file://localhost/etc/passwd",
                ][..],
            ),
            (
                NoPage::NotHttps,
                &[
                    "http://example.com/",
                    "http://localhost.example.com/",
                    "http://10.0.0.1/",
                    "ftp://localhost/",
                ],
            ),
            (
                NoPage::Credentials,
                &["https://a@example.com/", "https://a:b@example.com/", "https://:b@example.com/"],
            ),
        ] {
            for url in wrong {
                assert_eq!(check(url), Err(why), "{url}");
            }
        }
    }
}
