//! Enterprise-Managed Authorization: an identity provider speaks for its user (ID-JAG).

use std::io::Write as _;

use ambient::{Clock, Entropy, Secret};
use http::Method;
use serde_json::{Value, json};
use store::{RedisOptions, Store};
use tempfile::NamedTempFile;
use testkit::{dpop::ProofKey, http::Answer, oauth::Client, redis::RedisServer};

use crate::{
    blocked::command,
    client_documents::Host,
    outage::allow_writing,
    signer::{Signer, changed, lacking, proving},
    support::{CALLBACK, RESOURCE, World},
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const IDP: &str = "https://idp.example";
const TYPE: &str = "oauth-id-jag+jwt";
const SECRET: &str = "a secret of a client that is long enough";
const NOW: u64 = 1_800_000_000;

struct Enterprise {
    world: World,
    provider: Signer,
    keys: Host,
}

/// A server that trusts one provider, with a client of the operator.
async fn enterprise() -> Enterprise {
    let clock = World::clock();
    enterprise_on(Store::memory(clock.clone()), clock).await
}

async fn enterprise_on(store: Store, clock: Clock) -> Enterprise {
    let (keys, provider) = (Host::start().await, Signer::new("idp"));
    keys.set(200, &provider.set());
    let clients = json!({ "clients": [
        { "client_id": "desktop", "client_secret": SECRET },
        { "client_id": "public", "redirect_uris": [CALLBACK] },
    ]});
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(clients.to_string().as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let trusted = format!("{IDP}={}", keys.url);
    let settings = [
        ("AUTH_CLIENTS_FILE", path),
        ("AUTH_ID_JAG_ISSUERS", &trusted),
        ("AUTH_CIMD_ALLOW_PRIVATE", "1"),
    ];
    Enterprise { world: World::on_with(store, clock, &settings).await, provider, keys }
}

impl Enterprise {
    fn claims(&self) -> Value {
        json!({
            "iss": IDP, "sub": "u-17", "aud": self.world.issuer, "client_id": "desktop",
            "resource": RESOURCE, "jti": Entropy::system().hex::<16>(), "scope": "mcp",
            "email": "ann@corp.example", "iat": NOW, "exp": NOW + 300,
        })
    }

    /// A new assertion for another client, that says these scopes or none.
    fn about(&self, client: &str, scope: Option<&str>) -> String {
        let now = self.world.clock.now().as_secs();
        let claims = changed(&self.claims(), "client_id", json!(client));
        let claims = changed(&changed(&claims, "iat", json!(now)), "exp", json!(now + 300));
        let claims = match scope {
            Some(scope) => changed(&claims, "scope", json!(scope)),
            None => lacking(&claims, "scope"),
        };
        self.provider.sign(TYPE, &claims)
    }

    /// What a client that has registered itself gets for one.
    async fn redeem_as(&self, client: &Client, assertion: &str, more: &[(&str, &str)]) -> Answer {
        let mut form =
            vec![("grant_type", GRANT), ("assertion", assertion), ("client_id", &client.id)];
        form.extend(client.secret.as_deref().map(|secret| ("client_secret", secret)));
        self.world.token(&[&form, more].concat()).await
    }

    async fn redeem(&self, assertion: &str, more: &[(&str, &str)]) -> Answer {
        let form = [
            ("grant_type", GRANT),
            ("assertion", assertion),
            ("client_id", "desktop"),
            ("client_secret", SECRET),
        ];
        self.world.token(&[&form[..], more].concat()).await
    }
}

#[tokio::test]
async fn a_provider_speaks_for_its_user() {
    let this = enterprise().await;
    let answer = this.redeem(&this.provider.sign(TYPE, &this.claims()), &[]).await.expect(200);
    answer.expect_no_store();
    let tokens = answer.json();
    assert_eq!((tokens.get("refresh_token"), &tokens["scope"]), (None, &json!("mcp")));
    let told = this.world.introspect(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!((&told["aud"], &told["client_id"]), (&json!(RESOURCE), &json!("desktop")));
    assert_eq!(told["username"], "ann@corp.example");
    // The same person again, and nobody of ours who happens to be called the same.
    let again = this.redeem(&this.provider.sign(TYPE, &this.claims()), &[]).await.json();
    let again = this.world.introspect(again["access_token"].as_str().unwrap()).await;
    assert_eq!(again["sub"], told["sub"]);
    assert_ne!(told["sub"], "u-17");
}

#[tokio::test]
async fn what_the_provider_must_say() {
    let this = enterprise().await;
    let good = this.claims();
    let mut wrong: Vec<Value> = ["iss", "sub", "aud", "resource", "client_id", "jti", "exp", "iat"]
        .into_iter()
        .map(|name| lacking(&good, name))
        .collect();
    wrong.extend([
        changed(&good, "iss", json!("https://idp.example/")),
        changed(&good, "aud", json!(RESOURCE)),
        changed(&good, "client_id", json!("another")),
        changed(&good, "exp", json!(NOW - 30)),
        changed(&good, "exp", json!(NOW + 3631)),
        changed(&good, "iat", json!(NOW + 31)),
        changed(&good, "iat", json!("now")),
        changed(&good, "sub", json!(17)),
        changed(&good, "scope", json!(["mcp"])),
        changed(&good, "scope", json!("  ")),
    ]);
    for claims in wrong {
        let answer = this.redeem(&this.provider.sign(TYPE, &claims), &[]).await;
        assert_eq!(answer.status, 400, "{claims}");
        answer.expect_oauth_error(400, "invalid_grant");
    }
    let elsewhere = changed(&good, "resource", json!("https://other.example/mcp"));
    let answer = this.redeem(&this.provider.sign(TYPE, &elsewhere), &[]).await;
    answer.expect_oauth_error(400, "invalid_target");
    let _ = this.redeem(&this.provider.sign(TYPE, &good), &[]).await.expect(200);
}

#[tokio::test]
async fn what_only_looks_like_its_word_is_none() {
    let this = enterprise().await;
    let good = this.claims();
    let text = good.to_string();
    let header = |alg: &str| format!(r#"{{"alg":"{alg}","kid":"idp","typ":"{TYPE}"}}"#);
    let twice = text.replacen('{', r#"{"sub":"root","#, 1);
    for forged in [
        this.provider.sign("JWT", &good),
        this.provider.sign_raw(r#"{"alg":"ES256","kid":"idp"}"#, &text),
        this.provider.sign_raw(&header("none"), &text),
        this.provider.sign_raw(&header("HS256"), &text),
        this.provider.sign_raw(&header("ES256"), &twice),
        Signer::new("idp").sign(TYPE, &good),
        Signer::new("unknown").sign(TYPE, &good),
    ] {
        this.redeem(&forged, &[]).await.expect_oauth_error(400, "invalid_grant");
    }
}

#[tokio::test]
async fn what_is_issued_on_its_word_can_be_bound_to_a_key() {
    let (this, key) = (enterprise().await, ProofKey::p256());
    let assertion = this.provider.sign(TYPE, &this.claims());
    let form = [
        ("grant_type", GRANT),
        ("assertion", &*assertion),
        ("client_id", "desktop"),
        ("client_secret", SECRET),
    ];
    let proof = key.proof("POST", &format!("{}/token", this.world.issuer), this.world.clock.now());
    let request = this.world.http.request(Method::POST, "/token").header("dpop", proof);
    let tokens = this.world.http.send(request.form(&form)).await.expect(200).json();
    assert_eq!(tokens["token_type"], "DPoP");
    let told = this.world.introspect(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(told["cnf"], json!({ "jkt": key.thumbprint() }));
}

#[tokio::test]
async fn its_word_counts_once() {
    let this = enterprise().await;
    let assertion = this.provider.sign(TYPE, &this.claims());
    let all = (0..8).map(|_| this.redeem(&assertion, &[]));
    let all = futures_util::future::join_all(all).await;
    assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1);
    this.redeem(&assertion, &[]).await.expect_oauth_error(400, "invalid_grant");
}

#[tokio::test]
async fn scopes_and_resource_are_what_all_agree_on() {
    let this = enterprise().await;
    let both = changed(&this.claims(), "scope", json!("mcp notes admin"));
    let fresh = |claims: &Value| {
        let jti = json!(Entropy::system().hex::<16>());
        this.provider.sign(TYPE, &changed(claims, "jti", jti))
    };
    let tokens = this.redeem(&fresh(&both), &[]).await.expect(200).json();
    assert_eq!(tokens["scope"], "mcp notes");
    let tokens = this.redeem(&fresh(&both), &[("scope", "notes")]).await.expect(200).json();
    assert_eq!(tokens["scope"], "notes");
    let none = changed(&both, "scope", json!("admin"));
    this.redeem(&fresh(&none), &[]).await.expect_oauth_error(400, "invalid_scope");
    let other = [("resource", "https://other.example/mcp")];
    this.redeem(&fresh(&both), &other).await.expect_oauth_error(400, "invalid_target");
}

#[tokio::test]
async fn a_client_that_cannot_be_told_from_others_is_not_spoken_to() {
    let this = enterprise().await;
    let grants = json!(["authorization_code", GRANT]);
    let public = json!({ "token_endpoint_auth_method": "none", "grant_types": grants });
    let public = this.world.app_with(public).await;
    assert_eq!(public.registration["grant_types"], json!(["authorization_code"]));
    let claims = changed(&this.claims(), "client_id", json!(public.id));
    let assertion = this.provider.sign(TYPE, &claims);
    let form = [("grant_type", GRANT), ("assertion", &assertion), ("client_id", &public.id)];
    this.world.token(&form).await.expect_oauth_error(400, "unauthorized_client");
    let known = this.world.app_with(json!({ "grant_types": grants })).await;
    assert_eq!(known.registration["grant_types"], grants);
}

#[tokio::test]
async fn what_a_client_has_registered_is_a_wish_and_what_there_is_a_limit() {
    let this = enterprise().await;
    let grants = json!(["authorization_code", GRANT]);
    let client = async |scope: Option<&str>| {
        this.world.app_with(json!({ "grant_types": grants, "scope": scope })).await
    };
    let all = "mcp notes admin superuser";
    for (wish, said, granted) in [
        (Some("mcp admin superuser"), Some(all), "mcp"),
        (Some("mcp admin superuser"), None, "mcp"),
        (Some("claudeai"), Some("mcp"), "mcp"),
        (Some("claudeai"), None, "mcp notes"),
        (None, Some(all), "mcp notes"),
    ] {
        let client = client(wish).await;
        let answer = this.redeem_as(&client, &this.about(&client.id, said), &[]).await;
        assert_eq!(answer.expect(200).json()["scope"], granted, "{wish:?} {said:?}");
    }
    let client = client(Some("mcp")).await;
    for asked in ["notes", "mcp notes"] {
        let (by_name, assertion) = ([("scope", asked)], this.about(&client.id, Some(all)));
        let named = this.redeem_as(&client, &assertion, &by_name).await.expect(200).json();
        assert_eq!(named["scope"], asked, "what is asked for now is what is wished");
    }
    let none = this.about(&client.id, Some("admin superuser"));
    this.redeem_as(&client, &none, &[]).await.expect_oauth_error(400, "invalid_scope");
}

#[tokio::test]
async fn a_public_client_of_the_operator_is_not_spoken_to_either() {
    let this = enterprise().await;
    let assertion = this.about("public", Some("mcp"));
    let form = [("grant_type", GRANT), ("assertion", &*assertion), ("client_id", "public")];
    this.world.token(&form).await.expect_oauth_error(400, "unauthorized_client");
}

/// Its document says that it can sign, and that it can do without: here it has to.
#[tokio::test]
async fn who_can_prove_who_it_is_has_to_do_so_for_this() {
    let (this, host, signer) = (enterprise().await, Host::start().await, Signer::new("own"));
    let document = json!({
        "client_id": host.url, "client_name": "A", "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token", GRANT],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": signer.set(),
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
    });
    host.set(200, &document);
    let client = host.client();
    let _ = this.world.tokens(&client).await;
    let unsigned = this.redeem_as(&client, &this.about(&client.id, None), &[]).await;
    unsigned.expect_oauth_error(400, "unauthorized_client");
    assert!(unsigned.text().contains("prove who they are"), "{unsigned}");
    let own = signer.client_assertion(&this.world, &client.id);
    let proven = this.redeem_as(&client, &this.about(&client.id, None), &proving(&own)).await;
    assert_eq!(proven.expect(200).json()["scope"], "mcp notes");
}

#[tokio::test]
async fn a_client_that_lives_by_assertions_is_kept() {
    let this = enterprise().await;
    let client = json!({ "grant_types": ["authorization_code", GRANT] });
    let client = this.world.app_with(client).await;
    for hours in [23, 2, 24 * 80, 24 * 80] {
        this.world.pass(hours * 3600);
        let assertion = this.about(&client.id, None);
        let _ = this.redeem_as(&client, &assertion, &[]).await.expect(200);
    }
}

#[tokio::test]
async fn a_blocked_client_is_not_spoken_to_and_what_it_got_is_over() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let this = enterprise_on(store, Clock::system()).await;
    let client = json!({ "grant_types": ["authorization_code", GRANT] });
    let client = this.world.app_with(client).await;
    let redeem = async || this.redeem_as(&client, &this.about(&client.id, None), &[]).await;
    let before = redeem().await.expect(200).json()["access_token"].clone();
    let before = before.as_str().unwrap();
    assert!(this.world.is_active(before).await);
    let place = [("REDIS_URL", &*server.url())];
    let said = command(&["block", &client.id], &place).await.unwrap();
    assert!(said.contains("1 of its logins"), "{said}");
    assert!(!this.world.is_active(before).await);
    redeem().await.expect_oauth_error(401, "invalid_client");
    command(&["unblock", &client.id], &place).await.unwrap();
    assert!(!this.world.is_active(before).await, "what is over stays over");
    let after = redeem().await.expect(200).json()["access_token"].clone();
    assert!(this.world.is_active(after.as_str().unwrap()).await);
}

#[tokio::test]
async fn an_assertion_that_meets_an_outage_is_not_spent() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let this = enterprise_on(store, Clock::system()).await;
    let client = json!({ "grant_types": ["authorization_code", GRANT] });
    let client = this.world.app_with(client).await;
    let assertion = this.about(&client.id, None);
    // All but the record of the client, which is to be kept for longer.
    allow_writing(&server, "auth:[^c]*").await;
    let refused = this.redeem_as(&client, &assertion, &[]).await;
    assert!(refused.status.is_server_error(), "{refused}");
    allow_writing(&server, "*").await;
    let _ = this.redeem_as(&client, &assertion, &[]).await.expect(200);
}

#[tokio::test]
async fn keys_of_the_provider_that_cannot_be_had_are_nobodys_fault() {
    let this = enterprise().await;
    this.keys.set(500, &json!({}));
    let answer = this.redeem(&this.provider.sign(TYPE, &this.claims()), &[]).await;
    answer.expect_oauth_error(503, "temporarily_unavailable");
}

#[tokio::test]
async fn the_grant_is_there_if_a_provider_is_trusted() {
    let (with, without) = (enterprise().await, World::start().await);
    for (world, is_there) in [(&with.world, true), (&without, false)] {
        let document = world.http.get("/.well-known/oauth-authorization-server").await.json();
        let grants = document["grant_types_supported"].as_array().unwrap();
        assert_eq!(grants.contains(&json!(GRANT)), is_there, "{grants:?}");
    }
    let client = without.confidential().await;
    let secret = client.secret.as_deref().unwrap();
    let form = [
        ("grant_type", GRANT),
        ("assertion", "a.b.c"),
        ("client_id", &client.id),
        ("client_secret", secret),
    ];
    without.token(&form).await.expect_oauth_error(400, "unsupported_grant_type");
}
