//! What people see: one struct per page, rendered without JavaScript, all in one layout and style.
//!
//! Everything that comes from outside, such as a client's name, is text: the templates escape it,
//! and no page has a script that could be fooled.

mod apps;
mod consent;
mod device;
mod place;

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use chassis::{Fault, RequestId};
use http::{HeaderValue, StatusCode, header};

use crate::{Issuer, domain::RedirectUri};

pub(crate) use self::{
    apps::{App, AppsPage, LogoutPage, destination_in_words},
    consent::{ConsentPage, Viewer, visible},
    device::{DeviceDonePage, DevicePage},
    place::{local, shown_below},
};

/// The style of all pages, in a file of its own so that the policy need not allow any inline.
pub(crate) const STYLES: &str = include_str!("../../templates/styles.css");

/// Nothing but our own style, in no frame.
///
/// There is deliberately no `form-action`. Chromium and Safari apply it to every redirect that
/// follows a submission, and the way from our forms leads to the client: to any https host, any
/// loopback port, any application's scheme, and from there further on. `form-action 'self'` would
/// break the login in the last step.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// What went wrong, for people.
#[derive(Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage<'a> {
    title: &'a str,
    text: &'a str,
    /// What a user quotes in a report.
    request_id: Option<String>,
}

impl<'a> ErrorPage<'a> {
    /// A page about the request of this moment.
    pub(crate) fn new(title: &'a str, text: &'a str) -> Self {
        Self { title, text, request_id: request_id() }
    }

    /// The same about another request.
    #[must_use]
    pub(crate) fn of(self, request_id: Option<String>) -> Self {
        Self { request_id, ..self }
    }
}

/// What the log calls the request of this moment.
pub(crate) fn request_id() -> Option<String> {
    RequestId::current().map(|id| id.to_string())
}

/// Where a browser goes if its user follows a link.
pub(crate) struct Exit<'a> {
    address: &'a str,
    /// A host, or the scheme of an application with its colon.
    place: String,
    is_app: bool,
}

impl<'a> Exit<'a> {
    /// The way to this address.
    pub(crate) fn to(address: &'a str) -> Self {
        let (place, is_app) = match (RedirectUri::https_host(address), address.split_once(':')) {
            (Some(host), _) => (host.to_owned(), false),
            (None, Some((scheme, _))) => (format!("{scheme}:"), true),
            (None, None) => (address.to_owned(), true),
        };
        Self { address, place, is_app }
    }
}

/// An answer that goes to an address of which nobody but its client says whose it is.
#[derive(Template)]
#[template(path = "leave.html")]
pub(crate) struct LeavePage<'a> {
    pub(crate) exit: Exit<'a>,
    /// The code of the error.
    pub(crate) error: &'a str,
    /// What a user quotes in a report.
    pub(crate) request_id: Option<String>,
}

/// The login of the mock identity provider.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage<'a> {
    pub(crate) state: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) challenge: &'a str,
    pub(crate) token: &'a str,
    pub(crate) users: Vec<UserChoice<'a>>,
    /// The password of all of them, which is no secret.
    pub(crate) password: &'a str,
    /// Whether a wrong password was typed before.
    pub(crate) failed: bool,
}

/// A user to choose.
pub(crate) struct UserChoice<'a> {
    pub(crate) username: &'a str,
    pub(crate) name: &'a str,
    pub(crate) chosen: bool,
}

/// The choice of identity providers.
#[derive(Template)]
#[template(path = "chooser.html")]
pub(crate) struct ChooserPage<'a> {
    pub(crate) transaction: &'a str,
    pub(crate) token: &'a str,
    /// What the login is for.
    pub(crate) goal: &'static str,
    pub(crate) providers: Vec<ProviderChoice<'a>>,
}

/// A provider to choose.
pub(crate) struct ProviderChoice<'a> {
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
}

/// What this server is.
#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct HomePage<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) endpoints: Vec<Endpoint<String>>,
    /// Where people log in, but for the mock.
    pub(crate) providers: Vec<String>,
    /// The demo users, if the mock is there: name for the login and name for people.
    pub(crate) users: Vec<(&'static str, &'static str)>,
    /// The password of all of them.
    pub(crate) password: &'static str,
}

/// An address of this server.
pub(crate) struct Endpoint<P> {
    pub(crate) path: P,
    meaning: &'static str,
    /// Whether a browser can open it.
    is_link: bool,
}

impl<P> Endpoint<P> {
    /// One for programs.
    pub(crate) const fn new(path: P, meaning: &'static str) -> Self {
        Self { path, meaning, is_link: false }
    }

    /// One that people can look at too.
    pub(crate) const fn link(path: P, meaning: &'static str) -> Self {
        Self { path, meaning, is_link: true }
    }
}

impl Endpoint<&str> {
    /// The same, whose path is below the issuer, as a browser calls it.
    pub(crate) fn of(self, issuer: &Issuer) -> Endpoint<String> {
        Endpoint { path: issuer.local(self.path), meaning: self.meaning, is_link: self.is_link }
    }
}

/// A page as an answer.
pub(crate) fn page(status: StatusCode, content: &impl Template) -> Response {
    match content.render() {
        Ok(html) => {
            let headers = [
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (status, headers, Html(html)).into_response()
        }
        Err(error) => Fault::from(error).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVIL: &str = "<script>alert(1)</script>\"'&";

    fn samples() -> Vec<String> {
        let user = |username| UserChoice { username, name: EVIL, chosen: username == "alice" };
        let users = vec![user("alice"), user(EVIL)];
        let login = LoginPage {
            state: EVIL,
            nonce: EVIL,
            challenge: EVIL,
            token: EVIL,
            users,
            password: "p",
            failed: true,
        };
        let provider = ProviderChoice { name: EVIL, label: EVIL };
        let providers = vec![provider];
        let chooser = ChooserPage { transaction: EVIL, token: EVIL, goal: "client", providers };
        let text = || EVIL.to_owned();
        let home = HomePage {
            issuer: EVIL,
            resource: EVIL,
            endpoints: vec![Endpoint::link(text(), "x"), Endpoint::new(text(), "y")],
            providers: vec![EVIL.to_owned()],
            users: vec![("alice", "Alice")],
            password: "p",
        };
        let exit = |is_app| Exit { address: EVIL, place: text(), is_app };
        let app = App {
            name: Some(text()),
            host: text(),
            client_id: text(),
            scopes: vec![text()],
            resource: text(),
            since: text(),
            used: text(),
        };
        let apps = AppsPage { user: EVIL, token: EVIL, apps: vec![app], revoked: true };
        let consent = consent::sample(EVIL);
        let device = DevicePage { code: EVIL.to_owned(), linked: true, problem: Some(EVIL) };
        vec![
            ErrorPage::new(EVIL, EVIL).render().unwrap(),
            login.render().unwrap(),
            chooser.render().unwrap(),
            home.render().unwrap(),
            apps.render().unwrap(),
            LogoutPage { user: Some((EVIL, EVIL)), back: None }.render().unwrap(),
            LogoutPage { user: None, back: Some(exit(false)) }.render().unwrap(),
            LogoutPage { user: None, back: Some(exit(true)) }.render().unwrap(),
            LeavePage { exit: exit(false), error: EVIL, request_id: Some(text()) }
                .render()
                .unwrap(),
            LeavePage { exit: exit(true), error: EVIL, request_id: None }.render().unwrap(),
            consent.render().unwrap(),
            device.render().unwrap(),
            DeviceDonePage { allowed: true }.render().unwrap(),
        ]
    }

    #[test]
    fn what_comes_from_outside_is_text() {
        for html in samples() {
            assert!(!html.contains("<script"), "{html}");
            assert!(!html.contains("\"'&"), "{html}");
        }
    }

    #[test]
    fn pages_are_small_and_need_nothing_from_elsewhere() {
        for html in samples() {
            assert!(html.len() + STYLES.len() < 50 * 1024);
            let style = html.matches("href=\"/styles.css\"").count();
            let loaded = html.matches("<link").count() + html.matches(" src=").count();
            assert_eq!((style, loaded), (1, 1), "{html}");
            assert!(!html.contains("style="), "inline style: {html}");
            let is_handler =
                |after: &str| after.trim_start_matches(char::is_alphanumeric).starts_with('=');
            assert!(!html.split(" on").skip(1).any(is_handler), "inline script: {html}");
        }
    }
}
