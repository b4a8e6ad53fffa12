//! `GET /`, for people who open the server in a browser, and the style of all pages.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use shared::oauth::well_known;

use crate::{
    AuthServer,
    idp::Idp,
    pages::{self, Endpoint, HomePage, STYLES},
};

/// Where clients register, if they may.
const REGISTRATION: &str = "/register";

/// What programs use, in the order in which they do.
const ENDPOINTS: [Endpoint; 12] = [
    Endpoint::link(well_known::AUTHORIZATION_SERVER, "metadata, RFC 8414"),
    Endpoint::link(well_known::OPENID_CONFIGURATION, "the same, OpenID Connect"),
    Endpoint::link("/jwks", "public keys"),
    Endpoint::new(REGISTRATION, "clients register"),
    Endpoint::new("/par", "clients hand requests in"),
    Endpoint::new("/device_authorization", "devices begin"),
    Endpoint::new("/authorize", "users let clients in"),
    Endpoint::new("/token", "clients get tokens"),
    Endpoint::new("/userinfo", "who the user is"),
    Endpoint::new("/introspect", "the MCP server asks about tokens"),
    Endpoint::new("/revoke", "clients give tokens back"),
    Endpoint::link("/health", "state of this server"),
];

pub(super) async fn page(State(server): State<AuthServer>) -> Response {
    let (users, password) = server.idp().map(Idp::demo_users).unwrap_or_default();
    let real = server.upstreams().iter().filter(|upstream| !upstream.is_mock());
    let may_register = server.config().strangers.may_register;
    let is_there = |endpoint: &Endpoint| may_register || endpoint.path != REGISTRATION;
    let home = HomePage {
        issuer: server.issuer(),
        resource: server.resources().default_audience(),
        endpoints: ENDPOINTS.into_iter().filter(is_there).collect(),
        providers: real.map(|upstream| upstream.label().to_owned()).collect(),
        users,
        password,
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
