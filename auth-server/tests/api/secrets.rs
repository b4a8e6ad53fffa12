//! What lies in the store: the documented names, no secret among them, nobody's name, and nothing for
//! ever.

use ambient::{Clock, Secret};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use http::Method;
use serde_json::json;
use store::{RedisOptions, Store};
use testkit::{
    dpop::ProofKey,
    oauth::{Client, Tokens, s256},
    redis::RedisServer,
};
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

/// Of these, the records that only who knows the secret can read or make.
const SEALED: [&str; 11] = [
    "pending",
    "login",
    "session",
    "consent",
    "exch",
    "installation",
    "family",
    "device",
    "visit",
    "par",
    "idp",
];

/// What a sealed record begins with; no JSON does.
const SEAL: u8 = 1;

/// Where somebody comes from.
const ADDRESS: &str = "203.0.113.7";

/// The settings of all that can be there.
const SETTINGS: [(&str, &str); 3] = [
    ("AUTH_TRUSTED_PROXIES", "127.0.0.1"),
    ("AUTH_DPOP_NONCE", "1"),
    ("AUTH_TOKEN_FORMAT", "opaque"),
];

/// What is in a Redis that nobody else uses.
struct Kept {
    key: String,
    /// In milliseconds, or less than nothing.
    left: i64,
    value: Vec<u8>,
}

/// What a Redis answers to one command: the texts of a list, or of its one line.
async fn ask(server: &RedisServer, command: &[&str]) -> Vec<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    let sized = |part: &&str| format!("${}\r\n{part}\r\n", part.len());
    let parts: Vec<String> = command.iter().map(sized).collect();
    let bytes = format!("*{}\r\n{}*1\r\n$4\r\nQUIT\r\n", command.len(), parts.concat());
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let mut rest = &answer[..];
    let line = |rest: &mut &[u8]| {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let line = String::from_utf8(rest[..end].to_vec()).unwrap();
        *rest = &rest[end + 2..];
        line
    };
    let first = line(&mut rest);
    assert!(!first.starts_with('-'), "{command:?}: {first}");
    let Some(count) = first.strip_prefix('*') else { return vec![first.into_bytes()] };
    let mut texts = Vec::new();
    for _ in 0..count.parse().unwrap() {
        let length: usize = line(&mut rest)[1..].parse().unwrap();
        texts.push(rest[..length].to_vec());
        rest = &rest[length + 2..];
    }
    texts
}

/// Everything that is there.
async fn dump(server: &RedisServer) -> Vec<Kept> {
    const SCRIPT: &str = "local all = {} \
        for _, key in ipairs(redis.call('KEYS', '*')) do \
        local is_set = redis.call('TYPE', key).ok == 'zset' \
        local value = is_set and table.concat(redis.call('ZRANGE', key, 0, -1), ' ') \
            or redis.call('GET', key) \
        all[#all + 1] = key \
        all[#all + 1] = tostring(redis.call('PTTL', key)) \
        all[#all + 1] = value \
        end return all";
    let texts = ask(server, &["EVAL", SCRIPT, "0"]).await;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let kept = texts.chunks(3).map(|kept| Kept {
        key: text(&kept[0]),
        left: text(&kept[1]).parse().unwrap(),
        value: kept[2].clone(),
    });
    kept.collect()
}

/// The names of what begins with this.
async fn keys(server: &RedisServer, prefix: &str) -> Vec<String> {
    let all = dump(server).await.into_iter().map(|kept| kept.key);
    all.filter(|key| key.starts_with(prefix)).collect()
}

/// A text as it is, and as it might be written: in hex, and in base64 wherever it begins there.
fn disguises(text: &str) -> Vec<Vec<u8>> {
    let hex = const_hex::encode(text);
    let mut all = vec![text.to_owned(), hex.to_uppercase(), hex];
    for before in 0..3 {
        let bytes = [&[0; 2][..before], text.as_bytes()].concat();
        let whole = &STANDARD_NO_PAD.encode(&bytes)[(before * 4).div_ceil(3)..bytes.len() * 4 / 3];
        all.extend([whole.to_owned(), whole.replace('+', "-").replace('/', "_")]);
    }
    all.into_iter().map(String::into_bytes).collect()
}

/// That a text is nowhere, in no form.
#[track_caller]
fn check_absent(dump: &[Kept], text: &str) {
    for form in disguises(text) {
        let is_in = |bytes: &[u8]| bytes.windows(form.len()).any(|window| window == form);
        for Kept { key, value, .. } in dump {
            let value_shown = String::from_utf8_lossy(value);
            assert!(!is_in(key.as_bytes()) && !is_in(value), "{text} in {key}: {value_shown}");
        }
    }
}

async fn world(server: &RedisServer) -> World {
    world_with(server, &[]).await
}

async fn world_with(server: &RedisServer, more: &[(&str, &str)]) -> World {
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    World::on_with(store, Clock::system(), &[&SETTINGS, more].concat()).await
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

/// Somebody who has logged in at the mock from an address of his own, and does not come back; what his
/// client has sent along.
async fn on_the_way(world: &World, client: &Client) -> Vec<String> {
    let mut browser = world.browser();
    let request = world.request(client);
    let consent = browser.open(&request.url()).await.page().expect(200);
    let login = approve(&mut browser, &consent).await.page().expect(200);
    let form = login.form("Sign in");
    let hidden = ["state", "nonce", "code_challenge", "token"];
    let hidden = hidden.map(|name| (name, form.value(name).unwrap()));
    let fields = [&hidden[..], &[("username", "alice"), ("password", PASSWORD)]].concat();
    let answer = world.http.request(Method::POST, "/mock-upstream-idp/authorize");
    let answer =
        answer.header("cookie", cookie_header(&browser)).header("x-forwarded-for", ADDRESS);
    let _ = world.http.send(answer.form(&fields)).await.expect(303);
    vec![request.state, s256(&request.verifier), form.value("state").unwrap().to_owned()]
}

/// A token request from another address, which is counted, and a login that fails.
async fn strangers(world: &World, client: &Client) {
    let request = world.http.request(Method::POST, "/token");
    let request = request.header("x-forwarded-for", ADDRESS);
    let _ = world.http.send(request.form(&[("client_id", "x")])).await;
    let mut browser = world.browser();
    let consent = browser.open(&world.request(client).url()).await.page().expect(200);
    let login = approve(&mut browser, &consent).await.page().expect(200);
    let _ = sign_in(&mut browser, &login, "bob", "wrong").await.page().expect(403);
}

/// Somebody who has let a device in, and looks at what he has let in; what is secret of that.
async fn connected(world: &World) -> Vec<String> {
    let client = device::program(world).await;
    let begun = device::begin(world, &client).await;
    let code = device::text(&begun, "user_code");
    let _ = device::allow(world, code, "alice").await.page().expect(200);
    let tokens = Tokens::read(&device::ask(world, &client, &begun).await);
    let mut browser = world.browser();
    world.go(&mut browser, &world.request(&world.app().await).url(), "alice").await;
    let page = browser.open(&world.at("/apps")).await.page().expect(200).text();
    assert!(page.contains("You are Alice Adams"), "{page}");
    let cookies = browser.jar.iter().map(|cookie| cookie.value.clone());
    [tokens.access, tokens.refresh.unwrap(), code.to_owned(), code.replace('-', "")]
        .into_iter()
        .chain(cookies)
        .collect()
}

#[tokio::test]
async fn neither_secrets_nor_names_lie_in_the_store_and_everything_ends() {
    let server = RedisServer::start().await;
    let world = world(&server).await;
    let client = world.confidential().await;
    let (_, unspent) = world.code(&client).await;
    let tokens = world.tokens(&client).await;
    let refresh = tokens.refresh.unwrap();
    let _ = world.refresh(&client, &refresh).await.expect(200);
    strangers(&world, &client).await;
    let mut secrets = vec![unspent, tokens.access, refresh, client.secret.clone().unwrap()];
    let management = client.registration["registration_access_token"].as_str().unwrap();
    secrets.push(management.to_owned());
    secrets.extend(device(&world).await);
    secrets.extend(proven(&world, &client).await);
    known(&world).await;
    secrets.extend(on_the_way(&world, &client).await);
    secrets.extend(connected(&world).await);
    let _ = world.http.get("/jwks").await.expect(200);
    let dump = dump(&server).await;
    for secret in &secrets {
        // What kind of token it is may be known.
        check_absent(&dump, secret.split_once('_').map_or(secret, |(_, rest)| rest));
    }
    let kinds = ["mcpa_", "mcpr_", "mcpb_", "mcpn_", "mcpu_", "mcpd_", "mcpq_"];
    for known in ["alice", "Alice", "Adams", "@example", ADDRESS, "203.0.113"].iter().chain(&kinds)
    {
        check_absent(&dump, known);
    }
    for prefix in PREFIXES {
        let prefix = format!("auth:{prefix}:");
        assert!(dump.iter().any(|kept| kept.key.starts_with(&prefix)), "{prefix}");
    }
    for Kept { key, left, value } in &dump {
        assert!(*left > 0, "{key}");
        let prefix = key.split(':').nth(1).unwrap();
        assert_eq!(value.first() == Some(&SEAL), SEALED.contains(&prefix), "{key}: {value:?}");
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

#[tokio::test]
async fn a_record_counts_under_its_own_name_and_sealed_only() {
    let server = RedisServer::start().await;
    let world = world(&server).await;
    let client = world.app().await;
    let (first, second) = (world.tokens(&client).await, world.tokens(&client).await);
    assert!(world.is_active(&first.access).await && world.is_active(&second.access).await);
    let tokens = keys(&server, "auth:installation:").await;
    let families = keys(&server, "auth:family:").await;
    assert_eq!((tokens.len(), families.len()), (2, 2));
    let copied = ask(&server, &["COPY", &tokens[0], &tokens[1], "REPLACE"]).await;
    assert_eq!(copied, [b":1"]);
    let active = [world.is_active(&first.access).await, world.is_active(&second.access).await];
    assert!(active[0] != active[1], "one of them has a record of another name: {active:?}");
    // A family that who writes to Redis has brought to life is none.
    for family in &families {
        ask(&server, &["SET", family, r#"{"state":"alive"}"#, "PX", "60000"]).await;
    }
    assert!(!world.is_active(&first.access).await && !world.is_active(&second.access).await);
    for tokens in [first, second] {
        let answer = world.refresh(&client, &tokens.refresh.unwrap()).await;
        answer.expect_oauth_error(400, "invalid_grant");
    }
}

/// What is kept under this name: a text.
async fn kept(server: &RedisServer, key: &str) -> String {
    let dump = dump(server).await;
    let kept = dump.into_iter().find(|kept| kept.key == key).unwrap();
    String::from_utf8(kept.value).unwrap()
}

/// What leads from a code to a device lies open, and who writes to Redis can turn it.
#[tokio::test]
async fn a_code_leads_to_the_device_that_has_it_and_to_no_other() {
    let server = RedisServer::start().await;
    let world = world(&server).await;
    let client = device::program(&world).await;
    let mine = device::begin(&world, &client).await;
    let leads = keys(&server, "auth:usercode:").await;
    let theirs = device::begin(&world, &client).await;
    let [lead] = &leads[..] else { panic!("{leads:?}") };
    let other = keys(&server, "auth:usercode:").await.into_iter().find(|key| key != lead).unwrap();
    assert_eq!(ask(&server, &["COPY", &other, lead, "REPLACE"]).await, [b":1"]);
    let code = device::text(&mine, "user_code");
    let turned = device::enter(&world, &mut world.browser(), code).await.expect(400);
    assert!(turned.text().contains("code"), "{turned}");
    let _ = device::allow(&world, device::text(&theirs, "user_code"), "alice").await;
    let _ = Tokens::read(&device::ask(&world, &client, &theirs).await);
}

/// The record of a refresh token lies open too. Whose the login is says the family, which is sealed.
#[tokio::test]
async fn a_refresh_token_is_its_clients_whatever_its_record_says() {
    let server = RedisServer::start().await;
    let world = world(&server).await;
    let (owner, thief) = (world.app().await, world.confidential().await);
    let refresh = world.tokens(&owner).await.refresh.unwrap();
    let records = keys(&server, "auth:refresh:").await;
    let [record] = &records[..] else { panic!("{records:?}") };
    let value = kept(&server, record).await;
    let turned = value.replace(&owner.id, &thief.id);
    assert_ne!(value, turned, "the record names its client");
    ask(&server, &["SET", record, &turned, "KEEPTTL"]).await;
    world.refresh(&thief, &refresh).await.expect_oauth_error(400, "invalid_grant");
    ask(&server, &["SET", record, &value, "KEEPTTL"]).await;
    let _ = world.refresh(&owner, &refresh).await.expect(200);
}

const OLD: &str = "the secret that was there before";
const NEW: &str = "the secret that is there from now on";
const CHANGED: [(&str, &str); 2] = [("AUTH_SECRET", NEW), ("AUTH_SECRET_PREVIOUS", OLD)];

/// The new secret opens nothing that is there, and the old one nothing that comes.
#[tokio::test]
async fn a_login_goes_on_while_the_secret_is_changed() {
    let server = RedisServer::start().await;
    let before = world_with(&server, &[("AUTH_SECRET", OLD)]).await;
    let client = before.app().await;
    let tokens = before.tokens(&client).await;
    let during = world_with(&server, &CHANGED).await;
    assert!(during.is_active(&tokens.access).await);
    let refreshed = during.refresh(&client, &tokens.refresh.unwrap()).await.expect(200).json();
    let refresh = refreshed["refresh_token"].as_str().unwrap();
    // To an instance that knows one of them only, what the other has sealed is not there.
    before.refresh(&client, refresh).await.expect_oauth_error(400, "invalid_grant");
    assert!(!before.is_active(refreshed["access_token"].as_str().unwrap()).await);
    let after = world_with(&server, &[("AUTH_SECRET", NEW)]).await;
    assert!(!after.is_active(&tokens.access).await, "it was sealed with the old secret");
    let _ = after.refresh(&client, refresh).await.expect(200);
}

#[tokio::test]
async fn what_a_user_has_let_in_is_shown_and_removed_while_the_secret_is_changed() {
    let server = RedisServer::start().await;
    let before = world_with(&server, &[("AUTH_SECRET", OLD)]).await;
    let (old, mut browser) = (before.app().await, before.browser());
    let tokens = before.tokens(&old).await;
    let during = world_with(&server, &CHANGED).await;
    let new = during.confidential().await;
    let _ = during.tokens(&new).await;
    during.go(&mut browser, &during.request(&new).url(), "alice").await;
    let mut page = browser.open(&during.at("/apps")).await.page().expect(200);
    for client in [&old, &new] {
        assert!(page.text().contains(&client.id), "{page}");
    }
    for _ in 0..2 {
        let form = page.form("Remove access");
        page = browser.submit(&page, form).await.page().expect(200);
    }
    assert!(!page.text().contains(&old.id), "{page}");
    assert!(!during.is_active(&tokens.access).await);
}
