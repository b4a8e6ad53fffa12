//! Promises of `Counter`.

use tokio::task::JoinSet;

use crate::{
    World, contract,
    world::{LONG, SHORT},
};

contract!(
    a_count_goes_up_by_one_wherever_it_is_counted,
    a_count_ends_with_its_window_and_begins_again,
    a_later_unit_does_not_prolong_the_window,
    of_100_concurrent_units_each_is_counted_once,
    counts_do_not_mix,
);

async fn a_count_goes_up_by_one_wherever_it_is_counted(world: World) {
    let (here, there) = (world.store.counter("count:"), world.other.counter("count:"));
    assert_eq!(here.add("a", LONG).await.unwrap().value, 1);
    assert_eq!(there.add("a", LONG).await.unwrap().value, 2);
    assert_eq!(here.add("a", LONG).await.unwrap().value, 3);
}

async fn a_count_ends_with_its_window_and_begins_again(world: World) {
    let counter = world.store.counter("count:");
    let first = counter.add("a", SHORT).await.unwrap();
    assert!(first.ends_in <= SHORT && !first.ends_in.is_zero(), "{first:?}");
    world.pass(SHORT).await;
    assert_eq!(counter.add("a", LONG).await.unwrap().value, 1);
}

async fn a_later_unit_does_not_prolong_the_window(world: World) {
    let counter = world.store.counter("count:");
    counter.add("a", SHORT).await.unwrap();
    world.pass(SHORT / 2).await;
    let second = counter.add("a", LONG).await.unwrap();
    assert!(second.value == 2 && second.ends_in <= SHORT, "{second:?}");
    world.pass(SHORT / 2).await;
    assert_eq!(counter.add("a", LONG).await.unwrap().value, 1);
}

async fn of_100_concurrent_units_each_is_counted_once(world: World) {
    let mut counting = JoinSet::new();
    for number in 0..100 {
        let store = if number % 2 == 0 { &world.store } else { &world.other };
        let counter = store.counter("count:");
        counting.spawn(async move { counter.add("a", LONG).await.unwrap().value });
    }
    let mut seen = counting.join_all().await;
    seen.sort_unstable();
    assert_eq!(seen, (1..=100).collect::<Vec<u64>>());
}

async fn counts_do_not_mix(world: World) {
    let (one, other) = (world.store.counter("one:"), world.store.counter("other:"));
    one.add("a", LONG).await.unwrap();
    assert_eq!(one.add("b", LONG).await.unwrap().value, 1);
    assert_eq!(other.add("a", LONG).await.unwrap().value, 1);
}
