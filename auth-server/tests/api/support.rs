//! A server of its own for every test, a client of it, and the way from one to the other.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use ambient::{Clock, Entropy, Env, Timestamp};
use auth_server::{AuthServer, Config, Parts};
use chassis::{Lifecycle, Limits, serve};
use serde_json::{Value, json};
use store::Store;
use testkit::{
    browser::{Browser, Page, Visit},
    http::{Answer, Http},
    oauth::{Authorization, Client, Tokens, query, s256},
};
use tokio::net::TcpListener;
use url::Url;

/// Where the clients of the tests listen.
pub(crate) const CALLBACK: &str = "http://127.0.0.1:5999/callback";

/// What the MCP server shows for introspection.
pub(crate) const RESOURCE_SERVER: (&str, &str) = ("mcp-server", "a secret between two servers");

/// What tokens are for.
pub(crate) const RESOURCE: &str = "http://localhost:3232/mcp";

/// The password of the demo users.
pub(crate) const PASSWORD: &str = "wonderland";

/// A running server.
pub(crate) struct World {
    pub(crate) http: Http,
    pub(crate) issuer: String,
    pub(crate) clock: Clock,
    store: Store,
    lifecycle: Lifecycle,
    entropy: Entropy,
    apps: AtomicUsize,
}

impl Drop for World {
    fn drop(&mut self) {
        self.lifecycle.abort();
    }
}

impl World {
    /// A server in memory, at a time that stands still.
    pub(crate) async fn start() -> Self {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        Self::on(Store::memory(clock.clone()), clock).await
    }

    /// A time that stands still.
    pub(crate) fn clock() -> Clock {
        Clock::manual(Timestamp::from_secs(1_800_000_000))
    }

    /// The same with further settings.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        Self::by(Self::clock(), settings).await
    }

    /// The same on a clock that others look at too.
    pub(crate) async fn by(clock: Clock, settings: &[(&str, &str)]) -> Self {
        Self::on_with(Store::memory(clock.clone()), clock, settings).await
    }

    /// A server on a store.
    pub(crate) async fn on(store: Store, clock: Clock) -> Self {
        Self::on_with(store, clock, &[]).await
    }

    /// The same with further settings.
    pub(crate) async fn on_with(store: Store, clock: Clock, settings: &[(&str, &str)]) -> Self {
        Self::made((store, clock), "", settings).await
    }

    /// A server whose issuer has this path.
    pub(crate) async fn below(path: &str, settings: &[(&str, &str)]) -> Self {
        let clock = Self::clock();
        Self::made((Store::memory(clock.clone()), clock), path, settings).await
    }

    async fn made((store, clock): (Store, Clock), path: &str, settings: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}{path}", listener.local_addr().unwrap());
        let lifecycle = Lifecycle::new(clock.clone(), Duration::ZERO);
        let http = Http::new(&issuer);
        let (entropy, apps) = (Entropy::seeded(7), AtomicUsize::new(1));
        let world = Self { http, issuer, clock, store, lifecycle, entropy, apps };
        world.serve(listener, settings);
        world
    }

    /// Ends the server and starts it at the same address, with a memory that is empty.
    pub(crate) async fn restart(&mut self) {
        self.lifecycle.stop();
        self.lifecycle.abort();
        self.lifecycle.finished().await;
        self.lifecycle = Lifecycle::new(self.clock.clone(), Duration::ZERO);
        self.store = Store::memory(self.clock.clone());
        let address = self.issuer.trim_start_matches("http://");
        let listener = TcpListener::bind(address).await.unwrap();
        self.http = Http::new(&self.issuer);
        self.serve(listener, &[]);
    }

    /// Another instance on the same store and of the same issuer, with other settings.
    pub(crate) async fn another(&self, settings: &[(&str, &str)]) -> Http {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = Http::new(&format!("http://{}", listener.local_addr().unwrap()));
        self.serve(listener, settings);
        http
    }

    fn serve(&self, listener: TcpListener, settings: &[(&str, &str)]) {
        let env = Env::from([
            ("AUTH_SERVER_URL", &*self.issuer),
            ("MCP_AUTH_CLIENT_SECRET", RESOURCE_SERVER.1),
            ("AUTH_SCOPES", "mcp notes"),
        ]);
        let env = settings.iter().fold(env, |env, (name, value)| env.with(name, value));
        let parts = Parts {
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            store: self.store.clone(),
            lifecycle: self.lifecycle.clone(),
        };
        let server = AuthServer::new(Config::from_env(&env).0.unwrap(), parts).unwrap();
        let lifecycle = self.lifecycle.clone();
        self.lifecycle.spawn(async move {
            serve(listener, server.app(), Limits::default(), &lifecycle).await.unwrap();
        });
    }

    /// The URL of a path below the issuer.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A browser that stops at the clients' callback.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.clock.clone()).with_callback(CALLBACK)
    }

    /// Registers with any metadata.
    pub(crate) async fn register(&self, metadata: &Value) -> Answer {
        self.http.post_json(&self.at("/register"), metadata).await
    }

    /// A public client.
    pub(crate) async fn app(&self) -> Client {
        self.app_with(json!({ "token_endpoint_auth_method": "none" })).await
    }

    /// A client with a secret.
    pub(crate) async fn confidential(&self) -> Client {
        self.app_with(json!({})).await
    }

    /// A client with more metadata. Each has a name of its own: public clients that register the
    /// same are the same.
    pub(crate) async fn app_with(&self, mut metadata: Value) -> Client {
        metadata["client_name"] = match self.apps.fetch_add(1, Ordering::Relaxed) {
            1 => json!("Test client"),
            number => json!(format!("Test client {number}")),
        };
        metadata["redirect_uris"] = json!([CALLBACK]);
        let registration = self.register(&metadata).await.expect(201).json();
        Client {
            id: registration["client_id"].as_str().unwrap().to_owned(),
            secret: registration["client_secret"].as_str().map(ToOwned::to_owned),
            redirect_uri: CALLBACK.to_owned(),
            registration,
        }
    }

    /// A good authorization request.
    pub(crate) fn request(&self, client: &Client) -> Authorization {
        let verifier = self.entropy.hex::<32>();
        let challenge = s256(&verifier);
        let query = [
            ("response_type", "code"),
            ("client_id", &client.id),
            ("redirect_uri", &client.redirect_uri),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("state", "a state/+=&"),
            ("resource", RESOURCE),
        ];
        Authorization {
            endpoint: Url::parse(&self.at("/authorize")).unwrap(),
            query: query.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            verifier,
            state: "a state/+=&".to_owned(),
        }
    }

    /// Agrees and logs in as `user`, from the address of an authorization request to the callback.
    pub(crate) async fn go(&self, browser: &mut Browser, url: &str, user: &str) -> Url {
        let consent = browser.open(url).await.page().expect(200);
        let login = approve(browser, &consent).await.page().expect(200);
        sign_in(browser, &login, user, PASSWORD).await.callback()
    }

    /// A code for Alice, and the request that it answers.
    pub(crate) async fn code(&self, client: &Client) -> (Authorization, String) {
        let request = self.request(client);
        let callback = self.go(&mut self.browser(), &request.url(), "alice").await;
        assert_eq!(query(&callback, "error"), None, "{callback}");
        let code = query(&callback, "code").unwrap();
        (request, code)
    }

    /// Tokens for Alice.
    pub(crate) async fn tokens(&self, client: &Client) -> Tokens {
        let (request, code) = self.code(client).await;
        Tokens::read(&self.token(&redemption(client, &request, &code)).await)
    }

    /// Makes a token request.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.http.post_form(&self.at("/token"), form).await
    }

    /// Redeems a refresh token.
    pub(crate) async fn refresh(&self, client: &Client, token: &str) -> Answer {
        self.token(&refreshing(client, token)).await
    }

    /// What the MCP server learns about a token.
    pub(crate) async fn introspect(&self, token: &str) -> Value {
        let request = self.http.request(http::Method::POST, &self.at("/introspect"));
        let request = request.basic_auth(RESOURCE_SERVER.0, Some(RESOURCE_SERVER.1));
        let answer = self.http.send(request.form(&[("token", token)])).await.expect(200);
        answer.expect_no_store();
        answer.json()
    }

    /// Whether a token is good.
    pub(crate) async fn is_active(&self, token: &str) -> bool {
        self.introspect(token).await["active"] == true
    }
}

/// Presses "Approve".
pub(crate) async fn approve(browser: &mut Browser, consent: &Page) -> Visit {
    browser.submit(consent, consent.form("Approve")).await
}

/// Logs in at the mock identity provider.
pub(crate) async fn sign_in(
    browser: &mut Browser,
    login: &Page,
    user: &str,
    password: &str,
) -> Visit {
    let form = login.form("Sign in").choose("username", user).fill("password", password);
    browser.submit(login, form).await
}

/// The cookies of a browser, as a program would send them.
pub(crate) fn cookie_header(browser: &Browser) -> String {
    let cookies = browser.jar.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value));
    cookies.collect::<Vec<_>>().join("; ")
}

/// The form that redeems a code.
pub(crate) fn redemption<'a>(
    client: &'a Client,
    request: &'a Authorization,
    code: &'a str,
) -> Vec<(&'static str, &'a str)> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("client_id", &client.id),
        ("code_verifier", &request.verifier),
        ("resource", RESOURCE),
    ];
    form.extend(client.secret.as_deref().map(|secret| ("client_secret", secret)));
    form
}

/// The form that redeems a refresh token.
pub(crate) fn refreshing<'a>(client: &'a Client, token: &'a str) -> Vec<(&'static str, &'a str)> {
    let mut form =
        vec![("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", &client.id)];
    form.extend(client.secret.as_deref().map(|secret| ("client_secret", secret)));
    form
}

/// The same form with one value changed.
pub(crate) fn with<'a>(
    mut form: Vec<(&'static str, &'a str)>,
    name: &'static str,
    value: &'a str,
) -> Vec<(&'static str, &'a str)> {
    form.retain(|(given, _)| *given != name);
    form.push((name, value));
    form
}

/// The same form without a value.
pub(crate) fn without<'a>(
    mut form: Vec<(&'static str, &'a str)>,
    name: &str,
) -> Vec<(&'static str, &'a str)> {
    form.retain(|(given, _)| *given != name);
    form
}
