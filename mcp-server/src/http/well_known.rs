//! Protected resource metadata (RFC 9728): which authorization server issues tokens for here.

use axum::{Json, Router, extract::State, routing::get};
use http::{StatusCode, header};
use serde::Serialize;

use crate::{Config, Server, config::ENDPOINT};

const PATH: &str = "/.well-known/oauth-protected-resource";

/// Where the metadata of the endpoint is: what a challenge names.
pub(crate) fn metadata_url(config: &Config) -> String {
    format!("{}{PATH}{ENDPOINT}", config.base)
}

/// The document at the endpoint's own well-known URL and at the root.
pub(super) fn router() -> Router<Server> {
    let for_endpoint = format!("{PATH}{ENDPOINT}");
    Router::new().route(PATH, get(document)).route(&for_endpoint, get(document))
}

/// What clients need of RFC 9728 section 2.
#[derive(Serialize)]
struct Document {
    resource: String,
    authorization_servers: Vec<String>,
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    resource_name: String,
}

type Found = ([(header::HeaderName, &'static str); 1], Json<Document>);

async fn document(State(server): State<Server>) -> Result<Found, StatusCode> {
    let auth = server.auth().ok_or(StatusCode::NOT_FOUND)?;
    let info = server.features().implementation();
    let document = Document {
        resource: server.config().resource(),
        authorization_servers: vec![auth.issuer().to_owned()],
        scopes_supported: auth.required_scopes().to_vec(),
        bearer_methods_supported: ["header"],
        resource_name: info.title.clone().unwrap_or_else(|| info.name.clone()),
    };
    Ok(([(header::CACHE_CONTROL, "public, max-age=300")], Json(document)))
}
