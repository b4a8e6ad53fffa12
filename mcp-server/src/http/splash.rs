//! The page that a person sees who opens the server in a browser, at `/` and at the endpoint.

use ambient::values::BaseUrl;
use askama::Template;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use shared::mcp::{Era, Revision};

use super::{glance, guard};
use crate::{
    PageSettings, Profile, Server,
    auth::{self, Auth, Trouble},
    config::ENDPOINT,
    connect::{Target, Way},
};

/// Style, in a route of its own: the page's policy allows nothing inline.
const STYLE: &str = include_str!("../../templates/style.css");

/// Nothing but our own style sheet; no script at all.
pub(super) const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

#[derive(Template)]
#[template(path = "splash.html")]
struct Splash<'a> {
    title: &'a str,
    description: &'a str,
    version: &'a str,
    pages: &'a PageSettings,
    endpoint: &'a str,
    /// The authorization server, if there is one.
    auth: Option<Issuer<'a>>,
    state: StoreState,
    ways: Vec<Way>,
    lists: Vec<glance::List>,
    revisions: Vec<Row>,
    /// Where more is said, if this server has such a place.
    docs: Option<&'a str>,
}

/// The authorization server, as far as people are concerned.
struct Issuer<'a> {
    url: &'a str,
    /// Why no token can be checked, if so.
    trouble: Option<Trouble>,
    /// Whether it may be the one of this project, whose users everybody knows.
    has_demo_users: bool,
}

/// Where state is, and whether it can be had.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StoreState {
    Memory,
    Redis,
    Away,
}

/// A revision of the protocol.
struct Row {
    name: &'static str,
    how: &'static str,
}

impl Splash<'_> {
    /// Whether every request is answered.
    fn is_whole(&self) -> bool {
        self.state != StoreState::Away
            && self.auth.as_ref().is_none_or(|auth| auth.trouble.is_none())
    }
}

/// `GET /`.
pub(super) async fn page(State(server): State<Server>) -> Response {
    let info = server.features().implementation();
    let endpoint = server.config().resource();
    let splash = Splash {
        title: info.title.as_deref().unwrap_or(&info.name),
        description: info.description.as_deref().unwrap_or_default(),
        version: &info.version,
        endpoint: &endpoint,
        pages: &server.config().pages,
        auth: server.auth().map(issuer),
        state: store_state(&server).await,
        ways: Target::new(&info.name, &endpoint).ways(),
        lists: glance::lists(&server).await,
        revisions: Revision::ALL.into_iter().map(row).collect(),
        docs: info.website_url.as_deref(),
    };
    rendered(&splash, POLICY)
}

/// A page as an answer; it tells how the server is now, so nobody keeps it.
pub(super) fn rendered(page: &impl Template, policy: HeaderValue) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    match page.render() {
        Ok(html) => (headers, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn issuer(auth: &Auth) -> Issuer<'_> {
    let url = auth.issuer();
    let is_near = url.parse::<BaseUrl>().is_ok_and(|url| url.is_loopback());
    let has_demo_users = is_near && auth.settings().profile == Profile::default();
    Issuer { url, trouble: auth.trouble(), has_demo_users }
}

async fn store_state(server: &Server) -> StoreState {
    if !server.store().is_shared() {
        return StoreState::Memory;
    }
    if server.store().ping().await.is_ok() { StoreState::Redis } else { StoreState::Away }
}

fn row(revision: Revision) -> Row {
    let how = match (revision.era(), revision.has_streamable_http()) {
        (Era::Modern, _) => "stateless requests",
        (Era::Legacy, true) => "sessions",
        (Era::Legacy, false) => "sessions, at /sse",
    };
    Row { name: revision.as_str(), how }
}

/// `GET /style.css`.
pub(super) async fn style() -> impl IntoResponse {
    const HEADERS: [(header::HeaderName, &str); 2] = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (HEADERS, STYLE)
}

/// A person who opens the endpoint in a browser gets the page: a client never asks for HTML first.
/// Everybody else has to be [let in](auth::require).
pub(super) async fn or_protected(
    State(server): State<Server>,
    request: Request,
    next: Next,
) -> Response {
    let is_endpoint = request.uri().path().trim_end_matches('/') == ENDPOINT;
    if is_endpoint && request.method() == Method::GET && prefers_html(request.headers()) {
        let mut response = page(State(server)).await;
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
        return response;
    }
    auth::require(State(server), request, next).await
}

/// Whether HTML is asked for by name, and no stream is.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    guard::named(headers, "text/html") && !guard::named(headers, guard::EVENT_STREAM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers(accept: &'static str) -> bool {
        let value = HeaderValue::from_static(accept);
        prefers_html(&[(header::ACCEPT, value)].into_iter().collect())
    }

    #[test]
    fn a_browser_prefers_html_and_a_client_does_not() {
        assert!(prefers("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(prefers("Text/HTML"));
        for client in ["text/event-stream", "*/*", "text/*", "text/html, text/event-stream", ""] {
            assert!(!prefers(client), "{client}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }
}
