//! What an operator sees in Redis: names, plain values, a lifetime on every key.

use fred::{
    clients::Client,
    interfaces::{ClientLike, PubsubInterface},
    types::{
        ClusterHash, CustomCommand, FromValue, Value,
        config::{Config, ServerConfig},
    },
};
use futures_util::future::join_all;
use store::StoreError;
use testkit::redis::Namespace;

use crate::{
    Note, World,
    world::{LONG, until},
};

/// A plain connection to a server, or to a cluster.
pub(crate) async fn operator(url: &str) -> Client {
    connected(Config::from_url(url).unwrap()).await
}

async fn connected(config: Config) -> Client {
    let client = Client::new(config, None, None, None);
    client.init().await.unwrap();
    client
}

/// Connections to every server that the URL names: what is asked without a key, each node of a
/// cluster answers for itself. The URL of a cluster must name all of its masters here. Sentinels
/// only say where the one server is.
async fn everywhere(url: &str) -> Vec<Client> {
    let config = Config::from_url(url).unwrap();
    if config.server.is_sentinel() {
        return vec![connected(config).await];
    }
    let nodes = config.server.hosts().into_iter();
    let alone = nodes
        .map(|server| Config { server: ServerConfig::Centralized { server }, ..config.clone() });
    join_all(alone.map(connected)).await
}

/// The names of all keys of a place.
async fn names(place: &Namespace) -> Vec<String> {
    let mut all = Vec::new();
    for server in everywhere(&place.url).await {
        let pattern = format!("{}*", place.prefix);
        all.extend(ask::<Vec<String>>(&server, "KEYS", &[&pattern]).await);
    }
    all
}

pub(crate) async fn ask<T: FromValue>(
    client: &Client,
    command: &'static str,
    arguments: &[&str],
) -> T {
    let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
    let arguments = arguments.iter().map(|text| Value::from(*text)).collect();
    client.custom(command, arguments).await.unwrap()
}

/// Fails if a key of `place` would stay for ever.
pub(crate) async fn all_have_a_lifetime(place: &Namespace) {
    let redis = operator(&place.url).await;
    for key in &names(place).await {
        let millis: i64 = ask(&redis, "PTTL", &[key]).await;
        // -1 is "for ever", -2 is "gone in the meantime".
        assert_ne!(millis, -1, "{key} has no lifetime");
    }
}

#[tokio::test]
async fn keys_and_values_are_what_is_documented() {
    let world = World::redis().await;
    let notes = world.store.table::<Note>();
    notes.put("7", &Note { count: 1 }, LONG).await.unwrap();
    let (redis, prefix) = (operator(&world.namespace().url).await, &world.namespace().prefix);
    let value: String = ask(&redis, "GET", &[&format!("{prefix}note:7:text")]).await;
    assert_eq!(value, r#"{"count":1}"#);
}

#[tokio::test]
async fn every_key_has_a_lifetime_whatever_made_it() {
    let world = World::redis().await;
    let (notes, log) = (world.store.table::<Note>(), world.store.log());
    for id in ["put", "update", "keep"] {
        notes.put(id, &Note { count: 1 }, LONG).await.unwrap();
    }
    notes.claim("claim", &Note { count: 1 }, LONG).await.unwrap();
    notes.get_and_keep("keep", LONG).await.unwrap();
    let update = notes.update("update", |_| Ok::<_, StoreError>(Note { count: 2 }));
    update.await.unwrap();
    log.append("append", "x", LONG).await.unwrap();
    log.append("log keep", "x", LONG).await.unwrap();
    log.keep("log keep", LONG).await.unwrap();
    let (redis, prefix) = (operator(&world.namespace().url).await, &world.namespace().prefix);
    let records = ["put", "update", "keep", "claim"].map(|id| format!("{prefix}note:{id}:text"));
    let logs = ["append", "log keep"].map(|name| format!("{prefix}{name}"));
    for key in records.iter().chain(&logs) {
        let millis: i64 = ask(&redis, "PTTL", &[key]).await;
        let range = 1..=i64::try_from(LONG.as_millis()).unwrap();
        assert!(range.contains(&millis), "{key}: {millis}");
    }
}

#[tokio::test]
async fn a_server_that_only_we_use_has_no_key_outside_the_namespaces() {
    let mut worlds = Vec::new();
    let server = testkit::redis::RedisServer::start().await;
    for name in ["one:", "two:"] {
        let options = crate::world::options(&server.url(), name);
        let store = store::Store::redis(&options).await.unwrap();
        store.table::<Note>().put("a", &Note { count: 1 }, LONG).await.unwrap();
        store.log().append("b", "x", LONG).await.unwrap();
        worlds.push(store);
    }
    let client = operator(&server.url()).await;
    let mut keys: Vec<String> = ask(&client, "KEYS", &["*"]).await;
    keys.sort();
    assert_eq!(keys, ["one:b", "one:note:a:text", "two:b", "two:note:a:text"]);
}

#[tokio::test]
async fn dropping_the_last_subscription_of_a_channel_unsubscribes() {
    let world = World::redis().await;
    let (servers, prefix) = (everywhere(&world.namespace().url).await, &world.namespace().prefix);
    let channel = format!("{prefix}a");
    let bus = world.store.bus();
    let (one, two) = (bus.subscribe("a").await.unwrap(), bus.subscribe("a").await.unwrap());
    let subscribers = async || {
        let mut number = 0;
        for server in &servers {
            let reply: (String, i64) = ask(server, "PUBSUB", &["NUMSUB", &channel]).await;
            number += reply.1;
        }
        number
    };
    assert_eq!(subscribers().await, 1);
    drop(one);
    bus.publish("a", "x").await.unwrap();
    assert_eq!(subscribers().await, 1);
    drop(two);
    until(async || subscribers().await == 0).await;
}

#[tokio::test]
async fn a_corrupt_value_is_told_and_not_quoted() {
    let world = World::redis().await;
    let (redis, prefix) = (operator(&world.namespace().url).await, &world.namespace().prefix);
    let notes = world.store.table::<Note>();
    for value in ["hunter2", r#"{"count":"hunter2"}"#, "", "\"hunter2", "null"] {
        let key = format!("{prefix}note:a:text");
        let _: Value = ask(&redis, "SET", &[&key, value, "PX", "60000"]).await;
        let error = notes.get("a").await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{value}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        assert!(error.to_string().contains("`note:`"), "{error}");
    }
}

#[tokio::test]
async fn a_key_or_an_entry_of_another_kind_is_corrupt() {
    let world = World::redis().await;
    let (redis, prefix) = (operator(&world.namespace().url).await, &world.namespace().prefix);
    let _: Value = ask(&redis, "LPUSH", &[&format!("{prefix}note:a:text"), "x"]).await;
    let error = world.store.table::<Note>().get("a").await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    let stream = format!("{prefix}log");
    let _: Value = ask(&redis, "XADD", &[&stream, "*", "a", "1", "b", "2"]).await;
    let error = world.store.log().read_after("log", None, 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn dropping_the_store_closes_its_connections() {
    let server = testkit::redis::RedisServer::start().await;
    let client = operator(&server.url()).await;
    let connections = async || {
        let list: String = ask(&client, "CLIENT", &["LIST"]).await;
        list.lines().count()
    };
    let alone = connections().await;
    let store = crate::world::store_on(&server).await;
    let subscription = store.bus().subscribe("a").await.unwrap();
    assert_eq!(connections().await, alone + 5);
    drop((store, subscription));
    until(async || connections().await == alone).await;
    client.publish::<(), _, _>("a", "x").await.unwrap();
}
