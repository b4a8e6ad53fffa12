//! `/health`, in the shape that the original server documents.

use axum::{Json, extract::State};
use serde::Serialize;

use crate::Server;

/// How the server is, for people and for scripts that know the original.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    status: &'static str,
    services: Services,
    auth_server_url: Option<String>,
    version: &'static str,
}

#[derive(Debug, Serialize)]
struct Services {
    mcp: &'static str,
    auth: &'static str,
    redis: &'static str,
}

/// Always 200 while requests are served at all; the words say the rest.
pub(super) async fn get(State(server): State<Server>) -> Json<Report> {
    let redis_works = server.store().ping().await.is_ok();
    let redis = match (server.store().is_shared(), redis_works) {
        (false, _) => "not configured",
        (true, true) => "operational",
        (true, false) => "unavailable",
    };
    let auth = match server.auth() {
        None => "not configured",
        Some(auth) if auth.is_available() => "operational",
        Some(_) => "unavailable",
    };
    let healthy = redis != "unavailable" && auth != "unavailable";
    Json(Report {
        status: if healthy { "healthy" } else { "degraded" },
        services: Services { mcp: "operational", auth, redis },
        auth_server_url: server.auth().map(|auth| auth.issuer().to_owned()),
        version: env!("CARGO_PKG_VERSION"),
    })
}
