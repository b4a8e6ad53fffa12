//! `/register/{client_id}` for clients that sign (`private_key_jwt`): their keys are what they change.

use ambient::{Clock, Secret};
use http::Method;
use serde_json::{Value, json};
use store::{RedisOptions, Store};
use testkit::{
    http::Answer,
    oauth::{Client, Tokens},
    redis::RedisServer,
};

use crate::{
    manage::manage,
    signer::{Signer, lacking, proving},
    support::{CALLBACK, World, redemption, refreshing, with},
};

fn metadata(keys: &Value) -> Value {
    json!({
        "client_name": "Signing", "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": keys,
    })
}

async fn register(world: &World, signer: &Signer) -> Client {
    let registration = world.register(&metadata(&signer.set())).await.expect(201).json();
    Client {
        id: registration["client_id"].as_str().unwrap().to_owned(),
        secret: None,
        redirect_uri: CALLBACK.to_owned(),
        registration,
    }
}

/// A token request of the client, signed.
async fn signed(
    world: &World,
    client: &Client,
    signer: &Signer,
    form: &[(&'static str, &str)],
) -> Answer {
    let assertion = signer.client_assertion(world, &client.id);
    world.token(&[form, &proving(&assertion)].concat()).await
}

async fn tokens(world: &World, client: &Client, signer: &Signer) -> Tokens {
    let (request, code) = world.code(client).await;
    Tokens::read(&signed(world, client, signer, &redemption(client, &request, &code)).await)
}

#[tokio::test]
async fn a_client_with_keys_manages_what_it_has_registered() {
    let (world, signer) = (World::start().await, Signer::new("a"));
    let client = register(&world, &signer).await;
    let answer = manage(&world, &client, Method::GET, None).await.expect(200);
    answer.expect_no_store();
    assert_eq!(answer.json(), client.registration);
    assert_eq!(answer.json()["jwks"], signer.set());
    // What was read can be sent back, and changes nothing.
    let own = ["registration_access_token", "registration_client_uri", "client_id_issued_at"];
    let read = own.iter().fold(answer.json(), |read, name| lacking(&read, name));
    let same = manage(&world, &client, Method::PUT, Some(&read)).await.expect(200);
    assert_eq!(same.json(), client.registration);
    let another = register(&world, &signer).await;
    assert_ne!(another.id, client.id, "who can change a registration has it alone");
    let mut mixed = client.clone();
    mixed.registration["registration_access_token"] =
        another.registration["registration_access_token"].clone();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let refused = manage(&world, &mixed, method, Some(&read)).await;
        refused.expect_oauth_error(401, "invalid_token");
    }
}

#[tokio::test]
async fn keys_are_changed_and_the_old_ones_are_of_no_use() {
    let (world, old, new) = (World::start().await, Signer::new("a"), Signer::new("b"));
    let client = register(&world, &old).await;
    let tokens = tokens(&world, &client, &old).await;
    let refresh = tokens.refresh.as_deref().unwrap();
    let changed = manage(&world, &client, Method::PUT, Some(&metadata(&new.set()))).await;
    assert_eq!(changed.expect(200).json()["jwks"], new.set());
    let form = refreshing(&client, refresh);
    signed(&world, &client, &old, &form).await.expect_oauth_error(401, "invalid_client");
    // The login goes on: only what shows who asks is another.
    let _ = signed(&world, &client, &new, &form).await.expect(200);
}

#[tokio::test]
async fn a_client_goes_from_keys_to_a_secret_and_back() {
    let (world, signer) = (World::start().await, Signer::new("a"));
    let mut client = register(&world, &signer).await;
    let wanted = json!({
        "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post",
    });
    let told = manage(&world, &client, Method::PUT, Some(&wanted)).await.expect(200).json();
    let secret = told["client_secret"].as_str().unwrap().to_owned();
    assert_eq!((&told["client_secret_expires_at"], told.get("jwks")), (&json!(0), None));
    let again = manage(&world, &client, Method::GET, None).await.expect(200).json();
    assert_eq!(again.get("client_secret"), None, "a secret is told once");
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    signed(&world, &client, &signer, &form).await.expect_oauth_error(401, "invalid_client");
    let with_secret = with(form, "client_secret", &secret);
    let _ = world.token(&with_secret).await.expect(200);
    let back = manage(&world, &client, Method::PUT, Some(&metadata(&signer.set()))).await;
    assert_eq!(back.expect(200).json().get("client_secret"), None);
    client.secret = Some(secret);
    let (request, code) = world.code(&client).await;
    let refused = world.token(&redemption(&client, &request, &code)).await;
    refused.expect_oauth_error(401, "invalid_client");
    client.secret = None;
    let form = redemption(&client, &request, &code);
    let _ = signed(&world, &client, &signer, &form).await.expect(200);
}

#[tokio::test]
async fn a_change_of_keys_that_makes_no_sense_changes_nothing() {
    let (world, signer) = (World::start().await, Signer::new("a"));
    let client = register(&world, &signer).await;
    let good = metadata(&signer.set());
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let bad = [
        lacking(&good, "jwks"),
        with("jwks", json!({ "keys": [] })),
        with("jwks_uri", json!("https://keys.example/set")),
        with("client_secret", json!("x")),
        with("client_id", json!("another")),
        with("token_endpoint_auth_method", json!("none")),
        with("token_endpoint_auth_method", json!("tls_client_auth")),
        json!({
            "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": "http://127.0.0.1:7/jwks",
        }),
    ];
    for body in bad {
        let refused = manage(&world, &client, Method::PUT, Some(&body)).await;
        refused.expect_oauth_error(400, "invalid_client_metadata");
    }
    let now = manage(&world, &client, Method::GET, None).await.expect(200).json();
    assert_eq!(now, client.registration);
}

#[tokio::test]
async fn a_client_with_keys_that_deletes_itself_takes_its_tokens_with_it() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    for world in [World::start().await, World::on(store, Clock::system()).await] {
        let signer = Signer::new("a");
        let client = register(&world, &signer).await;
        let tokens = tokens(&world, &client, &signer).await;
        let _ = manage(&world, &client, Method::DELETE, None).await.expect(204);
        assert!(!world.is_active(&tokens.access).await);
        let form = refreshing(&client, tokens.refresh.as_deref().unwrap());
        signed(&world, &client, &signer, &form).await.expect_oauth_error(401, "invalid_client");
        manage(&world, &client, Method::GET, None).await.expect_oauth_error(401, "invalid_token");
    }
}
