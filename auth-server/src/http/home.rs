//! `GET /`, for people who open the server in a browser, and the style of all pages.

use std::iter::repeat;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};

use crate::{
    AuthServer, Issuer,
    idp::Idp,
    pages::{self, Endpoint, HomePage, STYLES},
};

/// Where clients register, if they may.
const REGISTRATION: &str = "/register";

/// What programs use, in the order in which they do: behind the metadata, below the issuer.
const ENDPOINTS: [Endpoint<&str>; 10] = [
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
    let home = HomePage {
        issuer: server.issuer().as_str(),
        resource: server.resources().default_audience(),
        endpoints: endpoints(server.issuer(), server.config().strangers.may_register),
        providers: real.map(|upstream| upstream.label().to_owned()).collect(),
        users,
        password,
    };
    pages::page(StatusCode::OK, &home)
}

fn endpoints(issuer: &Issuer, may_register: bool) -> Vec<Endpoint<String>> {
    let words = ["metadata, RFC 8414"].into_iter().chain(repeat("the same, OpenID Connect"));
    let described = issuer.metadata_paths().into_iter().zip(words);
    let described = described.map(|(path, words)| Endpoint::link(path, words));
    let is_there = |endpoint: &Endpoint<&str>| may_register || endpoint.path != REGISTRATION;
    let below = ENDPOINTS.into_iter().filter(is_there);
    described.chain(below.map(|endpoint| endpoint.of(issuer))).collect()
}

pub(super) async fn styles() -> impl IntoResponse {
    const HEADERS: [(header::HeaderName, &str); 2] = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (HEADERS, STYLES)
}
