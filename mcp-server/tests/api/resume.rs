//! Streams that break and go on: what a call says while nobody reads it is not lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use shared::mcp::{Era, Revision};
use store::{Line, MAX_EVENTS, Store};
use testkit::{
    as_time_passes,
    rpc::{Exchange, Left, Session},
};

use crate::world::{World, instance, still, two, world};

/// A call that reports its progress.
fn call(tool: &str) -> Value {
    json!({ "name": tool, "arguments": {}, "_meta": { "progressToken": "p" } })
}

async fn begin(session: &Session, tool: &str) -> Exchange {
    session.open(session.draft("tools/call", call(tool))).await
}

fn text(message: &Value) -> &str {
    message["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_stream_of_the_newest_sessions_begins_with_an_event_to_come_back_to() {
    let world = world().await;
    for (revision, primed) in [(Revision::V2025_11_25, true), (Revision::V2025_06_18, false)] {
        let session = world.opening().revision(revision).open().await;
        let mut stream = begin(&session, "report").await;
        let first = stream.next_event().await.unwrap();
        assert!(first.id.is_some(), "{first:?}");
        assert_eq!(first.message().is_none() && first.retry.is_some(), primed, "{first:?}");
    }
}

#[tokio::test]
async fn a_call_that_lets_its_connection_go_is_answered_when_the_client_comes_back() {
    let world = world().await;
    let session = world.session().await;
    let reply = session.call("tools/call", call("leave")).await;
    assert_eq!(reply.messages.len(), 2, "{reply}");
    assert_eq!(text(&reply.messages[1]), "came back");
}

#[tokio::test]
async fn a_call_of_an_older_session_keeps_its_connection() {
    let world = world().await;
    let silent = json!({ "name": "leave", "arguments": {} });
    for revision in Revision::ALL.into_iter().filter(|revision| !revision.has_stream_polling()) {
        if revision.era() != Era::Legacy {
            continue;
        }
        let session = world.opening().revision(revision).open().await;
        for (params, words) in [(silent.clone(), 1), (call("leave"), 2)] {
            // What comes over this one connection: nobody comes back.
            let mut stream = session.open(session.draft("tools/call", params)).await;
            let mut messages = Vec::new();
            while let Some(message) = stream.next().await {
                messages.push(message);
            }
            assert_eq!(messages.len(), words, "{revision}: {messages:?}");
            assert_eq!(text(&messages[words - 1]), "came back", "{revision}");
        }
    }
}

#[tokio::test]
async fn a_call_without_sessions_keeps_its_connection() {
    let world = world().await;
    let reply = world.modern().tool("leave", json!({})).await.expect(200);
    assert_eq!(reply.result()["content"][0]["text"], "came back");
}

#[tokio::test]
async fn a_client_that_lost_its_stream_goes_on_at_another_instance() {
    let (here, there) = two().await;
    let session = here.session().await;
    let mut stream = begin(&session, "pause").await;
    assert_eq!(stream.next().await.unwrap()["params"]["message"], "before");
    let left = stream.leave();
    let mut stream = session.at(&there.endpoint()).come_back(&left).await;
    here.clock.advance(Duration::from_mins(1));
    assert_eq!(stream.next().await.unwrap()["params"]["message"], "after");
    assert_eq!(text(&stream.next().await.unwrap()), "paused");
    assert_eq!(stream.next().await, None, "a stream ends with its answer");
}

#[tokio::test]
async fn what_was_read_can_be_read_again_from_any_event() {
    let world = world().await;
    let session = world.session().await;
    let mut stream = begin(&session, "report").await;
    let mut ids = Vec::new();
    while let Some(event) = stream.next_event().await {
        ids.extend(event.id);
    }
    let mut left = stream.leave();
    assert_eq!(ids.len(), 4, "an opening, two messages and the answer");
    for (index, id) in ids.iter().enumerate() {
        left.last_event_id.clone_from(id);
        let mut again = session.come_back(&left).await;
        let mut seen = Vec::new();
        while let Some(event) = again.next_event().await {
            seen.extend(event.id);
        }
        assert_eq!(seen, ids[index + 1..]);
    }
}

#[tokio::test]
async fn a_stream_has_one_reader() {
    let (here, there) = two().await;
    let session = here.session().await;
    let mut first = begin(&session, "pause").await;
    drop(first.next().await.unwrap());
    let last = first.last_event_id().unwrap().to_owned();
    let mut second = session.at(&there.endpoint()).listen(Some(&last)).await;
    assert_eq!(first.next().await, None, "the client has come back elsewhere");
    let mut third = session.listen(Some(&last)).await;
    assert_eq!(second.next().await, None);
    here.clock.advance(Duration::from_mins(1));
    assert_eq!(third.next().await.unwrap()["params"]["message"], "after");
}

#[tokio::test]
async fn a_stream_belongs_to_its_session() {
    let world = world().await;
    let (mine, theirs) = (world.session().await, world.session().await);
    let mut stream = begin(&mine, "pause").await;
    drop(stream.next().await.unwrap());
    let last = stream.last_event_id().unwrap().to_owned();
    let reply = theirs.open(theirs.listen_draft(Some(&last))).await.finish().await;
    drop(reply.expect_error(400, -32600));
}

#[tokio::test]
async fn what_is_not_an_event_of_ours_is_refused() {
    let world = world().await;
    let session = world.session().await;
    let long = "x".repeat(5000);
    for id in ["x", "5", "5.1", "99.1-1", "../..", "5.1-1.1-1.1-1", "*.1-1", &long] {
        let reply = session.open(session.listen_draft(Some(id))).await.finish().await;
        drop(reply.expect_error(400, -32600));
    }
}

#[tokio::test]
async fn a_question_put_while_the_client_is_away_is_answered_when_it_is_back() {
    let (here, there) = two().await;
    let capabilities = json!({ "elicitation": {} });
    let session = here.opening().capabilities(capabilities).open().await;
    let mut stream = begin(&session, "ask").await;
    let question = stream.next().await.unwrap();
    let left = stream.leave();
    let elsewhere = session.at(&there.endpoint());
    let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
    drop(elsewhere.respond(&question["id"], Ok(answer)).await.expect(202));
    let mut stream = elsewhere.come_back(&left).await;
    assert_eq!(text(&stream.next().await.unwrap()), "Hello, Ada!");
}

#[tokio::test]
async fn a_call_whose_instance_died_ends_with_an_error_that_says_so() {
    let (here, there) = two().await;
    let session = here.session().await;
    let mut stream = begin(&session, "pause").await;
    drop(stream.next().await.unwrap());
    let left = stream.leave();
    here.lifecycle.abort();
    here.lifecycle.finished().await;
    let mut stream = session.at(&there.endpoint()).come_back(&left).await;
    let begun = there.clock.now();
    let lost = while_time_passes(&there, &mut stream).await;
    assert!(there.clock.now().since(begun) <= Duration::from_secs(12));
    let said = json!({ "reason": "instance_lost", "retryable": true });
    assert_eq!(lost["error"]["data"], said, "{lost}");
    assert_eq!(stream.next().await, None);
}

/// The next message of a stream, which time brings.
async fn while_time_passes(world: &World, stream: &mut Exchange) -> Value {
    let step = Duration::from_millis(500);
    as_time_passes(&world.clock, step, stream.next()).await.unwrap()
}

/// A message of a stream as it is kept, by an instance that is called `0`.
fn kept(number: usize) -> String {
    let params = json!({ "level": "info", "data": number });
    format!(
        "m0.{number} {}",
        json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": params })
    )
}

/// Opens the stream of a call, leaves it, and lets it say so much that its beginning is dropped.
async fn overrun(here: &World, store: &Store, session: &Session, id: Value) -> Left {
    let mut stream = session.open(session.draft("tools/call", call("pause")).id(id)).await;
    drop(stream.next().await.unwrap());
    let left = stream.leave();
    let streams = format!("mcp:shttp:toclient:{}", session.id.as_ref().unwrap());
    let name = left.last_event_id.split('.').next().unwrap();
    for number in 0..MAX_EVENTS + 10 {
        let kept_for = Duration::from_mins(5);
        store.log().append(&format!("{streams}:{name}"), &kept(number), kept_for).await.unwrap();
    }
    drop(here.modern().tool("echo", json!({ "message": "" })).await.expect(200));
    left
}

#[tokio::test]
async fn a_client_that_was_away_for_too_long_is_told_that_messages_are_lost() {
    let (store, clock) = still();
    let world = instance(&store, clock, &[("MCP_AUTH", "none")]).await;
    let session = world.session().await;
    let left = overrun(&world, &store, &session, json!("a")).await;
    let mut stream = session.come_back(&left).await;
    let note = stream.next().await.unwrap();
    assert_eq!(note["params"]["logger"], "stream", "{note}");
    assert_eq!(stream.next().await.unwrap()["params"]["data"], 10);
    drop(session.call("logging/setLevel", json!({ "level": "error" })).await.expect(200));
    let mut stream = session.come_back(&left).await;
    // Whoever wants no warnings has lost messages all the same.
    let note = stream.next().await.unwrap();
    assert_eq!(
        (&note["params"]["logger"], &note["params"]["level"]),
        (&json!("stream"), &json!("error"))
    );
    assert_eq!(stream.next().await.unwrap()["params"]["data"], 10);
    assert_eq!(store.bus().traffic().lost, 2);
}

#[tokio::test]
async fn the_standalone_stream_says_that_messages_are_lost() {
    let world = world().await;
    let session = world.session().await;
    let mut stream = session.listen(Some("standalone.5-1")).await;
    let note = stream.next().await.unwrap();
    assert_eq!(note["params"]["logger"], "stream", "{note}");
}

#[tokio::test]
async fn a_call_whose_instance_died_ends_with_an_error_though_its_beginning_is_dropped() {
    for id in [json!(5), json!("5")] {
        let (store, clock) = still();
        let world = instance(&store, clock, &[("MCP_AUTH", "none")]).await;
        let session = world.session().await;
        let left = overrun(&world, &store, &session, id.clone()).await;
        let mut stream = session.come_back(&left).await;
        for _ in 0..=MAX_EVENTS {
            drop(stream.next().await.unwrap());
        }
        let lost = while_time_passes(&world, &mut stream).await;
        assert_eq!((&lost["id"], &lost["error"]["data"]["reason"]), (&id, &json!("instance_lost")));
        assert_eq!(stream.next().await, None);
    }
}

#[tokio::test]
async fn an_id_that_is_used_again_does_not_hide_that_the_instance_of_its_call_died() {
    let (here, there) = two().await;
    let session = here.session().await;
    let draft = |at: &Session, tool: &str| at.draft("tools/call", call(tool)).id(7);
    let first = session.open(draft(&session, "report")).await.finish().await;
    assert_eq!(text(first.messages.last().unwrap()), "done");
    let elsewhere = session.at(&there.endpoint());
    let mut stream = elsewhere.open(draft(&elsewhere, "pause")).await;
    drop(stream.next().await.unwrap());
    let left = stream.leave();
    there.lifecycle.abort();
    there.lifecycle.finished().await;
    let mut stream = session.come_back(&left).await;
    let lost = while_time_passes(&here, &mut stream).await;
    assert_eq!(
        (&lost["id"], &lost["error"]["data"]["reason"]),
        (&json!(7), &json!("instance_lost"))
    );
}

#[tokio::test]
async fn what_waits_for_the_store_is_dropped_with_its_session() {
    for ends in [false, true] {
        let (store, clock) = still();
        let is_full = Arc::new(AtomicBool::new(false));
        let over = store.over_line(Line::refusing(&clock, "append", &is_full));
        let world = instance(&over, clock, &[("MCP_AUTH", "none")]).await;
        let session = world.session().await;
        let mut stream = begin(&session, "pause").await;
        let first = stream.next().await.unwrap();
        assert_eq!(first["params"]["message"], "before");
        let name = stream.last_event_id().unwrap().split('.').next().unwrap().to_owned();
        is_full.store(true, Ordering::Relaxed);
        let step = Duration::from_mins(1);
        let answer = async { while stream.next().await.unwrap()["result"].is_null() {} };
        as_time_passes(&world.clock, step, answer).await;
        is_full.store(false, Ordering::Relaxed);
        if ends {
            drop(session.end().await.expect(204));
        }
        let waited = world.lifecycle.clone();
        let done = async move {
            waited.stop();
            waited.finished().await;
        };
        as_time_passes(&world.clock, Duration::from_millis(500), done).await;
        let log = format!("mcp:shttp:toclient:{}:{name}", session.id.as_deref().unwrap());
        let page = store.log().read_after(&log, None, MAX_EVENTS).await.unwrap();
        let is_answered = page.events.iter().any(|(_, entry)| entry.starts_with('a'));
        assert_eq!(is_answered, !ends, "{page:?}");
    }
}
