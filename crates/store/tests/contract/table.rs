//! Promises of `Table`.

use std::{convert::Infallible, sync::Arc};

use serde::{Deserialize, Serialize};
use store::{Decoded, Record, StoreError, UpdateError};
use tokio::task::JoinSet;

use crate::{
    Note, World, contract,
    world::{LONG, SHORT},
};

/// A record of another table.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Page {
    number: u64,
}

impl Record for Page {
    const PREFIX: &'static str = "page:";
}

/// What is stored where a [`Note`] is looked for, and is none.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Misnamed {
    word: String,
}

impl Record for Misnamed {
    const PREFIX: &'static str = Note::PREFIX;
    const SUFFIX: &'static str = Note::SUFFIX;
}

contract!(
    what_is_put_is_got_until_it_is_removed,
    a_later_put_replaces_the_record_and_its_lifetime,
    a_record_is_gone_after_its_lifetime,
    getting_and_keeping_slides_the_lifetime,
    many_records_are_kept_at_once_each_for_its_own_time,
    one_of_many_that_is_no_record_is_told_of_that_one,
    what_was_decoded_before_is_what_is_stored_now,
    getting_alone_does_not_slide_the_lifetime,
    what_is_left_of_a_lifetime_is_told,
    of_64_concurrent_takes_one_gets_the_record,
    of_64_concurrent_claims_one_succeeds,
    a_claim_is_free_again_after_its_lifetime,
    two_records_are_got_at_once_each_if_it_is_there,
    of_100_concurrent_updates_none_is_lost,
    of_100_concurrent_updates_from_what_was_seen_none_is_lost,
    an_update_from_what_was_seen_does_not_bring_back_what_is_gone,
    an_update_keeps_the_lifetime,
    an_update_that_refuses_changes_nothing,
    an_update_of_nothing_does_not_run,
    ids_do_not_mix,
);

async fn what_is_put_is_got_until_it_is_removed(world: World) {
    let (here, there) = (world.store.table::<Note>(), world.other.table::<Note>());
    assert_eq!(here.get("a").await, Ok(None));
    here.put("a", &Note { count: 1 }, LONG).await.unwrap();
    assert_eq!(there.get("a").await, Ok(Some(Note { count: 1 })));
    assert_eq!(there.remove("a").await, Ok(true));
    assert_eq!(there.remove("a").await, Ok(false));
    assert_eq!(here.get("a").await, Ok(None));
}

async fn two_records_are_got_at_once_each_if_it_is_there(world: World) {
    let (notes, pages) = (world.store.table::<Note>(), world.other.table::<Page>());
    let both = async |note: &str, page: &str| {
        let (note, page) = notes.get_with::<Page>(note, page).await.unwrap();
        (note.map(|note| note.count), page.map(|page| page.value.number))
    };
    assert_eq!(both("a", "b").await, (None, None));
    notes.put("a", &Note { count: 1 }, LONG).await.unwrap();
    assert_eq!(both("a", "b").await, (Some(1), None));
    pages.put("b", &Page { number: 2 }, LONG).await.unwrap();
    assert_eq!(both("a", "b").await, (Some(1), Some(2)));
    assert_eq!(both("b", "b").await, (None, Some(2)));
    assert_eq!(both("a", "a").await, (Some(1), None));
}

async fn a_later_put_replaces_the_record_and_its_lifetime(world: World) {
    let notes = world.store.table::<Note>();
    notes.put("a", &Note { count: 1 }, SHORT).await.unwrap();
    notes.put("a", &Note { count: 2 }, LONG).await.unwrap();
    world.pass(SHORT).await;
    assert_eq!(notes.get("a").await, Ok(Some(Note { count: 2 })));
}

async fn a_record_is_gone_after_its_lifetime(world: World) {
    let notes = world.store.table::<Note>();
    for id in ["get", "keep", "take", "update", "remove"] {
        notes.put(id, &Note { count: 1 }, SHORT).await.unwrap();
    }
    world.pass(SHORT).await;
    assert_eq!(notes.get("get").await, Ok(None));
    assert_eq!(notes.get_and_keep("keep", LONG).await, Ok(None));
    assert_eq!(notes.take("take").await, Ok(None));
    assert_eq!(notes.update("update", Ok::<_, Infallible>).await, Ok(None));
    assert_eq!(notes.remove("remove").await, Ok(false));
}

async fn getting_and_keeping_slides_the_lifetime(world: World) {
    let notes = world.store.table::<Note>();
    notes.put("longer", &Note { count: 1 }, SHORT * 4).await.unwrap();
    notes.put("shorter", &Note { count: 2 }, LONG).await.unwrap();
    let longer = notes.get_and_keep("longer", LONG).await;
    let shorter = notes.get_and_keep("shorter", SHORT).await;
    assert_eq!(longer, Ok(Some(Note { count: 1 })));
    assert_eq!(shorter, Ok(Some(Note { count: 2 })));
    world.pass(SHORT * 4).await;
    assert_eq!(notes.get("longer").await, Ok(Some(Note { count: 1 })));
    assert_eq!(notes.get("shorter").await, Ok(None));
}

async fn many_records_are_kept_at_once_each_for_its_own_time(world: World) {
    let (notes, elsewhere) = (world.store.table::<Note>(), world.other.table::<Note>());
    for (id, count) in [("longer", 1), ("shorter", 2), ("alone", 3)] {
        notes.put(id, &Note { count }, SHORT * 4).await.unwrap();
    }
    let asked = [("longer", LONG), ("nobody", LONG), ("shorter", SHORT), ("longer", LONG)];
    let found = elsewhere.get_and_keep_each(&asked).await.unwrap();
    let counts = found.into_iter().map(|note| note.unwrap().map(|note| note.count));
    assert_eq!(counts.collect::<Vec<_>>(), [Some(1), None, Some(2), Some(1)]);
    world.pass(SHORT * 4).await;
    let left = notes.get_and_keep_each(&[("longer", LONG), ("shorter", LONG), ("alone", LONG)]);
    let left = left.await.unwrap().into_iter().map(|note| note.unwrap().is_some());
    assert_eq!(left.collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(notes.get_and_keep_each(&[]).await, Ok(Vec::new()));
}

async fn one_of_many_that_is_no_record_is_told_of_that_one(world: World) {
    let (notes, pages) = (world.store.table::<Note>(), world.store.table::<Misnamed>());
    notes.put("good", &Note { count: 1 }, LONG).await.unwrap();
    pages.put("bad", &Misnamed { word: "no count".to_owned() }, LONG).await.unwrap();
    let found = notes.get_and_keep_each(&[("bad", LONG), ("good", LONG)]).await.unwrap();
    assert!(matches!(found[0], Err(StoreError::Corrupt { .. })), "{found:?}");
    assert_eq!(found[1], Ok(Some(Note { count: 1 })));
}

async fn what_was_decoded_before_is_what_is_stored_now(world: World) {
    let (here, there) = (world.store.table::<Note>(), world.other.table::<Note>());
    let decoded = Decoded::default();
    let look = async || here.get_and_keep_decoded("a", LONG, &decoded).await.unwrap();
    assert_eq!(look().await, None);
    there.put("a", &Note { count: 1 }, SHORT).await.unwrap();
    let (first, second) = (look().await.unwrap(), look().await.unwrap());
    assert_eq!(*first, Note { count: 1 });
    assert!(Arc::ptr_eq(&first, &second));
    // It is kept for longer, each time.
    world.pass(SHORT).await;
    there.update("a", |note| Ok::<_, Infallible>(Note { count: note.count + 1 })).await.unwrap();
    assert_eq!(look().await.as_deref(), Some(&Note { count: 2 }));
    there.remove("a").await.unwrap();
    assert_eq!(look().await, None);
}

async fn getting_alone_does_not_slide_the_lifetime(world: World) {
    let notes = world.store.table::<Note>();
    notes.put("a", &Note { count: 1 }, SHORT).await.unwrap();
    world.pass(SHORT / 2).await;
    notes.get("a").await.unwrap();
    world.pass(SHORT / 2).await;
    assert_eq!(notes.get("a").await, Ok(None));
}

async fn what_is_left_of_a_lifetime_is_told(world: World) {
    let notes = world.store.table::<Note>();
    notes.put("a", &Note { count: 1 }, LONG).await.unwrap();
    let left = notes.left("a").await.unwrap().unwrap();
    assert!(LONG / 2 < left && left <= LONG, "{left:?}");
    notes.put("a", &Note { count: 1 }, SHORT).await.unwrap();
    world.pass(SHORT).await;
    assert_eq!(notes.left("a").await, Ok(None));
}

async fn of_64_concurrent_takes_one_gets_the_record(world: World) {
    let notes = world.store.table::<Note>();
    notes.put("a", &Note { count: 7 }, LONG).await.unwrap();
    let mut takers = JoinSet::new();
    for number in 0..64 {
        let store = if number % 2 == 0 { &world.store } else { &world.other };
        let notes = store.table::<Note>();
        takers.spawn(async move { notes.take("a").await.unwrap() });
    }
    let taken: Vec<Note> = takers.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken, [Note { count: 7 }]);
}

async fn of_64_concurrent_claims_one_succeeds(world: World) {
    let mut claimers = JoinSet::new();
    for count in 0..64 {
        let store = if count % 2 == 0 { &world.store } else { &world.other };
        let notes = store.table::<Note>();
        claimers.spawn(async move {
            let won = notes.claim("a", &Note { count }, LONG).await.unwrap();
            won.then_some(Note { count })
        });
    }
    let won: Vec<Note> = claimers.join_all().await.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    let notes = world.store.table::<Note>();
    assert_eq!(notes.get("a").await.unwrap().as_ref(), won.first());
}

async fn a_claim_is_free_again_after_its_lifetime(world: World) {
    let notes = world.store.table::<Note>();
    assert_eq!(notes.claim("a", &Note { count: 1 }, SHORT).await, Ok(true));
    world.pass(SHORT).await;
    assert_eq!(notes.claim("a", &Note { count: 2 }, LONG).await, Ok(true));
    assert_eq!(notes.claim("a", &Note { count: 3 }, LONG).await, Ok(false));
    assert_eq!(notes.get("a").await, Ok(Some(Note { count: 2 })));
}

async fn of_100_concurrent_updates_none_is_lost(world: World) {
    let notes = world.store.table::<Note>();
    notes.put("a", &Note { count: 0 }, LONG).await.unwrap();
    let mut updaters = JoinSet::new();
    for number in 0..100 {
        let store = if number % 2 == 0 { &world.store } else { &world.other };
        let notes = store.table::<Note>();
        updaters.spawn(async move {
            let updated = notes.update("a", increment).await.unwrap();
            updated.unwrap().count
        });
    }
    let mut seen = updaters.join_all().await;
    seen.sort_unstable();
    assert_eq!(seen, (1..=100).collect::<Vec<u64>>());
    assert_eq!(notes.get("a").await, Ok(Some(Note { count: 100 })));
}

async fn of_100_concurrent_updates_from_what_was_seen_none_is_lost(world: World) {
    let notes = world.store.table::<Note>();
    notes.put("a", &Note { count: 0 }, LONG).await.unwrap();
    let first = notes.see("a").await.unwrap().unwrap();
    let mut tasks = JoinSet::new();
    for index in 0..100 {
        let store = if index % 2 == 0 { &world.store } else { &world.other };
        let (notes, seen) = (store.table::<Note>(), first.clone());
        tasks.spawn(async move {
            let add = |note: Note| Ok::<_, Infallible>(Note { count: note.count + 1 });
            notes.update_from("a", seen, add).await.unwrap().unwrap().count
        });
    }
    let mut results = tasks.join_all().await;
    results.sort_unstable();
    assert!(results.into_iter().eq(1..=100));
    assert_eq!(notes.get("a").await, Ok(Some(Note { count: 100 })));
}

async fn an_update_from_what_was_seen_does_not_bring_back_what_is_gone(world: World) {
    let notes = world.store.table::<Note>();
    let add = |note: Note| Ok::<_, Infallible>(Note { count: note.count + 1 });
    notes.put("a", &Note { count: 1 }, LONG).await.unwrap();
    let seen = notes.see("a").await.unwrap().unwrap();
    notes.remove("a").await.unwrap();
    assert_eq!(notes.see("a").await, Ok(None));
    assert_eq!(notes.update_from("a", seen, add).await, Ok(None));
    assert_eq!(notes.get("a").await, Ok(None));
}

async fn an_update_keeps_the_lifetime(world: World) {
    let notes = world.store.table::<Note>();
    notes.put("short", &Note { count: 0 }, SHORT * 4).await.unwrap();
    notes.put("long", &Note { count: 0 }, LONG).await.unwrap();
    let short = notes.update("short", increment).await;
    let long = notes.update("long", increment).await;
    assert_eq!(short, Ok(Some(Note { count: 1 })));
    assert_eq!(long, Ok(Some(Note { count: 1 })));
    world.pass(SHORT * 4).await;
    assert_eq!(notes.get("short").await, Ok(None));
    assert_eq!(notes.get("long").await, Ok(Some(Note { count: 1 })));
}

async fn an_update_that_refuses_changes_nothing(world: World) {
    let notes = world.store.table::<Note>();
    notes.put("a", &Note { count: 1 }, LONG).await.unwrap();
    let refused = notes.update("a", |_| Err("no")).await;
    assert_eq!(refused, Err(UpdateError::Change("no")));
    assert_eq!(notes.get("a").await, Ok(Some(Note { count: 1 })));
}

async fn an_update_of_nothing_does_not_run(world: World) {
    let notes = world.store.table::<Note>();
    let outcome = notes.update("a", |_| Err("ran")).await;
    assert_eq!(outcome, Ok(None));
}

async fn ids_do_not_mix(world: World) {
    let notes = world.store.table::<Note>();
    let ids = ["a", "A", "a:b", "", "ä", "a b", "*", "{x}", "\u{0}\r\n"];
    for (count, id) in (0..).zip(ids) {
        notes.put(id, &Note { count }, LONG).await.unwrap();
    }
    for (count, id) in (0..).zip(ids) {
        assert_eq!(notes.get(id).await, Ok(Some(Note { count })), "{id:?}");
    }
}

fn increment(Note { count }: Note) -> Result<Note, &'static str> {
    let count = count.checked_add(1).ok_or("too many")?;
    Ok(Note { count })
}
