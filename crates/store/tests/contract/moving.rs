//! Slots of a cluster move from node to node while they are used.

use fred::clients::Client;
use store::{Store, StoreError};
use testkit::redis::RedisServer;

use crate::{
    Note,
    keys::{ask, operator},
    world::{LONG, options, until},
};

/// Two nodes, the first of which has all slots.
struct Pair {
    servers: [RedisServer; 2],
    nodes: [Client; 2],
    names: [String; 2],
    store: Store,
}

impl Pair {
    async fn start() -> Self {
        let servers = [RedisServer::start_node().await, RedisServer::start_node().await];
        let nodes = [operator(&servers[0].url()).await, operator(&servers[1].url()).await];
        let names = [
            ask(&nodes[0], "CLUSTER", &["MYID"]).await,
            ask(&nodes[1], "CLUSTER", &["MYID"]).await,
        ];
        let () = ask(&nodes[0], "CLUSTER", &["ADDSLOTSRANGE", "0", "16383"]).await;
        let bus: Vec<String> = ask(&nodes[1], "CONFIG", &["GET", "cluster-port"]).await;
        let port = servers[1].port().to_string();
        let () = ask(&nodes[0], "CLUSTER", &["MEET", "127.0.0.1", &port, &bus[1]]).await;
        for node in &nodes {
            until(async || {
                let info: String = ask(node, "CLUSTER", &["INFO"]).await;
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:2")
            })
            .await;
        }
        let url = servers[0].url().replacen("redis://", "redis-cluster://", 1);
        let store = Store::redis(&options(&url, "")).await.unwrap();
        Self { servers, nodes, names, store }
    }

    /// Moves a key, and says of its slot that it is on its way.
    async fn begin(&self, key: &str) -> String {
        let slot: i64 = ask(&self.nodes[0], "CLUSTER", &["KEYSLOT", key]).await;
        let slot = slot.to_string();
        let () =
            ask(&self.nodes[1], "CLUSTER", &["SETSLOT", &slot, "IMPORTING", &self.names[0]]).await;
        let () =
            ask(&self.nodes[0], "CLUSTER", &["SETSLOT", &slot, "MIGRATING", &self.names[1]]).await;
        let port = self.servers[1].port().to_string();
        let () = ask(&self.nodes[0], "MIGRATE", &["127.0.0.1", &port, key, "0", "1000"]).await;
        slot
    }

    /// Says of a slot that it has moved.
    async fn end(&self, slot: &str) {
        for node in self.nodes.iter().rev() {
            let () = ask(node, "CLUSTER", &["SETSLOT", slot, "NODE", &self.names[1]]).await;
        }
    }

    async fn has_redirected(&self, code: &str) -> bool {
        let errors: String = ask(&self.nodes[0], "INFO", &["errorstats"]).await;
        errors.contains(code)
    }
}

#[tokio::test]
async fn what_has_moved_is_found_where_it_is() {
    let pair = Pair::start().await;
    let (notes, log) = (pair.store.table::<Note>(), pair.store.log());
    let note = Note { count: 1 };
    for key in ["a", "b", "c"] {
        notes.put(key, &note, LONG).await.unwrap();
        pair.end(&pair.begin(&format!("note:{key}:text")).await).await;
    }
    assert_eq!(notes.get("a").await, Ok(Some(note.clone())));
    let changed = notes.update("b", |_| Ok::<_, StoreError>(Note { count: 2 })).await.unwrap();
    assert_eq!(changed, Some(Note { count: 2 }));
    assert_eq!(notes.take("c").await, Ok(Some(note.clone())));
    assert_eq!(notes.take("c").await, Ok(None));
    assert!(pair.has_redirected("errorstat_MOVED").await);
    let event = log.append("d", "x", LONG).await.unwrap();
    assert_eq!(log.read_after("d", None, 2).await.unwrap().events, [(event, "x".to_owned())]);
}

#[tokio::test]
async fn what_is_on_its_way_is_waited_for() {
    let pair = Pair::start().await;
    let notes = pair.store.table::<Note>();
    let note = Note { count: 1 };
    notes.put("a", &note, LONG).await.unwrap();
    notes.put("b", &note, LONG).await.unwrap();
    let slot = pair.begin("note:a:text").await;
    let taken = notes.take("a");
    let moved = async {
        until(async || pair.has_redirected("errorstat_ASK").await).await;
        // Nobody else has to wait.
        for _ in 0..8 {
            assert_eq!(notes.get("b").await, Ok(Some(note.clone())));
        }
        pair.end(&slot).await;
    };
    let (taken, ()) = tokio::join!(taken, moved);
    assert_eq!(taken, Ok(Some(note.clone())));
    assert_eq!(notes.take("a").await, Ok(None));
}

#[tokio::test]
async fn what_stays_on_its_way_is_an_outage() {
    let pair = Pair::start().await;
    let notes = pair.store.table::<Note>();
    notes.put("a", &Note { count: 1 }, LONG).await.unwrap();
    let slot = pair.begin("note:a:text").await;
    let Err(StoreError::Unavailable(failure)) = notes.take("a").await else {
        panic!("half of the slot is enough");
    };
    assert!(failure.to_string().contains("moving"), "{failure}");
    pair.end(&slot).await;
    assert_eq!(notes.take("a").await, Ok(Some(Note { count: 1 })));
}
