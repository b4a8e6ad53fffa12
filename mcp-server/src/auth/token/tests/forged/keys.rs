//! Tricks with signatures, algorithms, keys and types.

use super::*;

pub(super) fn all() -> Vec<Forgery> {
    let tables = [signatures(), unsigned(), symmetric(), algorithms(), brought(), names(), types()];
    tables.into_iter().flatten().chain(critical()).collect()
}

fn signatures() -> Vec<Forgery> {
    let good = good();
    let [header, payload, signature] = parts(&good)[..] else { panic!("it has three parts") };
    let mut raised = self::payload();
    raised["scope"] = json!("mcp admin");
    let other = claim("sub", json!("bob"));
    let stranger = Signer::stranger();
    let with = |signature: &str| format!("{header}.{payload}.{signature}");
    let untyped = encode(r#"{"alg":"ES256","kid":"p256"}"#);
    [
        ("a changed payload", format!("{header}.{}.{signature}", encode(&raised.to_string()))),
        ("a changed header", format!("{untyped}.{payload}.{signature}")),
        ("the signature of another token", with(parts(&other)[2])),
        ("a signature cut short", with(&signature[..signature.len() - 4])),
        ("a signature with more behind it", with(&format!("{signature}AAAA"))),
        // ECDSA verifiers have taken a signature of zeros (CVE-2022-21449).
        ("a signature of zeros", with(&URL_SAFE_NO_PAD.encode([0; 64]))),
        ("a signature of ones", with(&URL_SAFE_NO_PAD.encode([0xff; 64]))),
        ("a signature of one byte", with(&encode("x"))),
        ("a padded signature", with(&format!("{signature}=="))),
        ("a space behind the signature", with(&format!("{signature} "))),
        ("a signature with loose bits", with(&loosened(signature))),
        (
            "somebody else's signature",
            stranger.sign(HEADER.as_bytes(), self::payload().to_string().as_bytes()),
        ),
    ]
    .into_iter()
    .map(|(name, token)| forgery(name, Inactive::Signature, token))
    .collect()
}

/// The same bytes, written with other bits where the alphabet says nothing.
fn loosened(signature: &str) -> String {
    let (rest, last) = signature.split_at(signature.len() - 1);
    let next = char::from(last.as_bytes()[0] + 1);
    format!("{rest}{next}")
}

fn unsigned() -> Vec<Forgery> {
    let with = |alg: &str| {
        let header = json!({ "alg": alg, "kid": "p256" }).to_string();
        format!("{}.{}.x", encode(&header), encode(&payload().to_string()))
    };
    let mut all: Vec<_> = ["none", "None", "NONE", "nOnE", "", "null"]
        .into_iter()
        .map(|alg| forgery(format!("the algorithm `{alg}`"), Inactive::Algorithm, with(alg)))
        .collect();
    let nothing = with("none");
    let nothing = nothing.trim_end_matches('x');
    all.push(forgery("the algorithm `none` and no signature", Inactive::NotJwt, nothing));
    all
}

/// A public key, or something that anybody knows, as the secret of a symmetric algorithm.
fn symmetric() -> Vec<Forgery> {
    let hmac = |secret: &[u8], kid: &str| {
        let signer =
            Signer { kid: "", algorithm: Algorithm::HS256, key: EncodingKey::from_secret(secret) };
        signer.token(&json!({ "alg": "HS256", "kid": kid }), &payload())
    };
    let jwk = Signer::rsa().jwk();
    [
        (
            "the key's file as a secret",
            hmac(include_bytes!("../../../../../tests/keys/rsa.pem"), "rsa"),
        ),
        (
            "the public key's modulus as a secret",
            hmac(jwk["n"].as_str().unwrap().as_bytes(), "rsa"),
        ),
        ("the public key as a secret", hmac(jwk.to_string().as_bytes(), "rsa")),
        ("the secret of a symmetric key that is published", hmac(b"secret", "oct")),
        ("an empty secret", hmac(b"", "p256")),
    ]
    .into_iter()
    .map(|(name, token)| forgery(name, Inactive::Algorithm, token))
    .collect()
}

/// Algorithms that the key is not for, and words that are none.
fn algorithms() -> Vec<Forgery> {
    let rsa = |label: &str| Signer::rsa().token(&json!({ "alg": label, "kid": "rsa" }), &payload());
    let p256 = |label: Value| header(&json!({ "alg": label, "kid": "p256" }));
    let mut all =
        vec![forgery("no algorithm", Inactive::Algorithm, header(&json!({ "kid": "p256" })))];
    for label in ["PS256", "RS512", "ES256"] {
        all.push(forgery(format!("an RSA key for {label}"), Inactive::Key, rsa(label)));
    }
    for label in ["ES384", "RS256", "EdDSA"] {
        all.push(forgery(format!("a P-256 key for {label}"), Inactive::Key, p256(json!(label))));
    }
    all.push(forgery("an RSA key for HS256", Inactive::Algorithm, rsa("HS256")));
    for label in ["es256", "ES512", "ES256K", "RS1", "A256KW", "dir", " ES256", "ES256 "] {
        let name = format!("`{label}`, which is no algorithm here");
        all.push(forgery(name, Inactive::Algorithm, p256(json!(label))));
    }
    for label in [json!(null), json!(7), json!(["ES256"]), json!({ "ES256": 1 })] {
        let name = format!("{label} as an algorithm");
        all.push(forgery(name, Inactive::Algorithm, p256(label)));
    }
    all
}

/// Keys that a token brings along, or says where to get.
fn brought() -> Vec<Forgery> {
    let stranger = Signer::stranger();
    let brought = |name: &str, value: Value, kid: &str| {
        let mut header = json!({ "alg": "ES256", "kid": kid });
        header[name] = value;
        stranger.token(&header, &payload())
    };
    let url = json!("https://evil.example/jwks");
    let nameless = stranger.token(&json!({ "alg": "ES256", "jwk": stranger.jwk() }), &payload());
    vec![
        forgery(
            "a key of its own under a good name",
            Inactive::Signature,
            brought("jwk", stranger.jwk(), "p256"),
        ),
        forgery("a key of its own", Inactive::Key, brought("jwk", stranger.jwk(), "evil")),
        forgery("a key of its own without a name", Inactive::Key, nameless),
        forgery("a URL of keys", Inactive::Key, brought("jku", url.clone(), "evil")),
        forgery(
            "a URL of keys under a good name",
            Inactive::Signature,
            brought("jku", url.clone(), "p256"),
        ),
        forgery("a URL of certificates", Inactive::Key, brought("x5u", url, "evil")),
        forgery("certificates", Inactive::Key, brought("x5c", json!(["MIIB"]), "evil")),
        forgery(
            "the thumbprint of a certificate",
            Inactive::Key,
            brought("x5t", json!("p256"), "evil"),
        ),
    ]
}

fn names() -> Vec<Forgery> {
    let named = |kid: Value| header(&json!({ "alg": "ES256", "kid": kid }));
    let strange = [
        ("a path as the name of a key", "../../../dev/null"),
        ("a query as the name of a key", "x' UNION SELECT 'AA"),
        ("an empty name of a key", ""),
        ("the name of a key in capitals", "P256"),
        ("the name of a key of another kind", "rsa"),
        ("the name of a key for encryption", "enc"),
        ("the name of a symmetric key", "oct"),
    ];
    let strange = strange.map(|(name, kid)| forgery(name, Inactive::Key, named(json!(kid))));
    let no_texts = [json!(7), json!(null), json!(["p256"]), json!({ "p256": 1 })];
    let no_texts = no_texts
        .map(|kid| forgery(format!("{kid} as the name of a key"), Inactive::WrongType, named(kid)));
    strange.into_iter().chain(no_texts).collect()
}

/// Tokens of the same issuer, under the same key, that say that they are something else.
fn types() -> Vec<Forgery> {
    let typed = |typ: Value| header(&json!({ "alg": "ES256", "kid": "p256", "typ": typ }));
    let others = [
        "logout+jwt",
        "oauth-id-jag+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "application/dpop+jwt",
        "oauth-authz-req+jwt",
        "client-authentication+jwt",
        "JOSE",
        "ID",
        "",
        "-",
        "x-at+jwt",
        "at+jwt ",
    ];
    let others = others
        .map(|name| forgery(format!("the type `{name}`"), Inactive::TokenType, typed(json!(name))));
    let no_texts = [json!(7), json!(null), json!(["at+jwt"])];
    let no_texts =
        no_texts.map(|typ| forgery(format!("{typ} as a type"), Inactive::WrongType, typed(typ)));
    others.into_iter().chain(no_texts).collect()
}

/// Extensions that must be understood (RFC 7515 section 4.1.11), and none is.
fn critical() -> Vec<Forgery> {
    let with = |name: &str, value: Value| {
        let mut head = json!({ "alg": "ES256", "kid": "p256" });
        head[name] = value;
        header(&head)
    };
    vec![
        forgery("a critical extension", Inactive::Critical, with("crit", json!(["exp"]))),
        forgery("a critical extension of its own", Inactive::Critical, with("crit", json!(["x"]))),
        forgery(
            "an empty list of critical extensions",
            Inactive::Critical,
            with("crit", json!([])),
        ),
        forgery("critical extensions that are null", Inactive::Critical, with("crit", json!(null))),
        forgery(
            "a payload that is not encoded (RFC 7797)",
            Inactive::Critical,
            with("b64", json!(false)),
        ),
    ]
}
