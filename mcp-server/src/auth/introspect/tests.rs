//! Against an authorization server of a few lines, on a real socket.

use std::sync::atomic::{AtomicUsize, Ordering};

use ambient::Timestamp;
use axum::{Json, Router, extract::State, routing::post};
use chassis::client::{Timeouts, http_client};
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::oauth::ScopeSet;
use tokio::net::TcpListener;
use url::Url;

use super::*;

/// An authorization server that counts, and says of `good-…` that it is.
#[derive(Clone, Default)]
struct Fake {
    asked: Arc<AtomicUsize>,
    status: Arc<std::sync::Mutex<u16>>,
}

async fn introspect(State(fake): State<Fake>, body: String) -> (StatusCode, Json<Value>) {
    fake.asked.fetch_add(1, Ordering::SeqCst);
    let status = StatusCode::from_u16(*fake.status.lock().unwrap()).unwrap_or(StatusCode::OK);
    let claims = json!({
        "active": body.contains("good-"), "iss": "http://as", "aud": "http://mcp/mcp",
        "exp": 1600, "sub": "alice", "client_id": "c1", "scope": "mcp",
    });
    (status, Json(claims))
}

struct Scene {
    introspector: Introspector,
    server: AuthorizationServer,
    fake: Fake,
    clock: Clock,
    // Serves until it is dropped.
    _serving: tokio::task::JoinSet<()>,
}

async fn scene(ttl: Duration) -> Scene {
    let fake = Fake::default();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/introspect", listener.local_addr().unwrap());
    let router = Router::new().route("/introspect", post(introspect)).with_state(fake.clone());
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let clock = Clock::manual(Timestamp::from_secs(1000));
    let settings = Introspection {
        issuer: "http://as".to_owned(),
        client_id: "mcp server".to_owned(),
        client_secret: Secret::new("s:e"),
        required_scopes: ScopeSet::default(),
        cache_ttl: ttl,
    };
    let http = http_client("test", Timeouts::default()).unwrap();
    let resource = "http://mcp/mcp".to_owned();
    Scene {
        introspector: Introspector::new(http, &settings, resource, clock.clone()),
        server: AuthorizationServer { introspection_endpoint: Url::parse(&url).unwrap() },
        fake,
        clock,
        _serving: serving,
    }
}

impl Scene {
    async fn verify(&self, token: &str) -> Result<Arc<Principal>, Failure> {
        let good = self.introspector.verify(&self.server, &Secret::new(token)).await;
        good.map(|good| good.principal)
    }

    fn asked(&self) -> usize {
        self.fake.asked.load(Ordering::SeqCst)
    }
}

const TTL: Duration = Duration::from_secs(30);

#[tokio::test]
async fn five_hundred_requests_with_a_fresh_token_ask_once() {
    let scene = scene(TTL).await;
    let all = join_all((0..500).map(|_| scene.verify("good-1"))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(scene.asked(), 1);
}

#[tokio::test]
async fn a_good_token_is_asked_about_again_after_its_time() {
    let scene = scene(TTL).await;
    scene.verify("good-1").await.unwrap();
    scene.clock.advance(TTL.saturating_sub(Duration::from_secs(1)));
    scene.verify("good-1").await.unwrap();
    assert_eq!(scene.asked(), 1);
    scene.clock.advance(Duration::from_secs(1));
    scene.verify("good-1").await.unwrap();
    assert_eq!(scene.asked(), 2);
}

#[tokio::test]
async fn a_token_is_never_good_beyond_its_own_end() {
    let scene = scene(Duration::from_hours(1)).await;
    scene.verify("good-1").await.unwrap();
    scene.clock.advance(Duration::from_mins(10));
    assert_eq!(scene.verify("good-1").await, Err(Failure::Inactive("The token has expired")));
}

#[tokio::test]
async fn a_bad_token_is_remembered_for_a_moment() {
    let scene = scene(TTL).await;
    for _ in 0..3 {
        assert!(matches!(scene.verify("forged").await, Err(Failure::Inactive(_))));
    }
    assert_eq!(scene.asked(), 1);
    scene.clock.advance(BAD_TTL);
    assert!(scene.verify("forged").await.is_err());
    assert_eq!(scene.asked(), 2);
}

#[tokio::test]
async fn an_outage_is_not_remembered() {
    let scene = scene(TTL).await;
    for status in [500, 401, 302] {
        *scene.fake.status.lock().unwrap() = status;
        assert_eq!(scene.verify("good-1").await, Err(Failure::Outage), "{status}");
    }
    *scene.fake.status.lock().unwrap() = 200;
    assert!(scene.verify("good-1").await.is_ok());
}

#[tokio::test]
async fn a_lifetime_of_zero_asks_every_time() {
    let scene = scene(Duration::ZERO).await;
    scene.verify("good-1").await.unwrap();
    scene.verify("good-1").await.unwrap();
    assert_eq!(scene.asked(), 2);
}

#[test]
fn credentials_are_encoded_as_a_form_before_base64() {
    let header = basic("mcp server", &Secret::new("s:e"));
    assert_eq!(header.expose(), format!("Basic {}", STANDARD.encode("mcp+server:s%3Ae")));
}
