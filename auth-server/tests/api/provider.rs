//! An identity provider of somebody else, that says what a test wants it to say.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use ambient::{Clock, Entropy};
use axum::{
    Json, Router,
    extract::{Form, Query, State},
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chassis::{Dress, Lifecycle, Limits, dress, serve};
use serde_json::{Value, json};
use testkit::oauth::s256;
use tokio::net::TcpListener;
use url::Url;

use crate::signer::Signer;

type Fields = BTreeMap<String, String>;

/// Makes a token of claims.
type Mint = Box<dyn Fn(&Signer, &Value) -> String + Send>;

/// A running provider.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    state: Shared,
    lifecycle: Lifecycle,
}

/// What it says and what it has seen.
pub(crate) struct Script {
    pub(crate) configuration: Value,
    /// The status of everything that programs ask; 0 is no answer at all.
    pub(crate) status: u16,
    /// Changes the claims of identity tokens.
    pub(crate) claims: Box<dyn Fn(&mut Value) + Send>,
    /// Makes the identity token of the claims.
    pub(crate) mint: Mint,
    /// Changes the way back.
    pub(crate) back: Box<dyn Fn(&mut Fields) + Send>,
    /// What browsers have come with.
    pub(crate) asked: Vec<Fields>,
    /// What codes were redeemed with, and how the client has authenticated.
    pub(crate) redeemed: Vec<(Fields, Option<String>)>,
    /// The codes that are good, and what they were asked with.
    codes: BTreeMap<String, Fields>,
    key: Signer,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Script>>, Clock, String);

impl Drop for Provider {
    fn drop(&mut self) {
        self.lifecycle.abort();
    }
}

impl Provider {
    pub(crate) async fn start(clock: &Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let script = Script {
            configuration: json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/auth?tenant=1"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/keys"),
                "authorization_response_iss_parameter_supported": true,
            }),
            status: 200,
            claims: Box::new(|_| {}),
            mint: Box::new(|key, claims| key.sign("JWT", claims)),
            back: Box::new(|_| {}),
            asked: Vec::new(),
            redeemed: Vec::new(),
            codes: BTreeMap::new(),
            key: Signer::new("one"),
        };
        let state = Shared(Arc::new(Mutex::new(script)), clock.clone(), issuer.clone());
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(keys))
            .route("/auth", get(authorize))
            .route("/token", post(token))
            .route("/link", get(link))
            .with_state(state.clone());
        // The browser of the tests holds every answer to the promises of this workspace.
        let router = dress(router, Dress::new(clock.clone(), Entropy::seeded(3)));
        let lifecycle = Lifecycle::new(Clock::system(), Duration::ZERO);
        let life = lifecycle.clone();
        lifecycle.spawn(async move {
            serve(listener, router, Limits::default(), &life).await.unwrap();
        });
        Self { issuer, state, lifecycle }
    }

    /// What it says from now on, and what it has seen.
    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.state.script()
    }

    /// The settings that name it.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AUTH_UPSTREAMS", "corp".to_owned()),
            ("AUTH_UPSTREAM_CORP_ISSUER", self.issuer.clone()),
            ("AUTH_UPSTREAM_CORP_CLIENT_ID", "mcp auth".to_owned()),
            ("AUTH_UPSTREAM_CORP_CLIENT_SECRET", "s:cret".to_owned()),
            ("AUTH_UPSTREAM_CORP_NAME", "Corporation".to_owned()),
        ]
    }

    /// A page of another site that links to `url`.
    pub(crate) fn link_to(&self, url: &str) -> String {
        Url::parse_with_params(&format!("{}/link", self.issuer), [("to", url)]).unwrap().into()
    }
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    /// Says so if the provider is away; one that is silent never does.
    async fn away(&self) -> Option<Response> {
        let status = self.script().status;
        match status {
            0 => std::future::pending().await,
            200 => None,
            status => Some(StatusCode::from_u16(status).unwrap().into_response()),
        }
    }
}

async fn configuration(State(state): State<Shared>) -> Response {
    let away = state.away().await;
    away.unwrap_or_else(|| Json(state.script().configuration.clone()).into_response())
}

async fn keys(State(state): State<Shared>) -> Response {
    let away = state.away().await;
    away.unwrap_or_else(|| Json(state.script().key.set()).into_response())
}

async fn link(Query(fields): Query<Fields>) -> Html<String> {
    let to = fields["to"].replace('&', "&amp;");
    Html(format!("<title>link</title><h1>link</h1><a href=\"{to}\">Go</a>"))
}

/// Somebody is logged in already, and is sent back at once.
async fn authorize(State(state): State<Shared>, Query(fields): Query<Fields>) -> Redirect {
    let mut script = state.script();
    let code = format!("code-{}", script.asked.len());
    let mut back = Fields::from([
        ("code".to_owned(), code.clone()),
        ("state".to_owned(), fields["state"].clone()),
        ("iss".to_owned(), state.2.clone()),
    ]);
    (script.back)(&mut back);
    script.codes.insert(code, fields.clone());
    script.asked.push(fields.clone());
    Redirect::to(Url::parse_with_params(&fields["redirect_uri"], back).unwrap().as_str())
}

async fn token(
    State(state): State<Shared>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    if let Some(away) = state.away().await {
        return away;
    }
    let mut script = state.script();
    let shown = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    script.redeemed.push((form.clone(), shown));
    let asked = script.codes.remove(&form["code"]);
    let fits = |asked: &Fields| {
        s256(&form["code_verifier"]) == asked["code_challenge"]
            && form["redirect_uri"] == asked["redirect_uri"]
    };
    let Some(asked) = asked.filter(fits) else {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    };
    let now = state.1.now().as_secs();
    let mut claims = json!({
        "iss": state.2, "sub": "7", "aud": asked["client_id"], "exp": now + 300, "iat": now,
        "nonce": asked["nonce"], "name": "Ann Example", "auth_time": now,
    });
    (script.claims)(&mut claims);
    let id_token = (script.mint)(&script.key, &claims);
    let answer = json!({"access_token": "x", "token_type": "Bearer", "id_token": id_token});
    Json(answer).into_response()
}
