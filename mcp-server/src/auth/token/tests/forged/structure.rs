//! Tokens that are not built like one, and texts that different libraries read differently.

use base64::engine::general_purpose::STANDARD;

use super::*;

pub(super) fn all() -> Vec<Forgery> {
    [shapes(), payloads(), headers()].into_iter().flatten().collect()
}

fn shapes() -> Vec<Forgery> {
    let good = good();
    let [header, payload, signature] = parts(&good)[..] else { panic!("it has three parts") };
    let other_alphabet = STANDARD.encode("{\"a\":\"??>>\"}");
    let as_json = json!({ "protected": header, "payload": payload, "signature": signature });
    let not_jwt = |(name, token): (&str, String)| forgery(name, Inactive::NotJwt, token);
    [
        ("nothing", String::new()),
        ("an opaque text", "opaque".to_owned()),
        ("two dots", "..".to_owned()),
        ("no signature", format!("{header}.{payload}")),
        ("an empty signature", format!("{header}.{payload}.")),
        ("an empty header", format!(".{payload}.{signature}")),
        ("an empty payload part", format!("{header}..{signature}")),
        ("four parts", format!("{header}.{payload}.{signature}.{signature}")),
        ("five parts", format!("{header}.{header}.{payload}.{payload}.{signature}")),
        ("a dot in front", format!(".{good}")),
        ("a padded header", format!("{header}=.{payload}.{signature}")),
        ("a padded payload", format!("{header}.{payload}=.{signature}")),
        ("a space in front", format!(" {good}")),
        ("a line break within", format!("{header}.{payload}\n.{signature}")),
        ("dots that are percent-encoded", good.replace('.', "%2E")),
        (
            "a payload in the other base64 alphabet",
            format!("{header}.{other_alphabet}.{signature}"),
        ),
        ("the JSON serialization of a JWS", as_json.to_string()),
        ("parts that are not encoded", format!("{HEADER}.{}.{signature}", self::payload())),
    ]
    .into_iter()
    .map(not_jwt)
    .collect()
}

/// Under a good signature of the issuer.
fn payloads() -> Vec<Forgery> {
    let inner = payload().to_string();
    let inner = inner.trim_matches(['{', '}']);
    let deep = format!(r#"{{{inner},"x":{}1{}}}"#, "[".repeat(500), "]".repeat(500));
    [
        ("a subject twice", format!(r#"{{{inner},"sub":"bob"}}"#)),
        ("a subject twice, once escaped", format!(r#"{{{inner},"s\u0075b":"bob"}}"#)),
        ("an expiry twice", format!(r#"{{{inner},"exp":9999999999}}"#)),
        ("an audience twice", format!(r#"{{{inner},"aud":"https://mcp.example/mcp"}}"#)),
        ("a member twice, further in", format!(r#"{{{inner},"x":{{"a":1,"a":2}}}}"#)),
        ("a second object behind the payload", format!("{{{inner}}}{{}}")),
        ("a payload in a list", format!("[{{{inner}}}]")),
        ("a comma too many", format!("{{{inner},}}")),
        ("a comment", format!("{{{inner}/* */}}")),
        ("a byte order mark", format!("\u{feff}{{{inner}}}")),
        ("a number that is none", format!(r#"{{{inner},"x":NaN}}"#)),
        ("an expiry without end", format!(r#"{{{inner},"x":1e400}}"#)),
        ("a payload that is deep", deep),
        ("half a surrogate pair", format!(r#"{{{inner},"x":"\ud800"}}"#)),
        ("a payload of null", "null".to_owned()),
        ("a payload of text", "\"x\"".to_owned()),
        ("a payload of nothing", " ".to_owned()),
        ("a token as the payload of another", good()),
    ]
    .into_iter()
    .map(|(name, text)| (name, Signer::p256().sign(HEADER.as_bytes(), text.as_bytes())))
    .chain([("a payload that is not UTF-8", bad_utf8())])
    .map(|(name, token)| forgery(name, Inactive::NotJwt, token))
    .collect()
}

fn bad_utf8() -> String {
    Signer::p256().sign(HEADER.as_bytes(), b"{\"iss\":\"\xff\"}")
}

fn headers() -> Vec<Forgery> {
    [
        ("two algorithms", r#"{"alg":"ES256","alg":"none","kid":"p256"}"#),
        ("two names of keys", r#"{"alg":"ES256","kid":"p256","kid":"rsa"}"#),
        ("two types", r#"{"alg":"ES256","kid":"p256","typ":"JWT","typ":"at+jwt"}"#),
        ("a header that is a list", r#"["ES256"]"#),
        ("a header that is a text", r#""ES256""#),
        ("a header that is no JSON", "ES256"),
        ("a header with something behind it", r#"{"alg":"ES256","kid":"p256"}x"#),
        ("a header of nothing", " "),
    ]
    .into_iter()
    .map(|(name, head)| {
        (name, Signer::p256().sign(head.as_bytes(), payload().to_string().as_bytes()))
    })
    .map(|(name, token)| forgery(name, Inactive::NotJwt, token))
    .collect()
}
