//! Every URL of the server and every layer around it, on one page.

mod cards;
mod cors;
mod endpoint;
mod faults;
mod flow;
mod glance;
mod guard;
mod health;
mod lost;
mod observed;
mod outbox;
mod playground;
mod rejection;
mod reply;
mod resume;
mod shared_calls;
mod shortcut;
mod splash;
mod sse_2024;
pub(crate) mod standalone;
pub(crate) mod stream_check;
mod well_known;

use axum::{
    Router, middleware,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use bytes::Bytes;
use chassis::{App, AroundLayer, Dress, Health, RequestId, dress, faults::Faults, version};
use http::{HeaderName, StatusCode};
use serde::Serialize;
use serde_json::json;
use shared::mcp::{ErrorCode, ServerNotification, headers};

pub(crate) use self::{
    guard::Guard,
    outbox::{Outbox, Said},
    rejection::{Rejected, Rejection, SERVED, error_message, to_bytes},
    reply::{Answer, Form, LastWords, Requests, Resumable, Running, array},
    well_known::Entrance,
};
use crate::{
    PageSettings, Server, auth,
    config::{ENDPOINT, SSE},
    metrics,
    run::SERVICE,
};

/// The URL map.
///
/// ```text
/// POST GET DELETE /mcp, /mcp/                      the protocol; protected
/// GET /sse, POST /message                          the transport of 2024-11-05; protected
/// GET /.well-known/oauth-protected-resource[/mcp, /sse]  who issues tokens for it (RFC 9728)
/// GET /.well-known/oauth-authorization-server      the issuer's own document, for 2025-03-26
/// GET /, /style.css                                for people, who get the page at /mcp as well
/// GET /playground[/…]                              a client for the browser; MCP_PLAYGROUND
/// GET /flow[/…]                                    messages on their way; MCP_FLOW
/// GET /mcp/server-card, /.well-known/ai-catalog.json  for those who look for servers; MCP_SERVER_CARD
/// GET /mcp/stream-check                            three events, for the doctor
/// GET /health                                      in the original's shape
/// GET /livez, /readyz                              for orchestrators
/// GET /version                                     what runs, and what it speaks
/// GET /metrics                                     for Prometheus, if METRICS_ON_MAIN_PORT is set
/// GET POST DELETE /debug/faults                    what is to go wrong, if MCP_FAULTS is set
/// ```
pub(crate) fn app(server: &Server) -> App {
    let endpoint = || {
        let verbs = post(endpoint::post).get(endpoint::get).delete(endpoint::delete);
        // Without this, HEAD would be a GET: it would open a stream, and end the one that is open.
        verbs.head(endpoint::other).fallback(endpoint::other)
    };
    let slashed = format!("{ENDPOINT}/");
    let protected = Router::new()
        .route(ENDPOINT, endpoint())
        .route(&slashed, endpoint())
        .route(SSE, get(sse_2024::get).head(sse_2024::only_get).fallback(sse_2024::only_get))
        .route(sse_2024::MESSAGES, post(sse_2024::post).fallback(sse_2024::only_post))
        .route_layer(middleware::from_fn_with_state(server.clone(), splash::or_protected));
    let faults = faults::of(server);
    let protected =
        faults::around(protected, faults.as_ref(), server).layer(cors::protected(server));
    let protected = observed::around(protected, server);
    let pages = Router::new()
        .route("/", get(splash::page))
        .route("/style.css", get(splash::style))
        .merge(stream_check::router())
        .merge(chosen(&server.config().pages));
    let planning = faults.as_ref().map(Faults::router).unwrap_or_default();
    let guarded = protected.merge(pages).merge(planning);
    let guarded = guarded.layer(AroundLayer(guard::Check::pages(server)));
    let documents = documents(server, faults.as_ref());
    let router = Router::new()
        .route("/health", get(health::get))
        .merge(guarded)
        .merge(documents)
        .with_state(server.clone())
        .merge(readiness(server).router())
        .merge(server.telemetry().main_port())
        .merge(version(SERVICE, json!({ "protocolVersions": SERVED })))
        .fallback(lost::not_found);
    let clothes = clothes(server);
    let router = dress(router, clothes.clone()).layer(AroundLayer(cors::OnErrors(server.clone())));
    shortcut::around(router.into(), server, &clothes)
}

/// What every page may read, of this machine or not: who looks for servers in a browser has an origin
/// that nobody here knows.
fn documents(server: &Server, faults: Option<&Faults>) -> Router<Server> {
    let described = faults::around(well_known::router(), faults, server);
    let cards = if server.config().pages.server_card { cards::router() } else { Router::new() };
    let documents = described.layer(cors::public()).merge(cards);
    documents.layer(AroundLayer(guard::Check::documents(server)))
}

/// What an operator may switch off.
fn chosen(pages: &PageSettings) -> Router<Server> {
    let off = Router::new;
    let playground = if pages.playground { playground::router() } else { off() };
    let flow = if pages.flow { flow::router() } else { off() };
    playground.merge(flow)
}

fn clothes(server: &Server) -> Dress {
    Dress {
        https: server.config().base.is_https(),
        max_body: server.config().max_body,
        too_large,
        session: HeaderName::try_from(headers::SESSION_ID).ok(),
        metrics: server.metrics().instruments().map(|measured| measured.http.clone()),
        ..Dress::new(server.clock().clone(), server.entropy().clone())
    }
}

fn readiness(server: &Server) -> Health {
    let (at_work, authorized) = (server.clone(), server.clone());
    let health = Health::new(server.lifecycle()).add("store", move || {
        let server = at_work.clone();
        async move { server.instances().can_work(server.clock()).await }
    });
    let health = health.add("authorization", move || {
        let ready = authorized.auth().map_or(Ok(()), auth::Auth::readiness);
        async move { ready }
    });
    health.measured(server.telemetry().metrics(), metrics::SCOPE)
}

fn too_large(_: &RequestId) -> Response {
    let message = "The body is too large; see MAX_BODY_BYTES";
    Rejection::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::INVALID_REQUEST, message)
        .into_response()
}

/// A notification as it goes over the wire.
pub(crate) fn note_message(note: &ServerNotification) -> Bytes {
    #[derive(Serialize)]
    struct Message<'a> {
        jsonrpc: &'static str,
        #[serde(flatten)]
        note: &'a ServerNotification,
    }
    // As with all types of the protocol: string keys, finite numbers.
    serde_json::to_vec(&Message { jsonrpc: "2.0", note }).unwrap_or_default().into()
}
