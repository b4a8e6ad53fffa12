//! Somebody else's authorization server, by settings alone: every way to check a token, every way
//! to authenticate, and what happens when the provider fails.

use std::time::Duration;

use serde_json::{Value, json};
use store::Store;
use testkit::{
    http::Http,
    rpc::{Modern, Reply},
};

use crate::{
    provider::{Mood, NOW, Provider, Script, clock},
    world::{World, instance},
};

pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) provider: Provider,
    /// One client for all calls.
    pub(crate) modern: Modern,
}

/// A server that knows its provider by these settings, whatever the provider does.
pub(crate) async fn unready(provider: Provider, settings: &[(&str, &str)]) -> Scene {
    let clock = clock();
    let mut all = vec![("AUTH_SERVER_URL", provider.issuer.as_str())];
    all.extend(settings);
    let world = instance(&Store::memory(clock.clone()), clock, &all).await;
    let audience = json!({ "aud": world.endpoint() });
    provider.set(|script| script.claims = audience);
    let modern = world.modern();
    Scene { world, provider, modern }
}

pub(crate) async fn scene(settings: &[(&str, &str)]) -> Scene {
    let scene = unready(Provider::start().await, settings).await;
    scene.available(true).await;
    // What tokens are checked with is tried after that, and must not be taken for a question.
    scene.ready().await;
    scene
}

impl Scene {
    /// Waits until the server has noticed; time passes meanwhile.
    pub(crate) async fn available(&self, expected: bool) {
        testkit::eventually(testkit::PATIENCE, || async {
            // In this order: what the server begins when it has noticed must not run out of time.
            if self.world.server.is_available() == expected {
                return Some(());
            }
            self.world.clock.advance(Duration::from_secs(1));
            None
        })
        .await;
    }

    /// Waits until requests may be sent here, while no time passes.
    pub(crate) async fn ready(&self) {
        let http = Http::new(&self.world.address);
        let ready = async || (http.get("/readyz").await.status == 200).then_some(());
        testkit::eventually(testkit::PATIENCE, ready).await;
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.world.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn token(&self, kid: &str, changes: &Value) -> String {
        self.provider.token(&self.world.endpoint(), kid, changes)
    }

    /// Waits until the metadata has been read, and is repeated here.
    pub(crate) async fn found(&self) {
        let http = Http::new(&self.world.base);
        let found = async || {
            let answer = http.get("/.well-known/oauth-authorization-server").await;
            (answer.status == 200).then_some(())
        };
        testkit::eventually(testkit::PATIENCE, found).await;
    }

    pub(crate) async fn call(&self, token: &str) -> Reply {
        self.modern.clone().bearer(token).call("tools/list", json!({})).await
    }

    pub(crate) async fn status(&self, token: &str) -> u16 {
        let reply = self.call(token).await;
        let status = reply.status.as_u16();
        drop(reply.expect(status));
        status
    }
}

/// Longer than usual where the machine has much to do.
const PATIENT: (&str, &str) = ("MCP_AUTH_TIMEOUT", "60");
pub(crate) const JWT: (&str, &str) = ("MCP_AUTH_VALIDATION", "jwt");
const BOTH: (&str, &str) = ("MCP_AUTH_VALIDATION", "both");

#[tokio::test]
async fn a_signed_token_is_checked_without_asking() {
    let scene = scene(&[JWT]).await;
    assert_eq!(scene.status(&scene.token("k1", &json!({}))).await, 200);
    let wrong =
        [json!({ "aud": "https://other.example" }), json!({ "iss": "https://other.example" })];
    for changes in wrong {
        assert_eq!(scene.status(&scene.token("k1", &changes)).await, 401, "{changes}");
    }
    assert_eq!((scene.status("opaque").await, scene.provider.introspected()), (401, 0));
}

#[tokio::test]
async fn a_token_must_pass_both_if_the_operator_wants_both() {
    let scene = scene(&[BOTH]).await;
    let token = scene.token("k1", &json!({}));
    // The played endpoint calls no signed token active.
    assert_eq!(scene.status(&token).await, 401);
    assert_eq!(scene.status("good").await, 401);
    assert!(scene.provider.introspected() > 0);
}

#[tokio::test]
async fn an_endpoint_that_leaves_signed_tokens_to_us_is_asked_once() {
    let scene = scene(&[]).await;
    scene.provider.set(|script| script.leaves_jwts = true);
    let before = scene.provider.introspected();
    for user in ["alice", "bob", "carol"] {
        assert_eq!(scene.status(&scene.token("k1", &json!({ "sub": user }))).await, 200);
    }
    assert_eq!(scene.provider.introspected() - before, 1);
    assert_eq!(scene.status("good-opaque").await, 200);
}

#[tokio::test]
async fn keys_are_rotated_without_a_restart() {
    let scene = scene(&[JWT]).await;
    assert_eq!(scene.status(&scene.token("k1", &json!({}))).await, 200);
    scene.provider.set(|script| script.kid = "k2");
    assert_eq!(scene.status(&scene.token("k2", &json!({}))).await, 200);
    assert_eq!(scene.provider.keys_fetched(), 2);
    assert_eq!(scene.status(&scene.token("k1", &json!({ "jti": "2" }))).await, 401);
}

#[tokio::test]
async fn names_of_keys_that_do_not_exist_make_one_fetch_in_half_a_minute() {
    let scene = scene(&[JWT]).await;
    assert_eq!(scene.status(&scene.token("k1", &json!({}))).await, 200);
    for n in 0..20 {
        assert_eq!(scene.status(&scene.token(&format!("evil-{n}"), &json!({}))).await, 401);
    }
    assert_eq!(scene.provider.keys_fetched(), 2);
    scene.advance(30);
    assert_eq!(scene.status(&scene.token("evil-x", &json!({}))).await, 401);
    assert_eq!(scene.provider.keys_fetched(), 3);
}

#[tokio::test]
async fn old_keys_are_used_while_there_are_no_newer_ones_but_not_for_ever() {
    let scene = scene(&[JWT, ("MCP_AUTH_MAX_TOKEN_LIFETIME", "604800")]).await;
    let token = |n: u64| scene.token("k1", &json!({ "jti": n.to_string(), "exp": 1_800_100_000 }));
    assert_eq!(scene.status(&token(1)).await, 200);
    scene.provider.set(|script| (script.metadata, script.jwks) = (Mood::Hang, Mood::Status(500)));
    scene.advance(601);
    assert_eq!(scene.status(&token(2)).await, 200);
    scene.advance(3600);
    assert_eq!(scene.status(&token(3)).await, 503);
}

#[tokio::test]
async fn five_hundred_requests_with_a_fresh_token_make_one_question() {
    let scene = scene(&[PATIENT]).await;
    let before = scene.provider.introspected();
    let all = (0..500).map(|_| scene.status("good-500"));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|status| *status == 200), "{all:?}");
    assert_eq!(scene.provider.introspected() - before, 1);
}

#[tokio::test]
async fn every_way_to_authenticate_is_as_its_specification_has_it() {
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/p256.pem");
    let id = ("MCP_AUTH_CLIENT_ID", "mcp server");
    let with = async |settings: &[(&str, &str)]| {
        let scene = scene(&[&[id], settings].concat()).await;
        assert_eq!(scene.status("good").await, 200, "{settings:?}");
        scene.provider.seen()
    };
    let secret = ("MCP_AUTH_CLIENT_SECRET", "s:e&");
    let (header, form) = with(&[("MCP_AUTH_CLIENT_AUTH", "basic"), secret]).await;
    assert_eq!(header.as_deref(), Some("Basic bWNwK3NlcnZlcjpzJTNBZSUyNg=="));
    assert_eq!(form, "token=good&token_type_hint=access_token");
    let (header, form) = with(&[("MCP_AUTH_CLIENT_AUTH", "post"), secret]).await;
    assert!(header.is_none() && form.ends_with("&client_id=mcp+server&client_secret=s%3Ae%26"));
    let bearer = [("MCP_AUTH_CLIENT_AUTH", "bearer"), ("MCP_AUTH_BEARER", "pat")];
    assert_eq!(with(&bearer).await.0.as_deref(), Some("Bearer pat"));
    let allowed = ("MCP_AUTH_ALLOW_UNAUTHENTICATED_INTROSPECTION", "1");
    let (header, form) = with(&[("MCP_AUTH_CLIENT_AUTH", "none"), allowed]).await;
    assert!(header.is_none() && form.ends_with("access_token&client_id=mcp+server"), "{form}");
    let (header, form) = with(&[("MCP_AUTH_CLIENT_KEY_FILE", key)]).await;
    assert!(header.is_none() && form.contains("client_assertion=ey"), "{form}");
}

#[tokio::test]
async fn our_own_rejected_credentials_are_503_and_not_ready_until_they_are_accepted() {
    for status in [401, 403] {
        let scene = scene(&[]).await;
        let http = Http::new(&scene.world.base);
        drop(http.get("/readyz").await.expect(200));
        scene.provider.set(|script| script.introspection = Mood::Status(status));
        let reply = scene.call("good").await.expect_error(503, -32000);
        assert!(reply.header("www-authenticate").is_none());
        drop(http.get("/readyz").await.expect(503));
        scene.provider.set(|script| script.introspection = Mood::Well);
        // Nobody sends it a request now; it finds out by itself.
        scene.available(true).await;
        drop(http.get("/readyz").await.expect(200));
        assert_eq!(scene.status("good-2").await, 200);
    }
}

#[tokio::test]
async fn a_provider_that_fails_again_and_again_is_left_alone() {
    let scene = scene(&[("MCP_AUTH_NEGATIVE_TTL", "0")]).await;
    scene.provider.set(|script| script.introspection = Mood::Status(500));
    let before = scene.provider.introspected();
    for n in 0..20 {
        assert_eq!(scene.status(&format!("good-{n}")).await, 503);
    }
    // And one about a token that nobody has: these might have been the reason.
    assert_eq!(scene.provider.introspected() - before, 6);
}

#[tokio::test]
async fn a_provider_that_asks_for_rest_gets_it() {
    let scene = scene(&[]).await;
    scene.provider.set(|script| script.introspection = Mood::Status(429));
    assert_eq!(scene.status("good").await, 503);
    scene.provider.set(|script| script.introspection = Mood::Well);
    let before = scene.provider.introspected();
    scene.advance(6);
    assert_eq!((scene.status("good").await, scene.provider.introspected() - before), (503, 0));
    scene.advance(1);
    assert_eq!(scene.status("good").await, 200);
}

#[tokio::test]
async fn an_outage_lets_those_in_who_were_in_if_the_operator_says_so() {
    let scene =
        scene(&[("MCP_AUTH_OUTAGE", "stale:60"), ("MCP_AUTH_DISCOVERY_REFRESH", "3600")]).await;
    assert_eq!(scene.status("good").await, 200);
    scene.provider.set(|script| {
        (script.introspection, script.metadata) = (Mood::Status(500), Mood::Status(500));
    });
    scene.advance(31);
    assert_eq!((scene.status("good").await, scene.status("good-new").await), (200, 503));
    scene.advance(60);
    assert_eq!(scene.status("good").await, 503);
}

/// Something happens to the provider.
type Change<'a> = &'a dyn Fn(&mut Script);

#[tokio::test]
async fn no_outage_is_what_the_operator_has_to_mend_and_nobody_is_let_in_for_it() {
    let stale = [("MCP_AUTH_OUTAGE", "stale:60"), ("MCP_AUTH_CACHE_TTL", "10")];
    let rejected = |script: &mut Script| script.introspection = Mood::Status(401);
    let limited = |script: &mut Script| script.introspection = Mood::Status(429);
    let other = ("issuer", json!("https://other.example"));
    let changed = |script: &mut Script| script.changes = vec![other.clone()];
    let away = |script: &mut Script| script.introspection = Mood::Status(500);
    let table: [(&str, &[Change<'_>], u16); 5] = [
        ("rejected", &[&rejected], 503),
        ("rejected and then limited", &[&rejected, &limited], 503),
        ("rejected and then away", &[&rejected, &away], 503),
        ("changed", &[&changed], 503),
        ("away", &[&away], 200),
    ];
    for (what, happens, status) in table {
        let scene = scene(&stale).await;
        assert_eq!(scene.status("good").await, 200, "{what}");
        scene.advance(11);
        for change in happens {
            scene.provider.set(change);
            if what == "changed" {
                scene.available(false).await;
            }
            // Once: after more of them nothing would be asked any more.
            assert_eq!(scene.status("good").await, status, "{what}");
        }
        for _ in 0..8 {
            assert_eq!(scene.status("good").await, status, "{what}");
        }
    }
}

#[tokio::test]
async fn no_outage_is_a_rejection_that_keys_cannot_be_fetched_after() {
    let scene = scene(&[
        BOTH,
        ("MCP_AUTH_OUTAGE", "stale:60"),
        ("MCP_AUTH_CACHE_TTL", "10"),
        ("MCP_AUTH_JWKS_TTL", "5"),
        ("MCP_AUTH_JWKS_STALE", "0"),
    ])
    .await;
    let good = json!({ "active": true, "aud": scene.world.endpoint(), "sub": "alice",
                       "client_id": "c", "scope": "mcp", "exp": NOW + 3600 });
    scene.provider.set(|script| script.exactly = Some(good));
    let token = scene.token("k1", &json!({}));
    assert_eq!(scene.status(&token).await, 200);
    scene.advance(11);
    scene.provider.set(|script| script.jwks = Mood::Status(500));
    assert_eq!(scene.status(&token).await, 200, "an outage of the keys");
    scene.provider.set(|script| {
        (script.introspection, script.jwks) = (Mood::Status(401), Mood::Well);
    });
    scene.advance(5);
    assert_eq!(scene.status(&token).await, 503, "rejected");
    scene.provider.set(|script| script.jwks = Mood::Status(500));
    scene.advance(6);
    assert_eq!(scene.status(&token).await, 503, "rejected, and there are no keys");
}

#[tokio::test]
async fn a_tool_that_needs_more_is_403_with_all_that_is_needed_in_both_eras() {
    let scene = scene(&[]).await;
    let granted = json!({ "aud": scene.world.endpoint(), "scope": "mcp vault:read" });
    scene.provider.set(|script| script.claims = granted);
    let params = json!({ "name": "vault", "arguments": {} });
    let modern = scene.modern.clone().bearer("good").call("tools/call", params.clone()).await;
    let session = scene.world.opening().bearer("good").open().await;
    for reply in [modern, session.call("tools/call", params.clone()).await] {
        let reply = reply.expect(403);
        let challenge = reply.header("www-authenticate").unwrap();
        for part in [r#"error="insufficient_scope""#, r#"scope="mcp vault:open vault:read""#] {
            assert!(challenge.contains(part), "{challenge}");
        }
        assert!(challenge.contains("/.well-known/oauth-protected-resource/mcp"), "{challenge}");
    }
    let more = json!({ "aud": scene.world.endpoint(), "scope": "mcp vault:read vault:open" });
    scene.provider.set(|script| script.claims = more);
    let stepped_up = scene.modern.clone().bearer("good-more");
    let reply = stepped_up.call("tools/call", params).await.expect(200);
    assert_eq!(reply.content_text(), "treasure");
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_is_no_bearer_token() {
    let scene = scene(&[]).await;
    let bound = json!({ "aud": scene.world.endpoint(), "cnf": { "jkt": "x" } });
    scene.provider.set(|script| script.claims = bound);
    assert_eq!(scene.status("good").await, 401);
}

#[tokio::test]
async fn another_issuer_in_the_metadata_is_told_at_the_start() {
    let provider = Provider::start().await;
    provider.set(|script| script.changes = vec![("issuer", json!("https://other.example"))]);
    let scene = unready(provider, &[]).await;
    let unusable = testkit::within(testkit::PATIENCE, scene.world.server.unusable()).await;
    let text = unusable.to_string();
    assert!(text.contains("set AUTH_SERVER_URL to exactly that"), "{text}");
}

#[tokio::test]
async fn a_place_that_hangs_does_not_hide_the_metadata_at_the_next() {
    for mood in [Mood::Hang, Mood::Close, Mood::Huge] {
        let provider = Provider::start().await;
        provider.set(|script| {
            script.nowhere = mood;
            script.metadata_path = "/.well-known/openid-configuration".to_owned();
        });
        let scene = unready(provider, &[("MCP_AUTH_TIMEOUT", "1")]).await;
        scene.available(true).await;
        assert_eq!(scene.status("good").await, 200, "{mood:?}");
    }
}

#[tokio::test]
async fn an_issuer_that_changes_while_running_closes() {
    let scene = scene(&[]).await;
    assert_eq!(scene.status("good").await, 200);
    scene.provider.set(|script| script.changes = vec![("issuer", json!("https://other.example"))]);
    scene.available(false).await;
    assert_eq!((scene.status("good").await, scene.status("good-2").await), (503, 503));
    scene.provider.set(|script| script.changes.clear());
    scene.available(true).await;
    assert_eq!(scene.status("good-2").await, 200);
}

#[tokio::test]
async fn an_endpoint_that_breaks_in_the_metadata_closes_and_nobody_is_checked_by_less() {
    let scene = scene(&[]).await;
    assert_eq!(scene.status("good").await, 200);
    let broken = vec![("introspection_endpoint", json!("/introspect"))];
    scene.provider.set(|script| script.changes = broken);
    scene.available(false).await;
    let signed = scene.token("k1", &json!({}));
    assert_eq!((scene.status("good-2").await, scene.status(&signed).await), (503, 503));
    let why = scene.world.server.unusable().await.to_string();
    assert!(why.contains("MCP_AUTH_INTROSPECTION_URL"), "{why}");
    scene.provider.set(|script| script.changes.clear());
    scene.available(true).await;
    assert_eq!(scene.status("good-2").await, 200);
}

#[tokio::test]
async fn an_endpoint_that_moves_is_tried_before_anybody_is_asked_about() {
    let scene = scene(&[]).await;
    let before = scene.provider.introspected();
    let moved = json!(format!("{}/introspect/moved", scene.provider.issuer));
    scene.provider.set(|script| {
        script.changes = vec![("introspection_endpoint", moved)];
        script.introspection = Mood::Status(401);
    });
    scene.available(false).await;
    assert!(scene.provider.introspected() > before);
    let form = scene.provider.seen().1;
    assert!(form.starts_with("token=trial-by-mcp-server&"), "{form}");
}

#[tokio::test]
async fn an_instance_is_not_ready_until_an_endpoint_that_has_moved_works() {
    let scene = scene(&[]).await;
    let moved = json!(format!("{}/introspect/moved", scene.provider.issuer));
    scene.provider.set(|script| {
        script.changes = vec![("introspection_endpoint", moved)];
        script.introspection = Mood::Status(404);
    });
    let http = Http::new(&scene.world.address);
    let becomes = async |status| {
        let looked = async || {
            scene.advance(1);
            (http.get("/readyz").await.status == status).then_some(())
        };
        testkit::eventually(testkit::PATIENCE, looked).await;
    };
    becomes(503).await;
    scene.provider.set(|script| script.introspection = Mood::Well);
    becomes(200).await;
}

#[tokio::test]
async fn a_provider_that_offers_no_way_is_told_at_the_start_with_the_setting() {
    let provider = Provider::start().await;
    let nothing = vec![("introspection_endpoint", Value::Null), ("jwks_uri", Value::Null)];
    provider.set(|script| script.changes = nothing);
    let scene = unready(provider, &[]).await;
    let unusable = testkit::within(testkit::PATIENCE, scene.world.server.unusable()).await;
    assert!(unusable.to_string().contains("MCP_AUTH_CLIENT_SECRET"), "{unusable}");
}

#[tokio::test]
async fn clients_of_2025_03_26_find_the_issuer_at_our_origin() {
    let path = "/.well-known/oauth-authorization-server";
    let scene = scene(&[]).await;
    let document = Http::new(&scene.world.base).get(path).await.expect(200).json();
    assert_eq!(document["issuer"], json!(scene.provider.issuer));
    let silent = self::scene(&[("MCP_AUTH_LEGACY_METADATA", "0")]).await;
    drop(Http::new(&silent.world.base).get(path).await.expect(404));
}
