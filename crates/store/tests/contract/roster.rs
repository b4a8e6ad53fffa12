//! Promises of `Roster`.

use std::time::Duration;

use store::{Bounds, Room};
use tokio::task::JoinSet;

use crate::{
    World, contract,
    world::{LONG, SHORT},
};

contract!(
    members_are_there_until_they_leave,
    a_member_that_does_not_come_again_is_gone,
    a_member_counts_once,
    members_are_bounded_and_those_who_leave_first_come_first,
    a_member_that_has_lapsed_is_counted_by_one_of_those_who_ask,
    of_those_who_come_at_once_as_many_are_let_in_as_there_is_room_for,
    who_may_have_gone_keeps_its_place_until_somebody_has_looked,
    who_may_have_gone_is_looked_at_before_who_stays_too_long,
    who_was_to_be_looked_at_by_one_who_is_gone_is_given_to_another,
);

async fn members_are_there_until_they_leave(world: World) {
    let (here, there) = (world.store.roster(), world.other.roster());
    assert_eq!(here.len("a").await, Ok(0));
    here.enter("a", "x", LONG).await.unwrap();
    there.enter("a", "y", LONG).await.unwrap();
    there.enter("b", "z", LONG).await.unwrap();
    assert_eq!(there.len("a").await, Ok(2));
    there.leave("a", "x").await.unwrap();
    there.leave("a", "nobody").await.unwrap();
    assert_eq!(here.members("a", 10).await.unwrap(), ["y"]);
}

async fn a_member_that_does_not_come_again_is_gone(world: World) {
    let roster = world.store.roster();
    roster.enter("a", "short", SHORT).await.unwrap();
    roster.enter("a", "again", SHORT).await.unwrap();
    roster.enter("a", "again", LONG).await.unwrap();
    world.pass(SHORT).await;
    assert_eq!(roster.len("a").await, Ok(1));
    assert_eq!(roster.members("a", 10).await.unwrap(), ["again"]);
    roster.enter("b", "only", SHORT).await.unwrap();
    world.pass(SHORT).await;
    assert_eq!(roster.len("b").await, Ok(0));
}

async fn a_member_counts_once(world: World) {
    let roster = world.store.roster();
    for _ in 0..5 {
        assert_eq!(roster.enter("a", "x", LONG).await, Ok(1));
    }
    assert_eq!(roster.len("a").await, Ok(1));
    assert_eq!(world.other.roster().enter("a", "y", SHORT).await, Ok(2));
    world.pass(SHORT).await;
    assert_eq!(roster.enter("a", "z", LONG).await, Ok(2));
    roster.leave("a", "z").await.unwrap();
    roster.leave("a", "x").await.unwrap();
    assert_eq!(roster.len("a").await, Ok(0));
}

async fn members_are_bounded_and_those_who_leave_first_come_first(world: World) {
    let roster = world.store.roster();
    roster.enter("a", "last", LONG * 3).await.unwrap();
    roster.enter("a", "first", LONG).await.unwrap();
    roster.enter("a", "second", LONG * 2).await.unwrap();
    assert_eq!(roster.members("a", 2).await.unwrap(), ["first", "second"]);
    assert_eq!(roster.members_after("a", 1, 1).await.unwrap(), ["second"]);
    assert_eq!(roster.members_after("a", 2, 5).await.unwrap(), ["last"]);
    assert!(roster.members_after("a", 3, 5).await.unwrap().is_empty());
}

async fn a_member_that_has_lapsed_is_counted_by_one_of_those_who_ask(world: World) {
    let (here, there) = (world.store.roster(), world.other.roster());
    here.stay("a", "gone", SHORT).await.unwrap();
    here.stay_all("a", &["too", "again", "left"], SHORT).await.unwrap();
    here.stay_all("a", &[""; 0], SHORT).await.unwrap();
    here.stay("a", "there", LONG).await.unwrap();
    here.leave("a", "left").await.unwrap();
    assert_eq!(there.lapsed("a").await, Ok(0));
    world.pass(SHORT).await;
    // One that comes again before anybody has asked was never away.
    there.stay("a", "again", LONG).await.unwrap();
    assert_eq!(here.len("a").await, Ok(2));
    assert_eq!(here.members("a", 10).await.unwrap().len(), 2);
    let told = (here.lapsed("a").await.unwrap(), there.lapsed("a").await.unwrap());
    assert_eq!(told, (2, 0));
    assert_eq!(there.len("a").await, Ok(2));
}

async fn of_those_who_come_at_once_as_many_are_let_in_as_there_is_room_for(world: World) {
    const MOST: u32 = 7;
    let (mut entering, mut staying) = (JoinSet::new(), JoinSet::new());
    for number in 0..40 {
        let store = if number % 2 == 0 { &world.store } else { &world.other };
        let (roster, member) = (store.roster(), number.to_string());
        let bounds = Bounds { most: MOST, at_most: LONG };
        entering.spawn({
            let (roster, member) = (roster.clone(), member.clone());
            async move { roster.enter_if_room("a", &member, LONG, bounds).await.unwrap() }
        });
        staying.spawn(async move { roster.stay_if_room("b", &member, LONG, MOST).await.unwrap() });
    }
    let entered = entering.join_all().await;
    let refused = entered.iter().filter(|room| **room == Room::Full(Vec::new())).count();
    assert_eq!((entered.len(), refused), (40, 33));
    assert_eq!(staying.join_all().await.iter().filter(|has_room| **has_room).count(), 7);
    let roster = world.store.roster();
    assert_eq!((roster.len("a").await, roster.len("b").await), (Ok(7), Ok(7)));
    let member = roster.members("b", 1).await.unwrap().remove(0);
    roster.leave("b", &member).await.unwrap();
    assert_eq!(roster.stay_if_room("b", "next", LONG, MOST).await, Ok(true));
}

async fn who_may_have_gone_keeps_its_place_until_somebody_has_looked(world: World) {
    let (here, there) = (world.store.roster(), world.other.roster());
    let bounds = Bounds { most: 2, at_most: LONG };
    let enter = async |member, keep| here.enter_if_room("a", member, keep, bounds).await.unwrap();
    assert_eq!(enter("gone", SHORT).await, Room::Entered);
    assert_eq!(enter("there", SHORT).await, Room::Entered);
    world.pass(SHORT + Duration::from_millis(10)).await;
    let Room::Full(mut doubtful) = enter("next", LONG).await else { panic!("there is no room") };
    doubtful.sort();
    assert_eq!(doubtful, ["gone", "there"]);
    // Each is given to one who looks.
    let same = there.enter_if_room("a", "other", LONG, bounds).await.unwrap();
    assert_eq!(same, Room::Full(Vec::new()));
    there.vouch("a", "there", LONG).await.unwrap();
    here.leave("a", "gone").await.unwrap();
    there.vouch("a", "gone", LONG).await.unwrap();
    assert_eq!(enter("next", LONG).await, Room::Entered);
    assert_eq!(enter("other", LONG).await, Room::Full(Vec::new()));
    assert_eq!(here.members("a", 9).await.unwrap().len(), 2);
    // What an earlier version has entered stays longer than anybody may, and is looked at as well.
    assert_eq!(here.enter("b", "early", LONG * 2).await, Ok(1));
    let bounds = Bounds { most: 1, ..bounds };
    let full = there.enter_if_room("b", "next", LONG, bounds).await.unwrap();
    assert_eq!(full, Room::Full(vec!["early".to_owned()]));
}

async fn who_may_have_gone_is_looked_at_before_who_stays_too_long(world: World) {
    let roster = world.store.roster();
    let bounds = Bounds { most: 2, at_most: LONG };
    roster.enter("a", "early", LONG * 2).await.unwrap();
    assert_eq!(roster.enter_if_room("a", "gone", SHORT, bounds).await, Ok(Room::Entered));
    world.pass(SHORT + Duration::from_millis(10)).await;
    for member in ["gone", "early"] {
        let full = roster.enter_if_room("a", "next", LONG, bounds).await.unwrap();
        assert_eq!(full, Room::Full(vec![member.to_owned()]));
    }
}

async fn who_was_to_be_looked_at_by_one_who_is_gone_is_given_to_another(world: World) {
    let (here, there) = (world.store.roster(), world.other.roster());
    let bounds = Bounds { most: 1, at_most: LONG };
    assert_eq!(here.enter_if_room("a", "gone", SHORT, bounds).await, Ok(Room::Entered));
    world.pass(SHORT + Duration::from_millis(10)).await;
    let doubtful = Room::Full(vec!["gone".to_owned()]);
    assert_eq!(here.enter_if_room("a", "next", LONG, bounds).await, Ok(doubtful.clone()));
    assert_eq!(there.enter_if_room("a", "next", LONG, bounds).await, Ok(Room::Full(Vec::new())));
    // Who looks does so at once, or never.
    world.pass(Duration::from_secs(5) + Duration::from_millis(10)).await;
    assert_eq!(there.enter_if_room("a", "next", LONG, bounds).await, Ok(doubtful));
}
