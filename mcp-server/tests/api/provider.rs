//! An authorization server of somebody else, played: what it publishes and answers is set by the
//! test, and it counts what it is asked.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use ambient::{Clock, Timestamp};
use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
    routing,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

/// When the tests play.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn clock() -> Clock {
    Clock::manual(Timestamp::from_secs(NOW))
}

/// How an endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should.
    Well,
    /// With this status, a JSON error and `Retry-After: 7`.
    Status(u16),
    /// With a page.
    Html,
    /// With something that is no JSON.
    Garbage,
    /// With more than anybody wants to read.
    Huge,
    /// With a redirect to itself.
    Redirect,
    /// Not at all, while the connection stays.
    Hang,
    /// Half of an answer, and then the connection ends.
    Reset,
}

/// What the played server does now.
pub(crate) struct Script {
    pub(crate) metadata: Mood,
    pub(crate) introspection: Mood,
    pub(crate) jwks: Mood,
    /// Members of the metadata that differ; null takes one away.
    pub(crate) changes: Vec<(&'static str, Value)>,
    /// What introspection says of every token; claims are added to those that are usual.
    pub(crate) claims: Value,
    /// The name of the key that is published.
    pub(crate) kid: &'static str,
    /// What was last sent to the introspection endpoint: its header and its form.
    pub(crate) seen: (Option<String>, String),
    /// Answers signed tokens with `unsupported_token_type`.
    pub(crate) leaves_jwts: bool,
}

#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    script: Arc<Mutex<Script>>,
    introspected: Arc<AtomicUsize>,
    fetched: Arc<AtomicUsize>,
    // Serves until the last one is dropped.
    _serving: Arc<JoinSet<()>>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let script = Script {
            metadata: Mood::Well,
            introspection: Mood::Well,
            jwks: Mood::Well,
            changes: Vec::new(),
            claims: json!({}),
            kid: "k1",
            seen: (None, String::new()),
            leaves_jwts: false,
        };
        let mut serving = JoinSet::new();
        let (script, introspected, fetched) =
            (Arc::new(Mutex::new(script)), Arc::default(), Arc::default());
        let shown =
            Self { issuer, script, introspected, fetched, _serving: Arc::new(JoinSet::new()) };
        let router = Router::new()
            .route("/.well-known/oauth-authorization-server", routing::get(metadata))
            .route("/jwks", routing::get(jwks))
            .route("/introspect", routing::post(introspect))
            .with_state(shown.clone());
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { _serving: Arc::new(serving), ..shown }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    pub(crate) fn introspected(&self) -> usize {
        self.introspected.load(Ordering::SeqCst)
    }

    pub(crate) fn keys_fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }

    /// What the introspection endpoint was last sent: its `Authorization` and its form.
    pub(crate) fn seen(&self) -> (Option<String>, String) {
        self.script.lock().unwrap().seen.clone()
    }

    /// A signed token for `resource`; `changes` are claims that differ.
    pub(crate) fn token(&self, resource: &str, kid: &str, changes: &Value) -> String {
        let mut claims = json!({
            "iss": self.issuer, "aud": resource, "exp": NOW + 3600, "sub": "alice",
            "client_id": "c", "scope": "mcp",
        });
        merge(&mut claims, changes);
        let header = json!({ "alg": "ES256", "kid": kid, "typ": "at+jwt" });
        let [header, claims] =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let made = jsonwebtoken::crypto::sign(signed.as_bytes(), &key(), Algorithm::ES256);
        format!("{signed}.{}", made.unwrap())
    }

    fn mood(&self, of: impl FnOnce(&Script) -> Mood) -> Mood {
        of(&self.script.lock().unwrap())
    }
}

fn key() -> EncodingKey {
    EncodingKey::from_ec_pem(include_bytes!("../keys/p256.pem")).unwrap()
}

/// Null takes a claim away.
fn merge(claims: &mut Value, changes: &Value) {
    for (name, value) in changes.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    if let Some(claims) = claims.as_object_mut() {
        claims.retain(|_, value| !value.is_null());
    }
}

async fn answer(mood: Mood, good: Value) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    match mood {
        Mood::Well => axum::Json(good).into_response(),
        Mood::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap();
            let retry = [(header::RETRY_AFTER, "7")];
            (status, retry, axum::Json(json!({ "error": "no" }))).into_response()
        }
        Mood::Html => axum::response::Html("<!doctype html><title>Log in</title>").into_response(),
        Mood::Garbage => (json, "{\"active\":tru").into_response(),
        Mood::Huge => (json, format!("{{\"x\":\"{}\"}}", "x".repeat(1024 * 1024))).into_response(),
        Mood::Redirect => axum::response::Redirect::temporary("/elsewhere").into_response(),
        Mood::Hang => std::future::pending().await,
        Mood::Reset => {
            let half = [Ok(good.to_string()[..1].to_owned()), Err(std::io::Error::other("reset"))];
            Body::from_stream(futures_util::stream::iter(half)).into_response()
        }
    }
}

async fn metadata(State(provider): State<Provider>) -> Response {
    let issuer = &provider.issuer;
    let mut document = json!({
        "issuer": issuer, "introspection_endpoint": format!("{issuer}/introspect"),
        "jwks_uri": format!("{issuer}/jwks"),
    });
    for (name, value) in &provider.script.lock().unwrap().changes {
        document[name] = value.clone();
    }
    answer(provider.mood(|script| script.metadata), document).await
}

async fn jwks(State(provider): State<Provider>) -> Response {
    provider.fetched.fetch_add(1, Ordering::SeqCst);
    let jwk = Jwk::from_encoding_key(&key(), Algorithm::ES256).unwrap();
    let mut jwk = serde_json::to_value(jwk).unwrap();
    jwk["kid"] = json!(provider.script.lock().unwrap().kid);
    answer(provider.mood(|script| script.jwks), json!({ "keys": [jwk] })).await
}

async fn introspect(
    State(provider): State<Provider>,
    headers: HeaderMap,
    body: String,
) -> Response {
    provider.introspected.fetch_add(1, Ordering::SeqCst);
    let token = body.strip_prefix("token=").and_then(|rest| rest.split('&').next()).unwrap_or("");
    let (good, mood) = {
        let mut script = provider.script.lock().unwrap();
        let sent =
            headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        script.seen = (sent, body.clone());
        if script.leaves_jwts && token.contains('.') {
            let error = json!({ "error": "unsupported_token_type" });
            return (StatusCode::BAD_REQUEST, axum::Json(error)).into_response();
        }
        let mut claims = json!({ "active": token.starts_with("good") });
        if token.starts_with("good") {
            let usual = json!({
                "iss": provider.issuer, "exp": NOW + 3600, "sub": "alice", "client_id": "c",
                "scope": "mcp",
            });
            merge(&mut claims, &usual);
            merge(&mut claims, &script.claims);
        }
        (claims, script.introspection)
    };
    answer(mood, good).await
}
