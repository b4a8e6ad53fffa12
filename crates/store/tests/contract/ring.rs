//! Promises of `Ring`.

use tokio::task::JoinSet;

use crate::{
    World, contract,
    world::{LONG, SHORT},
};

contract!(
    a_ring_holds_the_newest_entries_in_order,
    of_200_concurrent_appends_over_two_instances_none_is_lost,
    an_append_of_many_is_one,
    every_append_to_a_ring_sets_its_lifetime,
    rings_do_not_mix,
    a_ring_that_is_removed_is_empty_and_can_be_filled_again,
);

fn texts(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

async fn a_ring_holds_the_newest_entries_in_order(world: World) {
    let ring = world.store.ring();
    for text in texts(0..55) {
        ring.append("a", vec![text], 50, LONG).await.unwrap();
    }
    assert_eq!(world.other.ring().entries("a").await.unwrap(), texts(5..55));
}

async fn of_200_concurrent_appends_over_two_instances_none_is_lost(world: World) {
    let mut writers = JoinSet::new();
    for number in 0..200 {
        let store = if number % 2 == 0 { &world.store } else { &world.other };
        let ring = store.ring();
        writers.spawn(async move {
            ring.append("a", vec![format!("{number:03}")], 200, LONG).await.unwrap();
        });
    }
    writers.join_all().await;
    let mut kept = world.store.ring().entries("a").await.unwrap();
    kept.sort_unstable();
    assert_eq!(kept, (0..200).map(|number| format!("{number:03}")).collect::<Vec<_>>());
}

async fn an_append_of_many_is_one(world: World) {
    let ring = world.store.ring();
    ring.append("a", Vec::new(), 50, LONG).await.unwrap();
    assert_eq!(ring.entries("a").await.unwrap(), texts(0..0));
    ring.append("a", texts(0..100), 50, LONG).await.unwrap();
    assert_eq!(ring.entries("a").await.unwrap(), texts(50..100));
}

async fn every_append_to_a_ring_sets_its_lifetime(world: World) {
    let ring = world.store.ring();
    ring.append("a", texts(0..1), 50, SHORT * 4).await.unwrap();
    ring.append("a", texts(1..2), 50, LONG).await.unwrap();
    ring.append("b", texts(0..1), 50, LONG).await.unwrap();
    ring.append("b", texts(1..2), 50, SHORT).await.unwrap();
    world.pass(SHORT * 4).await;
    assert_eq!(ring.entries("a").await.unwrap(), texts(0..2));
    assert_eq!(ring.entries("b").await.unwrap(), texts(0..0));
}

async fn rings_do_not_mix(world: World) {
    let ring = world.store.ring();
    for name in ["a", "a:b", "ä", ""] {
        ring.append(name, vec![name.to_owned(), "\u{0}\r\n".to_owned()], 50, LONG).await.unwrap();
    }
    for name in ["a", "a:b", "ä", ""] {
        assert_eq!(ring.entries(name).await.unwrap(), [name, "\u{0}\r\n"]);
    }
}

async fn a_ring_that_is_removed_is_empty_and_can_be_filled_again(world: World) {
    let (here, there) = (world.store.ring(), world.other.ring());
    here.append("a", texts(0..3), 50, LONG).await.unwrap();
    here.append("b", texts(0..1), 50, LONG).await.unwrap();
    there.remove("a").await.unwrap();
    there.remove("none").await.unwrap();
    assert_eq!(here.entries("a").await.unwrap(), texts(0..0));
    assert_eq!(here.entries("b").await.unwrap(), texts(0..1));
    here.append("a", texts(3..4), 50, LONG).await.unwrap();
    assert_eq!(there.entries("a").await.unwrap(), texts(3..4));
}
