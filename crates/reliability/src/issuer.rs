//! The authorization server as a deployment has it: two instances of one issuer, a balancer in front
//! of them, Redis beside them.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use ambient::{Clock, Entropy};
use e2e::{CALLBACK, approve, sign_in};
use serde_json::json;
use testkit::{
    PATIENCE,
    browser::Browser,
    http::Http,
    oauth::{Authorization, query, s256},
    process::{Process, Program, free_port},
    within,
};
use url::Url;

use crate::balancer::Balancer;

/// The client that resource servers are, and its secret.
const RESOURCE_SERVER: (&str, &str) = ("mcp-server", "a secret between two servers");

/// The time between two kills.
const BETWEEN_KILLS: Duration = Duration::from_secs(2);

/// A running issuer. Everything ends when this is dropped.
pub struct Issuer {
    redis: String,
    grace: Duration,
    ports: [u16; 2],
    instances: [Option<Process>; 2],
    balancer: Balancer,
}

/// A public client, and the browser of somebody who lets it in again and again.
pub struct Visitor {
    issuer: String,
    client: String,
    browser: Browser,
    is_known: bool,
}

impl Issuer {
    /// Two instances on the Redis at `redis`, ready. A refresh token that was redeemed gets the same
    /// answer again for `grace`.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn start(redis: &str, grace: Duration) -> Self {
        let ports = [free_port(), free_port()];
        let balancer = Balancer::start(&ports).await.expect("a port is free");
        let redis = redis.to_owned();
        let mut issuer = Self { redis, grace, ports, instances: [None, None], balancer };
        issuer.again(0).await;
        issuer.again(1).await;
        within(PATIENCE, issuer.balancer.all_ready()).await;
        issuer
    }

    /// Its identifier, where its browser pages are.
    #[must_use]
    pub fn origin(&self) -> String {
        self.balancer.origin()
    }

    /// Clients of each instance alone.
    #[must_use]
    pub fn each(&self) -> [Http; 2] {
        self.ports.map(|port| Http::new(&format!("http://127.0.0.1:{port}")))
    }

    /// Everything that the instances have logged, as far as they live.
    #[must_use]
    pub fn logs(&self) -> String {
        self.instances.iter().flatten().map(Process::output).collect()
    }

    /// Kills one instance after the other, every two seconds, until `is_over`; then both are there
    /// again. How often that was.
    pub async fn under_fire(&mut self, is_over: &AtomicBool) -> usize {
        let clock = Clock::system();
        let mut kills = 0;
        // The first one soon, so that a short crowd sees it too.
        clock.sleep(BETWEEN_KILLS / 8).await;
        while !is_over.load(Ordering::SeqCst) {
            let next = clock.now() + BETWEEN_KILLS;
            let index = kills % 2;
            if let Some(process) = self.instances[index].take() {
                process.kill().await;
            }
            kills += 1;
            self.again(index).await;
            clock.sleep_until(next).await;
        }
        kills
    }

    /// Whether a token is good.
    pub async fn is_active(&self, token: &str) -> bool {
        let http = &self.each()[0];
        let request = http.request(http::Method::POST, "/introspect");
        let request = request.basic_auth(RESOURCE_SERVER.0, Some(RESOURCE_SERVER.1));
        let answer = http.send(request.form(&[("token", token)])).await.expect(200);
        answer.json()["active"] == true
    }

    async fn again(&mut self, index: usize) {
        let port = self.ports[index];
        let program = Program::built("auth-server")
            .setting("AUTH_SERVER_PORT", port)
            .setting("AUTH_SERVER_URL", self.origin())
            .setting("REDIS_URL", &self.redis)
            .setting("MCP_AUTH_CLIENT_SECRET", RESOURCE_SERVER.1)
            .setting("REFRESH_GRACE_SECS", self.grace.as_secs())
            .setting("METRICS_ADDR", "off")
            .setting("RUST_LOG", "warn,auth_server::http::token=off");
        let ready = format!("http://127.0.0.1:{port}/readyz");
        self.instances[index] = Some(program.start_ready(&ready).await);
    }
}

impl Visitor {
    /// A new client of an issuer.
    pub async fn new(issuer: &Issuer) -> Self {
        let metadata = json!({
            "client_name": "One of a crowd",
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "none",
        });
        let origin = issuer.origin();
        let answer = Http::new(&origin).post_json("/register", &metadata).await.expect(201);
        let client = answer.json()["client_id"].as_str().unwrap_or_default().to_owned();
        let browser = Browser::default().with_callback(CALLBACK);
        Self { issuer: origin, client, browser, is_known: false }
    }

    /// Lets the client in; gives the form that redeems the code.
    ///
    /// # Panics
    /// When there is no code.
    pub async fn let_in(&mut self) -> Vec<(&'static str, String)> {
        let request = self.request();
        let consent = self.browser.open(&request.url()).await.page().expect(200);
        let mut visit = approve(&mut self.browser, &consent).await;
        if !self.is_known {
            let login = visit.page().expect(200);
            visit = sign_in(&mut self.browser, &login, "alice").await;
            self.is_known = true;
        }
        let code = query(&visit.callback(), "code").expect("a code");
        vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code),
            ("redirect_uri", CALLBACK.to_owned()),
            ("client_id", self.client.clone()),
            ("code_verifier", request.verifier),
        ]
    }

    /// The form that redeems a refresh token.
    #[must_use]
    pub fn refreshing(&self, token: &str) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", token.to_owned()),
            ("client_id", self.client.clone()),
        ]
    }

    /// Forgets connections that may lead to an instance that is gone.
    pub fn reconnect(&mut self) {
        self.browser.reconnect();
    }

    fn request(&self) -> Authorization {
        let verifier = Entropy::system().hex::<32>();
        let challenge = s256(&verifier);
        let query = [
            ("response_type", "code"),
            ("client_id", &self.client),
            ("redirect_uri", CALLBACK),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let endpoint = Url::parse(&format!("{}/authorize", self.issuer));
        Authorization {
            endpoint: endpoint.expect("an issuer is a URL"),
            query: query.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            verifier,
            state: String::new(),
        }
    }
}
