//! Promises of `Log`.

use std::time::Duration;

use ambient::Timestamp;
use store::{EventId, Heard, Log, MAX_BYTES, MAX_EVENTS, Start, Tail};
use testkit::{redis::Namespace, within};
use tokio::task::JoinSet;

use crate::{
    World, contract,
    keys::{ask, operator},
    world::{LONG, SHORT},
};

contract!(
    events_are_read_in_order_and_in_pages,
    ids_strictly_increase_under_concurrent_appends,
    a_reader_of_another_instance_goes_on_where_it_was,
    a_trimmed_log_says_so,
    a_reader_that_kept_up_sees_no_gap,
    every_append_sets_the_lifetime,
    keeping_sets_the_lifetime_without_an_event,
    a_removed_log_is_empty,
    logs_do_not_mix,
    any_text_is_an_event,
    a_log_is_bounded_in_bytes,
    a_tail_hears_old_and_new_events_once_and_in_order,
    a_tail_that_was_away_goes_on_where_it_was,
    a_tail_is_told_of_a_gap_and_goes_on,
    a_tail_may_begin_at_a_moment,
    of_many_logs_it_is_told_which_go_on,
    a_log_that_has_lost_its_end_says_so_with_what_comes_next,
);

async fn fill(log: &Log, stream: &str, events: usize) -> Vec<EventId> {
    let mut ids = Vec::new();
    for number in 0..events {
        ids.push(log.append(stream, &number.to_string(), LONG).await.unwrap());
    }
    ids
}

async fn events_are_read_in_order_and_in_pages(world: World) {
    let log = world.store.log();
    let ids = fill(&log, "a", 25).await;
    let (mut seen, mut after, mut sizes) = (Vec::new(), None, Vec::new());
    loop {
        let page = log.read_after("a", after.as_ref(), 10).await.unwrap();
        assert!(!page.gap);
        let Some((last, _)) = page.events.last() else {
            break;
        };
        after = Some(*last);
        sizes.push(page.events.len());
        seen.extend(page.events);
    }
    assert_eq!(sizes, [10, 10, 5]);
    let expected = ids.into_iter().zip((0..25).map(|number| number.to_string()));
    assert!(seen.into_iter().eq(expected));
}

async fn ids_strictly_increase_under_concurrent_appends(world: World) {
    let mut writers = JoinSet::new();
    for store in [&world.store, &world.other, &world.store, &world.other] {
        let log = store.log();
        writers.spawn(async move { fill(&log, "a", 50).await });
    }
    for ids in writers.join_all().await {
        assert!(ids.is_sorted_by(|one, next| one < next));
    }
    let page = world.store.log().read_after("a", None, 1000).await.unwrap();
    assert_eq!(page.events.len(), 200);
    assert!(page.events.is_sorted_by(|(one, _), (next, _)| one < next));
}

async fn a_reader_of_another_instance_goes_on_where_it_was(world: World) {
    let ids = fill(&world.store.log(), "a", 3).await;
    let written: EventId = ids[0].to_string().parse().unwrap();
    let log = world.other.log();
    let page = log.read_after("a", Some(&written), 10).await.unwrap();
    assert!(!page.gap);
    assert_eq!(page.events, [(ids[1], "1".into()), (ids[2], "2".into())]);
}

async fn a_trimmed_log_says_so(world: World) {
    let log = world.store.log();
    // Redis trims in blocks of a hundred.
    let ids = fill(&log, "a", MAX_EVENTS + 200).await;
    let page = log.read_after("a", ids.first(), 10).await.unwrap();
    assert!(page.gap);
    assert_eq!(page.events.len(), 10);
    assert!(page.events[0].0 > ids[50], "some were trimmed");
    let whole = log.read_after("a", None, usize::MAX).await.unwrap();
    assert_eq!(whole.events.len(), MAX_EVENTS);
    assert!(!whole.gap);
}

async fn a_reader_that_kept_up_sees_no_gap(world: World) {
    let log = world.store.log();
    let ids = fill(&log, "a", MAX_EVENTS + 200).await;
    let page = log.read_after("a", Some(&ids[MAX_EVENTS]), 1000).await.unwrap();
    assert!(!page.gap);
    assert_eq!(page.events.len(), 199);
    let end = log.read_after("a", ids.last(), 10).await.unwrap();
    assert_eq!((end.events.len(), end.gap), (0, false));
}

async fn every_append_sets_the_lifetime(world: World) {
    let log = world.store.log();
    log.append("a", "1", SHORT * 4).await.unwrap();
    log.append("a", "2", LONG).await.unwrap();
    log.append("b", "1", LONG).await.unwrap();
    let last = log.append("b", "2", SHORT).await.unwrap();
    world.pass(SHORT * 4).await;
    assert_eq!(log.read_after("a", None, 10).await.unwrap().events.len(), 2);
    let page = log.read_after("b", None, 10).await.unwrap();
    assert_eq!((page.events.len(), page.gap), (0, false));
    let page = log.read_after("b", Some(&last), 10).await.unwrap();
    assert_eq!((page.events.len(), page.gap), (0, true));
}

async fn keeping_sets_the_lifetime_without_an_event(world: World) {
    let log = world.store.log();
    assert_eq!(log.keep("a", LONG).await, Ok(false));
    log.append("a", "1", SHORT * 4).await.unwrap();
    assert_eq!(log.keep("a", LONG).await, Ok(true));
    world.pass(SHORT * 4).await;
    assert_eq!(log.read_after("a", None, 10).await.unwrap().events.len(), 1);
}

async fn a_removed_log_is_empty(world: World) {
    let log = world.store.log();
    fill(&log, "a", 3).await;
    log.remove("a").await.unwrap();
    log.remove("a").await.unwrap();
    assert!(log.read_after("a", None, 10).await.unwrap().events.is_empty());
}

async fn logs_do_not_mix(world: World) {
    let log = world.store.log();
    fill(&log, "a", 2).await;
    fill(&log, "a:b", 1).await;
    assert_eq!(log.read_after("a", None, 10).await.unwrap().events.len(), 2);
    let empty = log.read_after("c", None, 10).await.unwrap();
    assert_eq!((empty.events.len(), empty.gap), (0, false));
}

async fn any_text_is_an_event(world: World) {
    let log = world.store.log();
    let texts = ["", "5", "{\"a\":1}", "two\r\nlines", "ä\u{0}🦀", &"x".repeat(100_000)];
    for text in texts {
        log.append("a", text, LONG).await.unwrap();
    }
    let page = log.read_after("a", None, 10).await.unwrap();
    let read: Vec<&str> = page.events.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(read, texts);
}

async fn a_log_is_bounded_in_bytes(world: World) {
    let (log, event) = (world.store.log(), "x".repeat(MAX_BYTES / 8));
    for _ in 0..40 {
        log.append("a", &event, LONG).await.unwrap();
    }
    let page = log.read_after("a", None, 1000).await.unwrap();
    assert!((1..=8).contains(&page.events.len()), "{}", page.events.len());
    let huge = "x".repeat(MAX_BYTES + 1);
    let id = log.append("b", &huge, LONG).await.unwrap();
    assert_eq!(log.read_after("b", None, 10).await.unwrap().events, [(id, huge)]);
}

/// The next events of a tail, as texts.
pub(crate) async fn heard(tail: &mut Tail, events: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..events {
        match within(Duration::from_secs(5), tail.next()).await.unwrap().unwrap() {
            Heard::Event(_, text) => texts.push(text),
            Heard::Gap => texts.push("gap".to_owned()),
        }
    }
    texts
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

async fn a_tail_hears_old_and_new_events_once_and_in_order(world: World) {
    let log = world.store.log();
    fill(&log, "a", 250).await;
    let mut tail = world.other.log().tail("a", Start::Oldest).await.unwrap();
    fill(&log, "a", 3).await;
    let expected = [numbers(0..250), numbers(0..3)].concat();
    assert_eq!(heard(&mut tail, 253).await, expected);
    fill(&log, "a", 2).await;
    assert_eq!(heard(&mut tail, 2).await, numbers(0..2));
}

async fn a_tail_that_was_away_goes_on_where_it_was(world: World) {
    let log = world.store.log();
    let ids = fill(&log, "a", 5).await;
    let mut tail = log.tail("a", Start::After(ids[2])).await.unwrap();
    assert_eq!(heard(&mut tail, 2).await, numbers(3..5));
}

async fn a_tail_is_told_of_a_gap_and_goes_on(world: World) {
    let log = world.store.log();
    let ids = fill(&log, "a", MAX_EVENTS + 200).await;
    let mut tail = log.tail("a", Start::After(ids[0])).await.unwrap();
    let all = heard(&mut tail, MAX_EVENTS + 1).await;
    assert_eq!(all[0], "gap");
    assert!(!all[1..].contains(&"gap".to_owned()));
}

async fn a_log_that_has_lost_its_end_says_so_with_what_comes_next(world: World) {
    let log = world.store.log();
    let ids = fill(&log, "a", 3).await;
    let mut behind = world.other.log().tail("a", Start::After(ids[2])).await.unwrap();
    // Its writer has been told of a later one, which went with the server that had it. Its clock may
    // have been ahead.
    let lost = format!("{}-3", (ids[2].moment() + LONG).as_millis()).parse().unwrap();
    let next = log.append_after("a", "3", LONG, Some(lost)).await.unwrap();
    assert!(next > lost, "{next} comes after {lost}");
    let after = log.append_after("a", "4", LONG, Some(next)).await.unwrap();
    assert!(after > next);
    assert_eq!(heard(&mut behind, 3).await, ["gap", "3", "4"]);
    let mut resumed = log.tail("a", Start::After(ids[1])).await.unwrap();
    assert_eq!(heard(&mut resumed, 4).await, ["2", "gap", "3", "4"]);
    let mut up_to_date = log.tail("a", Start::After(next)).await.unwrap();
    assert_eq!(heard(&mut up_to_date, 1).await, ["4"]);
    let mut new = log.tail("a", Start::Oldest).await.unwrap();
    assert_eq!(heard(&mut new, 6).await, ["0", "1", "2", "gap", "3", "4"]);
    // Who has had nothing misses nothing.
    log.append_after("c", "0", LONG, Some(lost)).await.unwrap();
    let mut first = log.tail("c", Start::Oldest).await.unwrap();
    assert_eq!(heard(&mut first, 1).await, ["0"]);
    // Who knows of nothing else says nothing.
    log.append_after("b", "0", LONG, None).await.unwrap();
    let mut other = log.tail("b", Start::Oldest).await.unwrap();
    assert_eq!(heard(&mut other, 1).await, ["0"]);
}

async fn a_tail_may_begin_at_a_moment(world: World) {
    let log = world.store.log();
    fill(&log, "a", 2).await;
    let long_ago = EventId::before(Timestamp::from_secs(1_000_000_000));
    let mut tail = log.tail("a", Start::After(long_ago)).await.unwrap();
    assert_eq!(heard(&mut tail, 2).await, numbers(0..2));
    let later = EventId::before(Timestamp::from_secs(9_000_000_000));
    let mut tail = log.tail("a", Start::After(later)).await.unwrap();
    assert!(futures_util::FutureExt::now_or_never(tail.next()).is_none());
}

async fn of_many_logs_it_is_told_which_go_on(world: World) {
    let (log, elsewhere) = (world.store.log(), world.other.log());
    let first = log.append("a", "0", LONG).await.unwrap();
    let last = log.append("a", "1", LONG).await.unwrap();
    let asked = [("a", first), ("a", last), ("nothing", EventId::ZERO), ("a", EventId::ZERO)];
    let told = elsewhere.each_goes_on(&asked).await.unwrap();
    assert_eq!(told, [Ok(true), Ok(false), Ok(false), Ok(true)]);
    assert_eq!(log.each_goes_on(&[]).await, Ok(Vec::new()));
}

#[tokio::test]
async fn events_whose_announcement_is_lost_are_heard_all_the_same() {
    let world = World::redis().await;
    let Namespace { url, prefix } = world.namespace();
    let (redis, log, name) = (operator(url).await, world.store.log(), format!("{prefix}a"));
    let unheard = async |event| -> String { ask(&redis, "XADD", &[&name, "*", "e", event]).await };
    log.append("a", "old", LONG).await.unwrap();
    let mut tail = world.other.log().tail("a", Start::Newest).await.unwrap();
    drop(unheard("0").await);
    log.append("a", "1", LONG).await.unwrap();
    assert_eq!(heard(&mut tail, 2).await, numbers(0..2));
    drop(unheard("2").await);
    tail.look();
    assert_eq!(heard(&mut tail, 1).await, numbers(2..3));
    drop(unheard("3").await);
    let goes_on = world.other.log().each_goes_on(&[tail.place()]).await;
    assert_eq!(goes_on, Ok(vec![Ok(true)]));
    tail.goes_on();
    assert_eq!(heard(&mut tail, 1).await, numbers(3..4));
    assert_eq!(world.other.bus().traffic().received, 1);
}
