//! Settings about tokens that nothing else sets: each does what it says, over a socket.

use std::{fs, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use testkit::{PATIENCE, eventually, http::Http};
use url::form_urlencoded;

use crate::{
    provider::{Mood, NOW, Provider},
    providers::{JWT, Scene, scene, unready},
};

const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/p256.pem");

/// A file that holds a secret, as an editor writes it.
fn file(name: &str, secret: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, format!("{secret}\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A token that nobody has shown yet, that lives longer than any keys here.
fn fresh(scene: &Scene) -> String {
    let jti = scene.world.clock.now().as_millis().to_string();
    scene.token("k1", &json!({ "jti": jti, "exp": NOW + 80_000 }))
}

/// The same for a test that lasts longer than such a token may live.
fn later(scene: &Scene) -> String {
    let now = scene.world.clock.now();
    scene.token("k1", &json!({ "jti": now.as_millis().to_string(), "exp": now.as_secs() + 3600 }))
}

#[tokio::test]
async fn clients_are_sent_to_the_servers_that_are_advertised() {
    let servers = ["https://login.example", "https://eu.login.example"];
    let scene = scene(&[("MCP_AUTH_ADVERTISED_SERVERS", &servers.join(" "))]).await;
    let path = "/.well-known/oauth-protected-resource/mcp";
    let document = Http::new(&scene.world.base).get(path).await.expect(200).json();
    assert_eq!(document["authorization_servers"], json!(servers));
}

#[tokio::test]
async fn an_assertion_is_for_the_audience_and_by_the_key_that_are_set() {
    let scene = scene(&[
        ("MCP_AUTH_CLIENT_KEY_FILE", KEY),
        ("MCP_AUTH_CLIENT_KEY_ID", "key-1"),
        ("MCP_AUTH_ASSERTION_AUDIENCE", "https://as.example/token"),
    ])
    .await;
    assert_eq!(scene.status("good").await, 200);
    let form = scene.provider.seen().1;
    let mut fields = form_urlencoded::parse(form.as_bytes());
    let (_, assertion) = fields.find(|(name, _)| name == "client_assertion").unwrap();
    let part = |n| URL_SAFE_NO_PAD.decode(assertion.split('.').nth(n).unwrap()).unwrap();
    let [header, claims] = [0, 1].map(|n| serde_json::from_slice::<Value>(&part(n)).unwrap());
    assert_eq!((&header["kid"], &header["alg"]), (&json!("key-1"), &json!("ES256")));
    assert_eq!(claims["aud"], "https://as.example/token");
}

#[tokio::test]
async fn secrets_are_read_from_files() {
    let secret = file("client-secret", "from-a-file");
    let bearer = file("bearer", "pat-of-a-file");
    let with = async |settings: &[(&str, &str)]| {
        let scene = scene(settings).await;
        assert_eq!(scene.status("good").await, 200);
        scene.provider.seen().0
    };
    let basic = with(&[("MCP_AUTH_CLIENT_SECRET_FILE", &secret)]).await;
    // mcp-server:from-a-file
    assert_eq!(basic.as_deref(), Some("Basic bWNwLXNlcnZlcjpmcm9tLWEtZmlsZQ=="));
    let own = with(&[("MCP_AUTH_CLIENT_AUTH", "bearer"), ("MCP_AUTH_BEARER_FILE", &bearer)]).await;
    assert_eq!(own.as_deref(), Some("Bearer pat-of-a-file"));
}

#[tokio::test]
async fn metadata_is_read_where_the_operator_says() {
    let provider = Provider::start().await;
    provider.set(|script| script.metadata_path = "/hidden/metadata.json".to_owned());
    let url = format!("{}/hidden/metadata.json", provider.issuer);
    let scene = unready(provider, &[("MCP_AUTH_DISCOVERY_URL", &url)]).await;
    scene.available(true).await;
    assert_eq!(scene.status("good").await, 200);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_none() {
    let scene = scene(&[("MCP_AUTH_MAX_RESPONSE", "1000")]).await;
    assert_eq!(scene.status("good-1").await, 200);
    scene.provider.set(|script| script.claims["x"] = json!("x".repeat(1000)));
    assert_eq!(scene.status("good-2").await, 503);
}

#[tokio::test]
async fn keys_are_fresh_and_used_as_long_as_is_set() {
    let times = [("MCP_AUTH_JWKS_TTL", "100"), ("MCP_AUTH_JWKS_STALE", "50")];
    let scene = scene(&[&[JWT][..], &times].concat()).await;
    // Those of the start are of no use any more: these are fetched now, and no moment before.
    scene.advance(150);
    assert_eq!(scene.status(&fresh(&scene)).await, 200);
    scene.provider.set(|script| script.jwks = Mood::Status(500));
    scene.advance(99);
    assert_eq!((scene.status(&fresh(&scene)).await, scene.provider.keys_fetched()), (200, 2));
    scene.advance(1);
    assert_eq!(scene.status(&fresh(&scene)).await, 200);
    let renewed = async || (scene.provider.keys_fetched() == 3).then_some(());
    eventually(PATIENCE, renewed).await;
    scene.advance(49);
    assert_eq!(scene.status(&fresh(&scene)).await, 200);
    scene.advance(1);
    assert_eq!(scene.status(&fresh(&scene)).await, 503);
}

#[tokio::test]
async fn keys_are_fresh_as_long_as_their_issuer_says_within_a_minute_and_a_day() {
    let scene = scene(&[JWT]).await;
    let table = [
        ("public, max-age=300", 300),
        ("max-age=7", 60),
        ("Max-Age=\"99\"", 99),
        ("max-age=999999", 86_400),
    ];
    for (said, seconds) in table {
        scene.provider.set(|script| script.keys_cache = Some(said));
        // What was said before is over, and so is the hour that it may be used beyond that.
        scene.advance(80_000);
        assert_eq!(scene.status(&later(&scene)).await, 200, "{said}");
        let before = scene.provider.keys_fetched();
        scene.advance(seconds - 1);
        assert_eq!(scene.status(&later(&scene)).await, 200, "{said}");
        assert_eq!(scene.provider.keys_fetched(), before, "{said}");
        scene.advance(1);
        assert_eq!(scene.status(&later(&scene)).await, 200, "{said}");
        let renewed = async || (scene.provider.keys_fetched() == before + 1).then_some(());
        eventually(PATIENCE, renewed).await;
    }
}

#[tokio::test]
async fn names_of_keys_that_do_not_exist_make_one_fetch_in_the_time_that_is_set() {
    let scene = scene(&[JWT, ("MCP_AUTH_JWKS_COOLDOWN", "7")]).await;
    let before = scene.provider.keys_fetched();
    for (seconds, fetches) in [(0, 1), (6, 1), (1, 2)] {
        scene.advance(seconds);
        let evil = scene.token(&format!("evil-{seconds}"), &json!({}));
        assert_eq!(scene.status(&evil).await, 401);
        assert_eq!(scene.provider.keys_fetched() - before, fetches, "{seconds}");
    }
}

#[tokio::test]
async fn clocks_may_differ_and_tokens_live_as_long_as_is_set() {
    let scene = scene(&[
        JWT,
        ("MCP_AUTH_CLOCK_SKEW", "90"),
        ("MCP_AUTH_MAX_TOKEN_LIFETIME", "1000"),
        ("MCP_AUTH_CACHE_TTL", "0"),
    ])
    .await;
    let now = scene.world.clock.now().as_secs();
    for (claims, status) in [
        (json!({ "exp": now - 89 }), 200),
        (json!({ "exp": now - 90 }), 401),
        (json!({ "exp": now + 1000, "nbf": now + 90 }), 200),
        (json!({ "exp": now + 1000, "nbf": now + 91 }), 401),
        (json!({ "exp": now + 1001 }), 401),
    ] {
        assert_eq!(scene.status(&scene.token("k1", &claims)).await, status, "{claims}");
    }
}

#[tokio::test]
async fn the_secret_goes_into_the_form_where_no_other_way_is_offered() {
    let provider = Provider::start().await;
    let methods = json!(["private_key_jwt", "client_secret_post"]);
    provider.set(|script| {
        script.changes = vec![("introspection_endpoint_auth_methods_supported", methods)];
    });
    let scene = unready(provider, &[("MCP_AUTH_CLIENT_SECRET", "hunter2")]).await;
    scene.available(true).await;
    assert_eq!(scene.status("good").await, 200);
    let (header, form) = scene.provider.seen();
    assert!(header.is_none() && form.ends_with("&client_secret=hunter2"), "{form}");
}

#[tokio::test]
async fn useless_keys_do_not_replace_those_that_are_here() {
    let scene = scene(&[JWT, ("MCP_AUTH_JWKS_TTL", "100")]).await;
    assert_eq!(scene.status(&fresh(&scene)).await, 200);
    let symmetric = json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "k1", "alg": "HS256" });
    for useless in [json!({ "keys": [] }), json!({ "keys": [symmetric] })] {
        scene.provider.set(|script| script.keys = Some(useless.clone()));
        let before = scene.provider.keys_fetched();
        scene.advance(101);
        assert_eq!(scene.status(&fresh(&scene)).await, 200, "{useless}");
        let asked = async || (scene.provider.keys_fetched() > before).then_some(());
        eventually(PATIENCE, asked).await;
        scene.advance(1);
        assert_eq!(scene.status(&fresh(&scene)).await, 200, "{useless}");
        assert!(scene.world.server.is_available());
    }
}
