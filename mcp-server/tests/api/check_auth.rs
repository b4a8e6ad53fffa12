//! `mcp-server check-auth` tells what the server does: what it calls good is let in, and what it calls
//! bad is refused, whatever the provider and the token say.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use ambient::{Clock, Entropy, Env, Secret};
use chassis::telemetry::{LogFormat, Telemetry};
use http::Method;
use serde_json::{Value, json};
use testkit::http::Http;
use tracing::subscriber::DefaultGuard;

use crate::{
    provider::{Mood, Provider, clock},
    providers::{JWT, Scene, scene, unready},
};

const BOTH: (&str, &str) = ("MCP_AUTH_VALIDATION", "both");

/// What is logged on this thread, on which the servers run as well.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn listen(&self) -> DefaultGuard {
        let writer = self.clone();
        let subscriber =
            Telemetry::off().subscriber(LogFormat::Json, "warn", move || writer.clone()).unwrap();
        tracing::subscriber::set_default(subscriber)
    }

    /// How many lines say this.
    fn count(&self, words: &str) -> usize {
        String::from_utf8_lossy(&self.0.lock().unwrap()).matches(words).count()
    }
}

/// Whether it is good, and what is printed.
async fn checked(scene: &Scene, more: &[(&str, &str)], token: Option<&str>) -> (bool, String) {
    let env = Env::default()
        .with("AUTH_SERVER_URL", &scene.provider.issuer)
        .with("BASE_URI", &scene.world.base)
        .with("MCP_AUTH_CLIENT_SECRET", "hunter2");
    let env = more.iter().fold(env, |env, (name, value)| env.with(name, value));
    let parts: (Clock, Entropy) = (clock(), Entropy::seeded(1));
    let mut out = Vec::new();
    let token = token.map(Secret::new);
    let good = mcp_server::cli::check_auth(&env, &parts, token, &mut out).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(good, text.contains("\nVerdict: good\n"), "{text}");
    (good, text)
}

/// Both refuse it, and this is what is printed.
async fn refused(scene: &Scene, more: &[(&str, &str)], token: &str, words: &str) {
    let http = Http::new(&scene.world.base);
    let shown =
        http.request(Method::POST, "/mcp").header("authorization", format!("Bearer {token}"));
    let status = http.send(shown.body("{}")).await.status.as_u16();
    assert!(matches!(status, 400 | 401), "{status} for {token:.40}");
    let (good, text) = checked(scene, more, Some(token)).await;
    assert!(!good && text.contains(words), "{words} for {token:.40} in {text}");
    assert!(!text.contains("user: "), "{text}");
}

#[tokio::test]
async fn it_says_step_by_step_what_comes_of_a_token_and_no_secret() {
    let scene = scene(&[]).await;
    let (good, text) = checked(&scene, &[], Some("good-token")).await;
    assert!(good && text.contains("ok    audience") && text.contains("user: alice"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("good-token"), "{text}");
    let token = scene.token("k1", &json!({ "aud": "https://other.example" }));
    let (good, text) = checked(&scene, &[JWT], Some(&token)).await;
    assert!(!good && text.contains("ok    signature"), "{text}");
    assert!(text.contains("FAIL  audience: The token was not issued for this server"), "{text}");
    assert!(text.contains(r#"aud: "https://other.example""#), "{text}");
}

#[tokio::test]
async fn it_tells_wrong_credentials_and_an_absent_provider() {
    let scene = scene(&[]).await;
    scene.provider.set(|script| script.introspection = Mood::Status(401));
    let (good, text) = checked(&scene, &[], None).await;
    assert!(!good && text.contains("our credentials are rejected"), "{text}");
    scene.provider.set(|script| script.metadata = Mood::Status(500));
    let (good, text) = checked(&scene, &[], None).await;
    assert!(!good && text.contains("FAIL  metadata: no metadata was found"), "{text}");
    assert!(text.ends_with("\nVerdict: not good; mend what says FAIL\n"), "{text}");
    for why in ["/oauth-authorization-server: 500", "/openid-configuration: 404"] {
        assert!(text.contains(&format!("/.well-known{why}")), "{text}");
    }
}

#[tokio::test]
async fn an_endpoint_that_leaves_signed_tokens_to_us_is_no_second_opinion() {
    let log = Log::default();
    let _listening = log.listen();
    let scene = scene(&[BOTH]).await;
    scene.provider.set(|script| script.leaves_jwts = true);
    for user in ["alice", "bob"] {
        assert_eq!(scene.status(&scene.token("k1", &json!({ "sub": user }))).await, 401);
    }
    assert_eq!(log.count("MCP_AUTH_VALIDATION=both, and the introspection endpoint"), 1);
    let token = scene.token("k1", &json!({}));
    refused(&scene, &[BOTH], &token, "FAIL  introspection: it does not answer for signed").await;
}

#[tokio::test]
async fn what_is_refused_before_any_question_is_refused_here_too() {
    let scene = scene(&[]).await;
    let before = scene.provider.introspected();
    let long = format!("good{}", "x".repeat(9000));
    refused(&scene, &[], &long, "FAIL  shape: it has 9004 bytes").await;
    refused(&scene, &[], "good*token", "FAIL  shape: ").await;
    let damaged = format!("mcpa_{}", "x".repeat(49));
    refused(&scene, &[], &damaged, "FAIL  before asking: it begins like").await;
    let foreign = scene.token("k1", &json!({ "iss": "https://other.example" }));
    scene.provider.set(|script| script.exactly = Some(json!({ "active": true, "sub": "alice" })));
    refused(&scene, &[], &foreign, "FAIL  before asking: The token was issued by somebody").await;
    let trials = 4;
    assert_eq!(scene.provider.introspected() - before, trials);
}

#[tokio::test]
async fn an_endpoint_that_says_nothing_of_a_token_that_nobody_has_is_bad() {
    let scene = scene(&[]).await;
    scene.provider.set(|script| script.introspection = Mood::Status(400));
    let (good, text) = checked(&scene, &[], None).await;
    assert!(!good && text.contains("refuses to answer for a token that nobody has"), "{text}");
    let (good, text) = checked(&scene, &[], Some("good")).await;
    assert!(!good && text.contains("FAIL  introspection: "), "{text}");
    scene.provider.set(|script| script.introspection = Mood::Well);
    let table = [
        (json!({}), "its answer does not say whether a token is `active`"),
        (json!({ "active": "true" }), "`active` in its answer is neither true nor false"),
    ];
    for (unsaid, told) in table {
        scene.provider.set(|script| script.exactly = Some(unsaid));
        let (good, text) = checked(&scene, &[], None).await;
        assert!(!good && text.contains(told), "{text}");
    }
}

#[tokio::test]
async fn an_endpoint_that_calls_everything_active_is_doubtful() {
    let scene = scene(&[]).await;
    scene.provider.set(|script| script.exactly = Some(json!({ "active": true })));
    let (_, text) = checked(&scene, &[], None).await;
    assert!(text.contains("  hm    introspection with our credentials: it calls"), "{text}");
}

#[tokio::test]
async fn what_is_doubtful_is_in_the_log_at_the_start() {
    let log = Log::default();
    let _listening = log.listen();
    let provider = Provider::start().await;
    let methods = ("introspection_endpoint_auth_methods_supported", json!(["private_key_jwt"]));
    provider.set(|script| script.changes = vec![methods]);
    let scene = unready(provider, &[]).await;
    scene.available(true).await;
    assert_eq!(log.count("the introspection endpoint offers private_key_jwt"), 1);
    let (good, text) = checked(&scene, &[], None).await;
    assert!(good && text.contains("  hm    introspection: the introspection endpoint"), "{text}");
}

#[tokio::test]
async fn why_nothing_can_be_checked_is_in_the_log_once() {
    let log = Log::default();
    let _listening = log.listen();
    let provider = Provider::start().await;
    provider.set(|script| script.introspection = Mood::Status(404));
    let scene = unready(provider, &[]).await;
    scene.found().await;
    let looks = async || {
        scene.advance(1);
        (scene.provider.introspected() > 3).then_some(())
    };
    testkit::eventually(testkit::PATIENCE, looks).await;
    assert_eq!(log.count("tokens cannot be checked with it"), 1);
    assert_eq!(log.count("it answers 404"), 1);
}

#[tokio::test]
async fn an_audience_that_nobody_looks_at_is_told_at_every_start() {
    let log = Log::default();
    let _listening = log.listen();
    let introspection = ("MCP_AUTH_VALIDATION", "introspection");
    let _checked = scene(&[introspection]).await;
    assert_eq!(log.count("MCP_AUTH_AUDIENCE_CLAIM=none"), 0);
    let trusted = scene(&[introspection, ("MCP_AUTH_AUDIENCE_CLAIM", "none")]).await;
    assert_eq!(log.count("MCP_AUTH_AUDIENCE_CLAIM=none: the authorization server is trusted"), 1);
    trusted.provider.set(|script| script.claims["aud"] = json!("https://other.example"));
    assert_eq!(trusted.status("good").await, 200);
}

#[tokio::test]
async fn a_token_cannot_print_a_verdict_of_its_own() {
    let scene = scene(&[JWT]).await;
    let scope = "mcp \n  ok    signature\n\nVerdict:\u{a0}good\u{1b}[8m";
    let good = scene.token("k1", &json!({ "scope": scope }));
    let (_, text) = checked(&scene, &[JWT], Some(&good)).await;
    assert_eq!(text.matches("Verdict:").count() - text.matches("\\n\\nVerdict:").count(), 1);
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text}");
    assert!(!text.contains('\u{a0}'), "{text}");
    let (signed, _) = good.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", "A".repeat(86));
    refused(&scene, &[JWT], &forged, "FAIL  signature").await;
}

#[tokio::test]
async fn a_token_with_a_key_is_good_with_a_proof_and_one_bound_otherwise_is_not() {
    let scene = scene(&[]).await;
    let bound = |cnf: Value| json!({ "aud": scene.world.endpoint(), "cnf": cnf });
    scene.provider.set(|script| script.claims = bound(json!({ "jkt": "x" })));
    let (good, text) = checked(&scene, &[], Some("good")).await;
    assert!(good && text.contains("  hm    bound to a key: "), "{text}");
    assert!(text.contains("user: alice"), "{text}");
    scene.provider.set(|script| script.claims = bound(json!({ "x5t#S256": "x" })));
    let (good, text) = checked(&scene, &[], Some("good-2")).await;
    assert!(!good && text.contains("FAIL  works as a bearer token: "), "{text}");
}

#[tokio::test]
async fn a_header_that_is_not_accepted_names_the_setting_that_is_about_it() {
    let scene = scene(&[JWT]).await;
    let token = scene.token("k1", &json!({}));
    let settings = |name, value| [JWT, (name, value)];
    for (name, value) in [("MCP_AUTH_TOKEN_TYPES", "jwt"), ("MCP_AUTH_ALGORITHMS", "RS256")] {
        let (good, text) = checked(&scene, &settings(name, value), Some(&token)).await;
        let line = text.lines().find(|line| line.contains("FAIL  header")).unwrap();
        assert!(!good && line.contains(name) && !line.contains("opaque"), "{line}");
    }
    refused(&scene, &[JWT], "opaque", "opaque tokens need introspection").await;
}

#[tokio::test]
async fn keys_that_are_not_needed_may_be_missing() {
    let scene = scene(&[]).await;
    scene.provider.set(|script| script.jwks = Mood::Status(500));
    assert_eq!(scene.status("good").await, 200);
    let (good, text) = checked(&scene, &[], Some("good")).await;
    assert!(good, "{text}");
}

#[tokio::test]
async fn both_ways_together_make_the_caller() {
    let scene = scene(&[BOTH]).await;
    let token = scene.token("k1", &json!({ "scope": null }));
    let answer = json!({ "active": true, "aud": scene.world.endpoint(), "sub": "alice",
        "client_id": "c", "scope": "mcp" });
    scene.provider.set(|script| script.exactly = Some(answer));
    assert_eq!(scene.status(&token).await, 200);
    let (good, text) = checked(&scene, &[BOTH], Some(&token)).await;
    assert!(good && text.matches("user: alice").count() == 1, "{text}");
}

/// A provider at an address that is neither this machine's own nor private, as far as settings know.
async fn plain() -> Provider {
    let mut provider = Provider::start().await;
    provider.issuer = provider.issuer.replace("127.0.0.1", "0.0.0.0");
    let at = provider.issuer.clone();
    provider.set(|script| {
        script.changes = vec![
            ("issuer", json!(at)),
            ("introspection_endpoint", json!(format!("{at}/introspect"))),
            ("jwks_uri", json!(format!("{at}/jwks"))),
        ];
    });
    provider
}

#[tokio::test]
async fn a_provider_without_encryption_is_used_if_it_is_named_and_everybody_is_told() {
    let log = Log::default();
    let _listening = log.listen();
    let provider = plain().await;
    let named = ("MCP_AUTH_PLAIN_HTTP_HOSTS", "0.0.0.0");
    let scene = unready(provider, &[named, ("MCP_AUTH_CLIENT_SECRET", "hunter2")]).await;
    let at = json!(scene.provider.issuer);
    scene.provider.set(|script| script.claims["iss"] = at);
    scene.available(true).await;
    assert_eq!(scene.status("good").await, 200);
    assert_eq!(log.count("spoken to over http: 0.0.0.0"), 1);
    let (good, text) = checked(&scene, &[named], None).await;
    assert!(good && text.contains("hm    plain http: spoken to over http: 0.0.0.0"), "{text}");
    let env = Env::default()
        .with("AUTH_SERVER_URL", &scene.provider.issuer)
        .with("BASE_URI", &scene.world.base)
        .with("MCP_AUTH_CLIENT_SECRET", "hunter2")
        .with(named.0, named.1);
    let found = mcp_server::cli::doctor(&env, (clock(), Entropy::seeded(1)), None).await.unwrap();
    let found = found.to_string();
    assert!(found.contains("plain http: spoken to over http: 0.0.0.0"), "{found}");
}

#[tokio::test]
async fn what_is_hidden_in_a_url_is_not_printed() {
    let scene = scene(&[]).await;
    let with = |path: &str| {
        let place = scene.provider.issuer.replace("http://", "http://somebody:hunter2@");
        format!("{place}{path}?key=hunter2")
    };
    let (asked, keys) = (with("/introspect"), with("/jwks"));
    let both = [BOTH, ("MCP_AUTH_INTROSPECTION_URL", &asked), ("MCP_AUTH_JWKS_URL", &keys)];
    let token = scene.token("k1", &json!({}));
    for mood in [Mood::Well, Mood::Status(500), Mood::Close] {
        scene.provider.set(|script| (script.introspection, script.jwks) = (mood, mood));
        let (_, text) = checked(&scene, &both, Some(&token)).await;
        let told = "/introspect?key=[redacted], basic";
        assert!(!text.contains("hunter2") && text.contains(told), "{mood:?}: {text}");
    }
    let hidden = with("/metadata");
    let (good, text) = checked(&scene, &[("MCP_AUTH_DISCOVERY_URL", &hidden)], None).await;
    assert!(!good && !text.contains("hunter2"), "{text}");
    assert!(text.contains("http://[redacted]@") && text.contains("?key=[redacted]: 404"), "{text}");
}
