//! `GET /health`, in the shape that the original server documents.

use axum::{Json, extract::State};
use serde::Serialize;

use crate::AuthServer;

/// That the server runs, and where things are. Whether it is ready is told by `/readyz`.
#[derive(Serialize)]
pub(super) struct Report {
    status: &'static str,
    mode: &'static str,
    endpoints: Endpoints,
}

#[derive(Serialize)]
struct Endpoints {
    metadata: String,
    authorize: String,
    token: String,
    register: String,
    introspect: String,
}

pub(super) async fn get(State(server): State<AuthServer>) -> Json<Report> {
    let issuer = server.issuer();
    let at = |path| issuer.at(path);
    let is_healthy = server.store().ping().await.is_ok();
    Json(Report {
        status: if is_healthy { "healthy" } else { "degraded" },
        mode: "authorization-server",
        endpoints: Endpoints {
            metadata: issuer.metadata_urls().next().unwrap_or_default(),
            authorize: at("/authorize"),
            token: at("/token"),
            register: at("/register"),
            introspect: at("/introspect"),
        },
    })
}
