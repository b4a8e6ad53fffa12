//! What callers show instead of a good token, over HTTP: the status, the challenge, and that it
//! harms nobody else.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{StreamExt as _, stream};
use http::Method;
use serde_json::{Value, json};
use testkit::http::{Answer, Http};

use crate::{
    provider::NOW,
    providers::{JWT, Scene, scene},
};

/// A question may take longer where the machine has much to do.
const PATIENT: (&str, &str) = ("MCP_AUTH_TIMEOUT", "60");

/// A POST with these values of `Authorization`.
async fn shown(http: &Http, values: &[&[u8]]) -> Answer {
    let mut request = http.request(Method::POST, "/mcp").body("{}");
    for value in values {
        request = request.header("authorization", http::HeaderValue::from_bytes(value).unwrap());
    }
    http.send(request).await
}

/// What is wrong, the values of the header, and the status with its error.
type Row = (&'static str, &'static [&'static [u8]], (u16, Option<&'static str>));

/// The challenge names where to look, and this error or none.
fn challenges(answer: &Answer, error: Option<&str>, what: &str) {
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("/.well-known/oauth-protected-resource/mcp\""), "{what}");
    assert!(challenge.contains(r#"scope="mcp""#), "{what}: {challenge}");
    match error {
        None => assert!(!challenge.contains("error"), "{what}: {challenge}"),
        Some(error) => {
            assert!(challenge.contains(&format!("error=\"{error}\"")), "{what}: {challenge}");
        }
    }
}

#[tokio::test]
async fn every_malformed_header_has_its_answer() {
    let scene = scene(&[]).await;
    let http = Http::new(&scene.world.base);
    let (none, bad) = ((401, None), (400, Some("invalid_request")));
    let table: [Row; 17] = [
        ("no header", &[], none),
        ("another scheme", &[b"Basic Z29vZDo="], none),
        ("another scheme with a good token", &[b"Token good"], none),
        ("an empty header", &[b""], bad),
        ("a scheme alone", &[b"Bearer"], bad),
        ("a token alone", &[b"good"], bad),
        ("no space", &[b"Bearer:good"], bad),
        ("a tab", &[b"Bearer\tgood"], bad),
        ("two tokens", &[b"Bearer good good"], bad),
        ("two tokens with a comma", &[b"Bearer good,good"], bad),
        ("two schemes with a comma", &[b"Bearer good, Bearer good"], bad),
        ("two headers", &[b"Bearer good", b"Bearer good"], bad),
        ("two headers of two schemes", &[b"Bearer good", b"Basic Z29vZDo="], bad),
        ("a token in quotes", &[b"Bearer \"good\""], bad),
        ("a parameter", &[b"Bearer token=\"good\""], bad),
        ("a token that is not ASCII", &[b"Bearer g\xc3\xb6od"], bad),
        ("percent-encoded bytes", &[b"Bearer good%20"], bad),
    ];
    for (what, values, (status, error)) in table {
        let answer = shown(&http, values).await;
        assert_eq!(answer.status.as_u16(), status, "{what}");
        challenges(&answer, error, what);
    }
    let long = format!("Bearer {}", "x".repeat(8 * 1024 + 1));
    let answer = shown(&http, &[long.as_bytes()]).await.expect(400);
    challenges(&answer, Some("invalid_request"), "a token that is too long");
    assert_eq!(scene.provider.introspected(), 1, "only our own credentials were tried");
}

#[tokio::test]
async fn a_token_elsewhere_is_none() {
    let scene = scene(&[]).await;
    let http = Http::new(&scene.world.base);
    let query = http.request(Method::POST, "/mcp?access_token=good").body("{}");
    let form = http.request(Method::POST, "/mcp").form(&[("access_token", "good")]);
    let cookie = http.request(Method::POST, "/mcp").header("cookie", "access_token=good");
    for (what, request) in [("query", query), ("form", form), ("cookie", cookie)] {
        let answer = http.send(request).await.expect(401);
        challenges(&answer, None, what);
    }
}

/// Tokens of the provider, signed by its key, with one claim that must not be believed.
fn wrong_claims() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("iss", json!("https://other.example"), "issued by somebody else"),
        ("iss", Value::Null, "issued by somebody else"),
        ("aud", json!("https://other.example/mcp"), "not issued for this server"),
        ("aud", Value::Null, "not issued for this server"),
        ("aud", json!({}), "a wrong type"),
        ("exp", json!(1), "has expired"),
        ("exp", Value::Null, "does not say when it expires"),
        ("exp", json!(9_999_999_999_u64), "lives longer"),
        ("exp", json!("soon"), "a wrong type"),
        ("nbf", json!(9_999_999_999_u64), "not valid yet"),
        ("nonce", json!("n"), "not an access token"),
        ("token_use", json!("refresh"), "A refresh token"),
        ("typ", json!("ID"), "not an access token"),
        ("sub", json!("a\nb"), "without a proper name"),
        ("scope", json!(7), "a wrong type"),
        ("cnf", json!("x"), "a wrong type"),
        ("cnf", json!({ "x5t#S256": "x" }), "bound in a way"),
    ]
}

#[tokio::test]
async fn a_forged_token_is_401_and_the_challenge_says_why() {
    let scene = scene(&[JWT]).await;
    let http = Http::new(&scene.world.base);
    let refused = async |what: &str, token: &str, words: &str| {
        let answer = shown(&http, &[format!("Bearer {token}").as_bytes()]).await;
        assert_eq!(answer.status.as_u16(), 401, "{what}");
        challenges(&answer, Some("invalid_token"), what);
        assert!(answer.header("www-authenticate").unwrap().contains(words), "{what}");
    };
    for (name, value, words) in wrong_claims() {
        let token = scene.token("k1", &json!({ name: value.clone() }));
        refused(&format!("{name}: {value}"), &token, words).await;
    }
    let good = scene.token("k1", &json!({}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    refused("unknown key", &scene.token("k2", &json!({})), "by a key of its issuer").await;
    refused("no signature", &format!("{signed}."), "not a signed JWT").await;
    refused("another signature", &format!("{signed}.{}", signature.to_lowercase()), "signature")
        .await;
    refused("opaque", "good", "not a signed JWT").await;
    assert_eq!(scene.status(&good).await, 200);
}

#[tokio::test]
async fn ten_thousand_garbage_tokens_do_not_push_out_a_good_one() {
    let keep = [("MCP_AUTH_CACHE_ENTRIES", "1000"), ("MCP_AUTH_CACHE_TTL", "3600")];
    let scene = scene(&[&[PATIENT][..], &keep].concat()).await;
    assert_eq!(scene.status("good").await, 200);
    let http = &Http::new(&scene.world.base);
    let refused = stream::iter(0..10_000)
        .map(async |n| {
            shown(http, &[format!("Bearer garbage-{n}").as_bytes()]).await.status.as_u16()
        })
        .buffer_unordered(32)
        .all(async |status| status == 401);
    assert!(testkit::within(Duration::from_mins(5), refused).await);
    let before = scene.provider.introspected();
    assert!(before > 10_000);
    assert_eq!((scene.status("good").await, scene.provider.introspected() - before), (200, 0));
}

#[tokio::test]
async fn a_stranger_cannot_make_us_believe_signatures_where_the_server_can_be_asked() {
    let scene = scene(&[]).await;
    // It leaves this one to us, and it is forged: that says nothing about tokens that are good.
    scene.provider.set(|script| script.leaves_jwts = true);
    assert_eq!(scene.status(&scene.token("evil", &json!({}))).await, 401);
    scene.provider.set(|script| script.leaves_jwts = false);
    let revoked = scene.token("k1", &json!({}));
    let before = scene.provider.introspected();
    assert_eq!((scene.status(&revoked).await, scene.provider.introspected() - before), (401, 1));
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// The same token with another type in its header: nobody looks at signatures where one asks.
fn typed(typ: &str, token: &str) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", encoded(&json!({ "alg": "ES256", "kid": "k1", "typ": typ })))
}

#[tokio::test]
async fn what_cannot_be_good_is_not_asked_about() {
    let scene = scene(&[]).await;
    let before = scene.provider.introspected();
    let broken = format!("mcpa_{}", "x".repeat(49));
    let past = scene.token("k1", &json!({ "exp": 1 }));
    let foreign = scene.token("k1", &json!({ "iss": "https://other.example" }));
    let marked = scene.token("k1", &json!({ "nonce": "n" }));
    let logout = typed("logout+jwt", &scene.token("k1", &json!({})));
    let encrypted = format!("{}.a.b.c.d", encoded(&json!({ "alg": "dir", "enc": "A256GCM" })));
    for token in [broken, past, foreign, marked, logout, encrypted] {
        assert_eq!(scene.status(&token).await, 401, "{token}");
    }
    assert_eq!(scene.provider.introspected(), before);
}

/// What the endpoint says of every token from now on: it is Alice's, but for these changes.
fn answers(scene: &Scene, changes: &Value) {
    let mut claims = json!({
        "active": true, "iss": scene.provider.issuer, "aud": scene.world.endpoint(),
        "exp": NOW + 3600, "sub": "alice", "client_id": "c", "scope": "mcp",
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    scene.provider.set(|script| script.exactly = Some(claims));
}

/// Every request asks for itself.
const UNCACHED: (&str, &str) = ("MCP_AUTH_CACHE_TTL", "0");

#[tokio::test]
async fn where_both_are_asked_both_must_name_one_caller() {
    let two = ("MCP_AUTH_ACCEPTED_ISSUERS", "https://other.example");
    let scene = scene(&[("MCP_AUTH_VALIDATION", "both"), UNCACHED, two]).await;
    let token = scene.token("k1", &json!({}));
    for (changes, status) in [
        (json!({}), 200),
        (json!({ "sub": "bob" }), 401),
        (json!({ "client_id": "d" }), 401),
        (json!({ "iss": "https://other.example" }), 401),
        (json!({ "sub": null }), 200),
        (json!({ "client_id": null }), 200),
        (json!({ "iss": null }), 200),
    ] {
        answers(&scene, &changes);
        assert_eq!(scene.status(&token).await, status, "{changes}");
    }
    answers(&scene, &json!({ "iss": null }));
    let other = scene.token("k1", &json!({ "iss": "https://other.example" }));
    assert_eq!(scene.status(&other).await, 200, "an answer without issuer is of the token's");
}

#[tokio::test]
async fn a_token_that_says_it_is_bound_is_no_bearer_token_whatever_is_answered() {
    let scene = scene(&[UNCACHED]).await;
    answers(&scene, &json!({}));
    assert_eq!(scene.status(&scene.token("k1", &json!({}))).await, 200);
    for cnf in [json!({ "jkt": "x" }), json!({ "x5t#S256": "x" }), json!("x")] {
        assert_eq!(scene.status(&scene.token("k1", &json!({ "cnf": cnf }))).await, 401, "{cnf}");
    }
}

#[tokio::test]
async fn users_whom_a_token_names_in_other_claims_are_refused_and_not_one_caller() {
    let scene = scene(&[JWT, ("MCP_AUTH_USER_CLAIM", "email")]).await;
    let http = Http::new(&scene.world.base);
    for user in ["alice", "bob"] {
        let token = scene.token("k1", &json!({ "sub": user }));
        let answer = shown(&http, &[format!("Bearer {token}").as_bytes()]).await.expect(401);
        challenges(&answer, Some("invalid_token"), user);
        assert!(answer.header("www-authenticate").unwrap().contains("MCP_AUTH_USER_CLAIM"));
    }
    let named = scene.token("k1", &json!({ "email": "alice@example.com" }));
    assert_eq!(scene.status(&named).await, 200);
    assert_eq!(scene.status(&scene.token("k1", &json!({ "sub": "c" }))).await, 200);
}
