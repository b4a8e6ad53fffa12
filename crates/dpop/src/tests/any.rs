//! Made-up proofs: whatever is sent, nothing holds that was not signed for this request, now.

use proptest::prelude::*;
use url::Url;

use super::*;

const TOKEN: &str = "an-access-token";

/// A request that shows a token, so that every claim of a proof counts.
const SHOWING: Request<'_> = Request { token: Some(TOKEN), ..REQUEST };

fn good(key: &ProofKey) -> String {
    key.draft("POST", URL, NOW).token(TOKEN).sign()
}

fn key(is_p256: bool) -> ProofKey {
    if is_p256 { ProofKey::p256() } else { ProofKey::ed25519() }
}

/// Values that might be right somewhere, and values that never are.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("POST")),
        Just(json!(URL)),
        Just(json!("HTTPS://MCP.example:443/mcp?x#y")),
        Just(json!("dpop+jwt")),
        Just(json!("ES256")),
        Just(json!("EdDSA")),
        (-400..100_i64).prop_map(|seconds| json!(1_800_000_000 + seconds)),
        (-400.0..100.0_f64).prop_map(|seconds| json!(1_800_000_000.0 + seconds)),
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ]
}

/// The facts again, in other words than those of the rules.
fn every_fact_is_right(claims: &Value) -> bool {
    let of = |name: &str| claims[name].as_str();
    let url = of("htu").and_then(|url| Url::parse(url).ok());
    let now = 1_800_000_000.0;
    of("jti").is_some_and(|name| !name.is_empty())
        && of("htm") == Some("POST")
        && url.is_some_and(|url| {
            url.scheme() == "https"
                && url.host_str() == Some("mcp.example")
                && url.port_or_known_default() == Some(443)
                && url.path() == "/mcp"
        })
        && claims["iat"].as_f64().is_some_and(|at| at <= now + 60.0 && at > now - 300.5)
}

proptest! {
    #[test]
    fn any_text_is_no_proof(text: String, parts in "[ -~]{0,40}\\.[ -~]{0,40}\\.[ -~]{0,40}") {
        prop_assert!(verify(&text, &REQUEST).is_err());
        prop_assert!(verify(&parts, &REQUEST).is_err());
    }

    #[test]
    fn any_header_and_claims_are_no_proof(header: Vec<u8>, claims: Vec<u8>, signature: [u8; 64]) {
        let [header, claims, signature] =
            [&header[..], &claims, &signature].map(|part| URL_SAFE_NO_PAD.encode(part));
        let proof = format!("{header}.{claims}.{signature}");
        prop_assert!(verify(&proof, &REQUEST).is_err());
    }

    #[test]
    fn a_good_proof_with_a_change_is_refused(
        is_p256: bool,
        place: prop::sample::Index,
        byte in "[ -~]",
        how in 0..3_u8,
    ) {
        let good = good(&key(is_p256));
        prop_assert!(verify(&good, &SHOWING).is_ok());
        let mut proof = good.clone().into_bytes();
        let (place, byte) = (place.index(proof.len()), byte.as_bytes()[0]);
        match how {
            0 => proof[place] = byte,
            1 => drop(proof.remove(place)),
            _ => proof.insert(place, byte),
        }
        let proof = String::from_utf8(proof).unwrap();
        prop_assume!(proof != good);
        prop_assert!(verify(&proof, &SHOWING).is_err(), "{proof}");
    }

    #[test]
    fn what_holds_has_every_fact_right(
        name in prop::sample::select(&["jti", "htm", "htu", "iat", "nonce", "x"][..]),
        value in any_value(),
    ) {
        let key = ProofKey::p256();
        let mut claims = json!({ "jti": "1", "htm": "POST", "htu": URL, "iat": 1_800_000_000 });
        claims[name] = value.clone();
        let proof = key.draft("POST", URL, NOW).claim(name, value).sign();
        if let Ok(proof) = verify(&proof, &REQUEST) {
            prop_assert!(every_fact_is_right(&claims), "{claims}");
            prop_assert_eq!(proof.key.as_str(), key.thumbprint());
            prop_assert!(proof.expires_at > NOW);
        }
    }

    #[test]
    fn any_header_of_a_signed_proof_is_read_or_refused(
        name in prop::sample::select(&["typ", "alg", "jwk", "crit", "kid", "b64"][..]),
        value in any_value(),
    ) {
        let proof = ProofKey::p256().draft("POST", URL, NOW).header(name, value.clone()).sign();
        let harmless = ["kid", "b64"].contains(&name)
            || value == json!("dpop+jwt") && name == "typ"
            || value == json!("ES256") && name == "alg"
            || value.is_null() && name == "crit";
        prop_assert_eq!(verify(&proof, &REQUEST).is_ok(), harmless, "{}: {}", name, value);
    }
}
