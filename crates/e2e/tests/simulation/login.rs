//! The way of a person through the pages, before a simulation begins: on real sockets and with real
//! time, because neither pages nor password hashes are what is looked at.

use std::time::Duration;

use ambient::{Clock, Entropy, Env};
use auth_server::{AuthServer, Config, Parts};
use chassis::{App, Lifecycle, Limits};
use e2e::{CALLBACK, approve, sign_in};
use serde_json::json;
use store::{Line, Store};
use testkit::{
    browser::{Browser, Visit},
    http::Http,
    oauth::{Authorization, query, s256},
};
use tokio::net::TcpListener;
use url::Url;

use crate::{instance::Make, weather::Still};

/// What the MCP server shows for introspection.
pub(crate) const SECRET: &str = "a secret between two servers";

/// What tokens are for.
pub(crate) const RESOURCE: &str = "http://localhost:3232/mcp";

/// What a client has after its user has agreed.
#[derive(Clone)]
pub(crate) struct Code {
    pub(crate) client: String,
    pub(crate) ticket: String,
    pub(crate) verifier: String,
}

/// What there is before a simulation begins.
pub(crate) struct Prepared {
    pub(crate) issuer: String,
    pub(crate) codes: Vec<Code>,
}

fn server(
    clock: &Clock,
    store: Store,
    entropy: Entropy,
    lifecycle: &Lifecycle,
    issuer: &str,
) -> App {
    let env = Env::default()
        .with("AUTH_SERVER_URL", issuer)
        .with("METRICS_ADDR", "off")
        .with("AUTH_LIMIT_TOKEN", "0")
        .with("AUTH_LIMIT_REFUSED", "0")
        .with("MCP_AUTH_CLIENT_SECRET", SECRET);
    let config = Config::from_env(&env).0.expect("the settings are right");
    let (clock, lifecycle) = (clock.clone(), lifecycle.clone());
    let server = AuthServer::new(config, Parts { clock, entropy, store, lifecycle });
    server.expect("it can be made").app()
}

/// Makes instances of the authorization server.
pub(crate) fn make(clock: &Clock, issuer: &str) -> Make {
    let (clock, issuer) = (clock.clone(), issuer.to_owned());
    std::sync::Arc::new(move |store, entropy, lifecycle| {
        server(&clock, store, entropy, lifecycle, &issuer)
    })
}

/// Lets Alice agree so many times.
pub(crate) fn codes(store: &Store, clock: &Clock, entropy: &Entropy, number: usize) -> Prepared {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener that was bound has an address");
        let issuer = format!("http://{address}");
        let lifecycle = Lifecycle::new(clock.clone(), Duration::ZERO);
        // Over a line, like the instances that come later: what is shared is kept in another way.
        let store = store.over_line(Line::new(clock, Still));
        let app = server(clock, store, entropy.clone(), &lifecycle, &issuer);
        let life = lifecycle.clone();
        lifecycle.spawn(async move {
            let served = chassis::serve(listener, app, Limits::default(), &life).await;
            served.expect("a listener that was bound has an address");
        });
        let mut browser = Browser::new(clock.clone()).with_callback(CALLBACK);
        let client = client(&issuer).await;
        let mut codes = Vec::new();
        for _ in 0..number {
            codes.push(agree(&mut browser, &issuer, &client, entropy).await);
        }
        lifecycle.abort();
        Prepared { issuer, codes }
    })
}

async fn client(issuer: &str) -> String {
    let metadata = json!({
        "client_name": "Simulated",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
    });
    let registered = Http::new(issuer).post_json("/register", &metadata).await.expect(201).json();
    registered["client_id"].as_str().expect("a client has an id").to_owned()
}

async fn agree(browser: &mut Browser, issuer: &str, client: &str, entropy: &Entropy) -> Code {
    let verifier = entropy.hex::<32>();
    let challenge = s256(&verifier);
    let query_of = [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("state", "s"),
        ("resource", RESOURCE),
    ];
    let request = Authorization {
        endpoint: Url::parse(&format!("{issuer}/authorize")).expect("an issuer is a URL"),
        query: query_of.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        verifier: verifier.clone(),
        state: "s".to_owned(),
    };
    let callback = walk(browser, &request.url()).await;
    let ticket = query(&callback, "code").expect("Alice agrees");
    Code { client: client.to_owned(), ticket, verifier }
}

/// The first time there is a password to give; later a click is enough, or nothing.
async fn walk(browser: &mut Browser, url: &str) -> Url {
    let consent = match browser.open(url).await {
        Visit::Left { callback, .. } => return callback,
        Visit::Page(page) => page.expect(200),
    };
    match approve(browser, &consent).await {
        Visit::Left { callback, .. } => callback,
        Visit::Page(login) => sign_in(browser, &login.expect(200), "alice").await.callback(),
    }
}
