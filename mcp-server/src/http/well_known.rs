//! Protected resource metadata (RFC 9728): which authorization server issues tokens for here.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get};
use http::{StatusCode, header};
use serde_json::Value;
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
    let router = Router::new().route(PATH, get(document)).route(&for_endpoint, get(document));
    router.route(well_known::AUTHORIZATION_SERVER, get(repeated))
}

/// The authorization server's own document. Clients of 2025-03-26 know no other place for it; newer
/// ones come by the metadata of the resource and do not look here.
async fn repeated(State(server): State<Server>) -> Result<Json<Arc<Value>>, StatusCode> {
    let document = server.auth().and_then(crate::auth::Auth::repeated_metadata);
    document.map(Json).ok_or(StatusCode::NOT_FOUND)
}

type Found = ([(header::HeaderName, &'static str); 1], Json<ProtectedResourceMetadata>);

async fn document(State(server): State<Server>) -> Result<Found, StatusCode> {
    let auth = server.auth().ok_or(StatusCode::NOT_FOUND)?;
    let info = server.features().implementation();
    let document = ProtectedResourceMetadata {
        resource: server.config().resource(),
        authorization_servers: auth.settings().advertised_servers.clone(),
        scopes_supported: auth.settings().scopes_supported.iter().cloned().collect(),
        bearer_methods_supported: vec!["header".to_owned()],
        dpop_signing_alg_values_supported: dpop::ALGORITHMS.map(str::to_owned).into(),
        dpop_bound_access_tokens_required: false,
        resource_name: Some(info.title.clone().unwrap_or_else(|| info.name.clone())),
    };
    Ok(([(header::CACHE_CONTROL, "public, max-age=300")], Json(document)))
}
