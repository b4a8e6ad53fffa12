//! The playground: a client that runs in the visitor's browser and is served as static files.
//!
//! It speaks to this server and to its authorization server like any other client; nothing on this
//! side is made for it.

use std::collections::BTreeSet;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use shared::mcp::Revision;
use url::Url;

use super::{SERVED, splash};
use crate::{Server, auth::Auth, config::ENDPOINT};

/// Our own scripts and styles. Content that tools return is shown from `data:` URLs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data:; media-src data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'; connect-src 'self'";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// The files of the page: name, type and text.
const FILES: [(&str, &str, &str); 5] = [
    ("page.js", SCRIPT, include_str!("../../templates/playground/page.js")),
    ("mcp.js", SCRIPT, include_str!("../../templates/playground/mcp.js")),
    ("oauth.js", SCRIPT, include_str!("../../templates/playground/oauth.js")),
    ("forms.js", SCRIPT, include_str!("../../templates/playground/forms.js")),
    ("playground.css", STYLE, include_str!("../../templates/playground/playground.css")),
];

/// Where the authorization server's metadata says that a client in a browser goes.
const CALLED: [&str; 2] = ["token_endpoint", "registration_endpoint"];

#[derive(Template)]
#[template(path = "playground.html")]
struct Playground<'a> {
    title: &'a str,
    endpoint: &'a str,
    revisions: Vec<&'static str>,
}

/// The page and its files.
pub(super) fn router() -> Router<Server> {
    Router::new().route("/playground", get(page)).route("/playground/{file}", get(file))
}

async fn page(State(server): State<Server>) -> Response {
    let info = server.features().implementation();
    let playground = Playground {
        title: info.title.as_deref().unwrap_or(&info.name),
        endpoint: ENDPOINT,
        revisions: SERVED.into_iter().map(Revision::as_str).collect(),
    };
    let mut policy = POLICY.to_owned();
    for origin in origins(server.config().base.as_str(), server.auth()) {
        policy.push(' ');
        policy.push_str(&origin);
    }
    // Origins are ASCII, so this is a value.
    let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(POLICY));
    splash::rendered(&playground, policy)
}

async fn file(Path(name): Path<String>) -> Response {
    let Some((_, kind, text)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // The files belong to the page of the same build: a browser asks whether they are still good.
    ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "no-cache")], *text).into_response()
}

/// Whom the page may call beside the server it came from: this server under its public name, and
/// the authorization server.
fn origins(base: &str, auth: Option<&Auth>) -> BTreeSet<String> {
    let issuers = auth.into_iter().flat_map(|auth| auth.settings().advertised_servers.clone());
    let metadata = auth.and_then(Auth::last_metadata);
    let endpoints = CALLED.iter().filter_map(|member| {
        metadata.as_ref()?.get(member).and_then(Value::as_str).map(str::to_owned)
    });
    let urls = issuers.chain(endpoints).chain([base.to_owned()]);
    let urls = urls.filter_map(|url| Url::parse(&url).ok()).filter(Url::has_host);
    urls.map(|url| url.origin().ascii_serialization()).collect()
}
