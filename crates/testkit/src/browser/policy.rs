//! Who asks: what a browser tells about the page that a request comes from, and what that page's
//! policies forbid. Sources: Fetch, Fetch Metadata, Referrer Policy, CSP 3.

use http::{HeaderMap, HeaderValue, Method, header};
use url::{Origin, Url};

use super::{Page, form::Submission};
use crate::fail::OrFail as _;

/// The relation of a request's target to the page it comes from, nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Site {
    Origin,
    Host,
    Foreign,
}

/// Where a navigation comes from.
#[derive(Clone, Debug)]
pub(super) struct Initiator {
    /// The page; none if a person typed the address.
    page: Option<Url>,
    referrer_policy: String,
    /// The sources that forms of the page may be sent to; none: anywhere.
    form_action: Option<String>,
    /// The farthest that the navigation has been so far.
    farthest: Site,
}

impl Initiator {
    /// A person who types an address.
    pub(super) const fn person() -> Self {
        Self {
            page: None,
            referrer_policy: String::new(),
            form_action: None,
            farthest: Site::Origin,
        }
    }

    /// A page on which a link was followed.
    pub(super) fn link(page: &Page) -> Self {
        let referrer_policy = page.header("referrer-policy").unwrap_or_default().to_owned();
        Self { page: Some(page.url.clone()), referrer_policy, ..Self::person() }
    }

    /// A page whose form was submitted: only then does `form-action` count.
    pub(super) fn form(page: &Page) -> Self {
        Self::link(page).with_policy(page.header("content-security-policy"))
    }

    fn with_policy(mut self, policy: Option<&str>) -> Self {
        let directives = policy.unwrap_or_default().split(';').map(str::trim);
        let mut actions = directives.filter_map(|directive| directive.strip_prefix("form-action"));
        self.form_action = actions.next().map(ToOwned::to_owned);
        self
    }

    /// Fails the test if the page's policy forbids its form to go there. Chromium applies
    /// `form-action` to every redirect after a submission, too.
    pub(super) fn permit(&self, target: &Url) {
        let (Some(page), Some(sources)) = (&self.page, &self.form_action) else { return };
        let permitted = sources.split_whitespace().any(|source| matches(source, page, target));
        assert!(permitted, "`form-action{sources}` of {page} forbids a form to go to {target}");
    }

    /// Adds the header fields that tell where a request comes from.
    pub(super) fn describe(&mut self, request: &Submission, headers: &mut HeaderMap) {
        let site = match &self.page {
            None => "none",
            Some(page) => {
                self.farthest = self.farthest.max(site(page, &request.url));
                match self.farthest {
                    Site::Origin => "same-origin",
                    Site::Host => "same-site",
                    Site::Foreign => "cross-site",
                }
            }
        };
        headers.insert("sec-fetch-site", HeaderValue::from_static(site));
        headers.insert("sec-fetch-mode", HeaderValue::from_static("navigate"));
        headers.insert("sec-fetch-dest", HeaderValue::from_static("document"));
        headers.insert("sec-fetch-user", HeaderValue::from_static("?1"));
        if let Some(referrer) = self.referrer(&request.url) {
            headers.insert(header::REFERER, referrer.parse().or_fail("a referrer"));
        }
        if request.method != Method::GET {
            let origin = self.origin(&request.url);
            headers.insert(header::ORIGIN, origin.parse().or_fail("an origin"));
        }
    }

    /// The `Origin` of a request that changes something. A page that hides its address hides its
    /// origin as well (Fetch, "append a request Origin header").
    fn origin(&self, target: &Url) -> String {
        let Some(page) = &self.page else { return "null".into() };
        let hidden = match self.referrer_policy.as_str() {
            "no-referrer" => true,
            "same-origin" => page.origin() != target.origin(),
            _ => page.scheme() == "https" && target.scheme() != "https",
        };
        if hidden { "null".into() } else { page.origin().ascii_serialization() }
    }

    fn referrer(&self, target: &Url) -> Option<String> {
        let page = self.page.as_ref()?;
        let same = page.origin() == target.origin();
        let origin = || format!("{}/", page.origin().ascii_serialization());
        match self.referrer_policy.as_str() {
            "no-referrer" => None,
            "same-origin" => same.then(|| page.to_string()),
            "origin" | "strict-origin" => Some(origin()),
            _ if same => Some(page.to_string()),
            _ => Some(origin()),
        }
    }
}

fn site(page: &Url, target: &Url) -> Site {
    if page.origin() == target.origin() {
        return Site::Origin;
    }
    let same = page.scheme() == target.scheme() && page.host() == target.host();
    if same { Site::Host } else { Site::Foreign }
}

/// Whether a source of a policy lets a target through; the forms that servers here use.
fn matches(source: &str, page: &Url, target: &Url) -> bool {
    match source {
        "'self'" => page.origin() == target.origin(),
        "'none'" => false,
        "*" => matches!(target.origin(), Origin::Tuple(..)),
        _ => match source.strip_suffix(':') {
            Some(scheme) => target.scheme() == scheme,
            None => wildcard(source, target),
        },
    }
}

/// A host source: `https://example.com`, or with any port, `http://127.0.0.1:*`.
fn wildcard(source: &str, target: &Url) -> bool {
    let without_port = source.strip_suffix(":*");
    let Ok(source) = Url::parse(without_port.unwrap_or(source)) else { return false };
    let host = source.scheme() == target.scheme() && source.host() == target.host();
    host && (without_port.is_some() || source.origin() == target.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn page(referrer_policy: &str, csp: Option<&str>) -> Initiator {
        Initiator {
            page: Some(url("http://localhost:1/consent?id=7")),
            referrer_policy: referrer_policy.into(),
            ..Initiator::person()
        }
        .with_policy(csp)
    }

    fn post(initiator: &mut Initiator, target: &str) -> HeaderMap {
        let request = Submission { method: Method::POST, ..Submission::get(url(target)) };
        let mut headers = HeaderMap::new();
        initiator.describe(&request, &mut headers);
        headers
    }

    #[test]
    fn a_form_tells_where_it_comes_from() {
        let headers = post(&mut page("", None), "http://localhost:1/x");
        assert_eq!(headers["origin"], "http://localhost:1");
        assert_eq!(headers["referer"], "http://localhost:1/consent?id=7");
        assert_eq!(headers["sec-fetch-site"], "same-origin");
        let headers = post(&mut page("", None), "http://localhost:2/x");
        assert_eq!(headers["referer"], "http://localhost:1/");
        assert_eq!(headers["sec-fetch-site"], "same-site");
    }

    #[test]
    fn a_page_without_a_referrer_has_no_origin() {
        let headers = post(&mut page("no-referrer", None), "http://localhost:1/x");
        assert_eq!(headers["origin"], "null");
        assert_eq!(headers.get("referer"), None);
    }

    #[test]
    fn a_navigation_that_was_elsewhere_stays_foreign() {
        let mut initiator = page("", None);
        post(&mut initiator, "http://127.0.0.1:2/x");
        let headers = post(&mut initiator, "http://localhost:1/x");
        assert_eq!(headers["sec-fetch-site"], "cross-site");
    }

    #[test]
    fn a_policy_lets_through_what_it_names() {
        let csp = "default-src 'none'; form-action 'self' http://127.0.0.1:* app:";
        for target in ["http://localhost:1/x", "http://127.0.0.1:9/cb", "app:/cb"] {
            page("", Some(csp)).permit(&url(target));
        }
        page("", Some("default-src 'none'")).permit(&url("http://elsewhere/"));
    }

    #[test]
    #[should_panic(expected = "forbids a form to go to http://127.0.0.1:9/cb")]
    fn a_redirect_out_of_a_form_is_held_against_the_policy() {
        page("", Some("form-action 'self'")).permit(&url("http://127.0.0.1:9/cb"));
    }
}
