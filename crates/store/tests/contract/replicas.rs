//! A record that is not on a replica yet does not count as written, if so many are asked for.

use store::{RedisOptions, Store, StoreError};
use testkit::redis::RedisServer;

use crate::{
    Note,
    keys::{ask, operator},
    world::{LONG, options, until},
};

/// A primary, its replica, and a store that asks for one.
async fn pair() -> (RedisServer, RedisServer, Store) {
    let (primary, replica) = (RedisServer::start().await, RedisServer::start().await);
    let port = primary.port().to_string();
    let at_replica = operator(&replica.url()).await;
    let _: String = ask(&at_replica, "REPLICAOF", &["127.0.0.1", &port]).await;
    until(async || {
        let info: String = ask(&at_replica, "INFO", &["replication"]).await;
        info.contains("master_link_status:up")
    })
    .await;
    let options = RedisOptions { wait_replicas: 1, ..options(&primary.url(), "") };
    (primary, replica, Store::redis(&options).await.unwrap())
}

#[tokio::test]
async fn what_the_replica_has_is_written() {
    let (_primary, replica, store) = pair().await;
    let notes = store.table::<Note>();
    let note = Note { count: 1 };
    assert!(notes.claim("a", &note, LONG).await.unwrap());
    assert!(!notes.claim("a", &note, LONG).await.unwrap());
    notes.put("b", &note, LONG).await.unwrap();
    let changed = notes.update("b", |_| Ok::<_, StoreError>(Note { count: 2 })).await.unwrap();
    assert_eq!(changed, Some(Note { count: 2 }));
    assert_eq!(notes.take("a").await.unwrap(), Some(note));
    assert_eq!(notes.take("a").await.unwrap(), None);
    let at_replica = operator(&replica.url()).await;
    let value: String = ask(&at_replica, "GET", &["note:b:text"]).await;
    assert_eq!(value, r#"{"count":2}"#);
    assert!(notes.remove("b").await.unwrap());
    assert!(!notes.remove("b").await.unwrap());
}

#[tokio::test]
async fn what_no_replica_has_is_an_outage_although_it_was_done() {
    let (_primary, mut replica, store) = pair().await;
    let notes = store.table::<Note>();
    let note = Note { count: 1 };
    notes.put("a", &note, LONG).await.unwrap();
    replica.kill();
    let failures = [
        notes.put("b", &note, LONG).await.err(),
        notes.claim("c", &note, LONG).await.err(),
        notes.take("a").await.err(),
    ];
    for failure in failures {
        let Some(StoreError::Unavailable(failure)) = failure else { panic!("{failure:?}") };
        assert!(failure.to_string().contains("REDIS_WAIT_REPLICAS"), "{failure}");
    }
    // Reading asks nobody, and sees what was done.
    assert_eq!(notes.get("a").await, Ok(None));
    assert_eq!(notes.get("b").await, Ok(Some(note)));
}
