//! An authorization server of somebody else, played: what it publishes and answers is set by the
//! test, and it counts what it is asked.

mod wire;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use ambient::{Clock, Timestamp};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

pub(crate) use self::wire::Mood;
use self::wire::{Asked, Wire};

/// When the tests play.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn clock() -> Clock {
    Clock::manual(Timestamp::from_secs(NOW))
}

/// What the played server does now.
pub(crate) struct Script {
    pub(crate) metadata: Mood,
    pub(crate) introspection: Mood,
    pub(crate) jwks: Mood,
    pub(crate) metadata_path: String,
    /// How the metadata is answered the next time, and only then.
    pub(crate) metadata_once: Option<Mood>,
    /// How questions about tokens are answered that begin like this.
    pub(crate) strange: Option<(&'static str, Mood)>,
    /// How paths are answered at which there is nothing.
    pub(crate) nowhere: Mood,
    /// Members of the metadata that differ; null takes one away.
    pub(crate) changes: Vec<(&'static str, Value)>,
    /// What introspection says of every token; claims are added to those that are usual.
    pub(crate) claims: Value,
    /// What introspection says of every token, and nothing else.
    pub(crate) exactly: Option<Value>,
    /// The keys that are published, if not the one with this name.
    pub(crate) keys: Option<Value>,
    /// How long the keys may be kept, as `Cache-Control` says it.
    pub(crate) keys_cache: Option<&'static str>,
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
    described: Arc<AtomicUsize>,
    held: Arc<AtomicUsize>,
    poured: Arc<AtomicUsize>,
    hung_up: watch::Sender<()>,
    // Serves until the last one is dropped.
    _serving: Arc<JoinSet<()>>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let script = Script {
            metadata: Mood::Well,
            metadata_once: None,
            strange: None,
            introspection: Mood::Well,
            jwks: Mood::Well,
            metadata_path: "/.well-known/oauth-authorization-server".to_owned(),
            nowhere: Mood::Status(404),
            changes: Vec::new(),
            exactly: None,
            keys: None,
            keys_cache: None,
            claims: json!({}),
            kid: "k1",
            seen: (None, String::new()),
            leaves_jwts: false,
        };
        let shown = Self {
            issuer,
            script: Arc::new(Mutex::new(script)),
            introspected: Arc::default(),
            fetched: Arc::default(),
            described: Arc::default(),
            held: Arc::default(),
            poured: Arc::default(),
            hung_up: watch::Sender::default(),
            _serving: Arc::default(),
        };
        let mut serving = JoinSet::new();
        serving.spawn(listen(listener, shown.clone()));
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

    /// How often the metadata was read.
    pub(crate) fn described(&self) -> usize {
        self.described.load(Ordering::SeqCst)
    }

    /// How many connections were made to be held.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    /// Ends all connections, and goes on.
    pub(crate) fn hang_up(&self) {
        self.hung_up.send_replace(());
    }

    /// How many bytes were written of answers that do not end.
    pub(crate) fn poured(&self) -> usize {
        self.poured.load(Ordering::SeqCst)
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

    /// How this request is to be answered, and what would be a good answer.
    fn says(&self, asked: Asked) -> (Mood, Value) {
        match asked.path.as_str() {
            path if path == self.script.lock().unwrap().metadata_path => self.metadata(),
            "/jwks" => self.jwks(),
            path if path.contains("/introspect") => self.introspect(asked),
            // Where a redirect leads: whoever follows one finds everything in order.
            "/elsewhere" => (Mood::Well, self.metadata().1),
            _ => (self.script.lock().unwrap().nowhere, Value::Null),
        }
    }

    fn metadata(&self) -> (Mood, Value) {
        self.described.fetch_add(1, Ordering::SeqCst);
        let issuer = &self.issuer;
        let mut document = json!({
            "issuer": issuer, "introspection_endpoint": format!("{issuer}/introspect"),
            "jwks_uri": format!("{issuer}/jwks"),
        });
        let mut script = self.script.lock().unwrap();
        for (name, value) in &script.changes {
            document[name] = value.clone();
        }
        (script.metadata_once.take().unwrap_or(script.metadata), document)
    }

    fn jwks(&self) -> (Mood, Value) {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        let jwk = Jwk::from_encoding_key(&key(), Algorithm::ES256).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        let script = self.script.lock().unwrap();
        jwk["kid"] = json!(script.kid);
        let keys = script.keys.clone().unwrap_or_else(|| json!({ "keys": [jwk] }));
        let mood = match (script.jwks, script.keys_cache) {
            (Mood::Well, Some(said)) => Mood::Kept(said),
            (mood, _) => mood,
        };
        (mood, keys)
    }

    fn introspect(&self, asked: Asked) -> (Mood, Value) {
        self.introspected.fetch_add(1, Ordering::SeqCst);
        let body = asked.body;
        let token = body.strip_prefix("token=").and_then(|rest| rest.split('&').next());
        let token = token.unwrap_or("").to_owned();
        let mut script = self.script.lock().unwrap();
        script.seen = (asked.authorization, body);
        if let Some((_, mood)) = script.strange.filter(|(begin, _)| token.starts_with(begin)) {
            return (mood, Value::Null);
        }
        if script.leaves_jwts && token.contains('.') {
            return (Mood::Bad(r#"{"error":"unsupported_token_type"}"#), Value::Null);
        }
        if let Some(claims) = &script.exactly {
            return (script.introspection, claims.clone());
        }
        let mut claims = json!({ "active": token.starts_with("good") });
        if token.starts_with("good") {
            let usual = json!({
                "iss": self.issuer, "exp": NOW + 3600, "sub": "alice", "client_id": "c",
                "scope": "mcp",
            });
            merge(&mut claims, &usual);
            merge(&mut claims, &script.claims);
        }
        (script.introspection, claims)
    }
}

/// Answers every connection, each for itself.
async fn listen(listener: TcpListener, provider: Provider) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let provider = provider.clone();
        let mut hung_up = provider.hung_up.subscribe();
        connections.spawn(async move {
            let mut wire = Wire::new(stream);
            let serving = async {
                while let Some(asked) = wire.read().await {
                    // Whoever asks for nothing but a head wants the connection.
                    if asked.method == "HEAD" {
                        provider.held.fetch_add(1, Ordering::SeqCst);
                        wire.nod().await;
                        continue;
                    }
                    let (mood, good) = provider.says(asked);
                    if !wire.answer(mood, &good, &provider.poured).await {
                        break;
                    }
                }
            };
            tokio::select! {
                () = serving => {}
                _ = hung_up.changed() => {}
            }
        });
        while connections.try_join_next().is_some() {}
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
