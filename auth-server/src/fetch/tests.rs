//! What is fetched from hosts that do not behave.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::{Router, body::Body, response::Redirect, routing::get};
use chassis::{Lifecycle, Limits};
use testkit::faults::{Line, Proxy};
use tokio::net::TcpListener;

use super::*;

/// A name service whose answers follow each other; the last stays.
fn answers(answers: &[&[&str]]) -> Lookup {
    let parse = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let answers: Vec<Vec<IpAddr>> = answers.iter().map(parse).collect();
    let asked = AtomicUsize::new(0);
    Arc::new(move |_| {
        let count = asked.fetch_add(1, Ordering::SeqCst);
        let answer = answers[count.min(answers.len() - 1)].clone();
        Box::pin(async move { Ok(answer) })
    })
}

/// A host of documents behind a line, and a fetcher that takes every name for it.
struct Host {
    proxy: Proxy,
    lifecycle: Lifecycle,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.lifecycle.abort();
    }
}

impl Host {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap()).await;
        let lifecycle = Lifecycle::new(Clock::system(), Duration::ZERO);
        let (router, life) = (routes(), lifecycle.clone());
        lifecycle.spawn(async move {
            chassis::serve(listener, router, Limits::default(), &life).await.unwrap();
        });
        Self { proxy, lifecycle }
    }

    async fn fetch(&self, fetcher: &Fetcher, path: &str) -> Result<Fetched, FetchError> {
        let url = format!("http://a.example:{}{path}", self.proxy.address().port());
        fetcher.json(&url.parse().unwrap()).await
    }
}

fn routes() -> Router {
    let json = |body: String| ([("content-type", "application/json; charset=utf-8")], body);
    Router::new()
        .route("/good", get(move || async move { json("{}".to_owned()) }))
        .route("/vendor", get(|| async { ([("content-type", "application/cimd+json")], "{}") }))
        .route("/html", get(|| async { ([("content-type", "text/html")], "{}") }))
        .route("/full", get(move || async move { json("x".repeat(MAX_DOCUMENT)) }))
        .route("/large", get(move || async move { json("x".repeat(MAX_DOCUMENT + 1)) }))
        .route(
            "/endless",
            get(|| async {
                let chunk = Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 1024]));
                let body = Body::from_stream(futures_util::stream::repeat(chunk));
                ([("content-type", "application/json")], body)
            }),
        )
        .route("/moved", get(|| async { Redirect::temporary("/good") }))
}

fn fetcher(reach: Reach, addresses: &[&[&str]]) -> Fetcher {
    let timeouts = Timeouts { connect: Duration::from_secs(5), total: Duration::from_secs(5) };
    Fetcher::with(answers(addresses), reach, Clock::system(), timeouts).unwrap()
}

#[tokio::test]
async fn a_document_is_fetched_if_it_is_small_json_and_there() {
    let (host, fetcher) = (Host::start().await, fetcher(Reach::Anywhere, &[&["127.0.0.1"]]));
    assert_eq!(&host.fetch(&fetcher, "/good").await.unwrap().body[..], b"{}");
    assert!(host.fetch(&fetcher, "/vendor").await.is_ok());
    assert!(host.fetch(&fetcher, "/full").await.is_ok());
    let table = [
        ("/html", FetchError::MediaType),
        ("/large", FetchError::TooLarge),
        ("/endless", FetchError::TooLarge),
        ("/moved", FetchError::Status(StatusCode::TEMPORARY_REDIRECT)),
        ("/nothing", FetchError::Status(StatusCode::NOT_FOUND)),
    ];
    for (path, error) in table {
        assert_eq!(host.fetch(&fetcher, path).await.unwrap_err(), error, "{path}");
    }
}

#[tokio::test]
async fn a_name_that_turns_private_gets_no_connection() {
    let host = Host::start().await;
    let fetcher = fetcher(Reach::Internet, &[&["127.0.0.1"], &["169.254.169.254"]]);
    let url = format!("https://a.example:{}/good", host.proxy.address().port());
    for _ in 0..2 {
        let refused = fetcher.json(&url.parse().unwrap()).await.unwrap_err();
        assert_eq!(refused, FetchError::OutOfReach);
    }
    assert_eq!(host.proxy.connections(), 0);
}

#[tokio::test]
async fn an_address_in_the_url_gets_no_connection_either() {
    let host = Host::start().await;
    let port = host.proxy.address().port();
    let fetcher = fetcher(Reach::Internet, &[&[]]);
    for name in ["127.0.0.1", "0x7f000001", "2130706433", "127.1", "[::1]", "[::ffff:127.0.0.1]"] {
        let url = format!("https://{name}:{port}/good").parse().unwrap();
        assert_eq!(fetcher.json(&url).await.unwrap_err(), FetchError::OutOfReach, "{name}");
    }
    let plain = format!("http://a.example:{port}/good").parse().unwrap();
    assert_eq!(fetcher.json(&plain).await.unwrap_err(), FetchError::Scheme);
    assert_eq!(host.proxy.connections(), 0);
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_left() {
    let host = Host::start().await;
    host.proxy.set(Line::Frozen);
    let short = Duration::from_millis(50);
    let timeouts = Timeouts { connect: short, total: short };
    let lookup = answers(&[&["127.0.0.1"]]);
    let fetcher = Fetcher::with(lookup, Reach::Anywhere, Clock::system(), timeouts).unwrap();
    assert_eq!(host.fetch(&fetcher, "/good").await.unwrap_err(), FetchError::Transport);
    assert_eq!(host.proxy.connections(), 1);
}

#[tokio::test]
async fn a_host_is_asked_so_often_in_a_minute_and_again_in_the_next() {
    let host = Host::start().await;
    let clock = Clock::manual(Timestamp::from_secs(1));
    let lookup = answers(&[&["127.0.0.1"]]);
    let fetcher = Fetcher::with(lookup, Reach::Anywhere, clock.clone(), TIMEOUTS).unwrap();
    for _ in 0..MAX_PER_MINUTE {
        assert!(host.fetch(&fetcher, "/good").await.is_ok());
    }
    assert_eq!(host.fetch(&fetcher, "/good").await.unwrap_err(), FetchError::TooOften);
    clock.advance(Duration::from_mins(1));
    assert!(host.fetch(&fetcher, "/good").await.is_ok());
}

#[tokio::test]
async fn no_more_than_a_few_are_fetched_at_once() {
    let host = Host::start().await;
    host.proxy.set(Line::Frozen);
    let fetcher = fetcher(Reach::Anywhere, &[&["127.0.0.1"]]);
    let mut waiting: Vec<_> =
        (0..MAX_IN_FLIGHT).map(|_| Box::pin(host.fetch(&fetcher, "/good"))).collect();
    for fetch in &mut waiting {
        assert!(futures_util::poll!(fetch).is_pending());
    }
    assert_eq!(host.fetch(&fetcher, "/good").await.unwrap_err(), FetchError::Busy);
    host.proxy.set(Line::Open);
    for fetch in waiting {
        assert!(fetch.await.is_ok());
    }
}
