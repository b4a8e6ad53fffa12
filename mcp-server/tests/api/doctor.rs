//! What the doctor says of a server that runs, and of one that does not.

use std::{io::Write as _, time::Duration};

use ambient::{Clock, Entropy, Env, Secret, Timestamp};
use axum::{
    Router,
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chassis::findings::Findings;
use flate2::{Compression, write::GzEncoder};
use mcp_server::cli;
use store::Store;
use testkit::{as_time_passes, http, redis::RedisServer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::world::instance;

/// What is found, and whether it is well.
async fn examined(base: &str) -> (String, bool) {
    examined_with(&[("MCP_AUTH", "none"), ("BASE_URI", base)], Clock::system()).await
}

async fn examined_with(settings: &[(&str, &str)], clock: Clock) -> (String, bool) {
    let found = findings(settings, clock, None).await;
    (found.to_string(), found.are_well())
}

async fn findings(settings: &[(&str, &str)], clock: Clock, token: Option<Secret>) -> Findings {
    let env = settings.iter().fold(Env::default(), |env, (name, value)| env.with(name, value));
    cli::doctor(&env, (clock, Entropy::seeded(1)), token).await.unwrap()
}

/// A moment that answers tell as well, on a clock that a test moves.
fn today() -> Clock {
    Clock::manual(Clock::system().now())
}

/// A server and what is found, while time passes for both.
async fn examined_today(before: Option<Manner>, token: Option<&str>) -> (String, bool) {
    let clock = today();
    let settings = [("MCP_AUTH", "none")];
    let world = instance(&Store::memory(clock.clone()), clock.clone(), &settings).await;
    let proxy = match before {
        Some(manner) => Some(proxy(&world.base, clock.clone(), manner).await),
        None => None,
    };
    let base = proxy.as_ref().map_or(world.base.as_str(), |(base, _)| base);
    let settings = [("MCP_AUTH", "none"), ("BASE_URI", base)];
    let found = findings(&settings, clock.clone(), token.map(Secret::new));
    let found = as_time_passes(&clock, Duration::from_millis(20), found).await;
    (found.to_string(), found.are_well())
}

/// What a proxy does to what goes through it.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// Compresses streams for those who accept that, and sends them when they have ended.
    Gzip,
    /// Compresses them and sends every event at once.
    GzipAtOnce,
    /// Sends each chunk three seconds later.
    Hold,
    /// Has the endpoint without a slash only.
    Redirect,
    /// Takes no bodies of more than 1 MiB, as nginx does when it is not told otherwise.
    Small,
}

/// A small proxy before a server.
async fn proxy(upstream: &str, clock: Clock, manner: Manner) -> (String, JoinSet<()>) {
    let upstream = upstream.to_owned();
    let handed_on = move |request: axum::extract::Request| {
        let (upstream, clock) = (upstream.clone(), clock.clone());
        async move { through(&upstream, clock, manner, request).await }
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    let router = Router::new().fallback(handed_on);
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (base, serving)
}

async fn through(
    upstream: &str,
    clock: Clock,
    manner: Manner,
    request: axum::extract::Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    if manner == Manner::Redirect && parts.uri.path() == "/mcp/" {
        return Redirect::permanent("/mcp").into_response();
    }
    let length = parts.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if manner == Manner::Small && length.is_some_and(|length| length > 1 << 20) {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let url = format!("{upstream}{}", parts.uri);
    let accepts = parts.headers.remove(header::ACCEPT_ENCODING).is_some();
    parts.headers.remove(header::HOST);
    let body = axum::body::to_bytes(body, 8 << 20).await.unwrap();
    let asked = http::client().request(parts.method, url).headers(parts.headers).body(body);
    let answer = asked.send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let is_stream = headers.get(header::CONTENT_TYPE).is_some_and(|it| it == "text/event-stream");
    headers.remove(header::TRANSFER_ENCODING);
    let compresses = matches!(manner, Manner::Gzip | Manner::GzipAtOnce) && accepts && is_stream;
    let encoder = compresses.then(|| GzEncoder::new(Vec::new(), Compression::default()));
    if compresses {
        headers.insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
    }
    let state = Through { answer: Some(answer), encoder, sent: 0, clock, manner };
    let body = Body::from_stream(futures_util::stream::unfold(state, |mut state| async move {
        Some((Ok::<_, std::io::Error>(state.next().await?), state))
    }));
    (status, headers, body).into_response()
}

/// An answer on its way through the proxy.
struct Through {
    answer: Option<reqwest::Response>,
    encoder: Option<GzEncoder<Vec<u8>>>,
    sent: usize,
    clock: Clock,
    manner: Manner,
}

impl Through {
    async fn next(&mut self) -> Option<Vec<u8>> {
        while let Some(answer) = &mut self.answer {
            let Some(chunk) = answer.chunk().await.unwrap() else {
                self.answer = None;
                let rest = self.encoder.take().map(|encoder| encoder.finish().unwrap());
                return rest.map(|all| all[self.sent..].to_vec());
            };
            if self.manner == Manner::Hold {
                self.clock.sleep(Duration::from_secs(3)).await;
            }
            let Some(encoder) = &mut self.encoder else { return Some(chunk.to_vec()) };
            encoder.write_all(&chunk).unwrap();
            if self.manner == Manner::GzipAtOnce {
                encoder.flush().unwrap();
                let now = encoder.get_ref()[self.sent..].to_vec();
                self.sent += now.len();
                return Some(now);
            }
        }
        None
    }
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
    let router = Router::new()
        .route("/mcp", post(held).options(no_preflight))
        .route("/mcp/stream-check", get(held));
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (base, serving)
}

#[tokio::test]
async fn a_server_that_runs_as_it_is_set_is_well() {
    let (text, well) = examined_today(None, Some("any")).await;
    assert!(well, "{text}");
    let looked_at = [
        "open files",
        "endpoint",
        "slash",
        "large body",
        "clock",
        "CORS",
        "stream",
        "compressed stream",
        "listening",
    ];
    for about in looked_at {
        assert!(text.contains(&format!("ok    {about}: ")), "{about} in {text}");
    }
    assert!(text.contains("hm    store: in memory"), "{text}");
}

#[tokio::test]
async fn streams_are_looked_at_without_a_token() {
    let (text, well) = examined_today(None, None).await;
    assert!(well && text.contains("ok    stream: ") && !text.contains("listening"), "{text}");
}

#[tokio::test]
async fn a_proxy_that_compresses_streams_is_found_for_clients_that_accept_it() {
    let (text, well) = examined_today(Some(Manner::Gzip), None).await;
    assert!(!well && text.contains("ok    stream: "), "{text}");
    assert!(text.contains("BAD   compressed stream: "), "{text}");
    let (text, well) = examined_today(Some(Manner::GzipAtOnce), None).await;
    assert!(well && text.contains("hm    compressed stream: a proxy compresses"), "{text}");
}

#[tokio::test]
async fn a_proxy_that_holds_every_event_for_three_seconds_is_found() {
    let (text, well) = examined_today(Some(Manner::Hold), Some("any")).await;
    assert!(!well && text.contains("BAD   stream: the first event of a stream arrives after 3"));
    assert!(text.contains("BAD   listening: "), "{text}");
}

#[tokio::test]
async fn a_proxy_that_redirects_the_slash_is_found() {
    let (text, well) = examined_today(Some(Manner::Redirect), None).await;
    assert!(!well && text.contains("ok    endpoint: "), "{text}");
    assert!(text.contains("BAD   slash: with a slash at the end it redirects to /mcp"), "{text}");
}

#[tokio::test]
async fn a_proxy_that_takes_no_large_bodies_is_found() {
    let (text, well) = examined_today(Some(Manner::Small), None).await;
    assert!(!well && text.contains("ok    endpoint: "), "{text}");
    assert!(text.contains("BAD   large body: a proxy refuses 4194304 bytes"), "{text}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_not() {
    let (text, well) = examined("http://127.0.0.1:1").await;
    assert!(!well && text.contains("BAD   endpoint: http://127.0.0.1:1/mcp cannot be reached"));
}

#[tokio::test]
async fn a_setting_that_is_wrong_is_all_that_is_found() {
    let found = findings(&[("PORT", "x")], Clock::system(), None).await;
    assert_eq!(found.status(), 2, "nothing could be looked at");
    let text = found.to_string();
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
    let clock = today();
    let away = ("AUTH_SERVER_URL", "http://127.0.0.1:1");
    let world = instance(&Store::memory(clock.clone()), clock.clone(), &[away]).await;
    let other = world.base.replace("127.0.0.1", "localhost");
    let settings = [away, ("BASE_URI", other.as_str()), ("MCP_AUTH_AUDIENCE", "https://x.example")];
    let examined = examined_with(&settings, clock.clone());
    let (text, well) = as_time_passes(&clock, Duration::from_millis(20), examined).await;
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
    let clock = today();
    let none = [("MCP_AUTH", "none")];
    let world = instance(&Store::memory(clock.clone()), clock.clone(), &none).await;
    let examined = |settings: [(&'static str, String); 3]| {
        let clock = clock.clone();
        async move {
            let settings: Vec<_> =
                settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let examined = examined_with(&settings, clock.clone());
            as_time_passes(&clock, Duration::from_millis(20), examined).await
        }
    };
    let url = redis.url();
    let settings = || {
        let (off, base) = ("none".to_owned(), world.base.clone());
        [("MCP_AUTH", off), ("BASE_URI", base), ("REDIS_URL", url.clone())]
    };
    let (text, well) = examined(settings()).await;
    assert!(
        well && text.contains("ok    eviction: ") && text.contains("ok    version: "),
        "{text}"
    );
    assert!(text.contains("hm    persistence: "), "it is started without: {text}");
    let mut line = TcpStream::connect(("127.0.0.1", redis.port())).await.unwrap();
    line.write_all(b"CONFIG SET maxmemory-policy allkeys-lru\r\n").await.unwrap();
    let mut answer = [0; 5];
    testkit::within(testkit::PATIENCE, line.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"+OK\r\n");
    let (text, well) = examined(settings()).await;
    assert!(!well && text.contains("BAD   eviction: maxmemory-policy is allkeys-lru"), "{text}");
}
