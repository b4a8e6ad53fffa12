//! Every provider played, over real sockets, with its ready-made settings of `examples/auth`: its
//! tokens are accepted, and refused when one fact that matters is wrong; and the operator's commands
//! say so.

mod further;
mod table;

use std::{collections::BTreeSet, fs, path::PathBuf};

use ambient::{Entropy, Env, Secret};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk};
use serde_json::{Value, json};
use store::Store;
use testkit::rpc::Modern;
use url::Url;

use self::table::Dialect;
use crate::{
    provider::{Provider, clock},
    providers::{Scene, unready},
    world::instance,
};

const RESOURCE: &str = "https://mcp.example.com/mcp";

fn all() -> Vec<Dialect> {
    [table::all(), further::all()].into_iter().flatten().collect()
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/auth"))
}

/// The settings of a file, as they are written.
fn file(name: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(folder().join(format!("{name}.env"))).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The same text with the played server in the place of the provider's.
fn moved(text: &str, settings: &[(String, String)], base: &str) -> String {
    let is_place = |name: &str| ["AUTH_SERVER_URL", "MCP_AUTH_INTROSPECTION_URL"].contains(&name);
    let places = settings.iter().filter(|(name, _)| is_place(name));
    let origins = places.map(|(_, url)| Url::parse(url).unwrap().origin().ascii_serialization());
    origins.fold(text.to_owned(), |text, origin| text.replace(&origin, base))
}

fn signer(algorithm: &str) -> (&'static str, Algorithm, EncodingKey) {
    match algorithm {
        "EdDSA" => {
            let key = EncodingKey::from_ed_pem(include_bytes!("../keys/ed25519.pem"));
            ("ed25519", Algorithm::EdDSA, key.unwrap())
        }
        "ES256" => {
            let key = EncodingKey::from_ec_pem(include_bytes!("../keys/p256.pem"));
            ("p256", Algorithm::ES256, key.unwrap())
        }
        _ => {
            let key = EncodingKey::from_rsa_pem(include_bytes!("../keys/rsa.pem"));
            ("rsa", Algorithm::RS256, key.unwrap())
        }
    }
}

fn published() -> Value {
    let keys = ["RS256", "ES256", "EdDSA"].map(|algorithm| {
        let (kid, algorithm, key) = signer(algorithm);
        let mut jwk =
            serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
        (jwk["kid"], jwk["use"]) = (json!(kid), json!("sig"));
        jwk
    });
    json!({ "keys": keys })
}

fn signed(header: &Value, claims: &Value) -> String {
    let algorithm = header["alg"].as_str().unwrap();
    let mut header = header.clone();
    header["kid"] = json!(signer(algorithm).0);
    signed_as(algorithm, &header, claims)
}

/// Signed with this algorithm, whatever the header says.
fn signed_as(algorithm: &str, header: &Value, claims: &Value) -> String {
    let (_, algorithm, key) = signer(algorithm);
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let text = format!("{header}.{claims}");
    let signature = jsonwebtoken::crypto::sign(text.as_bytes(), &key, algorithm).unwrap();
    format!("{text}.{signature}")
}

/// A provider that is played, a server with the settings for it, and what the provider says.
struct Play {
    dialect: Dialect,
    settings: Vec<(String, String)>,
    scene: Scene,
}

impl Play {
    async fn start(dialect: Dialect) -> Self {
        let provider = Provider::start().await;
        let mut written = file(dialect.name);
        written.retain(|(name, _)| dialect.more.iter().all(|(other, _)| other != name));
        written.extend(dialect.more.iter().map(|(n, v)| (String::from(*n), String::from(*v))));
        let here = |text: &str| moved(text, &written, &provider.issuer);
        let settings: Vec<_> =
            written.iter().map(|(name, value)| (name.clone(), here(value))).collect();
        let issuer = settings.iter().find(|(name, _)| name == "AUTH_SERVER_URL").unwrap().1.clone();
        // Only where the last of the well-known URLs of MCP is, as most of them have it.
        let path = Url::parse(&issuer).unwrap().path().trim_end_matches('/').to_owned();
        provider.set(|script| {
            script.metadata_path = format!("{path}/.well-known/openid-configuration");
            script.changes = vec![("issuer", json!(issuer))];
            script.keys = Some(published());
            // A JWT is asked about where that is possible: here it shall be checked by itself.
            script.leaves_jwts = dialect.name == "oidc-provider";
            let is_asked = dialect.header.is_none() || dialect.own.is_some();
            if !is_asked && !script.leaves_jwts {
                script.changes.push(("introspection_endpoint", Value::Null));
            }
        });
        let clock = clock();
        let pairs: Vec<_> = settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let world = instance(&Store::memory(clock.clone()), clock, &pairs).await;
        let modern = Modern::new(&format!("{}/mcp", world.address));
        let said = |claims: &Value| serde_json::from_str(&here(&claims.to_string())).unwrap();
        let (claims, own) = (said(&dialect.claims), dialect.own.as_ref().map(said));
        let scene = Scene { world, provider, modern };
        scene.available(true).await;
        Self { dialect: Dialect { own, claims, ..dialect }, settings, scene }
    }

    /// A token of which this is said, by itself or by the provider.
    fn token(&self, claims: &Value, number: usize) -> String {
        let Dialect { header, own, .. } = &self.dialect;
        if own.is_none()
            && let Some(header) = header
        {
            return signed(header, claims);
        }
        self.scene.provider.set(|script| script.exactly = Some(claims.clone()));
        let (Some(header), Some(own)) = (header, own) else { return format!("opaque-{number}") };
        let mut own = own.clone();
        own["jti"] = json!(number.to_string());
        signed(header, &own)
    }

    fn changed(&self, name: &str, value: &Value) -> Value {
        let mut claims = self.dialect.claims.clone();
        claims[name] = value.clone();
        claims
    }

    async fn status(&self, claims: &Value, number: usize) -> u16 {
        let token = self.token(claims, number);
        self.scene.status(&token).await
    }

    /// What `check-auth` says of a token, and whether it is good.
    async fn checked(&self, claims: &Value) -> (bool, String) {
        let token = self.token(claims, 0);
        let env = self.settings.iter().fold(Env::default(), |env, (n, v)| env.with(n, v));
        let parts = (self.scene.world.clock.clone(), Entropy::seeded(1));
        let mut out = Vec::new();
        let token = Some(Secret::new(token));
        let good = mcp_server::cli::check_auth(&env, &parts, token, &mut out).await.unwrap();
        (good, String::from_utf8(out).unwrap())
    }
}

#[tokio::test]
async fn every_dialect_is_accepted_with_the_settings_for_its_provider() {
    for dialect in all() {
        let play = Play::start(dialect).await;
        let Dialect { name, claims, user, client, scope, .. } = &play.dialect;
        assert_eq!(play.status(claims, 1).await, 200, "{name}");
        let (good, text) = play.checked(claims).await;
        assert!(good && text.contains("Verdict: good"), "{name}: {text}");
        for line in [format!("user: {user}\n"), format!("client: {client}\n")] {
            assert!(text.contains(&line), "{name}: {text}");
        }
        let scopes = text.lines().find_map(|line| line.trim().strip_prefix("scopes:")).unwrap();
        assert!(scope.is_none_or(|scope| scopes.split(' ').any(|word| word == scope)), "{scopes}");
        assert!(!text.contains("change-me"), "{name}: {text}");
    }
}

#[tokio::test]
async fn every_dialect_is_refused_when_one_fact_is_wrong() {
    for dialect in all() {
        let play = Play::start(dialect).await;
        for (number, (name, value)) in play.dialect.wrong_facts().iter().enumerate() {
            let wrong = play.changed(name, value);
            let status = play.status(&wrong, number + 1).await;
            assert_eq!(status, 401, "{}: {name} {value}", play.dialect.name);
        }
    }
}

#[tokio::test]
async fn every_signed_dialect_is_refused_when_its_header_is_wrong() {
    for dialect in all().into_iter().filter(|d| d.header.is_some() && d.own.is_none()) {
        let play = Play::start(dialect).await;
        let Dialect { name, header, claims, .. } = &play.dialect;
        let right = header.as_ref().unwrap();
        let algorithm = right["alg"].as_str().unwrap();
        for (member, value) in play.dialect.wrong_headers() {
            let mut wrong = right.clone();
            wrong["kid"] = json!(signer(algorithm).0);
            wrong[member] = value.clone();
            if value.is_null() {
                wrong.as_object_mut().unwrap().remove(member);
            }
            let token = signed_as(algorithm, &wrong, claims);
            assert_eq!(play.scene.status(&token).await, 401, "{name}: {member} {value}");
        }
        assert_eq!(play.status(claims, 0).await, 200, "{name}");
    }
}

/// Google issues nothing that is for us: its access tokens are opaque and its ID tokens are for
/// clients, even if somebody sets a client's id as the audience.
#[tokio::test]
async fn what_google_issues_is_refused() {
    let client = "1234.apps.googleusercontent.com";
    for settings in [&[][..], &[("MCP_AUTH_AUDIENCE", client)]] {
        let provider = Provider::start().await;
        provider.set(|script| {
            script.metadata_path = "/.well-known/openid-configuration".to_owned();
            script.changes = vec![("introspection_endpoint", Value::Null)];
            script.keys = Some(published());
        });
        let scene = unready(provider, settings).await;
        scene.available(true).await;
        let id_token = json!({
            "iss": scene.provider.issuer, "azp": client, "aud": client, "sub": "1100", "hd": "a.example",
            "email": "alice@a.example", "email_verified": true, "at_hash": "h", "exp": table::at(3600),
            "iat": table::at(-1),
        });
        let id_token = signed(&json!({ "alg": "RS256", "typ": "JWT" }), &id_token);
        for token in [id_token.as_str(), "ya29.a0AfH6SMBx", "ya29.c.b0AXv0zTN"] {
            assert_eq!(scene.status(token).await, 401, "{token}");
        }
        assert_eq!(scene.provider.introspected(), 0);
    }
}

#[tokio::test]
async fn check_auth_names_the_rule_that_a_dialect_breaks() {
    for dialect in all() {
        let play = Play::start(dialect).await;
        let facts = play.dialect.wrong.iter().chain([&EXPIRED]);
        for (name, value) in facts {
            let (good, text) = play.checked(&play.changed(name, value)).await;
            assert!(!good && text.contains("  FAIL  "), "{}: {name}: {text}", play.dialect.name);
            assert!(text.contains("Verdict: not good"), "{}: {name}: {text}", play.dialect.name);
        }
    }
}

const EXPIRED: (&str, Value) = ("exp", Value::Bool(true));

#[test]
fn every_file_of_settings_works_has_a_dialect_and_says_where_its_page_is() {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let files: BTreeSet<_> = files
        .filter(|path| path.extension().is_some_and(|end| end == "env"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let known: BTreeSet<_> = all().iter().map(|dialect| dialect.name.to_owned()).collect();
    assert_eq!(files, known);
    for name in files {
        let path = folder().join(format!("{name}.env"));
        let config = mcp_server::Config::from_env(&Env::from_file(&path).unwrap()).0;
        assert!(config.is_ok(), "{name}: {:?}", config.err());
        let text = fs::read_to_string(&path).unwrap();
        let page = text.lines().find_map(|line| line.strip_prefix("# docs/providers/")).unwrap();
        let page = fs::read_to_string(folder().join("../../docs/providers").join(page)).unwrap();
        assert!(page.contains(&format!("](../../examples/auth/{name}.env)")), "{name}");
    }
}

#[tokio::test]
async fn a_client_that_acts_for_itself_is_no_user() {
    let of_rfc9068 =
        [("sub", json!("client1@clients")), ("client_id", json!("client1")), ("azp", Value::Null)];
    let own: [(&str, &[(&str, Value)]); 5] = [
        ("ours", &[("sub", json!("app"))]),
        ("auth0", &[("sub", json!("client1@clients")), ("gty", json!("client-credentials"))]),
        ("auth0", &of_rfc9068),
        ("entra", &[("idtyp", json!("app"))]),
        ("workos", &[("sub", json!("client_01APP"))]),
    ];
    for (name, changes) in own {
        let play =
            Play::start(all().into_iter().find(|dialect| dialect.name == name).unwrap()).await;
        let mut claims = play.dialect.claims.clone();
        for (claim, value) in changes {
            claims[claim] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let (good, text) = play.checked(&claims).await;
        assert!(good && text.contains("user: (none: the client itself)\n"), "{name}: {text}");
    }
}
