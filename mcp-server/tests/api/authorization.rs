//! Tokens, challenges and the degraded mode, against an authorization server of a few lines.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ambient::{Clock, Timestamp};
use axum::{Json, Router, extract::State, response::IntoResponse as _, routing};
use http::{Method, StatusCode};
use serde_json::json;
use store::Store;
use testkit::http::Http;
use tokio::{net::TcpListener, task::JoinSet};

use crate::world::{World, instance};

/// Issues nothing, but vouches for tokens of the form `user.scope`, and for those of the form
/// `user.scope.key`, which are bound to a key by its thumbprint.
#[derive(Clone)]
struct Fake {
    issuer: String,
    resource: Arc<std::sync::OnceLock<String>>,
    down: Arc<AtomicBool>,
    /// Answers about itself, but not about tokens.
    mute: Arc<AtomicBool>,
    /// How often it was asked about itself.
    looks: Arc<AtomicUsize>,
    /// Where in a trace the last question about a token belonged.
    traceparent: Arc<std::sync::Mutex<Option<String>>>,
}

impl Fake {
    fn new(issuer: String) -> Self {
        let (resource, down, mute, looks, traceparent) = Default::default();
        Self { issuer, resource, down, mute, looks, traceparent }
    }
}

async fn metadata(State(fake): State<Fake>) -> axum::response::Response {
    fake.looks.fetch_add(1, Ordering::SeqCst);
    if fake.down.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let issuer = &fake.issuer;
    Json(json!({ "issuer": issuer, "introspection_endpoint": format!("{issuer}/introspect") }))
        .into_response()
}

async fn introspect(
    State(fake): State<Fake>,
    headers: http::HeaderMap,
    body: String,
) -> axum::response::Response {
    assert!(!headers.contains_key("baggage"), "what a caller carries is nobody else's");
    let parent = headers.get("traceparent").and_then(|parent| parent.to_str().ok());
    *fake.traceparent.lock().unwrap() = parent.map(str::to_owned);
    if fake.down.load(Ordering::SeqCst) || fake.mute.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let token = body.strip_prefix("token=").and_then(|rest| rest.split('&').next()).unwrap_or("");
    let parts: Vec<_> = token.split('.').collect();
    let (user, scope, key) = match parts[..] {
        [user, scope] => (user, scope, None),
        [user, scope, key] => (user, scope, Some(json!({ "jkt": key }))),
        _ => return Json(json!({ "active": false })).into_response(),
    };
    let mut claims = json!({
        "active": true, "iss": fake.issuer, "aud": fake.resource.get(), "exp": 1_900_000_000,
        "sub": user, "client_id": "c", "scope": scope,
    });
    if let Some(key) = key {
        claims["cnf"] = key;
    }
    Json(claims).into_response()
}

pub(crate) struct Scene {
    pub(crate) world: World,
    fake: Fake,
    _serving: JoinSet<()>,
}

async fn scene() -> Scene {
    scene_with(&[]).await
}

/// The same, with further settings.
pub(crate) async fn scene_with(further: &[(&str, &str)]) -> Scene {
    let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
    scene_on(&Store::memory(clock.clone()), clock, further).await
}

/// The same, on a store.
pub(crate) async fn scene_on(store: &Store, clock: Clock, further: &[(&str, &str)]) -> Scene {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let fake = Fake::new(issuer.clone());
    let router = Router::new()
        .route("/.well-known/oauth-authorization-server", routing::get(metadata))
        .route("/introspect", routing::post(introspect))
        .with_state(fake.clone());
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let settings = [&[("AUTH_SERVER_URL", issuer.as_str())], further].concat();
    let world = instance(store, clock, &settings).await;
    fake.resource.set(world.endpoint()).unwrap();
    let scene = Scene { world, fake, _serving: serving };
    scene.available(true).await;
    scene
}

impl Scene {
    /// Another instance of the same server, with further settings.
    pub(crate) async fn another(&self, store: &Store, further: &[(&str, &str)]) -> World {
        let same = [("AUTH_SERVER_URL", &*self.fake.issuer), ("BASE_URI", &*self.world.base)];
        let other = instance(store, self.world.clock.clone(), &[&same, further].concat()).await;
        available(&other, true).await;
        other
    }

    /// How often the authorization server was asked about itself.
    pub(crate) fn looks(&self) -> usize {
        self.fake.looks.load(Ordering::SeqCst)
    }

    /// Where in a trace the last question about a token belonged.
    pub(crate) fn last_traceparent(&self) -> Option<String> {
        self.fake.traceparent.lock().unwrap().clone()
    }

    /// Waits until the server has noticed; time passes meanwhile.
    async fn available(&self, expected: bool) {
        available(&self.world, expected).await;
    }
}

async fn available(world: &World, expected: bool) {
    testkit::eventually(testkit::PATIENCE, || async {
        world.clock.advance(Duration::from_secs(1));
        (world.server.is_available() == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_caller_without_a_token_is_told_where_to_get_one() {
    let Scene { world, _serving, .. } = scene().await;
    let reply = world.modern().call("tools/list", json!({})).await.expect(401);
    let challenge = reply.header("www-authenticate").unwrap();
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", world.base);
    assert_eq!(challenge, format!(r#"Bearer resource_metadata="{metadata}", scope="mcp""#));
}

#[tokio::test]
async fn a_caller_has_so_many_requests_in_a_second_and_is_told_when_to_come_back() {
    let Scene { world, _serving, .. } = scene_with(&[("MCP_REQUESTS_PER_SECOND", "2")]).await;
    let [alice, bob] = ["alice.mcp", "bob.mcp"].map(|token| world.modern().bearer(token));
    for _ in 0..2 {
        drop(alice.call("tools/list", json!({})).await.expect(200));
    }
    let refused = alice.call("tools/list", json!({})).await.expect_error(429, -32600);
    assert_eq!(refused.header("retry-after"), Some("1"));
    drop(bob.call("tools/list", json!({})).await.expect(200));
    world.clock.advance(Duration::from_secs(1));
    drop(alice.call("tools/list", json!({})).await.expect(200));
}

#[tokio::test]
async fn metadata_names_the_endpoint_and_the_issuer_at_both_urls() {
    let Scene { world, fake, _serving } = scene().await;
    let http = Http::new(&world.base);
    for path in
        ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"]
    {
        let document = http.get(path).await.expect(200).json();
        assert_eq!(document["resource"], json!(world.endpoint()));
        assert_eq!(document["authorization_servers"], json!([fake.issuer]));
    }
}

#[tokio::test]
async fn the_stream_of_2024_11_05_has_metadata_of_its_own_which_its_challenges_name() {
    let Scene { world, fake, _serving } = scene().await;
    let (http, at) = (Http::new(&world.base), "/.well-known/oauth-protected-resource/sse");
    let document = http.get(at).await.expect(200).json();
    assert_eq!(document["resource"], json!(format!("{}/sse", world.base)));
    assert_eq!(document["authorization_servers"], json!([fake.issuer]));
    let asked = [(Method::GET, "/sse"), (Method::POST, "/message?sessionId=x")];
    for (method, path) in asked {
        let refused = http.send(http.request(method, path)).await.expect(401);
        let challenge = refused.header("www-authenticate").unwrap();
        let named = format!(r#"Bearer resource_metadata="{}{at}", scope="mcp""#, world.base);
        assert_eq!(challenge, named, "{path}");
    }
}

#[tokio::test]
async fn a_good_token_is_let_through_and_a_forged_one_is_not() {
    let Scene { world, _serving, .. } = scene().await;
    drop(world.modern().bearer("alice.mcp").call("tools/list", json!({})).await.expect(200));
    let reply = world.modern().bearer("forged").call("tools/list", json!({})).await.expect(401);
    assert!(
        reply.header("www-authenticate").unwrap().starts_with(r#"Bearer error="invalid_token""#)
    );
}

#[tokio::test]
async fn a_token_that_allows_too_little_is_403_with_what_is_needed() {
    let Scene { world, _serving, .. } = scene().await;
    let reply =
        world.modern().bearer("alice.other").call("tools/list", json!({})).await.expect(403);
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(
        challenge.contains(r#"error="insufficient_scope""#) && challenge.contains(r#"scope="mcp""#)
    );
}

#[tokio::test]
async fn a_session_belongs_to_its_owner() {
    let Scene { world, _serving, .. } = scene().await;
    let session = world.opening().bearer("alice.mcp").open().await;
    let stolen = session.as_bearer("bob.mcp");
    drop(stolen.call("ping", json!({})).await.expect_error(404, -32001));
    drop(stolen.end().await.expect(404));
    drop(session.call("ping", json!({})).await.expect(200));
}

#[tokio::test]
async fn streams_end_with_the_token_that_opened_them() {
    let Scene { world, _serving, .. } = scene().await;
    let session = world.opening().bearer("alice.mcp").open().await;
    let standalone = session.listen(None).await;
    let modern = world.modern().bearer("alice.mcp");
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let subscription = modern.open(modern.draft("subscriptions/listen", filter)).await;
    world.clock.advance(Timestamp::from_secs(1_900_000_000).since(world.clock.now()));
    assert!(standalone.finish().await.messages.is_empty());
    assert_eq!(subscription.finish().await.result()["resultType"], "complete");
}

#[tokio::test]
async fn a_state_belongs_to_its_owner() {
    let Scene { world, _serving, .. } = scene().await;
    let modern = world.modern().capabilities(json!({ "elicitation": {} }));
    let params = json!({ "name": "ask", "arguments": {} });
    let alice =
        modern.clone().bearer("alice.mcp").call("tools/call", params.clone()).await.expect(200);
    let again = modern.with_answers(params, alice.result());
    drop(modern.bearer("bob.mcp").call("tools/call", again).await.expect_error(200, -32602));
}

#[tokio::test]
async fn an_outage_is_503_for_everybody_and_ends_by_itself() {
    let scene = scene().await;
    let alice = scene.world.modern().bearer("alice.mcp");
    drop(alice.call("tools/list", json!({})).await.expect(200));
    scene.fake.down.store(true, Ordering::SeqCst);
    // A fresh token cannot be checked: that is noticed at once.
    let fresh = scene.world.modern().bearer("bob.mcp").call("tools/list", json!({})).await;
    // Nobody has read the message: this answers no request, but the POST.
    let refused = fresh.expect_error(503, -32000);
    assert!(refused.messages[0].get("id").is_none(), "{refused}");
    scene.available(false).await;
    let cached = alice.call("tools/list", json!({})).await.expect_error(503, -32000);
    assert_eq!(cached.error()["data"]["authServerUrl"], json!(scene.fake.issuer));
    assert!(cached.header("www-authenticate").is_none());
    assert!(cached.header("retry-after").is_some());
    public_pages_live(&scene.world).await;
    scene.fake.down.store(false, Ordering::SeqCst);
    scene.available(true).await;
    drop(alice.call("tools/list", json!({})).await.expect(200));
}

#[tokio::test]
async fn checks_that_fail_by_the_dozen_do_not_make_the_server_look_as_often() {
    let scene = scene().await;
    scene.fake.mute.store(true, Ordering::SeqCst);
    let before = scene.fake.looks.load(Ordering::SeqCst);
    for number in 0..24 {
        let caller = scene.world.modern().bearer(&format!("caller{number}.mcp"));
        drop(caller.call("tools/list", json!({})).await.expect_error(503, -32000));
    }
    // The clock stands still: one look for what was in doubt, and one that may have been under way.
    let looks = scene.fake.looks.load(Ordering::SeqCst) - before;
    assert!((1..=2).contains(&looks), "{looks}");
}

async fn public_pages_live(world: &World) {
    let http = Http::new(&world.base);
    let health = http.get("/health").await.expect(200).json();
    assert_eq!(
        (&health["status"], &health["services"]["auth"]),
        (&json!("degraded"), &json!("unavailable"))
    );
    assert!(http.get("/").await.expect(200).text().contains("Degraded."));
    drop(http.get("/.well-known/oauth-protected-resource/mcp").await.expect(200));
    drop(http.get("/readyz").await.expect(200));
}
