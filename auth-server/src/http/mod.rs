//! Every URL of the server and every layer around it, on one page.

pub(crate) mod answer;
mod apps;
mod authorization_request;
mod authorization_response;
mod authorize;
pub(crate) mod browser;
mod callback;
mod client_assertion;
mod client_auth;
mod conclude;
mod consent;
mod device;
mod device_authorization;
mod faults;
mod for_people;
mod health;
mod home;
mod id_token_hint;
mod introspect;
pub(crate) mod jwks;
pub(crate) mod limits;
mod login;
mod logout;
mod logout_wish;
mod long_address;
mod manage;
mod metadata;
mod original;
mod own_names;
mod page_form;
pub(crate) mod params;
mod proof;
mod pushed;
pub(crate) mod query;
mod register;
mod revoke;
mod session;
mod shortcut;
mod token;
mod userinfo;
mod without_head;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{self, Next, from_fn_with_state as layer_fn},
    response::Response,
    routing::{MethodRouter, get, post},
};
use chassis::{App, AroundLayer, Dress, Health, RequestId, dress, version};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::json;
use shared::oauth::ErrorCode;
use tower_http::{
    cors::{AllowHeaders, AllowOrigin, CorsLayer},
    set_header::SetResponseHeaderLayer,
};

use self::{
    answer::OAuthError,
    limits::Toll,
    long_address::LongAddress,
    own_names::OwnNames,
    without_head::{by_get, by_post, without_head},
};
use crate::{
    AuthServer, Issuer, guard::Budget, idp::Idp, metrics, pages::shown_below, run::SERVICE,
};

/// The largest registration, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// The largest form, in bytes.
const MAX_FORM: usize = 16 * 1024;

/// How long a browser may remember what a preflight has said. None remembers for longer.
const PREFLIGHT_LIFE: Duration = Duration::from_hours(2);

/// The URL map. If the issuer has a path, all of it is below that path but what orchestrators and
/// operators ask the process itself, which is at the root, and the metadata, whose addresses have the
/// path at their end ([`Issuer::metadata_paths`]).
///
/// ```text
/// GET  /.well-known/oauth-authorization-server  what there is (RFC 8414)
/// GET  /.well-known/openid-configuration        the same (OpenID Connect Discovery)
/// GET  /jwks                                    what its signatures are checked with (RFC 7517)
/// POST /register                                clients register (RFC 7591)
/// GET  /register/{client_id}  (PUT, DELETE)     clients manage their registration (RFC 7592)
/// GET  /authorize                     (POST)    a client sends a browser; the consent page
/// POST /consent                                 the user agrees or not
/// GET  /login                         (POST)    at which identity provider, if there are several
/// GET  /mock-upstream-idp/authorize   (POST)    the user logs in at the mock
/// GET  /upstream/{name}/callback                the browser comes back; a code for the client
/// GET  /fakeupstreamauth/*                      where the mock was in former projects
/// POST /token                                   codes and refresh tokens are redeemed
/// GET  /userinfo                      (POST)    who is behind a token (OpenID Connect Core)
/// POST /par                                     a client hands in a request (RFC 9126)
/// POST /device_authorization                    a device begins (RFC 8628)
/// GET  /device                        (POST)    its user types the code that it shows
/// GET  /device/done                             its user comes back from consent and login
/// POST /introspect                              the MCP server asks about a token (RFC 7662)
/// POST /revoke                                  a client gives a token back (RFC 7009)
/// GET  /apps                          (POST)    what the user has let in; the user throws it out
/// GET  /logout                        (POST)    the browser forgets the user (OpenID Connect)
/// GET  /, /styles.css                           for people
/// GET  /health                                  in the original's shape
/// GET  /livez, /readyz                          for orchestrators
/// GET  /version                                 what runs
/// GET  /metrics                                 for Prometheus, if METRICS_ON_MAIN_PORT is set
/// GET  /debug/faults       (POST, DELETE)       what is to go wrong, if MCP_FAULTS is set
/// ```
pub(crate) fn app(server: &AuthServer) -> App {
    let clothes = clothes(server);
    shortcut::around(routed(server, clothes.clone()).into(), server, &clothes)
}

/// All URLs, by the router alone.
pub(crate) fn router(server: &AuthServer) -> Router {
    routed(server, clothes(server))
}

fn routed(server: &AuthServer, clothes: Dress) -> Router {
    let issuer = server.issuer();
    let forms = DefaultBodyLimit::max(MAX_FORM);
    let refusals = layer_fn(server.clone(), limits::count_refusals);
    let below = for_programs(server)
        .route("/introspect", post(introspect::post).layer(forms).layer(refusals))
        .route("/", get(home::page))
        .route("/styles.css", get(home::styles))
        .route("/health", get(health::get))
        .with_state(server.clone())
        .merge(for_browsers(server));
    let router = mounted(issuer, below).merge(described(server)).merge(home_with_slash(server));
    let router = faults::around(router, server)
        .merge(readiness(server).router())
        .merge(server.telemetry().main_port())
        .merge(version(SERVICE, json!({ "issuer": issuer.as_str() })))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(AroundLayer(LongAddress))
        .layer(layer_fn(server.clone(), limits::name_caller));
    let pages = for_people::Pages(Arc::new(issuer.clone()));
    shown(issuer, dress(router, clothes).layer(AroundLayer(pages)))
}

/// `router` below the path of the issuer.
pub(crate) fn mounted(issuer: &Issuer, router: Router) -> Router {
    if issuer.path().is_empty() { router } else { Router::new().nest(issuer.path(), router) }
}

/// `router`, whose pages know where they are.
fn shown(issuer: &Issuer, router: Router) -> Router {
    if issuer.path().is_empty() {
        return router;
    }
    let path: Arc<str> = issuer.path().into();
    router.layer(middleware::from_fn(move |request, next: Next| {
        shown_below(Arc::clone(&path), next.run(request))
    }))
}

/// What the server says of itself, where its issuer says.
fn described(server: &AuthServer) -> Router {
    let paths = server.issuer().metadata_paths();
    let described =
        paths.iter().fold(Router::new(), |router, path| router.route(path, get(metadata::get)));
    open(described).with_state(server.clone())
}

/// The page of an issuer with a path, asked for with a slash: a router takes that for another page.
fn home_with_slash(server: &AuthServer) -> Router {
    let home = match server.issuer().path() {
        "" => Router::new(),
        path => Router::new().route(&format!("{path}/"), get(home::page)),
    };
    home.with_state(server.clone())
}

/// What clients ask.
fn for_programs(server: &AuthServer) -> Router<AuthServer> {
    let forms = DefaultBodyLimit::max(MAX_FORM);
    let toll = |budget| Toll { server: server.clone(), budget };
    let refusals = || layer_fn(server.clone(), limits::count_refusals);
    let tokens = layer_fn(toll(Budget::Token), limits::for_programs);
    let beginning = |method: MethodRouter<AuthServer>| {
        let toll = layer_fn(toll(Budget::Authorization), limits::for_programs);
        method.layer(forms).layer(refusals()).layer(toll)
    };
    let router = Router::new()
        .route("/token", post(token::post).layer(forms).layer(refusals()).layer(tokens))
        .route("/revoke", post(revoke::post).layer(forms).layer(refusals()))
        .route("/par", beginning(post(pushed::post)))
        .route("/device_authorization", beginning(post(device_authorization::post)))
        .merge(registration(server))
        .route("/jwks", get(jwks::get))
        .route("/userinfo", get(userinfo::get).post(userinfo::get));
    open(router)
}

/// What people see.
fn for_browsers(server: &AuthServer) -> Router {
    let toll = Toll { server: server.clone(), budget: Budget::Authorization };
    let authorizations = layer_fn(toll, limits::for_people);
    let mock = server.idp();
    Router::new()
        .route(
            "/authorize",
            without_head([by_get(authorize::get), by_post(authorize::post)]).layer(authorizations),
        )
        .route("/consent", post(consent::post))
        .route("/apps", without_head([by_get(apps::get), by_post(apps::post)]))
        .route("/logout", without_head([by_get(logout::get), by_post(logout::post)]))
        .route("/login", get(login::get).post(login::post))
        .route("/upstream/{name}/callback", without_head([by_get(callback::get)]))
        .merge(mock.as_ref().map(|_| original::router()).unwrap_or_default())
        .merge(device::router())
        .with_state(server.clone())
        .merge(mock.map(Idp::router).unwrap_or_default())
        .layer(AroundLayer(OwnNames::of(server)))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .layer(if_absent(header::CACHE_CONTROL, "no-store"))
        // Our own forms tell us where they come from; nobody else is told.
        .layer(if_absent(header::REFERRER_POLICY, "same-origin"))
        // The default, `same-origin`, would cut the tie between a client's page and the window it
        // has opened for the login, for good, and with it the way the answer goes back.
        .layer(if_absent(HeaderName::from_static("cross-origin-opener-policy"), "unsafe-none"))
}

/// Where clients register, if they may, and where those that did manage what they registered.
fn registration(server: &AuthServer) -> Router<AuthServer> {
    let refusals = layer_fn(server.clone(), limits::count_refusals);
    let manage = get(manage::get).put(manage::put).delete(manage::delete).layer(refusals);
    let router = Router::new().route("/register/{client_id}", manage);
    if !server.config().strangers.may_register {
        return router;
    }
    let toll = Toll { server: server.clone(), budget: Budget::Registration };
    let register = post(register::post).layer(layer_fn(toll, limits::for_programs));
    router.route("/register", register)
}

/// Programs in browsers, such as the Inspector, may use what needs no cookies. The pages are for
/// people and introspection is for the MCP server: no other origin may read those.
fn open(router: Router<AuthServer>) -> Router<AuthServer> {
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::any())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(PREFLIGHT_LIFE)
        .expose_headers([
            header::WWW_AUTHENTICATE,
            header::RETRY_AFTER,
            proof::DPOP_NONCE,
            HeaderName::from_static("x-request-id"),
        ]);
    // Before the layer, or preflights would be taken for a wrong method.
    router.method_not_allowed_fallback(wrong_method).layer(cors)
}

fn if_absent(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

fn clothes(server: &AuthServer) -> Dress {
    Dress {
        https: server.issuer().is_https(),
        max_body: MAX_BODY,
        too_large,
        metrics: server.metrics().http(),
        ..Dress::new(server.clock().clone(), server.entropy().clone())
    }
}

fn readiness(server: &AuthServer) -> Health {
    let store = server.store().clone();
    let health = Health::new(server.lifecycle()).add_lately("store", move || {
        let store = store.clone();
        async move { store.ping().await }
    });
    health.measured(server.telemetry().metrics(), metrics::SCOPE)
}

fn too_large(_: &RequestId) -> Response {
    let error = OAuthError::new(ErrorCode::InvalidRequest, "the body is too large");
    error.with_status(StatusCode::PAYLOAD_TOO_LARGE).into()
}

async fn not_found() -> Response {
    let error = OAuthError::new(ErrorCode::InvalidRequest, "nothing is here");
    error.with_status(StatusCode::NOT_FOUND).into()
}

async fn wrong_method() -> Response {
    let error = OAuthError::new(ErrorCode::InvalidRequest, "this method is not for this address");
    error.with_status(StatusCode::METHOD_NOT_ALLOWED).into()
}
