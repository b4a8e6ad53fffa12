//! The transport of 2024-11-05, whose answers may come from another instance.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ambient::Clock;
use serde_json::{Value, json};
use shared::mcp::{Era, Revision};
use store::{Action, Fate, Line, Store};
use testkit::{PATIENCE, as_time_passes, http::Http, rpc::OldSession, within};
use tokio::sync::Notify;

use crate::{
    requirements::batches_that_are_none,
    world::{World, instance, still, two, world},
};

async fn open(world: &World) -> OldSession {
    OldSession::open(&world.base, None).await
}

fn text(message: &Value) -> &str {
    message["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_session_is_opened_used_and_answered_on_its_stream() {
    let world = world().await;
    for revision in Revision::ALL.into_iter().filter(|revision| revision.era() == Era::Legacy) {
        let mut session = open(&world).await;
        let opened = session.initialize(revision, json!({})).await;
        assert_eq!(opened["result"]["protocolVersion"], revision.as_str());
        let params = json!({ "name": "report", "arguments": {}, "_meta": { "progressToken": 1 } });
        session.request(7, "tools/call", params).await;
        assert_eq!(session.next().await.unwrap()["method"], "notifications/progress");
        assert_eq!(session.next().await.unwrap()["method"], "notifications/progress");
        assert_eq!(text(&session.next().await.unwrap()), "done");
    }
}

#[tokio::test]
async fn a_message_sent_to_another_instance_is_answered_on_the_stream() {
    let (here, there) = two().await;
    let mut session = open(&here).await;
    drop(session.initialize(Revision::V2024_11_05, json!({})).await);
    session.messages.set_port(there.base.parse::<url::Url>().unwrap().port()).unwrap();
    let params = json!({ "name": "echo", "arguments": { "message": "there" } });
    session.request(1, "tools/call", params).await;
    assert_eq!(text(&session.next().await.unwrap()), "there");
}

#[tokio::test]
async fn a_question_is_asked_and_answered() {
    let world = world().await;
    let mut session = open(&world).await;
    drop(session.initialize(Revision::V2025_06_18, json!({ "elicitation": {} })).await);
    session.request(1, "tools/call", json!({ "name": "ask", "arguments": {} })).await;
    let question = session.next().await.unwrap();
    let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer });
    assert_eq!(session.send(&answer).await, 202);
    assert_eq!(text(&session.next().await.unwrap()), "Hello, Ada!");
}

#[tokio::test]
async fn the_end_of_the_stream_is_the_end_of_the_session_and_of_its_calls() {
    let mut world = world().await;
    let mut session = open(&world).await;
    drop(session.initialize(Revision::V2024_11_05, json!({})).await);
    session.request(1, "tools/call", json!({ "name": "stay", "arguments": {} })).await;
    world.happened("started").await;
    let mut messages = open(&world).await;
    messages.messages = session.messages.clone();
    drop(session);
    world.happened("dropped").await;
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    assert_eq!(messages.send(&ping).await, 404);
}

#[tokio::test]
async fn nothing_but_a_ping_comes_before_initialize_which_comes_once() {
    let world = world().await;
    let mut session = open(&world).await;
    session.request(1, "tools/list", json!({})).await;
    assert_eq!(session.next().await.unwrap()["error"]["code"], -32600);
    session.request(2, "ping", json!({})).await;
    assert_eq!(session.next().await.unwrap()["result"], json!({}));
    drop(session.initialize(Revision::V2024_11_05, json!({})).await);
    session.request(3, "initialize", json!({})).await;
    assert!(session.next().await.unwrap()["error"].is_object());
}

#[tokio::test]
async fn a_quiet_stream_keeps_its_session() {
    let world = world().await;
    let mut session = open(&world).await;
    drop(session.initialize(Revision::V2024_11_05, json!({})).await);
    for _ in 0..30 {
        world.clock.advance(Duration::from_secs(15));
        session.request(2, "ping", json!({})).await;
        assert_eq!(session.next().await.unwrap()["result"], json!({}));
    }
}

#[tokio::test]
async fn sessions_of_the_two_transports_are_not_mixed_up() {
    let world = world().await;
    let old = open(&world).await;
    let id = old.messages.query_pairs().next().unwrap().1.into_owned();
    let mut session = world.session().await;
    let streamable = session.id.replace(id).unwrap();
    drop(session.call("ping", json!({})).await.expect(404));
    let mut crossed = open(&world).await;
    crossed.messages.set_query(Some(&format!("sessionId={streamable}")));
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    assert_eq!(crossed.send(&ping).await, 404);
}

#[tokio::test]
async fn a_batch_is_held_against_the_same_rules_as_on_the_newer_transport() {
    let world = world().await;
    let mut session = open(&world).await;
    drop(session.initialize(Revision::V2025_03_26, json!({})).await);
    let http = Http::new(&world.base);
    let target = format!("/message?{}", session.messages.query().unwrap());
    let post = async |batch: Value| {
        let request = http.request(http::Method::POST, &target).json(&batch);
        let reply = http.send(request).await;
        let kind = reply.header("content-type").unwrap_or_default().to_owned();
        (reply.status.as_u16(), kind)
    };
    for batch in batches_that_are_none() {
        assert_eq!(post(batch.clone()).await.0, 400, "{batch}");
    }
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" });
    assert_eq!(post(json!([note])).await, (202, "text/plain; charset=utf-8".to_owned()));
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    assert_eq!(session.send(&json!([ping])).await, 202);
    assert_eq!(session.next().await.unwrap()["id"], 1);
}

#[tokio::test]
async fn what_is_wrong_has_the_status_for_it() {
    let world = world().await;
    let mut session = open(&world).await;
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let never = format!("sessionId={}", "0".repeat(32));
    let cases = [
        (never.as_str(), 404),
        ("sessionId=0123", 404),
        ("sessionId=shttp:toserver:x", 404),
        ("sessionId=a&sessionId=b", 400),
        ("", 400),
    ];
    for (query, status) in cases {
        session.messages.set_query(Some(query));
        assert_eq!(session.send(&ping).await, status, "{query}");
    }
    let http = Http::new(&world.base);
    let post = http.send(http.request(http::Method::POST, "/sse").body("{}")).await;
    assert_eq!((post.status.as_u16(), post.header("allow")), (405, Some("GET")));
    let get = http.send(http.request(http::Method::GET, "/message")).await;
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, Some("POST")));
}

/// A session whose stream is at one instance, and which sends its messages to another.
async fn across(here: &World, there: &World) -> OldSession {
    let mut session = open(here).await;
    drop(session.initialize(Revision::V2025_06_18, json!({ "elicitation": {} })).await);
    session.messages.set_port(there.base.parse::<url::Url>().unwrap().port()).unwrap();
    session
}

#[tokio::test]
async fn a_call_whose_instance_died_ends_with_an_error_on_the_stream_of_another() {
    let (here, mut there) = two().await;
    let mut session = across(&here, &there).await;
    session.request("seven", "tools/call", json!({ "name": "stay", "arguments": {} })).await;
    there.happened("started").await;
    there.lifecycle.abort();
    there.lifecycle.finished().await;
    let begun = here.clock.now();
    let step = Duration::from_millis(500);
    let lost = as_time_passes(&here.clock, step, session.next()).await.unwrap();
    assert!(here.clock.now().since(begun) <= Duration::from_secs(12));
    let said = json!({ "reason": "instance_lost", "retryable": true });
    assert_eq!((&lost["id"], &lost["error"]["data"]), (&json!("seven"), &said), "{lost}");
    // The session goes on.
    session.messages.set_port(here.base.parse::<url::Url>().unwrap().port()).unwrap();
    session.request(8, "ping", json!({})).await;
    assert_eq!(session.next().await.unwrap()["id"], 8);
}

#[tokio::test]
async fn a_call_that_is_answered_is_not_lost_with_its_instance() {
    let (here, there) = two().await;
    let mut session = across(&here, &there).await;
    let echo = json!({ "name": "echo", "arguments": { "message": "there" } });
    session.request(1, "tools/call", echo).await;
    assert_eq!(text(&session.next().await.unwrap()), "there");
    there.lifecycle.abort();
    there.lifecycle.finished().await;
    session.messages.set_port(here.base.parse::<url::Url>().unwrap().port()).unwrap();
    for id in 2..20 {
        here.clock.advance(Duration::from_secs(1));
        session.request(id, "ping", json!({})).await;
        assert_eq!(session.next().await.unwrap()["id"], id);
    }
}

#[tokio::test]
async fn a_call_that_the_end_of_its_instance_cuts_short_says_so_on_the_stream_of_another() {
    let (here, mut there) = two().await;
    let mut session = across(&here, &there).await;
    session.request(1, "tools/call", json!({ "name": "stay", "arguments": {} })).await;
    there.happened("started").await;
    there.lifecycle.stop();
    here.clock.advance(Duration::from_millis(4500));
    let cut = session.next().await.unwrap();
    assert_eq!((&cut["id"], &cut["error"]["data"]["reason"]), (&json!(1), &json!("shutting_down")));
}

#[tokio::test]
async fn a_stream_whose_instance_stops_waits_for_the_calls_that_are_answered_on_it() {
    let (here, there) = two().await;
    let mut session = across(&here, &there).await;
    session.request(1, "tools/call", json!({ "name": "ask", "arguments": {} })).await;
    let question = session.next().await.unwrap();
    here.lifecycle.stop();
    let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer });
    assert_eq!(session.send(&answer).await, 202);
    assert_eq!(text(&session.next().await.unwrap()), "Hello, Ada!");
    assert_eq!(session.next().await, None);
}

#[tokio::test]
async fn a_stream_whose_instance_stops_waits_no_longer_than_there_is_time() {
    let (here, mut there) = two().await;
    let mut session = across(&here, &there).await;
    session.request(1, "tools/call", json!({ "name": "stay", "arguments": {} })).await;
    there.happened("started").await;
    here.lifecycle.stop();
    here.clock.advance(Duration::from_millis(4500));
    let cut = session.next().await.unwrap();
    assert_eq!((&cut["id"], &cut["error"]["data"]["reason"]), (&json!(1), &json!("shutting_down")));
    assert_eq!(session.next().await, None);
    there.happened("dropped").await;
}

#[tokio::test]
async fn a_stream_that_nothing_runs_for_ends_as_soon_as_its_instance_stops() {
    let world = world().await;
    let mut session = open(&world).await;
    drop(session.initialize(Revision::V2024_11_05, json!({})).await);
    session
        .request(1, "tools/call", json!({ "name": "echo", "arguments": { "message": "a" } }))
        .await;
    assert_eq!(text(&session.next().await.unwrap()), "a");
    world.lifecycle.stop();
    assert_eq!(session.next().await, None);
}

#[tokio::test]
async fn a_stream_whose_instance_stops_does_not_wait_for_a_call_that_was_cancelled() {
    let mut world = world().await;
    let mut session = open(&world).await;
    drop(session.initialize(Revision::V2024_11_05, json!({})).await);
    session.request(1, "tools/call", json!({ "name": "stay", "arguments": {} })).await;
    world.happened("started").await;
    let cancelled = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 },
    });
    assert_eq!(session.send(&cancelled).await, 202);
    world.happened("dropped").await;
    world.lifecycle.stop();
    assert_eq!(session.next().await, None);
}

/// What a line does with what is written to logs, and who is told of it.
#[derive(Default)]
struct Logged {
    /// What is written takes a while.
    is_slow: AtomicBool,
    /// After the next entry nothing gets through any more.
    ends_with_next: AtomicBool,
    is_cut: AtomicBool,
    written: Notify,
}

/// How long it takes.
const SLOW: Duration = Duration::from_millis(200);

impl Logged {
    fn of_command(&self, action: Action) -> Fate {
        let Logged { is_slow, ends_with_next, is_cut, written } = self;
        if is_cut.load(Ordering::Relaxed) {
            return Fate::Refused;
        }
        if !action.to_string().starts_with("append") {
            return Fate::AT_ONCE;
        }
        written.notify_one();
        is_cut.store(ends_with_next.load(Ordering::Relaxed), Ordering::Relaxed);
        let takes = if is_slow.load(Ordering::Relaxed) { SLOW } else { Duration::ZERO };
        Fate::Done(takes, Duration::ZERO)
    }
}

/// A store over such a line.
fn writing(store: &Store, clock: &Clock, logged: &Arc<Logged>) -> Store {
    let logged = Arc::clone(logged);
    store.over_line(Line::new(clock, move |action: Action| logged.of_command(action)))
}

#[tokio::test]
async fn a_call_whose_client_hangs_up_before_it_is_accepted_is_answered_on_the_stream() {
    let (store, clock) = still();
    let logged = Arc::<Logged>::default();
    let store = writing(&store, &clock, &logged);
    let world = instance(&store, clock.clone(), &[("MCP_AUTH", "none")]).await;
    let mut session = open(&world).await;
    drop(session.initialize(Revision::V2024_11_05, json!({})).await);
    let mut elsewhere = open(&world).await;
    // Of what was written so far it was told as well.
    logged.written.notified().await;
    logged.is_slow.store(true, Ordering::Relaxed);
    let params = json!({ "name": "echo", "arguments": { "message": "here" } });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    {
        let mut sent = Box::pin(session.send(&call));
        tokio::select! {
            status = &mut sent => panic!("it was accepted with {status} before it was kept"),
            () = logged.written.notified() => {}
        }
    }
    // By now the server has seen that the client is gone.
    for _ in 0..3 {
        let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(elsewhere.send(&note).await, 202);
    }
    logged.is_slow.store(false, Ordering::Relaxed);
    clock.advance(SLOW);
    assert_eq!(text(&session.next().await.unwrap()), "here");
}

#[tokio::test]
async fn a_call_that_was_lost_has_no_second_answer_when_its_instance_comes_back() {
    let (store, clock) = still();
    let settings = [("MCP_AUTH", "none")];
    let logged = Arc::<Logged>::default();
    let bad = writing(&store, &clock, &logged);
    let here = instance(&store, clock.clone(), &settings).await;
    let there = instance(&bad, clock.clone(), &settings).await;
    let mut session = across(&here, &there).await;
    logged.ends_with_next.store(true, Ordering::Relaxed);
    let params = json!({ "name": "echo", "arguments": { "message": "there" } });
    session.request(1, "tools/call", params).await;
    let step = Duration::from_millis(500);
    let lost = as_time_passes(&clock, step, session.next()).await.unwrap();
    assert_eq!(lost["error"]["data"]["reason"], "instance_lost", "{lost}");
    within(PATIENCE, logged.written.notified()).await;
    logged.ends_with_next.store(false, Ordering::Relaxed);
    logged.is_cut.store(false, Ordering::Relaxed);
    as_time_passes(&clock, step, logged.written.notified()).await;
    session.messages.set_port(here.base.parse::<url::Url>().unwrap().port()).unwrap();
    session.request(2, "ping", json!({})).await;
    assert_eq!(session.next().await.unwrap()["id"], 2);
}
