//! Protected resource metadata (RFC 9728): which authorization server issues tokens for here.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::get,
};
use chassis::RequestId;
use http::{StatusCode, header};
use serde_json::json;
use shared::oauth::{ProtectedResourceMetadata, well_known};

use super::sse_2024::MESSAGES;
use crate::{
    Config, Server,
    config::{ENDPOINT, SSE},
};

const PATH: &str = well_known::PROTECTED_RESOURCE;

/// The address that a client was given. It takes no metadata for good that names another resource
/// (RFC 9728 section 3.3), so each has a document of its own. Tokens are for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// The endpoint.
    Endpoint,
    /// The stream of the transport of 2024-11-05, whose messages go elsewhere.
    Sse,
}

impl Entrance {
    /// The one that a request to `path` belongs to.
    pub(crate) fn of(path: &str) -> Self {
        if path == SSE || path == MESSAGES { Self::Sse } else { Self::Endpoint }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Endpoint => ENDPOINT,
            Self::Sse => SSE,
        }
    }

    /// Where its metadata is: what a challenge names.
    pub(crate) fn metadata_url(self, config: &Config) -> String {
        format!("{}{PATH}{}", config.base, self.path())
    }
}

/// The document of each entrance at its own well-known URL, and that of the endpoint at the root.
pub(super) fn router() -> Router<Server> {
    let document_of = |entrance| {
        get(move |State(server): State<Server>| async move { document(&server, entrance) })
    };
    let at = |entrance: Entrance| format!("{PATH}{}", entrance.path());
    Router::new()
        .route(PATH, document_of(Entrance::Endpoint))
        .route(&at(Entrance::Endpoint), document_of(Entrance::Endpoint))
        .route(&at(Entrance::Sse), document_of(Entrance::Sse))
        .route(well_known::AUTHORIZATION_SERVER, get(repeated))
}

/// The authorization server's own document. Clients of 2025-03-26 know no other place for it; newer
/// ones come by the metadata of the resource and do not look here. In an outage it is what was said
/// last: after a 404 such a client takes us for the authorization server.
async fn repeated(State(server): State<Server>) -> Response {
    let Some(auth) = server.auth().filter(|auth| auth.repeats_metadata()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match auth.last_metadata() {
        Some(document) => Json(document).into_response(),
        None => not_known_yet(),
    }
}

/// Nobody has been asked with success since the start.
fn not_known_yet() -> Response {
    let body = json!({
        "error": "temporarily_unavailable",
        "error_description": "The authorization server has not answered yet",
        "request_id": RequestId::current().map(|id| id.to_string()),
    });
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], Json(body)).into_response()
}

type Found = ([(header::HeaderName, &'static str); 1], Json<ProtectedResourceMetadata>);

fn document(server: &Server, entrance: Entrance) -> Result<Found, StatusCode> {
    let auth = server.auth().ok_or(StatusCode::NOT_FOUND)?;
    let info = server.features().implementation();
    let document = ProtectedResourceMetadata {
        resource: format!("{}{}", server.config().base, entrance.path()),
        authorization_servers: auth.settings().advertised_servers.clone(),
        scopes_supported: auth.settings().scopes_supported.iter().cloned().collect(),
        bearer_methods_supported: vec!["header".to_owned()],
        dpop_signing_alg_values_supported: dpop::ALGORITHMS.map(str::to_owned).into(),
        dpop_bound_access_tokens_required: false,
        resource_name: Some(info.title.clone().unwrap_or_else(|| info.name.clone())),
    };
    Ok(([(header::CACHE_CONTROL, "public, max-age=300")], Json(document)))
}
