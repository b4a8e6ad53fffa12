//! Promises of `Roster`.

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
}

async fn a_member_that_has_lapsed_is_counted_by_one_of_those_who_ask(world: World) {
    let (here, there) = (world.store.roster(), world.other.roster());
    for member in ["gone", "too", "again", "left"] {
        here.stay("a", member, SHORT).await.unwrap();
    }
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
