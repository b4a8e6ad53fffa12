//! `/register/{client_id}`: clients read, change and delete their registrations.

use ambient::{Clock, Secret};
use http::Method;
use serde_json::{Value, json};
use store::{RedisOptions, Store};
use testkit::{
    http::{Answer, Http},
    oauth::{Client, Tokens},
    redis::RedisServer,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};
use url::Url;

use crate::support::{CALLBACK, World, redemption, refreshing};

/// A client's own request about itself.
pub(crate) async fn manage(
    world: &World,
    client: &Client,
    method: Method,
    body: Option<&Value>,
) -> Answer {
    let uri = client.registration["registration_client_uri"].as_str().unwrap();
    let token = client.registration["registration_access_token"].as_str().unwrap();
    let request = world.http.request(method, uri).bearer_auth(token);
    world.http.send(body.map_or(request.try_clone().unwrap(), |body| request.json(body))).await
}

#[tokio::test]
async fn a_client_reads_what_it_has_registered_and_its_secret_is_not_told_again() {
    let world = World::start().await;
    let client = world.confidential().await;
    let answer = manage(&world, &client, Method::GET, None).await.expect(200);
    answer.expect_no_store();
    let mut expected = client.registration.clone();
    for name in ["client_secret", "client_secret_expires_at"] {
        expected.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn a_change_takes_the_place_of_everything_but_name_and_secret() {
    let world = World::start().await;
    let client = world.confidential().await;
    let wanted = json!({
        "client_id": client.id,
        "client_secret": client.secret,
        "client_name": "Renamed",
        "redirect_uris": [CALLBACK, "https://new.example/cb"],
        "token_endpoint_auth_method": "client_secret_post",
    });
    let changed = manage(&world, &client, Method::PUT, Some(&wanted)).await.expect(200).json();
    assert_eq!(changed["redirect_uris"], wanted["redirect_uris"]);
    assert_eq!(
        (&changed["client_id"], &changed["client_name"]),
        (&json!(client.id), &json!("Renamed"))
    );
    assert_eq!(manage(&world, &client, Method::GET, None).await.expect(200).json(), changed);
    let (request, code) = world.code(&client).await;
    let _ = world.token(&redemption(&client, &request, &code)).await.expect(200);
}

#[tokio::test]
async fn a_change_that_makes_no_sense_changes_nothing() {
    let world = World::start().await;
    let client = world.confidential().await;
    let bad = [
        (json!({"redirect_uris": ["javascript:x"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": []}), "invalid_redirect_uri"),
        (json!({"redirect_uris": [CALLBACK], "client_id": "another"}), "invalid_client_metadata"),
        (json!({"redirect_uris": [CALLBACK], "client_secret": "x"}), "invalid_client_metadata"),
        (
            json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}),
            "invalid_client_metadata",
        ),
        (json!([]), "invalid_client_metadata"),
    ];
    let before = manage(&world, &client, Method::GET, None).await.json();
    for (body, code) in bad {
        let refused = manage(&world, &client, Method::PUT, Some(&body)).await;
        refused.expect_oauth_error(400, code);
    }
    assert_eq!(manage(&world, &client, Method::GET, None).await.json(), before);
}

/// A client that is kept in a record: a name that carried the secret would bring the old one back.
#[tokio::test]
async fn a_client_that_does_not_name_its_secret_gets_another_one_and_has_a_day_to_change() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let world = World::on(store, World::clock()).await;
    let mut client = world.confidential().await;
    let tokens = world.tokens(&client).await;
    let mut refresh = tokens.refresh.unwrap();
    let words = json!({ "redirect_uris": [CALLBACK] });
    let told = manage(&world, &client, Method::PUT, Some(&words)).await.expect(200);
    told.expect_no_store();
    let new = told.json()["client_secret"].as_str().unwrap().to_owned();
    assert_eq!(told.json()["client_secret_expires_at"], 0);
    let old = client.secret.replace(new.clone()).unwrap();
    assert_ne!(old, new);
    let before = Client { secret: Some(old.clone()), ..client.clone() };
    for (client, wait) in [(&before, 0), (&client, 0), (&before, 24 * 3600 - 1), (&client, 0)] {
        world.pass(wait);
        refresh = Tokens::read(&world.refresh(client, &refresh).await).refresh.unwrap();
    }
    world.pass(1);
    world.refresh(&before, &refresh).await.expect_oauth_error(401, "invalid_client");
    let _ = world.refresh(&client, &refresh).await.expect(200);
    let foreign = json!({ "redirect_uris": [CALLBACK], "client_secret": old });
    let refused = manage(&world, &client, Method::PUT, Some(&foreign)).await;
    refused.expect_oauth_error(400, "invalid_client_metadata");
    let same = json!({ "redirect_uris": [CALLBACK], "client_secret": new });
    let kept = manage(&world, &client, Method::PUT, Some(&same)).await.expect(200).json();
    assert_eq!(kept.get("client_secret"), None);
}

/// Each change without a secret makes a new one, and the one before counts for another day: of two that
/// were told at once both are good, or one change was refused.
#[tokio::test]
async fn of_two_changes_at_once_no_secret_is_lost_that_was_told() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let world = World::on(store, Clock::system()).await;
    let other = world.another(&[]).await;
    for _ in 0..16 {
        let client = world.confidential().await;
        let path = format!("/register/{}", client.id);
        let token = client.registration["registration_access_token"].as_str().unwrap();
        let change = async |http: &Http, name: &str| {
            let words = json!({ "redirect_uris": [CALLBACK], "client_name": name });
            http.send(http.request(Method::PUT, &path).bearer_auth(token).json(&words)).await
        };
        let (one, two) = tokio::join!(change(&world.http, "One"), change(&other, "Two"));
        let (good, bad): (Vec<_>, Vec<_>) = [one, two].into_iter().partition(|it| it.status == 200);
        for refused in &bad {
            refused.expect_oauth_error(503, "temporarily_unavailable");
        }
        assert!(!good.is_empty(), "{bad:?}");
        for told in &good {
            let secret = told.json()["client_secret"].as_str().unwrap().to_owned();
            let form = [("token", "x"), ("client_id", &*client.id), ("client_secret", &*secret)];
            let _ = world.http.post_form("/revoke", &form).await.expect(200);
        }
        let is_now = manage(&world, &client, Method::GET, None).await.expect(200).json();
        assert!(good.iter().any(|told| told.json()["client_name"] == is_now["client_name"]));
    }
}

#[tokio::test]
async fn a_change_that_names_the_secret_keeps_the_one_before_and_another_that_does_not_ends_it() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let world = World::on(store, World::clock()).await;
    let client = world.confidential().await;
    let mut refresh = world.tokens(&client).await.refresh.unwrap();
    let unnamed = json!({ "redirect_uris": [CALLBACK] });
    let changed = async |words: &Value| {
        let told = manage(&world, &client, Method::PUT, Some(words)).await.expect(200).json();
        told["client_secret"].as_str().map(str::to_owned)
    };
    let second = Client { secret: changed(&unnamed).await, ..client.clone() };
    let named = json!({ "redirect_uris": [CALLBACK], "client_secret": second.secret });
    assert_eq!(changed(&named).await, None);
    for client in [&client, &second] {
        refresh = Tokens::read(&world.refresh(client, &refresh).await).refresh.unwrap();
    }
    let third = Client { secret: changed(&unnamed).await, ..client.clone() };
    world.refresh(&client, &refresh).await.expect_oauth_error(401, "invalid_client");
    for client in [&second, &third] {
        refresh = Tokens::read(&world.refresh(client, &refresh).await).refresh.unwrap();
    }
}

/// Deletes a client that has tokens and a code, and looks whether anything of it is left.
async fn delete(world: &World) {
    let client = world.confidential().await;
    let tokens = world.tokens(&client).await;
    let (request, code) = world.code(&client).await;
    let _ = manage(world, &client, Method::DELETE, None).await.expect(204);
    assert!(!world.is_active(&tokens.access).await);
    let refresh = world.token(&refreshing(&client, tokens.refresh.as_deref().unwrap())).await;
    refresh.expect_oauth_error(401, "invalid_client");
    let redeemed = world.token(&redemption(&client, &request, &code)).await;
    redeemed.expect_oauth_error(401, "invalid_client");
    let _ = world.browser().open(&world.request(&client).url()).await.page().expect(400);
    manage(world, &client, Method::GET, None).await.expect_oauth_error(401, "invalid_token");
}

#[tokio::test]
async fn a_client_that_deletes_itself_takes_its_tokens_with_it() {
    delete(&World::start().await).await;
}

#[tokio::test]
async fn so_it_does_in_redis() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    delete(&World::on(store, Clock::system()).await).await;
}

/// The server asks for the body of a change when it has found the client: what happens then happens in
/// between.
#[tokio::test]
async fn a_change_that_is_on_the_way_brings_no_client_back() {
    let world = World::start().await;
    let client = world.confidential().await;
    let uri = Url::parse(client.registration["registration_client_uri"].as_str().unwrap()).unwrap();
    let token = client.registration["registration_access_token"].as_str().unwrap();
    let body = json!({ "redirect_uris": [CALLBACK], "client_name": "Back again" }).to_string();
    let address = uri.socket_addrs(|| None).unwrap();
    let mut connection = BufReader::new(TcpStream::connect(&*address).await.unwrap());
    let head = format!(
        "PUT {} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\
         connection: close\r\n\r\n",
        uri.path(),
        uri.authority(),
        body.len(),
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    connection.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("HTTP/1.1 100"), "{line}");
    let _ = manage(&world, &client, Method::DELETE, None).await.expect(204);
    connection.write_all(body.as_bytes()).await.unwrap();
    let mut rest = String::new();
    connection.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("HTTP/1.1 401") && rest.contains("invalid_token"), "{rest}");
    manage(&world, &client, Method::GET, None).await.expect_oauth_error(401, "invalid_token");
}

#[tokio::test]
async fn nobody_else_can_do_any_of_it() {
    let world = World::start().await;
    let client = world.confidential().await;
    let other = world.app_with(json!({ "scope": "mcp" })).await;
    let stolen = |name: &str| other.registration[name].clone();
    let mut mixed = client.clone();
    mixed.registration["registration_access_token"] = stolen("registration_access_token");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = manage(&world, &mixed, method, Some(&json!({}))).await;
        answer.expect_oauth_error(401, "invalid_token");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
    }
    for (header, is_wrong) in
        [("", false), ("Bearer", false), ("Bearer x", true), ("Basic eDp5", false)]
    {
        let uri = client.registration["registration_client_uri"].as_str().unwrap();
        let request = world.http.request(Method::GET, uri).header("authorization", header);
        let answer = world.http.send(request).await;
        answer.expect_oauth_error(401, "invalid_token");
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(challenge.contains("error="), is_wrong, "RFC 6750 section 3.1: {challenge}");
    }
}

#[tokio::test]
async fn a_public_registration_is_everybodys_and_nobody_can_change_it() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let world = World::on(store, Clock::system()).await;
    let register = async |changes: Value| {
        let mut metadata = json!({ "redirect_uris": [CALLBACK] });
        metadata.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        world.register(&metadata).await.expect(201).json()
    };
    let public = json!({ "token_endpoint_auth_method": "none" });
    let (first, second) = (register(public.clone()).await, register(public).await);
    assert_eq!(first, second);
    assert!(first.get("registration_access_token").is_none(), "{first}");
    assert!(first.get("registration_client_uri").is_none(), "{first}");
    let other = json!({ "token_endpoint_auth_method": "none", "scope": "mcp" });
    assert_ne!(register(other).await["client_id"], first["client_id"]);
    let (one, two) = (register(json!({})).await, register(json!({})).await);
    assert_ne!(one["client_id"], two["client_id"]);
}

#[tokio::test]
async fn a_restart_in_memory_strands_no_client() {
    let mut world = World::start().await;
    let (public, confidential) = (world.app().await, world.confidential().await);
    let tokens = world.tokens(&public).await;
    for hours in [1, 24 * 80] {
        world.pass(hours * 3600);
        world.restart().await;
        let lost = world.refresh(&public, tokens.refresh.as_deref().unwrap()).await;
        lost.expect_oauth_error(400, "invalid_grant");
        for client in [&public, &confidential] {
            let again = world.tokens(client).await;
            assert!(world.is_active(&again.access).await);
        }
        let _ = manage(&world, &confidential, Method::GET, None).await.expect(200);
    }
}

#[tokio::test]
async fn a_name_that_carries_its_registration_lives_no_longer_than_a_record() {
    let mut world = World::start().await;
    let client = world.app().await;
    world.pass(90 * 24 * 3600);
    world.restart().await;
    let _ = world.browser().open(&world.request(&client).url()).await.page().expect(400);
    let used = world.app().await;
    for _ in 0..3 {
        world.tokens(&used).await;
        world.pass(89 * 24 * 3600);
    }
    world.tokens(&used).await;
}

#[tokio::test]
async fn only_so_many_clients_are_kept_in_a_day() {
    let server = RedisServer::start().await;
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    let limit = ("AUTH_LIMIT_CLIENTS", "2/86400");
    let world = World::on_with(store, Clock::system(), &[limit]).await;
    let known = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
    let _ = world.register(&known).await.expect(201);
    let _ = world.confidential().await;
    world
        .register(&json!({ "redirect_uris": [CALLBACK] }))
        .await
        .expect_oauth_error(429, "temporarily_unavailable");
    let _ = world.register(&known).await.expect(201);
}
