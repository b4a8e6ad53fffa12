//! Slots of a cluster move from node to node while they are used.

use fred::clients::Client;
use store::{Start, Store, StoreError};
use testkit::redis::RedisServer;

use crate::{
    Note,
    keys::{ask, operator},
    log::heard,
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
        introduce(&nodes[0], &servers[1], &nodes[1]).await;
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

/// Lets a node meet another one.
async fn introduce(node: &Client, server: &RedisServer, other: &Client) {
    let bus: Vec<String> = ask(other, "CONFIG", &["GET", "cluster-port"]).await;
    let port = server.port().to_string();
    let () = ask(node, "CLUSTER", &["MEET", "127.0.0.1", &port, &bus[1]]).await;
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
async fn two_records_are_got_at_once_from_two_nodes() {
    let pair = Pair::start().await;
    let notes = pair.store.table::<Note>();
    for (key, count) in [("a", 1), ("b", 2)] {
        notes.put(key, &Note { count }, LONG).await.unwrap();
    }
    pair.end(&pair.begin("note:b:text").await).await;
    let (one, other) = notes.get_with::<Note>("a", "b").await.unwrap();
    assert_eq!((one, other.map(|seen| seen.value.count)), (Some(Note { count: 1 }), Some(2)));
    assert!(pair.has_redirected("errorstat_MOVED").await);
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

/// Messages go from node to node as datagrams do: nobody asks whether they have come.
#[tokio::test]
async fn an_event_is_heard_although_a_node_had_forgotten_the_other() {
    let pair = Pair::start().await;
    let ([near, far], log) = (&pair.nodes, pair.store.log());
    for node in [near, far] {
        let () = ask(node, "CONFIG", &["SET", "cluster-require-full-coverage", "no"]).await;
    }
    // What is written on one node is heard on the other.
    pair.end(&pair.begin("a").await).await;
    let mut tail = log.tail("a", Start::Newest).await.unwrap();
    log.append("a", "0", LONG).await.unwrap();
    assert_eq!(heard(&mut tail, 1).await, ["0"]);
    let () = ask(far, "CLUSTER", &["FORGET", &pair.names[0]]).await;
    log.append("a", "1", LONG).await.unwrap();
    tail.look();
    assert_eq!(heard(&mut tail, 1).await, ["1"]);
    log.append("a", "2", LONG).await.unwrap();
    assert_eq!(pair.store.bus().traffic().received, 1, "the others are lost on the way");
    introduce(far, &pair.servers[0], near).await;
    until(async || {
        let nodes: String = ask(far, "CLUSTER", &["NODES"]).await;
        nodes.lines().count() == 2 && !nodes.contains("handshake") && !nodes.contains("disconn")
    })
    .await;
    log.append("a", "3", LONG).await.unwrap();
    assert_eq!(heard(&mut tail, 2).await, ["2", "3"]);
}
