//! `private_key_jwt`: clients that prove who they are by a signature.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use testkit::{
    http::{Answer, Http},
    oauth::Client,
};

use crate::{
    client_documents::Host,
    signer::{Signer, changed, client_claims, lacking, proving},
    support::{CALLBACK, RESOURCE_SERVER, World, redemption, without},
};

const NOW: u64 = 1_800_000_000;

/// A server with the client `report`, whose keys are told or at an address.
async fn world(keys: Value) -> World {
    let mut client = json!({ "client_id": "report" });
    client.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(json!({ "clients": [client] }).to_string().as_bytes()).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    World::with(&[("AUTH_CLIENTS_FILE", &path), ("AUTH_CIMD_ALLOW_PRIVATE", "1")]).await
}

/// What `report` says of itself.
fn claims(world: &World) -> Value {
    client_claims(world, "report")
}

async fn ask(http: &Http, assertion: &str) -> Answer {
    let [kind, proof] = proving(assertion);
    http.post_form("/token", &[("grant_type", "client_credentials"), kind, proof]).await
}

#[tokio::test]
async fn a_client_signs_for_the_issuer_or_for_the_token_endpoint() {
    let signer = Signer::new("a");
    let world = world(json!({ "jwks": signer.set() })).await;
    let endpoint = format!("{}/token", world.issuer);
    for aud in [json!(world.issuer), json!(endpoint), json!([endpoint])] {
        let assertion = signer.sign("JWT", &changed(&claims(&world), "aud", aud));
        let token = ask(&world.http, &assertion).await.expect(200).json();
        let told = world.introspect(token["access_token"].as_str().unwrap()).await;
        assert_eq!(told["client_id"], "report");
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_is_told_also_where_nothing_else_names_its_client() {
    let signer = Signer::new("a");
    let world = world(json!({ "jwks": signer.set() })).await;
    let good = signer.sign("JWT", &claims(&world));
    let rest = good.split_once('.').unwrap().1;
    for (header, why) in [
        (json!({ "alg": "none" }), "its algorithm is not one of those in the metadata"),
        (json!({ "alg": "HS256" }), "its algorithm is not one of those in the metadata"),
        (json!({ "alg": "ES256", "crit": ["x"] }), "demands an extension that is not known"),
    ] {
        let forged = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
        let answer = ask(&world.http, &forged).await;
        answer.expect_oauth_error(401, "invalid_client");
        assert!(answer.text().contains(why), "{header}: {answer}");
    }
    let nobody = signer.sign("JWT", &lacking(&claims(&world), "sub"));
    assert!(ask(&world.http, &nobody).await.text().contains("sub is missing"));
}

#[tokio::test]
async fn of_all_who_show_an_assertion_at_once_one_succeeds() {
    let signer = Signer::new("a");
    let world = world(json!({ "jwks": signer.set() })).await;
    let assertion = signer.sign("JWT", &claims(&world));
    let all = (0..16).map(|_| ask(&world.http, &assertion));
    let all = futures_util::future::join_all(all).await;
    assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1);
    world.pass(80);
    ask(&world.http, &assertion).await.expect_oauth_error(401, "invalid_client");
}

#[tokio::test]
async fn what_an_assertion_must_say() {
    let signer = Signer::new("a");
    let world = world(json!({ "jwks": signer.set() })).await;
    let good = claims(&world);
    let wrong = [
        changed(&good, "iss", json!("another")),
        changed(&good, "sub", json!("mcp-server")),
        changed(&good, "aud", json!("https://other.example")),
        changed(&good, "aud", json!(format!("{}/", world.issuer))),
        changed(&good, "aud", json!([world.issuer, "https://other.example"])),
        changed(&good, "exp", json!(NOW - 30)),
        changed(&good, "exp", json!(NOW + 331)),
        changed(&good, "exp", json!((NOW + 60).to_string())),
        changed(&good, "nbf", json!(NOW + 31)),
        changed(&good, "nbf", json!("1")),
        changed(&good, "jti", json!("x".repeat(257))),
        lacking(&good, "iss"),
        lacking(&good, "aud"),
        lacking(&good, "exp"),
        lacking(&good, "jti"),
    ];
    for claims in wrong {
        let answer = ask(&world.http, &signer.sign("JWT", &claims)).await;
        assert_eq!(answer.status, 401, "{claims}");
        answer.expect_oauth_error(401, "invalid_client");
    }
    let _ = ask(&world.http, &signer.sign("JWT", &good)).await.expect(200);
}

#[tokio::test]
async fn what_only_looks_like_a_signature_of_the_client_is_none() {
    let (signer, other) = (Signer::new("a"), Signer::new("a"));
    let world = world(json!({ "jwks": signer.set() })).await;
    let good = claims(&world);
    let text = good.to_string();
    let mut shared = Header::new(Algorithm::HS256);
    shared.kid = Some("a".to_owned());
    let public = EncodingKey::from_secret(signer.public()["x"].as_str().unwrap().as_bytes());
    let unsigned = signer.sign_raw(r#"{"alg":"none","kid":"a"}"#, &text);
    let twice = text.replacen('{', r#"{"sub":"another","#, 1);
    let forged = [
        unsigned.clone(),
        format!("{}.", unsigned.rsplit_once('.').unwrap().0),
        jsonwebtoken::encode(&shared, &good, &public).unwrap(),
        other.sign("JWT", &good),
        Signer { kid: "b", ..Signer::new("b") }.sign("JWT", &good),
        signer.sign("at+jwt", &good),
        signer.sign("oauth-id-jag+jwt", &good),
        signer.sign_raw(r#"{"alg":"ES256","kid":"a"}"#, &twice),
        signer.sign_raw(r#"{"alg":"ES256","kid":"a","crit":["x"]}"#, &text),
        signer.sign_raw(r#"{"alg":"ES384","kid":"a"}"#, &text),
        "not a JWT".to_owned(),
    ];
    for assertion in forged {
        let [kind, proof] = proving(&assertion);
        let grant = ("grant_type", "client_credentials");
        let form = [grant, ("client_id", "report"), kind, proof];
        let answer = world.http.post_form("/token", &form).await;
        assert_eq!(answer.status, 401, "{assertion}");
    }
    let _ = ask(&world.http, &signer.sign("JWT", &good)).await.expect(200);
}

#[tokio::test]
async fn one_way_at_a_time_and_no_way_back_to_a_secret() {
    let signer = Signer::new("a");
    let world = world(json!({ "jwks": signer.set() })).await;
    let assertion = signer.sign("JWT", &claims(&world));
    let grant = ("grant_type", "client_credentials");
    let [kind, proof] = proving(&assertion);
    let both = [grant, kind, proof, ("client_secret", "x"), ("client_id", "report")];
    for form in [&both[..], &[grant, proof], &[grant, kind, ("client_id", "report")]] {
        world.http.post_form("/token", form).await.expect_oauth_error(400, "invalid_request");
    }
    let saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer";
    let form = [grant, ("client_assertion_type", saml), proof];
    world.http.post_form("/token", &form).await.expect_oauth_error(400, "invalid_request");
    for secret in [None, Some(("client_secret", "a secret of at least 32 characters"))] {
        let form = [grant, ("client_id", "report")].into_iter().chain(secret).collect::<Vec<_>>();
        world.http.post_form("/token", &form).await.expect_oauth_error(401, "invalid_client");
    }
    let mismatch = [grant, kind, proof, ("client_id", "mcp-server")];
    world.http.post_form("/token", &mismatch).await.expect_oauth_error(401, "invalid_client");
}

#[tokio::test]
async fn published_keys_are_asked_for_when_they_are_needed() {
    let (host, old, new) = (Host::start().await, Signer::new("old"), Signer::new("new"));
    host.set(200, &old.set());
    let world = world(json!({ "jwks_uri": host.url })).await;
    let later = |seconds: u64| changed(&claims(&world), "exp", json!(NOW + seconds + 60));
    for _ in 0..3 {
        let _ = ask(&world.http, &old.sign("JWT", &later(0))).await.expect(200);
    }
    assert_eq!(host.asked(), 1);
    host.set(200, &new.set());
    // A name that nobody has makes us ask once in a while, and not whenever a stranger likes.
    let unknown = ask(&world.http, &new.sign("JWT", &later(0))).await;
    unknown.expect_oauth_error(401, "invalid_client");
    assert_eq!(host.asked(), 1);
    world.pass(30);
    let _ = ask(&world.http, &new.sign("JWT", &later(30))).await.expect(200);
    ask(&world.http, &old.sign("JWT", &later(30))).await.expect_oauth_error(401, "invalid_client");
    assert_eq!(host.asked(), 2);
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_nobodys_fault() {
    let (host, signer) = (Host::start().await, Signer::new("a"));
    host.set(503, &json!({}));
    let world = world(json!({ "jwks_uri": host.url })).await;
    let later = |seconds: u64| {
        signer.sign("JWT", &changed(&claims(&world), "exp", json!(NOW + seconds + 60)))
    };
    let answer = ask(&world.http, &later(0)).await;
    answer.expect_oauth_error(503, "temporarily_unavailable");
    host.set(200, &signer.set());
    world.pass(30);
    let _ = ask(&world.http, &later(30)).await.expect(200);
    // What is known goes on for an hour.
    host.set(503, &json!({}));
    world.pass(601);
    let _ = ask(&world.http, &later(631)).await.expect(200);
    world.pass(3600);
    ask(&world.http, &later(4231)).await.expect_oauth_error(503, "temporarily_unavailable");
    // What a host says is final.
    host.set(404, &json!({}));
    world.pass(30);
    ask(&world.http, &later(4261)).await.expect_oauth_error(401, "invalid_client");
}

#[tokio::test]
async fn who_registers_keys_redeems_and_revokes_with_them() {
    let (world, signer) = (World::start().await, Signer::new("a"));
    let metadata = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": signer.set() });
    let client = world.app_with(metadata).await;
    assert_eq!(client.registration["token_endpoint_auth_method"], "private_key_jwt");
    assert_eq!(client.registration["jwks"], signer.set());
    assert_eq!(client.secret, None);
    let sign = || signer.client_assertion(&world, &client.id);
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    world.token(&form).await.expect_oauth_error(401, "invalid_client");
    let (first, second) = (sign(), sign());
    let mut form = without(form, "client_id");
    form.extend(proving(&first));
    let tokens = world.token(&form).await.expect(200).json();
    let token = tokens["access_token"].as_str().unwrap();
    let [kind, proof] = proving(&second);
    let _ = world.http.post_form("/revoke", &[("token", token), kind, proof]).await.expect(200);
    assert!(!world.is_active(token).await);
}

#[tokio::test]
async fn keys_in_a_registration_are_public_and_in_one_place() {
    let (world, signer) = (World::start().await, Signer::new("a"));
    let mut private = signer.set();
    private["keys"][0]["d"] = json!("secret");
    let uri = json!("https://a.example/jwks");
    for keys in [
        json!({}),
        json!({ "jwks": private }),
        json!({ "jwks": { "keys": [] } }),
        json!({ "jwks": signer.set(), "jwks_uri": uri }),
        json!({ "jwks_uri": "http://a.example/jwks" }),
    ] {
        let mut metadata = keys;
        metadata["redirect_uris"] = json!([CALLBACK]);
        metadata["token_endpoint_auth_method"] = json!("private_key_jwt");
        let answer = world.register(&metadata).await;
        answer.expect_oauth_error(400, "invalid_client_metadata");
    }
}

#[tokio::test]
async fn the_mcp_server_can_sign_instead_of_showing_a_secret() {
    let signer = Signer::new("a");
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(signer.set().to_string().as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let world = World::with(&[("AUTH_INTROSPECTION_JWKS", path)]).await;
    let access = world.tokens(&world.app().await).await.access;
    // When it was made need not be said.
    let claims = lacking(&client_claims(&world, RESOURCE_SERVER.0), "iat");
    let assertion = signer.sign("JWT", &claims);
    let [kind, proof] = proving(&assertion);
    let form = [("token", &*access), kind, proof];
    let told = world.http.post_form("/introspect", &form).await.expect(200).json();
    assert_eq!(told["active"], true);
    world.http.post_form("/introspect", &form).await.expect_oauth_error(401, "invalid_client");
    let document = world.http.get("/.well-known/openid-configuration").await.json();
    let methods = json!(["client_secret_basic", "client_secret_post", "private_key_jwt"]);
    assert_eq!(document["introspection_endpoint_auth_methods_supported"], methods);
}

#[tokio::test]
async fn a_client_that_is_known_by_its_document_signs_with_the_keys_in_it() {
    let (host, signer) = (Host::start().await, Signer::new("a"));
    let world = World::with(&[("AUTH_CIMD_ALLOW_PRIVATE", "1")]).await;
    // At the same time: the second could get the port of the first, and be taken for it.
    let clients = [Host::start().await, Host::start().await];
    let cases = [(json!(["private_key_jwt"]), 401), (json!(["none"]), 200)];
    for (client, (others, alone)) in clients.iter().zip(cases) {
        let document = json!({
            "client_id": client.url, "client_name": "A", "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": host.url,
            "token_endpoint_auth_methods_supported": others,
        });
        client.set(200, &document);
        host.set(200, &signer.set());
        let app = client.client();
        let (request, code) = world.code(&app).await;
        let form = redemption(&app, &request, &code);
        assert_eq!(world.token(&form).await.status, alone, "{others}");
        let assertion = signer.client_assertion(&world, &app.id);
        let (request, code) = world.code(&app).await;
        let mut form = redemption(&app, &request, &code);
        form.extend(proving(&assertion));
        let _ = world.token(&form).await.expect(200);
    }
}

#[tokio::test]
async fn who_is_known_to_sign_hands_requests_in_with_a_signature() {
    let (host, signer) = (Host::start().await, Signer::new("a"));
    let world = World::with(&[("AUTH_CIMD_ALLOW_PRIVATE", "1")]).await;
    let document = json!({
        "client_id": host.url, "client_name": "A", "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": signer.set(),
    });
    host.set(200, &document);
    let (app, par) = (host.client(), json!(format!("{}/par", world.issuer)));
    let claims = client_claims(&world, &app.id);
    let sign = |signer: &Signer, jti: &str| {
        signer.sign("JWT", &changed(&changed(&claims, "jti", json!(jti)), "aud", par.clone()))
    };
    // Nobody has let it in: what it signs cannot be checked yet, and its name opens nothing.
    assert_eq!(push(&world, &app, Some(&sign(&signer, "1"))).await.status, 201);
    assert_eq!(host.asked(), 0);
    let _ = world.code(&app).await;
    assert_eq!(push(&world, &app, None).await.status, 401);
    assert_eq!(push(&world, &app, Some(&sign(&Signer::new("a"), "2"))).await.status, 401);
    assert_eq!(push(&world, &app, Some(&sign(&signer, "3"))).await.status, 201);
}

/// Hands an authorization request in.
async fn push(world: &World, client: &Client, assertion: Option<&str>) -> Answer {
    let request = world.request(client);
    let mut form: Vec<_> = request.query.iter().map(|(name, value)| (&**name, &**value)).collect();
    form.extend(assertion.map(proving).into_iter().flatten());
    world.http.post_form("/par", &form).await
}
