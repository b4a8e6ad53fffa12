//! Runs one case many times in one process, for callgrind to count: `count CASE TIMES`.
//!
//! Only what happens in [`measured`] is counted. A call that needs nobody else is ready at its first
//! poll, so no timer, no other task and no socket is in the numbers.

use std::{env, hint::black_box, process::ExitCode};

use ambient::{Clock, Entropy, Env};
use axum::{Router, body::Body, response::Response};
use bench::{Case, ceiling, opening};
use bytes::Bytes;
use chassis::Lifecycle;
use e2e::{Backend, Setup, World};
use futures_util::FutureExt as _;
use http::Request;
use http_body_util::BodyExt as _;
use mcp_core::Features;
use mcp_server::{Config, Parts, Server, features};
use shared::mcp::{Message, RequestMeta};
use store::Store;
use tower::ServiceExt as _;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let (Some(what), times) = (words.next(), words.next().and_then(|times| times.parse().ok()))
    else {
        return ExitCode::FAILURE;
    };
    let times: usize = times.unwrap_or(100);
    match what.as_str() {
        "parse" => pieces(times, &Case::Call.ask(None, None).body, parse),
        "classify" => pieces(times, &Case::Call.ask(None, None).body, classify),
        what => whole(what, times).await,
    }
    ExitCode::SUCCESS
}

/// What is counted: one request to its answer.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

fn pieces(times: usize, body: &str, piece: fn(Bytes)) {
    for _ in 0..times {
        let body = Bytes::copy_from_slice(body.as_bytes());
        measured(|| piece(body));
    }
}

fn parse(body: Bytes) {
    assert!(Message::parse(body).is_ok());
}

fn classify(body: Bytes) {
    let Ok(Message::One(shared::mcp::Incoming::Request { params, .. })) = Message::parse(body)
    else {
        return;
    };
    assert!(RequestMeta::claim(params.as_ref()).is_modern);
}

/// A case through the whole router: `CASE`, `CASE/open` without authorization, or `ceiling`.
async fn whole(what: &str, times: usize) {
    let (name, open) = what.strip_suffix("/open").map_or((what, false), |name| (name, true));
    let case = Case::named(name).unwrap_or(Case::Call);
    let world = Setup::new(Backend::Memory).setting("MCP_AUTH_CLIENT_SECRET", SECRET).start().await;
    let token = world.login("alice").await.access().to_owned();
    let token = (!open).then_some(token);
    let (router, host) = (server(&world, open), host(&world));
    until_known(&router, token.as_deref(), &host).await;
    let router = if name == "ceiling" {
        ceiling(answer(&router, case.ask(token.as_deref(), None).request(&host)).await)
    } else {
        router
    };
    let session = match case {
        Case::SessionCall => session(&router, token.as_deref(), &host).await,
        _ => None,
    };
    let ask = case.ask(token.as_deref(), session.as_deref());
    for _ in 0..times {
        let (router, request) = (router.clone(), ask.request::<Body>(&host));
        let answered = measured(|| router.oneshot(request).now_or_never());
        let Some(Ok(response)) = answered else { panic!("{what}: the call has waited") };
        assert!(response.status().is_success(), "{what}: {}", response.status());
        // A task that never waits is made to wait after a while; here that would look like a call that
        // needs somebody else.
        tokio::task::yield_now().await;
    }
}

/// The first request of a token is a question to the authorization server; the next ones are not.
async fn until_known(router: &Router, token: Option<&str>, host: &str) {
    while !send(router, opening(token).request(host)).await.status().is_success() {
        tokio::task::yield_now().await;
    }
}

async fn session(router: &Router, token: Option<&str>, host: &str) -> Option<String> {
    let response = send(router, opening(token).request(host)).await;
    let id = response.headers().get("mcp-session-id")?;
    id.to_str().ok().map(str::to_owned)
}

async fn answer(router: &Router, request: Request<Body>) -> Bytes {
    let response = send(router, request).await;
    response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default()
}

async fn send(router: &Router, request: Request<Body>) -> Response {
    let Ok(response) = router.clone().oneshot(request).await;
    response
}

fn host(world: &World) -> String {
    world.mcp[0].origin.trim_start_matches("http://").to_owned()
}

/// Another instance of the world's MCP server, without a socket.
fn server(world: &World, open: bool) -> Router {
    let env = Env::from([])
        .with("MCP_AUTH_CLIENT_SECRET", SECRET)
        .with("AUTH_SERVER_URL", &world.issuer())
        .with("BASE_URI", &world.mcp[0].origin);
    let env = if open { env.with("MCP_AUTH", "none") } else { env };
    let clock = Clock::system();
    let config = Config::from_env(&env).0.expect("the settings are right");
    let parts = Parts {
        entropy: Entropy::system(),
        store: Store::memory(clock.clone()),
        lifecycle: Lifecycle::new(clock.clone(), std::time::Duration::ZERO),
        clock,
    };
    let offered = Features::new(features::server(), features::catalog(), features::App::default());
    Server::new(config, offered, parts).expect("it can be made").router()
}
