//! What lies in the store: the documented names, no secret among them, and nothing for ever.

use ambient::{Clock, Secret};
use http::Method;
use serde_json::json;
use store::{RedisOptions, Store};
use testkit::{dpop::ProofKey, oauth::Client, redis::RedisServer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    device,
    dpop::post,
    signer::{Signer, proving},
    support::{PASSWORD, World, approve, cookie_header, redemption, sign_in},
};

/// What is there after a login, others that are on the way, a stranger, a device and its user, and
/// whoever proves something.
const PREFIXES: [&str; 23] = [
    "client",
    "pending",
    "login",
    "session",
    "apps",
    "roll",
    "logins",
    "consent",
    "exch",
    "installation",
    "refresh",
    "family",
    "device",
    "usercode",
    "visit",
    "par",
    "dpop",
    "nonce",
    "jti",
    "keys",
    "idp",
    "limit",
    "ladder",
];

/// The settings of all that can be there.
const SETTINGS: [(&str, &str); 3] = [
    ("AUTH_TRUSTED_PROXIES", "127.0.0.1"),
    ("AUTH_DPOP_NONCE", "1"),
    ("AUTH_TOKEN_FORMAT", "opaque"),
];

/// Everything in a Redis that nobody else uses: each key with its value and its lifetime.
async fn dump(server: &RedisServer) -> String {
    const SCRIPT: &str = "local all = {} \
        for _, key in ipairs(redis.call('KEYS', '*')) do \
        local is_set = redis.call('TYPE', key).ok == 'zset' \
        local value = is_set and table.concat(redis.call('ZRANGE', key, 0, -1), ' ') \
            or redis.call('GET', key) \
        all[#all + 1] = key .. ' ' .. redis.call('PTTL', key) .. ' ' .. value \
        end return table.concat(all, '\\n')";
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    let command = format!(
        "*3\r\n$4\r\nEVAL\r\n${}\r\n{SCRIPT}\r\n$1\r\n0\r\n*1\r\n$4\r\nQUIT\r\n",
        SCRIPT.len()
    );
    stream.write_all(command.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn world(server: &RedisServer) -> World {
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    World::on_with(store, Clock::system(), &SETTINGS).await
}

/// A device whose user has typed its code and not decided; the secrets of both.
async fn device(world: &World) -> [String; 2] {
    let client = device::program(world).await;
    let begun = device::begin(world, &client).await;
    let user_code = device::text(&begun, "user_code").to_owned();
    let _ = device::enter(world, &mut world.browser(), &user_code).await.expect(200);
    [device::text(&begun, "device_code").to_owned(), user_code]
}

/// A request that was handed in, and tokens that are bound to a key; what is secret of that.
async fn proven(world: &World, client: &Client) -> Vec<String> {
    let request = world.request(client);
    let mut form: Vec<_> = request.query.iter().map(|(name, it)| (&**name, &**it)).collect();
    form.extend(client.secret.as_deref().map(|secret| ("client_secret", secret)));
    let taken = world.http.post_form("/par", &form).await.expect(201).json();
    let (request, code) = world.code(client).await;
    let form = redemption(client, &request, &code);
    let key = ProofKey::p256();
    let draft = || key.draft("POST", &world.at("/token"), world.clock.now());
    let told = post(&world.http, "/token", &form, &draft().sign()).await;
    let nonce = told.header("dpop-nonce").unwrap().to_owned();
    let proof = draft().claim("nonce", json!(nonce)).sign();
    let tokens = post(&world.http, "/token", &form, &proof).await.expect(200).json();
    let secrets = [&taken["request_uri"], &tokens["access_token"], &tokens["refresh_token"]];
    secrets.map(|secret| secret.as_str().unwrap().rsplit(':').next().unwrap().to_owned()).into()
}

/// A client that signs once, and one whose user's consent is remembered.
async fn known(world: &World) {
    let signer = Signer::new("a");
    let web = "https://client.example/cb";
    let metadata = json!({
        "redirect_uris": [web], "token_endpoint_auth_method": "private_key_jwt",
        "jwks": signer.set(),
    });
    let registration = world.register(&metadata).await.expect(201).json();
    let id = registration["client_id"].as_str().unwrap().to_owned();
    let client = Client { id, secret: None, redirect_uri: web.to_owned(), registration };
    let mut browser = world.browser().with_callback(web);
    world.go(&mut browser, &world.request(&client).url(), "alice").await;
    let assertion = signer.client_assertion(world, &client.id);
    let [kind, proof] = proving(&assertion);
    let _ = world.http.post_form("/revoke", &[("token", "x"), kind, proof]).await.expect(200);
}

/// Somebody who has logged in at the mock and does not come back.
async fn on_the_way(world: &World, client: &Client) {
    let mut browser = world.browser();
    let consent = browser.open(&world.request(client).url()).await.page().expect(200);
    let login = approve(&mut browser, &consent).await.page().expect(200);
    let form = login.form("Sign in");
    let hidden = ["state", "nonce", "code_challenge", "token"];
    let hidden = hidden.map(|name| (name, form.value(name).unwrap()));
    let fields = [&hidden[..], &[("username", "alice"), ("password", PASSWORD)]].concat();
    let request = world.http.request(Method::POST, "/mock-upstream-idp/authorize");
    let request = request.header("cookie", cookie_header(&browser));
    let _ = world.http.send(request.form(&fields)).await.expect(303);
}

/// A token request from another address, which is counted, and a login that fails.
async fn strangers(world: &World, client: &Client) {
    let request = world.http.request(Method::POST, "/token");
    let request = request.header("x-forwarded-for", "203.0.113.7");
    let _ = world.http.send(request.form(&[("client_id", "x")])).await;
    let mut browser = world.browser();
    let consent = browser.open(&world.request(client).url()).await.page().expect(200);
    let login = approve(&mut browser, &consent).await.page().expect(200);
    let _ = sign_in(&mut browser, &login, "bob", "wrong").await.page().expect(403);
}

#[tokio::test]
async fn no_secret_lies_in_the_store_and_everything_ends() {
    let server = RedisServer::start().await;
    let world = world(&server).await;
    let client = world.confidential().await;
    let (_, unspent) = world.code(&client).await;
    let tokens = world.tokens(&client).await;
    let refresh = tokens.refresh.unwrap();
    let _ = world.refresh(&client, &refresh).await.expect(200);
    strangers(&world, &client).await;
    let [device_code, user_code] = device(&world).await;
    let bound = proven(&world, &client).await;
    known(&world).await;
    on_the_way(&world, &client).await;
    let _ = world.http.get("/jwks").await.expect(200);
    let dump = dump(&server).await;
    let management = client.registration["registration_access_token"].as_str().unwrap();
    let secret = client.secret.as_deref().unwrap();
    for secret in [&*unspent, &*tokens.access, &*refresh, secret, management] {
        assert!(!dump.contains(&secret[5..]), "{dump}");
    }
    for secret in bound.iter().chain([&device_code]) {
        assert!(!dump.contains(&secret[5..]), "{secret}: {dump}");
    }
    for line in dump.lines().filter(|line| line.contains(&user_code)) {
        let shown = ["auth:device:", "auth:pending:"];
        assert!(shown.iter().any(|prefix| line.starts_with(prefix)), "{line}");
    }
    for kind in ["mcpa_", "mcpr_", "mcpb_", "mcpn_", "mcpu_", "mcpd_", "mcpq_"] {
        assert!(!dump.contains(kind), "{dump}");
    }
    for prefix in PREFIXES {
        assert!(dump.contains(&format!("auth:{prefix}:")), "{prefix}: {dump}");
    }
    let lines = dump.lines().filter(|line| line.starts_with("auth:"));
    for line in lines {
        let lifetime: i64 = line.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(lifetime > 0, "{line}");
    }
}

#[tokio::test]
async fn a_login_outlives_the_server_that_issued_it() {
    let server = RedisServer::start().await;
    let first = world(&server).await;
    let client = first.app().await;
    let tokens = first.tokens(&client).await;
    drop(first);
    let second = world(&server).await;
    let _ = second.refresh(&client, &tokens.refresh.unwrap()).await.expect(200);
    assert!(second.is_active(&tokens.access).await);
}
