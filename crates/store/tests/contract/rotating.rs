//! Promises of `Rotating`.

use std::time::Duration;

use ambient::{Entropy, Timestamp};
use store::{Age, Rotates};
use tokio::task::JoinSet;

use crate::{World, contract};

contract!(
    of_a_crowd_that_needs_a_value_one_makes_it,
    a_value_is_recognised_for_as_long_again_as_it_was_handed_out,
    a_value_of_nobody_is_not_recognised,
);

struct Test;

impl Rotates for Test {
    const PREFIX: &'static str = "rotating:";
    const EVERY: Duration = Duration::from_secs(100);
}

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

async fn of_a_crowd_that_needs_a_value_one_makes_it(world: World) {
    let mut asking = JoinSet::new();
    for number in 0..20 {
        let store = if number % 2 == 0 { &world.store } else { &world.other };
        let values = store.rotating::<Test>();
        asking.spawn(async move { values.current(NOW, &Entropy::system()).await.unwrap() });
    }
    let mut told = asking.join_all().await;
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

async fn a_value_is_recognised_for_as_long_again_as_it_was_handed_out(world: World) {
    let (here, there) = (world.store.rotating::<Test>(), world.other.rotating::<Test>());
    let value = here.current(NOW, &Entropy::system()).await.unwrap();
    let later = |stretches: u32| NOW + Test::EVERY * stretches;
    assert_eq!(there.age(&value, NOW).await.unwrap(), Some(Age::Current));
    assert_eq!(there.age(&value, later(1)).await.unwrap(), Some(Age::Previous));
    assert_eq!(there.age(&value, later(2)).await.unwrap(), None);
    assert_ne!(there.current(later(1), &Entropy::system()).await.unwrap(), value);
}

async fn a_value_of_nobody_is_not_recognised(world: World) {
    let values = world.store.rotating::<Test>();
    assert_eq!(values.age("", NOW).await.unwrap(), None);
    values.current(NOW, &Entropy::system()).await.unwrap();
    for value in ["", "00000000000000000000000000000000"] {
        assert_eq!(values.age(value, NOW).await.unwrap(), None);
    }
}
