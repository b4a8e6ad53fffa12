//! `grant_type=client_credentials`.

use std::io::Write as _;

use http::Method;
use serde_json::json;
use tempfile::NamedTempFile;
use testkit::{
    http::Answer,
    oauth::{Client, Tokens},
};

use crate::support::{CALLBACK, RESOURCE, RESOURCE_SERVER, World, with, without};

/// SHA-256 of [`SECRET`] and of [`NEXT_SECRET`].
const HASHES: [&str; 2] = [
    "368660cac36b5cac30147b658eeb5045cceb15dc9731ac0adfc792bdc58db34f",
    "3338ac96532ebc08f2025ff829f24a1e594bb4d73cdc0a19826f77dcfa78f3e4",
];
const SECRET: &str = "a secret of a client that is long enough";
const NEXT_SECRET: &str = "the secret that will take its place";

/// A server with a client of the operator's, and the file that says so.
async fn world() -> (World, NamedTempFile) {
    let clients = json!({ "clients": [
        { "client_id": "report", "client_secret_sha256": HASHES },
        { "client_id": "notes", "client_secret": SECRET, "scope": "notes" },
    ]});
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(clients.to_string().as_bytes()).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    (World::with(&[("AUTH_CLIENTS_FILE", &path)]).await, file)
}

fn form<'a>(id: &'a str, secret: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
        ("resource", RESOURCE),
    ]
}

async fn token(world: &World, form: &[(&str, &str)]) -> Tokens {
    Tokens::read(&world.token(form).await)
}

#[tokio::test]
async fn a_client_of_the_operator_gets_a_token_for_itself() {
    let (world, _file) = world().await;
    let tokens = token(&world, &form("report", SECRET)).await;
    assert_eq!(tokens.refresh, None);
    assert_eq!(tokens.answer["scope"], "mcp notes");
    let told = world.introspect(&tokens.access).await;
    assert_eq!((&told["sub"], &told["client_id"]), (&json!("report"), &json!("report")));
    assert_eq!((&told["aud"], &told["active"]), (&json!(RESOURCE), &json!(true)));
    world.pass(900);
    assert!(!world.is_active(&tokens.access).await);
}

#[tokio::test]
async fn the_secret_may_be_in_the_header_and_may_be_changed() {
    let (world, _file) = world().await;
    let request = world.http.request(Method::POST, "/token").basic_auth("report", Some(SECRET));
    let body = [("grant_type", "client_credentials")];
    let _ = world.http.send(request.form(&body)).await.expect(200);
    let _ = token(&world, &form("report", NEXT_SECRET)).await;
}

#[tokio::test]
async fn nothing_is_issued_without_the_right_secret() {
    let (world, _file) = world().await;
    let refused = |answer: Answer| answer.expect_oauth_error(401, "invalid_client");
    refused(world.token(&form("report", "another secret, as long as a good one")).await);
    refused(world.token(&without(form("report", SECRET), "client_secret")).await);
    refused(world.token(&form("nobody", SECRET)).await);
    refused(world.token(&form("mcp-server", "a secret between two servers")).await);
}

#[tokio::test]
async fn what_the_operator_allows_is_a_limit() {
    let (world, _file) = world().await;
    let good = form("notes", SECRET);
    assert_eq!(token(&world, &good).await.answer["scope"], "notes");
    let both = token(&world, &with(good.clone(), "scope", "mcp notes")).await;
    assert_eq!(both.answer["scope"], "notes");
    let none = world.token(&with(good.clone(), "scope", "mcp")).await;
    none.expect_oauth_error(400, "invalid_scope");
    let other = world.token(&with(good, "resource", "https://other.example/mcp")).await;
    other.expect_oauth_error(400, "invalid_target");
}

#[tokio::test]
async fn who_has_registered_itself_acts_for_its_users_only() {
    let (world, _file) = world().await;
    for client in [world.app().await, world.confidential().await] {
        let good = form(&client.id, client.secret.as_deref().unwrap_or_default());
        world.token(&good).await.expect_oauth_error(400, "unauthorized_client");
    }
}

#[tokio::test]
async fn a_client_that_acts_for_itself_has_no_users() {
    let (world, _file) = world().await;
    let client = Client {
        id: "report".to_owned(),
        secret: Some(SECRET.to_owned()),
        redirect_uri: CALLBACK.to_owned(),
        registration: json!(null),
    };
    let page = world.browser().open(&world.request(&client).url()).await.page().expect(400);
    assert!(page.text().contains("not registered"), "{page}");
}

#[tokio::test]
async fn a_client_gives_its_token_back_and_nobody_elses() {
    let (world, _file) = world().await;
    let access = token(&world, &form("report", SECRET)).await.access;
    let revoke = |id| [("token", &*access), ("client_id", id), ("client_secret", SECRET)];
    let foreign = world.http.post_form("/revoke", &revoke("notes")).await;
    foreign.expect_oauth_error(400, "invalid_grant");
    assert!(world.is_active(&access).await);
    let _ = world.http.post_form("/revoke", &revoke("report")).await.expect(200);
    assert!(!world.is_active(&access).await);
}

#[tokio::test]
async fn whom_the_operator_removes_has_no_tokens_any_more() {
    let (world, _file) = world().await;
    let tokens = [("report", SECRET), ("notes", SECRET)];
    let tokens = tokens.map(|(id, secret)| form(id, secret));
    let (report, notes) = (token(&world, &tokens[0]).await, token(&world, &tokens[1]).await);
    let person = world.tokens(&world.app().await).await;
    let mut rest = NamedTempFile::new().unwrap();
    let clients = json!({ "clients": [{ "client_id": "notes", "client_secret": SECRET }] });
    rest.write_all(clients.to_string().as_bytes()).unwrap();
    let changed = [("AUTH_CLIENTS_FILE", rest.path().to_str().unwrap())];
    let after = world.another(&changed).await;
    for (token, active) in [(&report, false), (&notes, true), (&person, true)] {
        let request = after.request(Method::POST, "/introspect");
        let request = request.basic_auth(RESOURCE_SERVER.0, Some(RESOURCE_SERVER.1));
        let told = after.send(request.form(&[("token", &token.access)])).await.expect(200).json();
        assert_eq!(told["active"], active, "{told}");
    }
}

#[tokio::test]
async fn the_grant_is_promised_if_there_is_somebody_for_it() {
    let (promised, _file) = world().await;
    for (world, count) in [(promised, 4), (World::start().await, 3)] {
        let document = world.http.get("/.well-known/oauth-authorization-server").await.json();
        let grants = document["grant_types_supported"].as_array().unwrap();
        assert_eq!(grants.len(), count, "{grants:?}");
    }
}

#[tokio::test]
async fn the_grant_is_offered_where_a_client_may_use_it() {
    let grants = async |clients: serde_json::Value| {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(json!({ "clients": clients }).to_string().as_bytes()).unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let world = World::with(&[("AUTH_CLIENTS_FILE", &path)]).await;
        let document = world.http.get("/.well-known/oauth-authorization-server").await.json();
        document["grant_types_supported"].to_string()
    };
    let for_users = json!({ "client_id": "app", "redirect_uris": [CALLBACK] });
    assert!(!grants(json!([for_users])).await.contains("client_credentials"));
    let own = json!({ "client_id": "report", "client_secret_sha256": HASHES });
    assert!(grants(json!([for_users, own])).await.contains("client_credentials"));
}

#[tokio::test]
async fn a_resource_that_is_not_known_is_called_so() {
    let (world, _file) = world().await;
    let wrong = with(form("report", SECRET), "resource", "https://other.example/mcp");
    let refused = world.token(&wrong).await;
    refused.expect_oauth_error(400, "invalid_target");
    assert!(refused.text().contains("not one that tokens are issued for here"), "{refused}");
}
