//! Made-up tokens, keys, answers and claims: whatever is sent, nobody becomes a caller who has not
//! every fact right.

use proptest::prelude::*;
use serde_json::json;

use super::{super::Claims, *};

const RESOURCE: &str = "https://mcp.example/mcp";

fn strict() -> Policy {
    policy(&Env::from([
        ("AUTH_SERVER_URL", "https://as.example"),
        ("BASE_URI", "https://mcp.example"),
        ("MCP_AUTH_ALLOWED_CLIENTS", "c"),
        ("MCP_AUTH_REQUIRED_CLAIMS", "tenant=t"),
    ]))
}

fn payload() -> Value {
    json!({
        "iss": "https://as.example", "aud": RESOURCE, "exp": at(300), "iat": at(-1),
        "sub": "alice", "client_id": "c", "scope": "mcp", "tenant": "t",
    })
}

fn good() -> String {
    let header = json!({ "alg": "ES256", "kid": "p256", "typ": "at+jwt" });
    Signer::p256().token(&header, &payload())
}

/// Reads the same bytes as everything that comes from outside: a token, each part of one, a set of
/// keys, an answer. None of it may let anybody in.
pub(super) fn nobody_is_let_in_by(bytes: &[u8], policy: &Policy, keys: &KeySet) {
    let encoded = URL_SAFE_NO_PAD.encode(bytes);
    let good = good();
    let parts: Vec<_> = good.split('.').collect();
    let (header, payload) = (encoded.as_str(), encoded.as_str());
    let tokens = [
        String::from_utf8_lossy(bytes).into_owned(),
        format!("{header}.{}.{}", parts[1], parts[2]),
        format!("{}.{payload}.{}", parts[0], parts[2]),
        format!("{}.{}.{encoded}", parts[0], parts[1]),
    ];
    for token in tokens.iter().filter(|token| **token != good) {
        assert!(check(token, policy, keys).is_err(), "{token}");
        let _ = super::super::looks_encrypted(token);
        let _ = super::super::looks_broken(token);
    }
    if let Some(foreign) = KeySet::parse(bytes) {
        assert!(check(&good, policy, &foreign).is_err());
    }
    if let Some(claims) = Claims::of_answer(bytes) {
        assert!(policy.judge(&claims, Said::ByServer, NOW).is_err());
    }
    if let Some(claims) = Claims::of_token(bytes) {
        let _ = policy.explain(&claims, Said::ByToken, NOW);
    }
}

/// Bytes, or what is sent in earnest with a few bytes changed: claims, a header, keys of a stranger.
fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let header = json!({ "alg": "ES256", "kid": "p256", "typ": "at+jwt" });
    let keys = json!({ "keys": [Signer::stranger().jwk()] });
    let texts = [payload(), header, keys].map(|text| text.to_string());
    let texts: Vec<_> = texts.into_iter().map(String::into_bytes).collect();
    let change = (any::<proptest::sample::Index>(), 0..3_u8, any::<u8>());
    let changes = proptest::collection::vec(change, 0..5);
    let nearly = (proptest::sample::select(texts), changes).prop_map(|(mut text, changes)| {
        for (place, how, byte) in changes {
            let place = place.index(text.len());
            match how {
                0 => text[place] = byte,
                1 => drop(text.remove(place)),
                _ => text.insert(place, byte),
            }
        }
        text
    });
    prop_oneof![1 => proptest::collection::vec(any::<u8>(), 0..256), 3 => nearly]
}

/// Values that might be right somewhere, and values that never are.
fn any_value() -> impl Strategy<Value = Value> {
    let right = prop_oneof![
        Just(json!("https://as.example")),
        Just(json!(RESOURCE)),
        Just(json!([RESOURCE, "https://other.example"])),
        Just(json!("c")),
        Just(json!("t")),
        Just(json!(true)),
        (-100..800_000_i64).prop_map(|seconds| json!(at(seconds))),
        (-100.0..1000.0_f64).prop_map(|seconds| json!(1_800_000_000.0 + seconds)),
    ];
    let wrong = prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        Just(json!([])),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        proptest::collection::vec(".{0,6}", 0..3).prop_map(Value::from),
    ];
    prop_oneof![right, wrong]
}

const NAMES: [&str; 20] = [
    "iss",
    "aud",
    "exp",
    "nbf",
    "iat",
    "sub",
    "client_id",
    "azp",
    "scope",
    "scp",
    "tenant",
    "active",
    "nonce",
    "at_hash",
    "token_use",
    "token_type",
    "typ",
    "cnf",
    "events",
    "username",
];

/// Claims that are right but for a few changes; null takes one away.
fn nearly_right() -> impl Strategy<Value = Value> {
    let change = (proptest::sample::select(&NAMES[..]), any_value());
    proptest::collection::vec(change, 0..4).prop_map(|changes| {
        let mut claims = payload();
        claims["active"] = json!(true);
        for (name, value) in changes {
            claims[name] = value;
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    })
}

fn names_us(audience: &Value) -> bool {
    let ours = |value: &Value| value == RESOURCE || *value == format!("{RESOURCE}/");
    ours(audience) || audience.as_array().is_some_and(|items| items.iter().any(ours))
}

/// The facts again, in other words than those of the rules.
fn every_fact_is_right(claims: &Value, said: Said) -> bool {
    let of_server = said == Said::ByServer;
    let number = |name: &str| claims.get(name).map(Value::as_f64);
    let now = 1_800_000_000.0;
    let ends = match number("exp") {
        None => of_server,
        Some(exp) => exp.is_some_and(|exp| exp > if of_server { now } else { now - 30.0 }),
    };
    let begun = ["nbf", "iat"]
        .iter()
        .filter_map(|name| number(name))
        .all(|time| time.is_some_and(|time| time <= now + 30.0));
    let client = claims.get("client_id").or_else(|| claims.get("azp"));
    let issued = claims.get("iss").map_or(of_server, |issuer| issuer == "https://as.example");
    let marks = ["nonce", "at_hash", "events"];
    (!of_server || claims["active"] == true)
        && issued
        && ends
        && begun
        && names_us(&claims["aud"])
        && client.is_some_and(|client| client == "c")
        && claims["tenant"] == "t"
        && marks.iter().all(|mark| claims.get(mark).is_none())
}

proptest! {
    #[test]
    fn any_bytes_anywhere_make_nobody_a_caller(bytes in any_text()) {
        nobody_is_let_in_by(&bytes, &strict(), &keys());
    }

    #[test]
    fn a_good_token_with_a_change_is_refused(place: proptest::sample::Index, byte in "[ -~]", how in 0..3_u8) {
        let good = good();
        let mut token = good.clone().into_bytes();
        let (place, byte) = (place.index(token.len()), byte.as_bytes()[0]);
        match how {
            0 => token[place] = byte,
            1 => drop(token.remove(place)),
            _ => token.insert(place, byte),
        }
        let token = String::from_utf8(token).unwrap();
        prop_assume!(token != good);
        prop_assert!(check(&token, &strict(), &keys()).is_err(), "{token}");
    }

    #[test]
    fn whoever_is_let_in_has_every_fact_right(claims in nearly_right(), asked: bool) {
        let said = if asked { Said::ByServer } else { Said::ByToken };
        let text = claims.to_string();
        let read = Claims::of_token(text.as_bytes()).unwrap();
        if let Ok(validated) = strict().judge(&read, said, NOW) {
            prop_assert!(every_fact_is_right(&claims, said), "{text}");
            prop_assert!(validated.expires_at > NOW);
            let user = validated.principal.user.clone().unwrap_or_default();
            prop_assert!(user.is_empty() || claims["sub"] == user, "{text}");
        }
    }

    #[test]
    fn what_an_operator_is_shown_is_what_holds(claims in nearly_right(), asked: bool) {
        let said = if asked { Said::ByServer } else { Said::ByToken };
        let read = Claims::of_token(claims.to_string().as_bytes()).unwrap();
        let shown = strict().explain(&read, said, NOW).into_iter().all(|(_, outcome)| outcome.is_ok());
        prop_assert_eq!(shown, strict().judge(&read, said, NOW).is_ok());
    }
}

/// A target for fuzzers, which find what made-up bytes do not.
#[test]
fn any_bytes_let_nobody_in() {
    let (policy, keys) = (strict(), keys());
    bolero::check!().with_iterations(500).for_each(|bytes: &[u8]| {
        nobody_is_let_in_by(bytes, &policy, &keys);
    });
}
