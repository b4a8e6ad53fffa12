//! `GET /`, for people who open the server in a browser, and the style of all pages.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use shared::oauth::well_known;

use crate::{
    AuthServer,
    pages::{self, HomePage, STYLES},
};

pub(super) async fn page(State(server): State<AuthServer>) -> Response {
    let home = HomePage {
        issuer: server.issuer(),
        resource: server.resources().default_audience(),
        metadata: well_known::AUTHORIZATION_SERVER,
    };
    pages::page(StatusCode::OK, &home)
}

pub(super) async fn styles() -> impl IntoResponse {
    const HEADERS: [(header::HeaderName, &str); 2] = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (HEADERS, STYLES)
}
