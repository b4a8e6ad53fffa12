//! Tokens that are bound to a key of the client (RFC 9449), as the endpoint sees them.

use ambient::{Clock, Secret};
use futures_util::future::join_all;
use serde_json::{Value, json};
use store::{RedisOptions, Store};
use testkit::{
    dpop::{Draft, ProofKey},
    redis::RedisServer,
    rpc::{Modern, Reply, Session},
};

use crate::{
    authorization::{Scene, scene_on, scene_with},
    providers,
    world::World,
};

/// A caller with a key, and a token that is bound to it.
struct Bound {
    key: ProofKey,
    token: String,
    url: String,
    clock: Clock,
}

impl Bound {
    fn new(world: &World) -> Self {
        let key = ProofKey::p256();
        let token = format!("alice.mcp.{}", key.thumbprint());
        Self { key, token, url: world.endpoint(), clock: world.clock.clone() }
    }

    /// A good proof for a `POST`, still to be signed.
    fn proof(&self) -> Draft<'_> {
        self.key.draft("POST", &self.url, self.clock.now()).token(&self.token)
    }

    /// A call with these proofs, at this instance.
    async fn call(&self, at: &World, scheme: &str, proofs: &[String]) -> Reply {
        let modern = Modern::new(&format!("{}/mcp", at.address));
        let draft = modern.draft("tools/list", json!({}));
        let draft = draft.header("authorization", &format!("{scheme} {}", self.token));
        let add = |draft: testkit::rpc::Draft, proof: &String| draft.another_header("dpop", proof);
        modern.send(proofs.iter().fold(draft, add)).await
    }

    /// A call with one proof as it should be, but for this.
    async fn shows(&self, at: &World, proof: Draft<'_>) -> Reply {
        self.call(at, "DPoP", &[proof.sign()]).await
    }
}

/// A refusal, whose challenge is for `DPoP` and has this code.
#[track_caller]
fn refused(reply: Reply, code: &str) -> Reply {
    let reply = reply.expect(401);
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("DPoP algs=\"ES256 "), "{challenge}");
    assert!(challenge.contains(&format!("error=\"{code}\"")), "{challenge}");
    assert!(challenge.contains("resource_metadata="), "{challenge}");
    reply
}

#[tokio::test]
async fn a_bound_token_is_good_with_its_proof_and_of_no_use_without() {
    let Scene { world, .. } = &scene_with(&[]).await;
    let alice = Bound::new(world);
    drop(alice.shows(world, alice.proof()).await.expect(200));
    refused(alice.call(world, "DPoP", &[]).await, "invalid_dpop_proof");
    refused(alice.call(world, "Bearer", &[]).await, "invalid_token");
    refused(alice.call(world, "Bearer", &[alice.proof().sign()]).await, "invalid_token");
    let two = [alice.proof().sign(), alice.proof().sign()];
    refused(alice.call(world, "DPoP", &two).await, "invalid_dpop_proof");
    // One that is no token at all is refused in the words of its scheme.
    let nobody = Bound { token: "garbage".to_owned(), ..alice };
    refused(nobody.shows(world, nobody.proof()).await, "invalid_token");
}

#[tokio::test]
async fn a_proof_is_for_one_key_one_token_one_request_and_one_moment() {
    let Scene { world, .. } = &scene_with(&[]).await;
    let alice = Bound::new(world);
    let now = world.clock.now().as_secs();
    let elsewhere = world.endpoint().replace("/mcp", "/sse");
    let wrong: [(&str, Value); 11] = [
        ("htm", json!("GET")),
        ("htm", json!("post")),
        ("htm", Value::Null),
        ("htu", json!("https://evil.example/mcp")),
        ("htu", json!(elsewhere)),
        ("htu", Value::Null),
        ("ath", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("ath", Value::Null),
        ("iat", json!(now - 301)),
        ("iat", json!(now + 301)),
        ("jti", Value::Null),
    ];
    for (claim, value) in wrong {
        refused(alice.shows(world, alice.proof().claim(claim, value)).await, "invalid_dpop_proof");
    }
    for (member, value) in [("alg", json!("none")), ("alg", json!("HS256")), ("typ", json!("JWT"))]
    {
        let proof = alice.proof().header(member, value);
        refused(alice.shows(world, proof).await, "invalid_dpop_proof");
    }
    let thief = ProofKey::p256();
    let stolen = thief.draft("POST", &alice.url, world.clock.now()).token(&alice.token);
    refused(alice.shows(world, stolen).await, "invalid_token");
    drop(alice.shows(world, alice.proof()).await.expect(200));
}

#[tokio::test]
async fn a_token_without_a_key_is_no_bound_token() {
    let Scene { world, .. } = &scene_with(&[]).await;
    let alice = Bound { token: "alice.mcp".to_owned(), ..Bound::new(world) };
    refused(alice.shows(world, alice.proof()).await, "invalid_token");
    drop(alice.call(world, "Bearer", &[]).await.expect(200));
}

#[tokio::test]
async fn sessions_and_the_transport_of_2024_take_proofs_for_their_own_requests() {
    let Scene { world, .. } = &scene_with(&[]).await;
    let alice = Bound::new(world);
    let opening = Session::opening(&world.endpoint());
    let credentials = format!("DPoP {}", alice.token);
    let draft = opening.draft().header("authorization", &credentials);
    drop(opening.send(draft.header("dpop", &alice.proof().sign())).await.expect(200));
    let http = testkit::http::Http::new(&world.base);
    let stream = |path: &'static str| {
        let url = format!("{}{path}", world.base);
        let proof = alice.key.draft("GET", &url, world.clock.now()).token(&alice.token).sign();
        let request = http.request(http::Method::GET, "/sse").header("dpop", proof);
        request.header("authorization", &credentials).header("accept", "text/event-stream").send()
    };
    assert_eq!(stream("/sse").await.unwrap().status(), 200);
    assert_eq!(stream("/mcp").await.unwrap().status(), 401);
}

#[tokio::test]
async fn on_redis_one_request_of_a_crowd_at_two_instances_uses_a_proof() {
    let redis = RedisServer::start().await;
    let options = RedisOptions::new(Secret::new(redis.url()));
    let (here, there) = (Store::redis(&options).await, Store::redis(&options).await);
    let clock = Clock::manual(ambient::Timestamp::from_secs(1_800_000_000));
    let scene = scene_on(&here.unwrap(), clock, &[]).await;
    let other = scene.another(&there.unwrap(), &[]).await;
    let alice = Bound::new(&scene.world);
    let proof = [alice.proof().sign()];
    let crowd = (0..16).map(|number| if number % 2 == 0 { &scene.world } else { &other });
    let answers = join_all(crowd.map(|world| alice.call(world, "DPoP", &proof))).await;
    let (good, replayed): (Vec<_>, Vec<_>) = answers.into_iter().partition(|it| it.status == 200);
    assert_eq!((good.len(), replayed.len()), (1, 15));
    for reply in replayed {
        refused(reply, "invalid_dpop_proof");
    }
}

/// The setting that asks for nonces.
const NONCES: (&str, &str) = ("MCP_AUTH_DPOP_NONCE", "1");

#[tokio::test]
async fn where_nonces_are_asked_for_a_proof_is_told_one_and_good_with_it() {
    let Scene { world, .. } = &scene_with(&[NONCES]).await;
    let alice = Bound::new(world);
    let proof = alice.proof().sign();
    let told = refused(alice.call(world, "DPoP", &[proof]).await, "use_dpop_nonce");
    let nonce = json!(told.header("dpop-nonce").unwrap());
    let good = alice.shows(world, alice.proof().claim("nonce", nonce.clone())).await.expect(200);
    assert_eq!(good.header("dpop-nonce"), None, "there is no newer one");
    let again = alice.proof().claim("nonce", nonce).sign();
    drop(alice.call(world, "DPoP", std::slice::from_ref(&again)).await.expect(200));
    refused(alice.call(world, "DPoP", &[again]).await, "invalid_dpop_proof");
    let made_up = alice.proof().claim("nonce", json!("00000000000000000000000000000000"));
    refused(alice.shows(world, made_up).await, "use_dpop_nonce");
}

#[tokio::test]
async fn a_nonce_counts_at_every_instance_until_it_is_old() {
    let clock = Clock::manual(ambient::Timestamp::from_secs(1_800_000_000));
    let store = Store::memory(clock.clone());
    let scene = scene_on(&store, clock, &[NONCES]).await;
    let other = scene.another(&store, &[NONCES]).await;
    let alice = Bound::new(&scene.world);
    let told = refused(alice.shows(&scene.world, alice.proof()).await, "use_dpop_nonce");
    let nonce = json!(told.header("dpop-nonce").unwrap());
    let with_nonce = || alice.proof().claim("nonce", nonce.clone());
    drop(alice.shows(&other, with_nonce()).await.expect(200));
    scene.world.clock.advance(std::time::Duration::from_mins(2));
    let newer = alice.shows(&other, with_nonce()).await.expect(200);
    let newer = newer.header("dpop-nonce").unwrap().to_owned();
    assert_ne!(json!(newer), nonce);
    scene.world.clock.advance(std::time::Duration::from_mins(2));
    let refused = refused(alice.shows(&other, with_nonce()).await, "use_dpop_nonce");
    assert_ne!(json!(refused.header("dpop-nonce").unwrap()), nonce);
    let previous = alice.proof().claim("nonce", json!(newer));
    drop(alice.shows(&scene.world, previous).await.expect(200));
}

/// What a provider says of a token from now on: that it is bound to this key, and has these scopes.
fn grant(scene: &providers::Scene, alice: &Bound, scope: &str) {
    let key = json!({ "jkt": alice.key.thumbprint() });
    let claims = json!({ "aud": scene.world.endpoint(), "scope": scope, "cnf": key });
    scene.provider.set(|script| script.claims = claims);
}

/// That a challenge is for `DPoP`, and names these scopes.
#[track_caller]
fn lacks(reply: &Reply, scope: &str) {
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("DPoP algs=\"ES256 "), "{challenge}");
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains(&format!("scope=\"{scope}\"")), "{challenge}");
}

/// RFC 9449 section 7.1: the challenge is for the scheme of the request, also where a scope is missing.
#[tokio::test]
async fn who_shows_a_key_and_may_too_little_is_challenged_in_his_scheme() {
    let scene = providers::scene(&[NONCES, ("MCP_AUTH_CACHE_TTL", "0")]).await;
    let alice = Bound { token: "good".to_owned(), ..Bound::new(&scene.world) };
    grant(&scene, &alice, "mcp");
    let told = refused(alice.shows(&scene.world, alice.proof()).await, "use_dpop_nonce");
    let nonce = json!(told.header("dpop-nonce").unwrap());
    let vault = async || {
        let modern = Modern::new(&scene.world.endpoint());
        let draft = modern.draft("tools/call", json!({ "name": "vault", "arguments": {} }));
        let proof = alice.proof().claim("nonce", nonce.clone()).sign();
        let draft = draft.header("authorization", "DPoP good").header("dpop", &proof);
        modern.send(draft).await.expect(403)
    };
    lacks(&vault().await, "mcp vault:open vault:read");
    // The nonce is old, and good for a while: a newer one comes with the refusal.
    scene.advance(120);
    grant(&scene, &alice, "other");
    let less = vault().await;
    lacks(&less, "mcp");
    assert_ne!(json!(less.header("dpop-nonce").unwrap()), nonce);
}
