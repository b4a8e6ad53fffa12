//! What an operator sees of registered clients and does about them by commands, beside two instances
//! on a real Redis; and in memory by the file.

use std::time::Duration;

use ambient::{Clock, Env, Secret};
use auth_server::commands::{self, Cli, CommandError};
use clap::Parser as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Record, RedisOptions, Store};
use tempfile::TempDir;
use testkit::{
    oauth::{Client, Tokens},
    redis::RedisServer,
};

use crate::{
    client_documents::{Host, open},
    log::Log,
    support::{CALLBACK, PASSWORD, World, approve, redemption, refreshing, sign_in},
};

/// Two instances, and the Redis that they share with the commands.
struct Place {
    redis: RedisServer,
    one: World,
    other: World,
}

impl Place {
    async fn new() -> Self {
        let redis = RedisServer::start().await;
        let clock = World::clock();
        let on = async |clock: Clock| {
            let store = Store::redis(&RedisOptions::new(Secret::new(redis.url()))).await.unwrap();
            World::on_with(store, clock, &[("AUTH_CIMD_ALLOW_PRIVATE", "1")]).await
        };
        let (one, other) = (on(clock.clone()).await, on(clock).await);
        Self { redis, one, other }
    }

    async fn command(&self, words: &[&str]) -> Result<String, CommandError> {
        command(words, &[("REDIS_URL", &self.redis.url())]).await
    }

    async fn says(&self, words: &[&str]) -> String {
        self.command(words).await.unwrap()
    }
}

/// `auth-server client` with these words.
pub(crate) async fn command(
    words: &[&str],
    settings: &[(&str, &str)],
) -> Result<String, CommandError> {
    let words = ["auth-server", "client"].into_iter().chain(words.iter().copied());
    let cli = Cli::try_parse_from(words).unwrap();
    let env = settings.iter().fold(Env::default(), |env, (name, value)| env.with(name, value));
    commands::run(cli, &env).await
}

fn words(client_name: &str) -> Value {
    json!({
        "client_name": client_name, "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
    })
}

async fn is_refused_everywhere(place: &Place, client: &Client, tokens: &Tokens) {
    for world in [&place.one, &place.other] {
        assert!(!world.is_active(&tokens.access).await);
        let refresh = tokens.refresh.as_deref().unwrap();
        let refused = world.token(&refreshing(client, refresh)).await;
        refused.expect_oauth_error(401, "invalid_client");
        let page = open(world, client).await.expect(403);
        assert!(page.text().contains("blocked here"), "{page}");
    }
}

#[tokio::test]
async fn a_blocked_client_is_out_everywhere_and_what_it_had_stays_over() {
    let (place, host) = (Place::new().await, Host::start().await);
    let clients = [place.one.app().await, place.one.confidential().await, host.client()];
    for client in clients {
        let (first, second) = (place.one.tokens(&client).await, place.other.tokens(&client).await);
        let said = place.says(&["block", &client.id]).await;
        assert!(said.contains("2 of its logins are over"), "{said}");
        is_refused_everywhere(&place, &client, &first).await;
        is_refused_everywhere(&place, &client, &second).await;
        let said = place.says(&["list"]).await;
        let line = said.lines().find(|line| line.starts_with(&client.id)).unwrap();
        assert!(line.contains("BLOCKED"), "{line}");
        let _ = place.says(&["unblock", &client.id]).await;
        assert!(!place.other.is_active(&first.access).await);
        let refresh = second.refresh.unwrap();
        let refused = place.one.token(&refreshing(&client, &refresh)).await;
        refused.expect_oauth_error(400, "invalid_grant");
        assert!(place.other.is_active(&place.other.tokens(&client).await.access).await);
        let again = place.command(&["unblock", &client.id]).await;
        assert!(matches!(again, Err(CommandError::NotBlocked(_))));
    }
}

#[tokio::test]
async fn a_blocked_registration_is_not_made_again_and_a_blocked_document_is_not_fetched() {
    let (place, host) = (Place::new().await, Host::start().await);
    let app = place.one.register(&words("A")).await.expect(201).json();
    let _ = place.says(&["block", app["client_id"].as_str().unwrap()]).await;
    let refused = place.other.register(&words("A")).await;
    refused.expect_oauth_error(400, "invalid_client_metadata");
    assert!(refused.json()["error_description"].as_str().unwrap().contains("has blocked"));
    let _ = place.other.register(&words("B")).await.expect(201);
    let _ = place.says(&["block", &host.url]).await;
    let _ = open(&place.one, &host.client()).await.expect(403);
    assert_eq!(host.asked(), 0);
}

#[tokio::test]
async fn a_client_that_is_blocked_while_its_user_is_asked_gets_nothing() {
    let log = Log::keep();
    let (place, host) = (Place::new().await, Host::start().await);
    for client in [place.one.app().await, host.client()] {
        let mut browser = place.one.browser();
        let request = place.one.request(&client);
        let consent = browser.open(&request.url()).await.page().expect(200);
        let login = approve(&mut browser, &consent).await.page().expect(200);
        let (before, code) = place.one.code(&client).await;
        let _ = place.says(&["block", &client.id]).await;
        let end = sign_in(&mut browser, &login, "alice", PASSWORD).await.page();
        assert!(end.expect(403).text().contains("blocked here"));
        let given = log.audit("consent.given", Some(&client.id));
        assert_eq!(given.len(), 1, "that for the code before: {given:?}");
        let _ = place.says(&["unblock", &client.id]).await;
        let late = place.one.token(&redemption(&client, &before, &code)).await;
        late.expect_oauth_error(400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_removed_client_may_register_again_and_has_nothing_left() {
    let place = Place::new().await;
    let client = place.one.app_with(json!({ "token_endpoint_auth_method": "none" })).await;
    let tokens = place.one.tokens(&client).await;
    let said = place.says(&["remove", &client.id]).await;
    assert!(said.contains("1 of its logins are over"), "{said}");
    assert!(!place.other.is_active(&tokens.access).await);
    let refresh = tokens.refresh.as_deref().unwrap();
    let refused = place.other.token(&refreshing(&client, refresh)).await;
    refused.expect_oauth_error(401, "invalid_client");
    assert_eq!(place.says(&["list"]).await, "");
    let again = place.other.register(&words("Test client")).await.expect(201).json();
    assert_eq!(again["client_id"], client.id);
    let refused = place.other.token(&refreshing(&client, refresh)).await;
    refused.expect_oauth_error(400, "invalid_grant");
    let unknown = place.command(&["remove", "cffffffffffffffffffffffffffffffff"]).await;
    assert!(matches!(unknown, Err(CommandError::NoClient(_))));
}

/// The command was cut off after the record was gone: given again, it ends what is left.
#[tokio::test]
async fn a_removal_that_was_cut_off_is_finished_by_the_next() {
    let place = Place::new().await;
    let client = place.one.app_with(json!({ "token_endpoint_auth_method": "none" })).await;
    let tokens = place.one.tokens(&client).await;
    let options = RedisOptions::new(Secret::new(place.redis.url()));
    let table = Store::redis(&options).await.unwrap().table::<AnyClient>();
    assert!(table.remove(&client.id).await.unwrap());
    let said = place.says(&["remove", &client.id]).await;
    assert!(said.contains("1 of its logins are over"), "{said}");
    let _ = place.other.register(&words("Test client")).await.expect(201);
    let refresh = tokens.refresh.as_deref().unwrap();
    let refused = place.other.token(&refreshing(&client, refresh)).await;
    refused.expect_oauth_error(400, "invalid_grant");
}

/// The record of a client, whatever is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct AnyClient {}

impl Record for AnyClient {
    const PREFIX: &'static str = "auth:client:";
}

#[tokio::test]
async fn the_list_is_paged_and_tells_no_secret() {
    let (place, host) = (Place::new().await, Host::start().await);
    let secretive = place.one.confidential().await;
    for name in ["A", "B", "C \u{202e}gnp"] {
        let _ = place.one.register(&words(name)).await.expect(201);
    }
    let _ = place.one.tokens(&host.client()).await;
    let all = place.says(&["list"]).await;
    assert_eq!(all.lines().count(), 5, "{all}");
    assert!(!all.contains('\u{202e}') && all.contains("C \u{fffd}gnp"), "{all}");
    let used = all.lines().find(|line| line.starts_with(&host.url)).unwrap();
    assert!(used.contains("has a document  used") && used.contains(CALLBACK), "{used}");
    let own = all.lines().find(|line| line.starts_with(&secretive.id)).unwrap();
    assert!(own.contains("has a secret") && own.contains("unused"), "{own}");
    let management = secretive.registration["registration_access_token"].as_str().unwrap();
    for secret in [secretive.secret.as_deref().unwrap(), management] {
        assert!(!all.contains(&secret[5..]), "{all}");
    }
    let mut paged = Vec::new();
    for skip in ["0", "2", "4"] {
        let page = place.says(&["list", "--limit", "2", "--skip", skip]).await;
        let lines = page.lines().filter(|line| !line.starts_with("There may be more"));
        paged.extend(lines.map(|line| line.split(' ').next().unwrap().to_owned()));
        let next = format!("--skip {}", skip.parse::<u32>().unwrap() + 2);
        assert_eq!(page.contains(&next), skip != "4", "{page}");
    }
    let ids: Vec<&str> = all.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(paged, ids);
    let endless = Cli::try_parse_from(["auth-server", "client", "list", "--limit", "1001"]);
    assert!(endless.is_err());
}

#[tokio::test]
async fn what_is_no_registered_client_is_not_blocked() {
    let place = Place::new().await;
    for id in ["mcp-server", "", "http://a.example/x", "a b"] {
        let refused = place.command(&["block", id]).await;
        assert!(matches!(refused, Err(CommandError::NotRegistered(_))), "{id}");
    }
    let nowhere = command(&["block", "https://a.example/client.json"], &[]).await;
    assert!(matches!(nowhere, Err(CommandError::NoPlace)));
}

/// In memory the name of a client carries its registration, and is another every hour.
#[tokio::test]
async fn in_memory_the_file_blocks_whoever_registers_the_same_at_any_hour() {
    let (folder, host) = (TempDir::new().unwrap(), Host::start().await);
    let path = folder.path().join("clients.json");
    let file = [("AUTH_CLIENTS_FILE", path.to_str().unwrap())];
    let before = World::start().await;
    let app = before.register(&words("A")).await.expect(201).json();
    let id = app["client_id"].as_str().unwrap();
    assert!(id.starts_with("mcpi_"));
    for id in [id, &host.url] {
        let said = command(&["block", id], &file).await.unwrap();
        assert!(said.contains("Servers read the file when they start"), "{said}");
    }
    let listed = command(&["list"], &file).await.unwrap();
    assert_eq!(listed, format!("{id}  BLOCKED\n{}  BLOCKED\n", host.url));
    let private = ("AUTH_CIMD_ALLOW_PRIVATE", "1");
    let clock = World::clock();
    clock.advance(Duration::from_hours(2));
    let after = World::by(clock, &[private, file[0]]).await;
    let redirect_uri = CALLBACK.to_owned();
    let known = Client { id: id.to_owned(), secret: None, redirect_uri, registration: Value::Null };
    for client in [&known, &host.client()] {
        let _ = open(&after, client).await.expect(403);
    }
    assert_eq!(host.asked(), 0);
    let refused = after.register(&words("A")).await;
    refused.expect_oauth_error(400, "invalid_client_metadata");
    let other = after.register(&words("B")).await.expect(201).json();
    let client = Client { id: other["client_id"].as_str().unwrap().to_owned(), ..known };
    let callback = after.code(&client).await;
    assert!(!callback.1.is_empty());
    let _ = command(&["unblock", id], &file).await.unwrap();
    assert!(!command(&["list"], &file).await.unwrap().contains(id));
}

#[tokio::test]
async fn tokens_of_a_client_that_the_file_blocks_are_over() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("clients.json");
    let world = World::start().await;
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    let file = json!({ "clients": [], "blocked": [client.id] });
    std::fs::write(&path, file.to_string()).unwrap();
    let other = world.another(&[("AUTH_CLIENTS_FILE", path.to_str().unwrap())]).await;
    let form = refreshing(&client, tokens.refresh.as_deref().unwrap());
    other.post_form("/token", &form).await.expect_oauth_error(401, "invalid_client");
    let (id, secret) = crate::support::RESOURCE_SERVER;
    let request = other.request(http::Method::POST, "/introspect").basic_auth(id, Some(secret));
    let told = other.send(request.form(&[("token", &*tokens.access)])).await.expect(200).json();
    assert_eq!(told, json!({ "active": false }));
    let _ = other.get(&world.request(&client).url().replace(&world.issuer, "")).await.expect(403);
}
