//! Everything that can go wrong at a provider, at each place it is asked, from the start and while
//! running: nobody is let in, nobody is logged out, nothing is read without end, and it heals.

use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde_json::json;
use testkit::http::Http;

use crate::{
    provider::{Mood, NOW, Provider, Script},
    providers::{JWT, Scene, scene, unready},
};

/// Every way to fail that is not the token's fault.
const FAULTS: [Mood; 30] = [
    Mood::Status(500),
    Mood::Status(502),
    Mood::Status(503),
    Mood::Status(204),
    Mood::Status(401),
    Mood::Status(403),
    Mood::Status(404),
    Mood::Status(429),
    Mood::Bad(r#"{"error":"invalid_client"}"#),
    Mood::Bad(r#"{"error":"unauthorized_client"}"#),
    Mood::Bad(r#"{"error":"server_error"}"#),
    Mood::Bad(r#"{"error":"temporarily_unavailable"}"#),
    Mood::Bad(r#"{"error":7}"#),
    Mood::Bad("{}"),
    Mood::Bad("<!doctype html><title>Bad request</title>"),
    // What stands where no token is and no key that could be used.
    Mood::Other("{}"),
    Mood::Other(r#"{"keys":[],"active":null}"#),
    Mood::Other(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"k1","alg":"HS256"}]}"#),
    Mood::Html,
    Mood::Garbage,
    Mood::Empty,
    Mood::Noise,
    Mood::Huge,
    Mood::Endless,
    Mood::EndlessHeaders,
    Mood::Redirect,
    Mood::Hang,
    Mood::Drip,
    Mood::Close,
    Mood::Reset,
];

/// Short, because some faults last until it is over.
const IMPATIENT: (&str, &str) = ("MCP_AUTH_TIMEOUT", "2");
const METADATA_EACH_MINUTE: (&str, &str) = ("MCP_AUTH_DISCOVERY_REFRESH", "60");

/// In seconds.
const KEYS_ARE_FRESH: &str = "5";

/// The most that is taken of an answer without end: what is read, and what the kernel holds.
const POURED: usize = 32 * 1024 * 1024;

/// How long tokens live here, in seconds: time is moved while something is waited for.
const LONG: u64 = 80_000;

/// How many servers run at a time: more would wait for each other, and not for their provider.
const AT_ONCE: usize = 5;

/// Where a provider is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Metadata,
    Introspection,
    Keys,
}

impl Place {
    fn set(self, provider: &Provider, mood: Mood) {
        provider.set(|script: &mut Script| match self {
            Self::Metadata => script.metadata = mood,
            Self::Introspection => script.introspection = mood,
            Self::Keys => script.jwks = mood,
        });
    }

    /// The settings with which this place is asked.
    fn settings(self) -> Vec<(&'static str, &'static str)> {
        let short = [("MCP_AUTH_JWKS_TTL", KEYS_ARE_FRESH), ("MCP_AUTH_JWKS_STALE", "0")];
        let way = [JWT].into_iter().chain(short).filter(|_| self == Self::Keys);
        [IMPATIENT, METADATA_EACH_MINUTE].into_iter().chain(way).collect()
    }

    /// A good token that nobody has shown yet.
    fn token(self, scene: &Scene, number: u8) -> String {
        match self {
            Self::Keys => {
                scene.token("k1", &json!({ "jti": number.to_string(), "exp": NOW + LONG }))
            }
            Self::Metadata | Self::Introspection => format!("good-{number}"),
        }
    }
}

fn live_long(scene: &Scene) {
    scene.provider.set(|script| script.claims["exp"] = json!(NOW + LONG));
}

/// Refused in a way that a client can wait out: no challenge, and when to come back.
async fn is_503(scene: &Scene, token: &str, what: &str) {
    let reply = scene.call(token).await;
    assert_eq!(reply.status.as_u16(), 503, "{what}");
    let reply = reply.expect_error(503, -32000);
    assert!(reply.header("www-authenticate").is_none(), "{what}");
    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=7).contains(&seconds), "{what}: {seconds}");
    assert!(scene.provider.poured() < POURED, "{what}: {}", scene.provider.poured());
}

/// Time passes, and somebody calls again and again, as clients do.
async fn heals(scene: &Scene, token: &str) {
    testkit::eventually(testkit::PATIENCE * 3, || async {
        scene.advance(1);
        (scene.status(token).await == 200).then_some(())
    })
    .await;
    assert!(scene.world.server.is_available());
    drop(Http::new(&scene.world.base).get("/readyz").await.expect(200));
}

async fn from_the_start(place: Place, fault: Mood) {
    let what = format!("{place:?} {fault:?}");
    let provider = Provider::start().await;
    place.set(&provider, fault);
    let scene = unready(provider, &place.settings()).await;
    live_long(&scene);
    if place != Place::Metadata {
        scene.found().await;
    }
    is_503(&scene, &place.token(&scene, 1), &what).await;
    let http = Http::new(&scene.world.base);
    for path in ["/livez", "/health", "/", "/.well-known/oauth-protected-resource/mcp"] {
        drop(http.get(path).await.expect(200));
    }
    drop(http.get("/readyz").await.expect(503));
    // The first trial may take its time.
    testkit::eventually(testkit::PATIENCE, async || {
        let health = http.get("/health").await.expect(200).json();
        (health["services"]["auth"] == "unavailable").then_some(())
    })
    .await;
    place.set(&scene.provider, Mood::Well);
    heals(&scene, &place.token(&scene, 2)).await;
}

async fn while_running(place: Place, fault: Mood) {
    let what = format!("{place:?} {fault:?}");
    let scene = scene(&place.settings()).await;
    live_long(&scene);
    if place == Place::Introspection {
        heals(&scene, "good-0").await;
    }
    place.set(&scene.provider, fault);
    match place {
        Place::Metadata => scene.available(false).await,
        Place::Introspection => {}
        Place::Keys => scene.advance(KEYS_ARE_FRESH.parse().unwrap()),
    }
    is_503(&scene, &place.token(&scene, 1), &what).await;
    place.set(&scene.provider, Mood::Well);
    heals(&scene, &place.token(&scene, 1)).await;
}

async fn all_from_the_start(place: Place) {
    let all = stream::iter(FAULTS);
    all.for_each_concurrent(AT_ONCE, |fault| from_the_start(place, fault).boxed()).await;
}

async fn all_while_running(place: Place) {
    // Who is asked for metadata too often has answered, and nothing closes.
    let harmless = |fault: &Mood| place == Place::Metadata && *fault == Mood::Status(429);
    let all = stream::iter(FAULTS.into_iter().filter(|fault| !harmless(fault)));
    all.for_each_concurrent(AT_ONCE, |fault| while_running(place, fault).boxed()).await;
}

#[tokio::test]
async fn every_fault_of_the_metadata_at_the_start_is_503_and_heals() {
    all_from_the_start(Place::Metadata).await;
}

#[tokio::test]
async fn every_fault_of_the_metadata_while_running_is_503_and_heals() {
    all_while_running(Place::Metadata).await;
}

#[tokio::test]
async fn every_fault_of_introspection_at_the_start_is_503_and_heals() {
    all_from_the_start(Place::Introspection).await;
}

#[tokio::test]
async fn every_fault_of_introspection_while_running_is_503_and_heals() {
    all_while_running(Place::Introspection).await;
}

#[tokio::test]
async fn every_fault_of_the_keys_at_the_start_is_503_and_heals() {
    all_from_the_start(Place::Keys).await;
}

#[tokio::test]
async fn every_fault_of_the_keys_while_running_is_503_and_heals() {
    all_while_running(Place::Keys).await;
}

#[tokio::test]
async fn a_server_that_says_when_to_come_back_is_repeated() {
    let scene = scene(&[]).await;
    for (status, wait) in [(429, "7"), (500, "5")] {
        scene.provider.set(|script| script.introspection = Mood::Status(status));
        let reply = scene.call("good-1").await.expect_error(503, -32000);
        assert_eq!(reply.header("retry-after"), Some(wait), "{status}");
        scene.advance(7);
    }
}

#[tokio::test]
async fn metadata_that_is_asked_for_too_often_is_left_alone_and_nothing_closes() {
    let scene = scene(&[("MCP_AUTH_CACHE_TTL", "3600")]).await;
    assert_eq!(scene.status("good").await, 200);
    scene.provider.set(|script| script.metadata = Mood::Status(429));
    let before = scene.provider.described();
    let looked = async || {
        scene.advance(1);
        (scene.provider.described() > before).then_some(())
    };
    testkit::eventually(testkit::PATIENCE, looked).await;
    assert_eq!(scene.status("good-1").await, 200);
    // Checks that fail are no reason to look before the seven seconds are over.
    scene.provider.set(|script| script.introspection = Mood::Status(500));
    for second in 2..7 {
        scene.advance(1);
        let new = format!("good-{second}");
        assert_eq!((scene.status("good").await, scene.status(&new).await), (200, 503));
    }
    assert_eq!(scene.provider.described(), before + 1);
    scene.provider.set(|s| (s.metadata, s.introspection) = (Mood::Well, Mood::Well));
    heals(&scene, "good-8").await;
    let again = async || {
        scene.advance(1);
        (scene.provider.described() > before + 1).then_some(())
    };
    testkit::eventually(testkit::PATIENCE, again).await;
}

#[tokio::test]
async fn somebody_elses_server_that_is_away_is_not_looked_at_for_every_made_up_token() {
    let hour = ("MCP_AUTH_DISCOVERY_REFRESH", "3600");
    let keys_end = [("MCP_AUTH_JWKS_TTL", "60"), ("MCP_AUTH_JWKS_STALE", "0")];
    for settings in [vec![("MCP_AUTH_OUTAGE", "stale:60")], [&[JWT][..], &keys_end].concat()] {
        let scene = scene(&[&settings[..], &[hour]].concat()).await;
        let away = Mood::Status(500);
        scene.provider.set(|s| (s.metadata, s.introspection, s.jwks) = (away, away, away));
        scene.advance(61);
        let signed = |n: u64| scene.token("k1", &json!({ "jti": n.to_string() }));
        let before = scene.provider.described();
        assert_eq!(scene.status(&signed(0)).await, 503);
        // That was a reason to look.
        let looked = async || (scene.provider.described() > before).then_some(());
        testkit::eventually(testkit::PATIENCE, looked).await;
        for second in 1..=60 {
            scene.advance(1);
            assert_eq!(scene.status(&signed(second)).await, 503);
        }
        let looks = scene.provider.described() - before;
        // After a second, two, four, eight and so on, each at half of that the earliest.
        assert!((3..=10).contains(&looks), "{settings:?}: {looks}");
    }
}

#[tokio::test]
async fn a_question_that_is_refused_says_something_of_its_token() {
    let scene = scene(&[]).await;
    scene.provider.set(|script| script.introspection = Mood::Bad(r#"{"error":"invalid_request"}"#));
    assert_eq!(scene.status("good-1").await, 401);
    assert!(scene.world.server.is_available());
}

#[tokio::test]
async fn a_fault_does_not_touch_those_who_are_known() {
    for fault in [Mood::Status(500), Mood::Noise, Mood::Reset] {
        let scene = scene(&[("MCP_AUTH_DISCOVERY_REFRESH", "3600")]).await;
        assert_eq!(scene.status("good").await, 200);
        scene.provider.set(|script| script.introspection = fault);
        assert_eq!((scene.status("good").await, scene.status("good-2").await), (200, 503));
        assert_eq!(scene.status("good").await, 200, "{fault:?}");
    }
}
