//! What holds and what does not, one mistake at a time, with keys and signatures that are real.

mod any;

use serde_json::{Value, json};
use testkit::dpop::ProofKey;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const URL: &str = "https://mcp.example/mcp";

const REQUEST: Request<'_> = Request { method: "POST", url: URL, token: None, now: NOW };

/// The example of RFC 9449 section 4.1, made in July 2019.
const EXAMPLE: &str = concat!(
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo",
    "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW",
    "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh",
    "0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8",
    "v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
);

fn claim(name: &str, value: Value) -> Result<Proof, BadProof> {
    verify(&ProofKey::p256().draft("POST", URL, NOW).claim(name, value).sign(), &REQUEST)
}

fn header(name: &str, value: Value) -> Result<Proof, BadProof> {
    verify(&ProofKey::p256().draft("POST", URL, NOW).header(name, value).sign(), &REQUEST)
}

#[test]
fn the_example_of_the_rfc_holds() {
    let now = Timestamp::from_secs(1_562_262_618);
    let url = "https://server.example.com/token";
    let proof = verify(EXAMPLE, &Request { url, now, ..REQUEST }).unwrap();
    assert_eq!(proof.key.as_str(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    assert_eq!(proof.expires_at, Timestamp::from_secs(1_562_262_616) + MAX_AGE);
}

#[test]
fn every_kind_of_key_can_sign_and_has_its_name() {
    for key in [ProofKey::p256(), ProofKey::ed25519(), ProofKey::rsa()] {
        let proof = verify(&key.proof("POST", URL, NOW), &REQUEST).unwrap();
        assert_eq!(proof.key.as_str(), key.thumbprint());
        assert_eq!(proof.key.to_string().parse(), Ok(proof.key));
    }
}

#[test]
fn the_thumbprint_of_the_rfc_comes_of_its_key() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_\
             BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0\
             _FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWh\
             AI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let jwk = json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
    let key = PublicKey::read("RS256", jwk.as_object().unwrap().clone());
    let name = key.map_or_else(|why| panic!("{why}"), |key| key.thumbprint());
    assert_eq!(name.as_str(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn a_claim_that_is_wrong_or_missing_spoils_the_proof() {
    let table = [
        ("jti", json!(""), BadProof::Claims),
        ("jti", json!(5), BadProof::Claims),
        ("jti", Value::Null, BadProof::Claims),
        ("htm", json!("GET"), BadProof::Method),
        ("htm", json!("post"), BadProof::Method),
        ("htm", Value::Null, BadProof::Claims),
        ("htu", json!("https://mcp.example/"), BadProof::Url),
        ("htu", json!("https://evil.example/mcp"), BadProof::Url),
        ("htu", json!("http://mcp.example/mcp"), BadProof::Url),
        ("htu", json!("/mcp"), BadProof::Url),
        ("htu", Value::Null, BadProof::Claims),
        ("iat", json!("1800000000"), BadProof::Claims),
        ("iat", json!(-1), BadProof::Time),
        ("iat", json!(1e300), BadProof::Time),
        ("iat", Value::Null, BadProof::Claims),
    ];
    for (name, value, why) in table {
        assert_eq!(claim(name, value.clone()), Err(why), "{name}: {value}");
    }
}

#[test]
fn a_header_that_is_wrong_spoils_the_proof() {
    let mut private = ProofKey::p256().jwk;
    private["d"] = json!("AAAA");
    let secret = json!({ "kty": "oct", "k": "AAAA" });
    let short = json!({ "kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA" });
    let small = json!({ "kty": "RSA", "n": "AAAA", "e": "AQAB" });
    let table = [
        ("typ", json!("JWT"), BadProof::Type),
        ("typ", Value::Null, BadProof::Type),
        ("alg", json!("none"), BadProof::Algorithm),
        ("alg", json!("HS256"), BadProof::Algorithm),
        ("alg", Value::Null, BadProof::Algorithm),
        ("alg", json!("ES384"), BadProof::Key),
        ("alg", json!("RS256"), BadProof::Key),
        ("jwk", private, BadProof::PrivateKey),
        ("jwk", secret, BadProof::PrivateKey),
        ("jwk", short, BadProof::Key),
        ("jwk", small, BadProof::Key),
        ("jwk", Value::Null, BadProof::Key),
        ("jwk", ProofKey::ed25519().jwk, BadProof::Key),
        ("jwk", ProofKey::p256().jwk, BadProof::Signature),
        ("crit", json!(["b64"]), BadProof::Critical),
    ];
    for (name, value, why) in table {
        assert_eq!(header(name, value.clone()), Err(why), "{name}: {value}");
    }
}

#[test]
fn the_type_may_be_in_capitals_and_a_url_may_be_spelt_otherwise() {
    assert!(header("typ", json!("DPoP+JWT")).is_ok());
    assert!(claim("htu", json!("HTTPS://MCP.example:443/mcp?x=y#z")).is_ok());
    assert!(claim("iat", json!(1_799_999_999.5)).is_ok());
}

#[test]
fn a_proof_is_for_now() {
    let at = |seconds| claim("iat", json!(seconds)).err();
    assert_eq!(at(1_799_999_701_u64), None);
    assert_eq!(at(1_799_999_700_u64), Some(BadProof::Time));
    assert_eq!(at(1_800_000_060_u64), None);
    assert_eq!(at(1_800_000_061_u64), Some(BadProof::Time));
}

#[test]
fn a_token_comes_with_its_hash() {
    let (key, request) = (ProofKey::p256(), Request { token: Some("t"), ..REQUEST });
    let with = |token: &str| verify(&key.draft("POST", URL, NOW).token(token).sign(), &request);
    assert!(with("t").is_ok());
    assert_eq!(with("u").err(), Some(BadProof::TokenHash));
    let without = verify(&key.proof("POST", URL, NOW), &request);
    assert_eq!(without.err(), Some(BadProof::TokenHash));
}

#[test]
fn every_proof_has_a_name_of_its_own() {
    let (one, other) = (ProofKey::p256(), ProofKey::p256());
    let name = |key: &ProofKey, jti: &str| {
        let draft = key.draft("POST", URL, NOW).claim("jti", json!(jti));
        verify(&draft.sign(), &REQUEST).unwrap().name
    };
    assert_eq!(name(&one, "a"), name(&one, "a"));
    assert_ne!(name(&one, "a"), name(&one, "b"));
    assert_ne!(name(&one, "a"), name(&other, "a"));
}

#[test]
fn what_is_no_proof_is_refused() {
    let good = ProofKey::p256().proof("POST", URL, NOW);
    let changed = good.replacen('.', "A.", 1);
    let long = format!("{good}{}", "A".repeat(MAX_PROOF));
    for text in ["", ".", "..", "a.b.c", &changed, &long, &format!("{good}.x"), &good[..80]] {
        assert!(verify(text, &REQUEST).is_err(), "{text}");
    }
    let unsigned = good.rsplit_once('.').unwrap().0;
    assert_eq!(verify(&format!("{unsigned}."), &REQUEST), Err(BadProof::Signature));
}

#[test]
fn a_member_that_is_there_twice_spoils_the_proof() {
    let key = ProofKey::p256();
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","alg":"none","jwk":{}}}"#, key.jwk);
    let proof = key.proof("POST", URL, NOW);
    let rest = proof.split_once('.').unwrap().1;
    assert_eq!(verify(&format!("{}.{rest}", encode(&header)), &REQUEST), Err(BadProof::NotAJwt));
}

#[test]
fn a_thumbprint_is_a_hash() {
    let good = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    assert!(good.parse::<Thumbprint>().is_ok());
    for text in ["", "x", &good[1..], &format!("{good}="), &good.replace('-', "+")] {
        assert_eq!(text.parse::<Thumbprint>(), Err(NotAThumbprint), "{text}");
    }
}
