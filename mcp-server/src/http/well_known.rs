//! Protected resource metadata (RFC 9728): which authorization server issues tokens for here.

use axum::{Json, Router, extract::State, routing::get};
use http::{StatusCode, header};
use shared::oauth::{ProtectedResourceMetadata, well_known};

use crate::{Config, Server, config::ENDPOINT};

const PATH: &str = well_known::PROTECTED_RESOURCE;

/// Where the metadata of the endpoint is: what a challenge names.
pub(crate) fn metadata_url(config: &Config) -> String {
    format!("{}{PATH}{ENDPOINT}", config.base)
}

/// The document at the endpoint's own well-known URL and at the root.
pub(super) fn router() -> Router<Server> {
    let for_endpoint = format!("{PATH}{ENDPOINT}");
    Router::new().route(PATH, get(document)).route(&for_endpoint, get(document))
}

type Found = ([(header::HeaderName, &'static str); 1], Json<ProtectedResourceMetadata>);

async fn document(State(server): State<Server>) -> Result<Found, StatusCode> {
    let auth = server.auth().ok_or(StatusCode::NOT_FOUND)?;
    let info = server.features().implementation();
    let document = ProtectedResourceMetadata {
        resource: server.config().resource(),
        authorization_servers: vec![auth.issuer().to_owned()],
        scopes_supported: auth.required_scopes().iter().cloned().collect(),
        bearer_methods_supported: vec!["header".to_owned()],
        dpop_signing_alg_values_supported: dpop::ALGORITHMS.map(str::to_owned).into(),
        dpop_bound_access_tokens_required: false,
        resource_name: Some(info.title.clone().unwrap_or_else(|| info.name.clone())),
    };
    Ok(([(header::CACHE_CONTROL, "public, max-age=300")], Json(document)))
}
