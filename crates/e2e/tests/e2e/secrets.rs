//! Both programs at their most talkative: nothing that could be stolen stands in what they write,
//! whatever is done with them. What that is the clients of `testkit` have noted themselves.

use std::net::Ipv4Addr;

use e2e::{Asking, CALLBACK, approve};
use http::Method;
use serde_json::{Value, json};
use testkit::{
    browser::Browser,
    dpop::ProofKey,
    http::{Answer, Http},
    oauth::{Client, Tokens},
    process::Process,
    redis::RedisServer,
    rpc::{Modern, Session},
    secrets,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::processes::Place;

const WORD: &str = "a-word-of-a-user-that-is-nobodys-business";
const WRONG: &str = "a-wrong-password-of-somebody";

/// Both programs, somebody at a browser, and a client of hers.
struct Story {
    endpoint: String,
    issuer: Http,
    browser: Browser,
}

async fn tell(place: &Place) -> Vec<Process> {
    let programs = vec![place.auth().await, place.mcp().await];
    let (endpoint, issuer) = (place.endpoint(), Http::new(&place.issuer));
    let browser = Browser::default().with_callback(CALLBACK);
    let mut story = Story { endpoint, issuer, browser };
    secrets::note(WORD);
    secrets::note(WRONG);
    story.people().await;
    let tokens = story.tokens().await;
    story.calls(&tokens.access).await;
    story.bound_token().await;
    story.confidential_client().await;
    story.device().await;
    story.strangers().await;
    programs
}

impl Story {
    async fn asking(&self) -> Asking {
        Asking::at(&self.endpoint).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.issuer.post_form(path, form).await
    }

    /// A no, a wrong password, a login; what is allowed; and out again.
    async fn people(&mut self) {
        let asking = self.asking().await;
        let consent = self.browser.open(&asking.request.url()).await.page().expect(200);
        let _ = self.browser.submit(&consent, consent.form("Deny")).await.callback();
        let consent = self.browser.open(&asking.request.url()).await.page().expect(200);
        let login = approve(&mut self.browser, &consent).await.page().expect(200);
        let form = login.form("Sign in").choose("username", "bob").fill("password", WRONG);
        let _ = self.browser.submit(&login, form).await.page().expect(403);
        let _ = asking.let_in(&mut self.browser, "alice").await;
        for path in ["/", "/apps", "/logout"] {
            let address = self.issuer.url(path);
            let _ = self.browser.open(address.as_str()).await.page().expect(200);
        }
        let page = self.browser.open(self.issuer.url("/logout").as_str()).await.page().expect(200);
        let _ = self.browser.submit(&page, page.form("Log out")).await.page().expect(200);
    }

    /// Tokens that are refreshed, shown again, looked at, and revoked; and others that are left.
    async fn tokens(&mut self) -> Tokens {
        let alice = self.asking().await.let_in(&mut self.browser, "alice").await;
        let next = alice.oauth.refresh(&alice.client, &alice.tokens).await;
        let again = alice.oauth.refresh(&alice.client, &alice.tokens).await;
        assert_eq!(next.access, again.access);
        alice.oauth.revoke(&alice.client, next.refresh.as_deref().unwrap_or_default()).await;
        let dead = alice.oauth.try_refresh(&alice.client, alice.refresh()).await;
        dead.expect_oauth_error(400, "invalid_grant");
        let asking = self.asking().await;
        let consent = self.browser.open(&asking.request.url()).await.page().expect(200);
        let callback = approve(&mut self.browser, &consent).await.callback();
        let form = asking.form(&callback);
        let login = asking.redeem(&callback).await;
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, &**value)).collect();
        let without_grant = self.post("/token", &form[1..]).await;
        assert_eq!(without_grant.status, 400);
        login.tokens
    }

    async fn calls(&self, token: &str) {
        let modern = Modern::new(&self.endpoint).bearer(token);
        let _ = modern.tool("echo", json!({ "message": WORD })).await.expect(200);
        let session = Session::opening(&self.endpoint).bearer(token).open().await;
        let _ = session.tool("echo", json!({ "message": WORD })).await.expect(200);
        let mut stream = session.listen(None).await;
        stream.next_event().await;
        let _ = session.end().await.expect(204);
    }

    async fn bound_token(&mut self) {
        let (asking, key, now) = (self.asking().await, ProofKey::p256(), ambient::Clock::system());
        let consent = self.browser.open(&asking.request.url()).await.page().expect(200);
        let form = asking.form(&approve(&mut self.browser, &consent).await.callback());
        let url = asking.oauth.endpoint("token_endpoint");
        let request = self.issuer.request(Method::POST, "/token").form(&form);
        let request = request.header("dpop", key.proof("POST", &url, now.now()));
        let tokens = self.issuer.send(request).await.expect(200).json();
        let token = tokens["access_token"].as_str().expect("a token");
        let proof = key.draft("POST", &self.endpoint, now.now()).token(token).sign();
        let modern = Modern::new(&self.endpoint);
        let draft = modern.draft("tools/list", json!({})).header("dpop", &proof);
        let draft = draft.header("authorization", &format!("DPoP {token}"));
        let _ = modern.send(draft).await.expect(200);
    }

    /// A client with a secret hands its request in, asks who the user is, logs her out, and changes
    /// its registration.
    async fn confidential_client(&mut self) {
        let asking = self.asking().await;
        let metadata = json!({ "redirect_uris": [CALLBACK], "client_name": "One with a secret" });
        let told = self.issuer.post_json("/register", &metadata).await.expect(201).json();
        let text = |name: &str| told[name].as_str().expect(name).to_owned();
        let (id, secret) = (text("client_id"), Some(text("client_secret")));
        let client =
            Client { id, secret, redirect_uri: CALLBACK.to_owned(), registration: told.clone() };
        let request = asking.oauth.authorization(&client).with("scope", "openid mcp");
        let pushed = self.issuer.request(Method::POST, "/par").form(&request.query);
        let pushed = pushed.basic_auth(&client.id, client.secret.as_deref());
        let pushed = self.issuer.send(pushed).await.expect(201).json();
        let uri = pushed["request_uri"].as_str().expect("a name");
        let url = self.issuer.url(&format!("/authorize?client_id={}&request_uri={uri}", client.id));
        let consent = self.browser.open(url.as_str()).await.page().expect(200);
        let callback = approve(&mut self.browser, &consent).await.callback();
        let tokens = asking.oauth.redeem(&client, &request, &callback).await;
        let who = self.issuer.request(Method::GET, "/userinfo").bearer_auth(&tokens.access);
        let _ = self.issuer.send(who).await.expect(200);
        let hint = tokens.answer["id_token"].as_str().expect("an identity token");
        let out = self.issuer.url(&format!("/logout?id_token_hint={hint}"));
        let _ = self.browser.open(out.as_str()).await.page().expect(200);
        let change = self.issuer.request(Method::PUT, &text("registration_client_uri"));
        let change = change.bearer_auth(text("registration_access_token")).json(&metadata);
        let _ = self.issuer.send(change).await.expect(200);
    }

    async fn device(&mut self) {
        let device = "urn:ietf:params:oauth:grant-type:device_code";
        let metadata = json!({ "grant_types": [device], "token_endpoint_auth_method": "none" });
        let client = self.issuer.post_json("/register", &metadata).await.expect(201).json();
        let id = client["client_id"].as_str().expect("a name");
        let told = self.post("/device_authorization", &[("client_id", id)]).await.expect(200);
        let told: Value = told.json();
        let text = |name: &str| told[name].as_str().expect(name);
        let page = self.browser.open(text("verification_uri_complete")).await.page().expect(200);
        let consent = self.browser.submit(&page, page.form("Continue")).await.page().expect(200);
        let login = approve(&mut self.browser, &consent).await.page().expect(200);
        let _ = e2e::sign_in(&mut self.browser, &login, "alice").await.page().expect(200);
        let code = text("device_code");
        let form = [("grant_type", device), ("client_id", id), ("device_code", code)];
        let _ = self.post("/token", &form).await.expect(200);
    }

    /// Wrong credentials everywhere.
    async fn strangers(&self) {
        let guessed = "a-secret-that-was-guessed-by-somebody";
        secrets::note(guessed);
        let request = self.issuer.request(Method::POST, "/introspect").form(&[("token", guessed)]);
        let request = request.basic_auth("mcp-server", Some(guessed));
        self.issuer.send(request).await.expect_oauth_error(401, "invalid_client");
        let modern = Modern::new(&self.endpoint).bearer(guessed);
        let _ = modern.call("tools/list", json!({})).await.expect(401);
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", guessed), ("client_id", "x")];
        self.post("/token", &form).await.expect_oauth_error(401, "invalid_client");
        let forged = format!("/upstream/mock/callback?state={guessed}&code={guessed}");
        assert!(self.issuer.get(&forged).await.status.is_client_error());
    }
}

async fn nothing_is_told(place: &Place) {
    for program in tell(place).await {
        let (status, log) = program.terminate().await;
        assert!(status.success(), "{status}");
        // Whoever asks whether a program is ready is told of below the usual level.
        assert!(log.contains("DEBUG") && log.contains("answered"), "it is not the finest log");
        assert_eq!(secrets::told_in(&log), None);
    }
    assert!(secrets::count() > 40, "the clients have noted {}", secrets::count());
}

#[tokio::test]
async fn the_finest_logs_of_both_programs_tell_no_secret_in_memory() {
    nothing_is_told(&Place::new(None)).await;
}

#[tokio::test]
async fn the_finest_logs_of_both_programs_tell_no_secret_on_redis() {
    let redis = RedisServer::start().await;
    nothing_is_told(&Place::new(Some(&redis))).await;
}

/// What `redis` is told from now on, until it ends.
async fn overheard(redis: &RedisServer) -> JoinSet<String> {
    let address = (Ipv4Addr::LOCALHOST, redis.port());
    let mut stream = TcpStream::connect(address).await.expect("Redis listens");
    stream.write_all(b"MONITOR\r\n").await.expect("Redis reads");
    let mut confirmed = [0; 5];
    stream.read_exact(&mut confirmed).await.expect("Redis answers");
    let mut hearing = JoinSet::new();
    hearing.spawn(async move {
        let mut heard = Vec::new();
        // It ends with Redis, in one way or the other.
        let _ = stream.read_to_end(&mut heard).await;
        String::from_utf8_lossy(&heard).into_owned()
    });
    hearing
}

/// Not even on its way to the store: names of tokens are hashes, and what is read again is sealed.
#[tokio::test]
async fn redis_is_told_no_token_no_code_and_no_secret_of_a_client() {
    let mut redis = RedisServer::start().await;
    let mut hearing = overheard(&redis).await;
    for program in tell(&Place::new(Some(&redis))).await {
        let (status, _) = program.terminate().await;
        assert!(status.success(), "{status}");
    }
    redis.kill();
    let heard = hearing.join_next().await.expect("one hears").expect("it does not fail");
    assert!(heard.contains("auth:") && heard.contains("session:"), "{} bytes", heard.len());
    let kinds = ["mcpa_", "mcpr_", "mcpc_", "mcps_", "mcpm_", "ey"];
    assert_eq!(secrets::told_of(&kinds, &heard), None);
}
