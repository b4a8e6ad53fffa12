//! What the doctor says of a server that runs, and of one that does not.

use std::time::Duration;

use ambient::{Clock, Entropy, Env, Timestamp};
use axum::{
    Router,
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use mcp_server::cli;
use testkit::{as_time_passes, redis::RedisServer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::world::{instance, still, world};

/// What is found, and whether it is well.
async fn examined(base: &str) -> (String, bool) {
    examined_with(&[("MCP_AUTH", "none"), ("BASE_URI", base)], Clock::system()).await
}

async fn examined_with(settings: &[(&str, &str)], clock: Clock) -> (String, bool) {
    let env = settings.iter().fold(Env::default(), |env, (name, value)| env.with(name, value));
    let mut out = Vec::new();
    let well = cli::doctor(&env, (clock, Entropy::seeded(1)), None, &mut out).await.unwrap();
    (String::from_utf8(out).unwrap(), well)
}

/// What stands in the way of a server: it holds streams back, knows no preflight, and has the time of
/// long ago.
async fn bad_proxy() -> (String, JoinSet<()>) {
    async fn held() -> Response {
        let headers = [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::HeaderName::from_static("x-request-id"), "1"),
            (header::DATE, "Thu, 01 Jan 2026 00:00:00 GMT"),
        ];
        (
            headers,
            Body::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>()),
        )
            .into_response()
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let no_preflight = async || StatusCode::METHOD_NOT_ALLOWED;
    let router = Router::new().route("/mcp", post(held).options(no_preflight));
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (base, serving)
}

#[tokio::test]
async fn a_server_that_runs_as_it_is_set_is_well() {
    let world = world().await;
    let (text, well) = examined(&world.base).await;
    assert!(well, "{text}");
    for about in ["endpoint", "clock", "CORS", "stream"] {
        assert!(text.contains(&format!("ok    {about}: ")), "{about} in {text}");
    }
    assert!(text.contains("hm    store: in memory"), "{text}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_not() {
    let (text, well) = examined("http://127.0.0.1:1").await;
    assert!(!well && text.contains("BAD   endpoint: http://127.0.0.1:1/mcp cannot be reached"));
}

#[tokio::test]
async fn a_setting_that_is_wrong_is_all_that_is_found() {
    let env = Env::from([("PORT", "x")]);
    let mut out = Vec::new();
    let parts = (Clock::system(), Entropy::seeded(1));
    assert!(!cli::doctor(&env, parts, None, &mut out).await.unwrap());
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("BAD   settings: ") && text.contains("PORT"), "{text}");
}

#[tokio::test]
async fn a_proxy_that_buffers_a_missing_preflight_and_a_wrong_clock_are_found() {
    let (base, _serving) = bad_proxy().await;
    let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
    let settings = [("MCP_AUTH", "none"), ("BASE_URI", base.as_str())];
    let examined = examined_with(&settings, clock.clone());
    let (text, well) = as_time_passes(&clock, Duration::from_secs(1), examined).await;
    for words in [
        "BAD   stream: nothing of a stream arrives while it is open: a proxy holds it back",
        "BAD   CORS: a preflight from http://localhost:6274 is answered 405",
        "BAD   clock: this machine and the server are",
    ] {
        assert!(!well && text.contains(words), "{words} in {text}");
    }
}

#[tokio::test]
async fn a_server_that_calls_itself_otherwise_and_an_issuer_that_is_away_are_found() {
    let (store, clock) = still();
    let away = ("AUTH_SERVER_URL", "http://127.0.0.1:1");
    let world = instance(&store, clock, &[away]).await;
    let other = world.base.replace("127.0.0.1", "localhost");
    let settings = [away, ("BASE_URI", other.as_str()), ("MCP_AUTH_AUDIENCE", "https://x.example")];
    let (text, well) = examined_with(&settings, Clock::system()).await;
    for words in [
        "BAD   issuer: http://127.0.0.1:1: ",
        "set BASE_URI to that URL",
        "hm    audience: clients ask for",
    ] {
        assert!(!well && text.contains(words), "{words} in {text}");
    }
}

#[tokio::test]
async fn a_redis_that_throws_things_away_is_found() {
    let redis = RedisServer::start().await;
    let world = world().await;
    let url = redis.url();
    let settings = [("MCP_AUTH", "none"), ("BASE_URI", world.base.as_str()), ("REDIS_URL", &url)];
    let (text, well) = examined_with(&settings, Clock::system()).await;
    assert!(well && text.contains("ok    eviction: "), "{text}");
    let mut line = TcpStream::connect(("127.0.0.1", redis.port())).await.unwrap();
    line.write_all(b"CONFIG SET maxmemory-policy allkeys-lru\r\n").await.unwrap();
    let mut answer = [0; 5];
    testkit::within(testkit::PATIENCE, line.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"+OK\r\n");
    let (text, well) = examined_with(&settings, Clock::system()).await;
    assert!(!well && text.contains("BAD   eviction: maxmemory-policy is allkeys-lru"), "{text}");
}
