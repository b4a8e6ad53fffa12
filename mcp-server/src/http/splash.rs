//! The page that a person sees who opens the server in a browser.

use askama::Template;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use http::{StatusCode, header};
use shared::mcp::{ClientRequest, ListParams, ServerResult};

use crate::Server;

/// Style, in a route of its own: the page's policy allows nothing inline.
const STYLE: &str = include_str!("../../templates/style.css");

/// Nothing but our own style sheet and forms; no script at all.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "splash.html")]
struct Splash<'a> {
    title: &'a str,
    version: &'a str,
    endpoint: &'a str,
    /// The authorization server, if there is one, and whether it answers.
    auth: Option<(&'a str, bool)>,
    in_memory: bool,
    tools: Vec<(String, String)>,
    revisions: Vec<&'static str>,
}

/// `GET /`.
pub(super) async fn page(State(server): State<Server>) -> Response {
    let info = server.features().implementation();
    let resource = server.config().resource();
    let splash = Splash {
        title: info.title.as_deref().unwrap_or(&info.name),
        version: &info.version,
        endpoint: &resource,
        auth: server.auth().map(|auth| (auth.issuer(), auth.is_available())),
        in_memory: !server.store().is_shared(),
        tools: tools(&server).await,
        revisions: super::SERVED.into_iter().map(shared::mcp::Revision::as_str).collect(),
    };
    match splash.render() {
        Ok(page) => ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the splash page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `GET /style.css`.
pub(super) async fn style() -> impl IntoResponse {
    const HEADERS: [(header::HeaderName, &str); 2] = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (HEADERS, STYLE)
}

/// Names and first sentences, as a client that lists the tools would see them.
async fn tools(server: &Server) -> Vec<(String, String)> {
    let request = ClientRequest::ListTools(ListParams::default());
    let listed = server.features().dispatch(request, server.own_call()).await;
    let Ok(ServerResult::ListTools(list)) = listed else { return Vec::new() };
    let line = |tool: &std::sync::Arc<shared::mcp::Tool>| {
        let description = tool.description.as_deref().unwrap_or_default();
        (tool.name.clone(), description.lines().next().unwrap_or_default().to_owned())
    };
    list.tools.iter().map(line).collect()
}
