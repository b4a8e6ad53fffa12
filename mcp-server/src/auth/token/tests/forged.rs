//! Every forgery that somebody has tried on somebody, in one table: all are refused.

use serde_json::json;

use super::*;

const HEADER: &str = r#"{"alg":"ES256","kid":"p256","typ":"at+jwt"}"#;

fn strict() -> Policy {
    policy(&Env::from([
        ("AUTH_SERVER_URL", "https://as.example"),
        ("BASE_URI", "https://mcp.example"),
        ("MCP_AUTH_ALLOWED_CLIENTS", "c"),
    ]))
}

fn payload() -> Value {
    json!({
        "iss": "https://as.example", "aud": "https://mcp.example/mcp", "exp": at(300), "iat": at(-1),
        "sub": "alice", "client_id": "c", "scope": "mcp", "jti": "j",
    })
}

/// A token signed by the issuer, all of it right but one claim.
fn claim(name: &str, value: Value) -> String {
    let mut payload = payload();
    payload[name] = value;
    Signer::p256().sign(HEADER.as_bytes(), payload.to_string().as_bytes())
}

fn without(name: &str) -> String {
    let mut payload = payload();
    payload.as_object_mut().unwrap().remove(name);
    Signer::p256().sign(HEADER.as_bytes(), payload.to_string().as_bytes())
}

/// A token signed by the issuer under another header.
fn header(header: &Value) -> String {
    Signer::p256().token(header, &payload())
}

fn good() -> String {
    Signer::p256().sign(HEADER.as_bytes(), payload().to_string().as_bytes())
}

fn parts(token: &str) -> Vec<&str> {
    token.split('.').collect()
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

#[test]
fn the_token_that_all_others_are_made_of_is_good() {
    let validated = check(&good(), &strict(), &keys()).unwrap();
    assert_eq!(validated.principal.user.as_deref(), Some("alice"));
    assert_eq!(validated.expires_at, NOW + std::time::Duration::from_secs(330));
}

#[test]
fn every_forged_token_is_refused() {
    let (policy, keys) = (strict(), keys());
    let tables = [shapes(), signatures(), algorithms(), key_tricks(), headers(), texts()];
    let claims = [issuers(), audiences(), times(), kinds(), people()];
    let all: Vec<_> = tables.into_iter().chain(claims).flatten().collect();
    assert!(all.len() >= 100, "{}", all.len());
    for (number, token) in all.iter().enumerate() {
        let found = check(token, &policy, &keys);
        assert!(found.is_err(), "{number}: {token}");
    }
}

fn shapes() -> Vec<String> {
    let good = good();
    let [header, payload, signature] = parts(&good)[..] else { panic!("it has three parts") };
    vec![
        String::new(),
        "opaque".to_owned(),
        "..".to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!(".{payload}.{signature}"),
        format!("{header}..{signature}"),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}.{header}.{payload}.{payload}.{signature}"),
        format!("{header}=.{payload}.{signature}"),
        format!(" {header}.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}=="),
        format!("{header}.{payload}.{signature} "),
        format!(
            "{header}.{}.{signature}",
            base64::engine::general_purpose::STANDARD.encode("{\"a\":\"??>>\"}")
        ),
    ]
}

fn signatures() -> Vec<String> {
    let good = good();
    let [header, payload, signature] = parts(&good)[..] else { panic!("it has three parts") };
    let other = claim("sub", json!("bob"));
    let mut raised = self::payload();
    raised["scope"] = json!("mcp admin");
    let zero = URL_SAFE_NO_PAD.encode([0; 64]);
    vec![
        format!("{header}.{}.{signature}", encode(&raised.to_string())),
        format!("{}.{payload}.{signature}", encode(r#"{"alg":"ES256","kid":"p256"}"#)),
        format!("{header}.{payload}.{}", parts(&other)[2]),
        format!("{header}.{payload}.{}", &signature[..signature.len() - 4]),
        // ECDSA verifiers have taken a signature of zeros (CVE-2022-21449).
        format!("{header}.{payload}.{zero}"),
        format!("{header}.{payload}.{}", encode("x")),
        Signer::stranger().sign(HEADER.as_bytes(), self::payload().to_string().as_bytes()),
    ]
}

fn algorithms() -> Vec<String> {
    let unsigned = |alg: Value| {
        let header = json!({ "alg": alg, "kid": "p256" }).to_string();
        format!("{}.{}.", encode(&header), encode(&payload().to_string()))
    };
    let hmac = |secret: &[u8], kid: &str| {
        let signer =
            Signer { kid: "", algorithm: Algorithm::HS256, key: EncodingKey::from_secret(secret) };
        signer.token(&json!({ "alg": "HS256", "kid": kid }), &payload())
    };
    let rsa = |label: &str| Signer::rsa().token(&json!({ "alg": label, "kid": "rsa" }), &payload());
    let jwk = Signer::rsa().jwk();
    let mut all: Vec<_> =
        ["none", "None", "NONE", "nOnE", ""].into_iter().map(|a| unsigned(json!(a))).collect();
    all.extend([
        format!("{}x", unsigned(json!("none"))),
        // A public key as the secret of a symmetric algorithm.
        hmac(include_bytes!("../../../../tests/keys/rsa.pem"), "rsa"),
        hmac(jwk["n"].as_str().unwrap().as_bytes(), "rsa"),
        hmac(jwk.to_string().as_bytes(), "rsa"),
        hmac(b"secret", "oct"),
        hmac(b"", "p256"),
        rsa("PS256"),
        rsa("RS512"),
        rsa("ES256"),
        rsa("HS256"),
    ]);
    let labels = ["es256", "ES384", "ES512", "ES256K", "RS256", "EdDSA", "dir", " ES256"];
    all.extend(labels.map(|label| header(&json!({ "alg": label, "kid": "p256" }))));
    all.extend([json!(null), json!(7), json!(["ES256"])].map(|alg| header(&json!({ "alg": alg }))));
    all.push(header(&json!({ "kid": "p256" })));
    all
}

fn key_tricks() -> Vec<String> {
    let stranger = Signer::stranger();
    let brought = |name: &str, value: Value, kid: Value| {
        let mut header = json!({ "alg": "ES256" });
        (header[name], header["kid"]) = (value, kid);
        stranger.token(&header, &payload())
    };
    let url = json!("https://evil.example/jwks");
    vec![
        brought("jwk", stranger.jwk(), json!("p256")),
        brought("jwk", stranger.jwk(), json!("evil")),
        brought("jku", url.clone(), json!("evil")),
        brought("x5u", url.clone(), json!("evil")),
        brought("x5c", json!(["MIIB"]), json!("evil")),
        stranger.token(&json!({ "alg": "ES256", "jwk": stranger.jwk() }), &payload()),
        header(&json!({ "alg": "ES256", "kid": "../../../dev/null" })),
        header(&json!({ "alg": "ES256", "kid": "x' UNION SELECT 'AA" })),
        header(&json!({ "alg": "ES256", "kid": "" })),
        header(&json!({ "alg": "ES256", "kid": 7 })),
        header(&json!({ "alg": "ES256", "kid": null })),
        header(&json!({ "alg": "ES256", "kid": ["p256"] })),
        header(&json!({ "alg": "ES256", "kid": "rsa" })),
        header(&json!({ "alg": "ES256", "kid": "enc" })),
        header(&json!({ "alg": "ES256", "kid": "oct" })),
    ]
}

fn headers() -> Vec<String> {
    let typ = |typ: Value| header(&json!({ "alg": "ES256", "kid": "p256", "typ": typ }));
    let mut all: Vec<_> = [
        "logout+jwt",
        "oauth-id-jag+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "application/dpop+jwt",
        "ID",
        "",
        "-",
        "x-at+jwt",
    ]
    .into_iter()
    .map(|name| typ(json!(name)))
    .collect();
    all.extend([typ(json!(7)), typ(json!(null)), typ(json!(["at+jwt"]))]);
    let critical = |crit: Value| header(&json!({ "alg": "ES256", "kid": "p256", "crit": crit }));
    all.extend([critical(json!(["exp"])), critical(json!([])), critical(json!(null))]);
    all.push(header(&json!({ "alg": "ES256", "kid": "p256", "b64": false })));
    all
}

/// Texts that different libraries read differently, under a good signature.
fn texts() -> Vec<String> {
    let signer = Signer::p256();
    let inner = payload().to_string();
    let inner = inner.trim_matches(['{', '}']);
    let body = |text: String| signer.sign(HEADER.as_bytes(), text.as_bytes());
    let head = |text: &str| signer.sign(text.as_bytes(), payload().to_string().as_bytes());
    vec![
        body(format!(r#"{{{inner},"sub":"bob"}}"#)),
        body(format!(r#"{{{inner},"s\u0075b":"bob"}}"#)),
        body(format!(r#"{{{inner},"exp":9999999999}}"#)),
        body(format!(r#"{{{inner},"aud":"https://mcp.example/mcp"}}"#)),
        body(format!(r#"{{{inner},"x":{{"a":1,"a":2}}}}"#)),
        body(format!("{{{inner}}}{{}}")),
        body(format!("[{{{inner}}}]")),
        body(format!("{{{inner},}}")),
        body(format!("\u{feff}{{{inner}}}")),
        body(format!(r#"{{{inner},"x":NaN}}"#)),
        body(format!(r#"{{{inner},"x":{}1{}}}"#, "[".repeat(500), "]".repeat(500))),
        body("null".to_owned()),
        body("\"x\"".to_owned()),
        body(String::new()),
        signer.sign(HEADER.as_bytes(), b"{\"iss\":\"\xff\"}"),
        head(r#"{"alg":"ES256","alg":"none","kid":"p256"}"#),
        head(r#"{"alg":"ES256","kid":"p256","kid":"rsa"}"#),
        head(r#"["ES256"]"#),
        head("ES256"),
        head(""),
    ]
}

fn issuers() -> Vec<String> {
    let wrong = [
        json!("https://as.example/"),
        json!("https://AS.example"),
        json!("http://as.example"),
        json!("https://as.example.evil.example"),
        json!("https://as.example\n"),
        json!(["https://as.example"]),
        json!({ "x": "https://as.example" }),
        json!(""),
        json!(null),
        json!(7),
    ];
    wrong.map(|issuer| claim("iss", issuer)).into_iter().chain([without("iss")]).collect()
}

fn audiences() -> Vec<String> {
    let wrong = [
        json!("https://other.example/mcp"),
        json!("https://mcp.example"),
        json!("https://mcp.example/mcp/x"),
        json!("https://mcp.example/MCP"),
        json!("https://mcp.example/mcp//"),
        json!("https://mcp.example/mcp?x"),
        json!("https://mcp.example/mcp https://other.example"),
        json!("https://mcp.example:443/mcp"),
        json!("https://mcp.example@evil.example/mcp"),
        json!([]),
        json!([["https://mcp.example/mcp"]]),
        json!(["https://mcp.example/mcp", 7]),
        json!({ "https://mcp.example/mcp": true }),
        json!(""),
        json!(null),
        json!(true),
    ];
    wrong.map(|audience| claim("aud", audience)).into_iter().chain([without("aud")]).collect()
}

fn times() -> Vec<String> {
    let mut all = vec![without("exp")];
    let no_times = [
        json!("soon"),
        json!(at(300).to_string()),
        json!(null),
        json!(true),
        json!([at(300)]),
        json!({}),
        json!(-1),
        json!(0),
        json!(1e300),
    ];
    for value in no_times {
        all.extend(["exp", "nbf", "iat"].map(|name| claim(name, value.clone())));
    }
    all.extend([-31, -30, -86_400].map(|seconds| claim("exp", json!(at(seconds)))));
    // In milliseconds, as JavaScript counts; and for ever.
    all.extend([claim("exp", json!(at(300) * 1000)), claim("exp", json!(at(8 * 86_400)))]);
    all.extend([claim("nbf", json!(at(31))), claim("iat", json!(at(31)))]);
    all
}

/// Tokens of the same issuer, under the same key, that are no access tokens.
fn kinds() -> Vec<String> {
    vec![
        claim("nonce", json!("n")),
        claim("at_hash", json!("h")),
        claim("c_hash", json!("h")),
        claim("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
        claim("token_use", json!("id")),
        claim("token_use", json!("refresh_token")),
        claim("token_use", json!(7)),
        claim("token_type", json!("refresh_token")),
        claim("typ", json!("ID")),
        claim("typ", json!("Refresh")),
        claim("typ", json!("Logout")),
        claim("typ", json!("Offline")),
        claim("cnf", json!("x")),
        claim("cnf", json!(null)),
    ]
}

fn people() -> Vec<String> {
    let mut all = vec![claim("client_id", json!("other")), without("client_id")];
    let improper = [
        json!(""),
        json!("a\u{0}b"),
        json!("a\nb"),
        json!("x".repeat(256)),
        json!(7),
        json!(null),
        json!(["alice"]),
    ];
    for name in improper {
        all.extend([claim("sub", name.clone()), claim("client_id", name)]);
    }
    all.extend([json!(7), json!({}), json!(null), json!([7])].map(|scope| claim("scope", scope)));
    all
}

#[test]
fn a_token_that_is_bound_to_a_key_says_so() {
    let token = claim("cnf", json!({ "jkt": "thumbprint" }));
    let validated = check(&token, &strict(), &keys()).unwrap();
    assert_eq!(validated.confirmation.as_deref(), Some(&json!({ "jkt": "thumbprint" })));
}

#[test]
fn an_encrypted_token_is_told_from_an_opaque_one_with_dots() {
    let header = encode(r#"{"alg":"dir","enc":"A256GCM"}"#);
    assert!(super::super::looks_encrypted(&format!("{header}..iv.text.tag")));
    assert!(!super::super::looks_encrypted("a.b.c.d.e"));
    assert!(super::super::looks_signed(&good()));
    assert!(!super::super::looks_signed("a.b.c"));
}
