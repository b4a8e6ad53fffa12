//! Promises of `Tally`.

use std::collections::BTreeMap;

use store::Count;
use tokio::task::JoinSet;

use crate::{
    World, contract,
    world::{LONG, SHORT},
};

contract!(
    of_200_concurrent_counts_over_two_instances_none_is_lost,
    a_counter_grows_or_is_at_least,
    counting_sets_the_lifetime_of_a_tally,
    many_tallies_are_kept_at_once,
);

async fn of_200_concurrent_counts_over_two_instances_none_is_lost(world: World) {
    let mut writers = JoinSet::new();
    for number in 0..200 {
        let store = if number % 2 == 0 { &world.store } else { &world.other };
        let tally = store.tally();
        let counter = if number % 4 == 0 { "few" } else { "many" };
        writers.spawn(async move {
            tally.count("a", &[(counter, Count::Add(1))], LONG).await.unwrap();
        });
    }
    writers.join_all().await;
    let counts = world.store.tally().counts("a").await.unwrap();
    assert_eq!(counts, BTreeMap::from([("few".to_owned(), 50), ("many".to_owned(), 150)]));
}

async fn a_counter_grows_or_is_at_least(world: World) {
    let tally = world.store.tally();
    assert!(tally.counts("a").await.unwrap().is_empty());
    let last = 1_800_000_000_000;
    let counts = [("requests", Count::Add(2)), ("last", Count::AtLeast(last))];
    tally.count("a", &counts, LONG).await.unwrap();
    let earlier = [("requests", Count::Add(3)), ("last", Count::AtLeast(last - 1))];
    tally.count("a", &earlier, LONG).await.unwrap();
    let counts = world.other.tally().counts("a").await.unwrap();
    assert_eq!(counts, BTreeMap::from([("last".to_owned(), last), ("requests".to_owned(), 5)]));
}

async fn counting_sets_the_lifetime_of_a_tally(world: World) {
    let tally = world.store.tally();
    tally.count("a", &[("x", Count::Add(1))], LONG).await.unwrap();
    tally.count("a", &[("x", Count::Add(1))], SHORT).await.unwrap();
    world.pass(SHORT).await;
    assert!(tally.counts("a").await.unwrap().is_empty());
    tally.count("a", &[("x", Count::Add(1))], LONG).await.unwrap();
    assert_eq!(tally.counts("a").await.unwrap()["x"], 1);
}

async fn many_tallies_are_kept_at_once(world: World) {
    let (tally, elsewhere) = (world.store.tally(), world.other.tally());
    for name in ["kept", "shorter", "alone"] {
        tally.count(name, &[("x", Count::Add(1))], SHORT * 4).await.unwrap();
    }
    elsewhere.keep_each(&["kept", "nothing"], LONG).await.unwrap();
    elsewhere.keep_each(&["shorter"], SHORT).await.unwrap();
    elsewhere.keep_each(&[""; 0], LONG).await.unwrap();
    world.pass(SHORT).await;
    assert!(tally.counts("shorter").await.unwrap().is_empty());
    world.pass(SHORT * 4).await;
    assert_eq!(tally.counts("kept").await.unwrap()["x"], 1);
    for gone in ["nothing", "alone"] {
        assert!(tally.counts(gone).await.unwrap().is_empty(), "{gone}");
    }
}
