//! The revisions with sessions.

use std::time::Duration;

use serde_json::{Value, json};
use shared::mcp::{Revision, keys};
use testkit::rpc::{Exchange, Reply, Script, Session};

use crate::world::{World, instance, still, world};

const REVISIONS: [Revision; 3] =
    [Revision::V2025_11_25, Revision::V2025_06_18, Revision::V2025_03_26];

#[tokio::test]
async fn a_session_lives_from_initialize_to_delete_in_every_revision() {
    let world = world().await;
    for revision in REVISIONS {
        let session = world.opening().revision(revision).open().await;
        assert_eq!(session.revision, revision);
        let reply = session.tool("echo", json!({ "message": "hi" })).await.expect(200);
        assert_eq!(reply.content_text(), "hi");
        assert_eq!(session.call("ping", json!({})).await.expect(200).result(), &json!({}));
        drop(session.call("tools/list", json!({})).await.expect(200));
        drop(session.end().await.expect(204));
        drop(session.call("ping", json!({})).await.expect_error(404, -32001));
    }
}

#[tokio::test]
async fn an_unknown_revision_is_answered_with_the_newest_that_has_sessions() {
    let world = world().await;
    for asked in ["2026-07-28", "1999-01-01"] {
        let opening = world.opening();
        let draft = opening.draft().edit(|body| body["params"]["protocolVersion"] = json!(asked));
        let reply = opening.send(draft).await.expect(200);
        assert_eq!(reply.result()["protocolVersion"], "2025-11-25");
    }
}

#[tokio::test]
async fn nothing_of_the_modern_era_is_in_an_answer() {
    let world = world().await;
    let session = world.session().await;
    let reply = session.call("tools/list", json!({})).await.expect(200);
    for member in ["resultType", "ttlMs", "cacheScope", "_meta"] {
        assert!(reply.result().get(member).is_none(), "{member}");
    }
}

#[tokio::test]
async fn what_only_newer_requests_say_of_themselves_means_nothing_in_a_session() {
    let world = world().await;
    let session = world.session().await;
    let params = json!({ "name": "echo", "arguments": { "message": "hi" } });
    for key in [keys::CLIENT_INFO, keys::LOG_LEVEL, keys::CLIENT_CAPABILITIES] {
        let draft = session.draft("tools/call", params.clone()).meta(key, 5).malformed();
        assert_eq!(session.send(draft).await.expect(200).content_text(), "hi", "{key}");
    }
    let draft = session.draft("tools/call", params).meta("progressToken", json!({}));
    drop(session.send(draft).await.expect_error(200, -32602));
}

#[tokio::test]
async fn what_does_not_fit_is_told_in_words_of_the_protocol() {
    let session = world().await.session().await;
    let refused = session.call("logging/setLevel", json!({ "level": "loud" })).await;
    let refused = refused.expect_error(200, -32602);
    let message = refused.error()["message"].as_str().unwrap();
    assert!(message.contains("must be one of `debug`"), "{message}");
    assert!(!message.contains("variant") && !message.contains("loud"), "{message}");
}

#[tokio::test]
async fn progress_comes_on_the_stream_of_its_call() {
    let world = world().await;
    let session = world.session().await;
    let draft = session.draft("tools/call", json!({ "name": "report", "arguments": {} }));
    let reply = session.send(draft.meta("progressToken", 7)).await.expect(200);
    assert!(reply.streamed);
    assert_eq!(reply.notifications("notifications/progress").len(), 2);
    assert_eq!(reply.content_text(), "done");
}

fn bob() -> Script {
    Script::default()
        .on("elicitation/create", |_| json!({ "action": "accept", "content": { "name": "Bob" } }))
}

async fn asked(world: &World, script: Script) -> (Session, Value) {
    let opening = world.opening().capabilities(json!({ "elicitation": {} })).script(script);
    let session = opening.open().await;
    let reply = session.tool("ask", json!({})).await.expect(200);
    (session.clone(), reply.result().clone())
}

#[tokio::test]
async fn a_question_is_put_on_the_stream_of_its_call_and_answered_by_a_post() {
    let world = world().await;
    let (session, result) = asked(&world, bob()).await;
    assert_eq!(result["content"][0]["text"], "Hello, Bob!");
    assert_eq!(session.questions().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_a_result_that_the_model_reads() {
    let world = world().await;
    let declined = Script::default().on("elicitation/create", |_| json!({ "action": "decline" }));
    let (_, result) = asked(&world, declined).await;
    assert_eq!(result["isError"], true);
}

#[tokio::test]
async fn an_answer_finds_its_call_from_another_instance() {
    let clock = ambient::Clock::manual(ambient::Timestamp::from_secs(1_800_000_000));
    let store = store::Store::memory(clock.clone());
    let here = instance(&store, clock.clone(), &[("MCP_AUTH", "none")]).await;
    let there = instance(&store, clock, &[("MCP_AUTH", "none")]).await;
    let session = here.opening().capabilities(json!({ "elicitation": {} })).open().await;
    let elsewhere = session.at(&there.endpoint());
    let draft = session.draft("tools/call", json!({ "name": "ask", "arguments": {} }));
    let mut exchange = session.open(draft).await;
    let question = exchange.next().await.unwrap();
    let answer = json!({ "action": "accept", "content": { "name": "Carol" } });
    drop(elsewhere.respond(&question["id"], Ok(answer)).await.expect(202));
    assert_eq!(exchange.finish().await.content_text(), "Hello, Carol!");
    drop(elsewhere.call("ping", json!({})).await.expect(200));
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_cancel_its_call() {
    let mut world = world().await;
    let session = world.session().await;
    let draft = session.draft("tools/call", json!({ "name": "stay", "arguments": {} }));
    {
        let mut opening = Box::pin(session.open(draft));
        tokio::select! {
            _ = &mut opening => panic!("the call stays"),
            () = world.happened("started") => {}
        }
    }
    drop(session.call("ping", json!({})).await.expect(200));
    world.clock.advance(Duration::from_mins(1));
    world.happened("finished").await;
}

#[tokio::test]
async fn a_call_is_cancelled_by_a_notification_and_not_answered() {
    let mut world = world().await;
    let session = world.session().await;
    let params = json!({ "name": "stay", "arguments": {} });
    let draft = session.draft("tools/call", params).id("the-call");
    let mut opening = Box::pin(session.open(draft));
    tokio::select! {
        _ = &mut opening => panic!("the call stays"),
        () = world.happened("started") => {}
    }
    drop(session.notify("notifications/cancelled", json!({ "requestId": "the-call" })).await);
    world.happened("dropped").await;
    assert!(opening.await.finish().await.messages.is_empty());
}

#[tokio::test]
async fn a_call_is_cancelled_through_another_instance_and_by_the_end_of_its_session() {
    let clock = ambient::Clock::manual(ambient::Timestamp::from_secs(1_800_000_000));
    let store = store::Store::memory(clock.clone());
    let mut here = instance(&store, clock.clone(), &[("MCP_AUTH", "none")]).await;
    let there = instance(&store, clock, &[("MCP_AUTH", "none")]).await;
    for by_notification in [true, false] {
        let session = here.session().await;
        let elsewhere = session.at(&there.endpoint());
        let params = json!({ "name": "stay", "arguments": {} });
        let draft = session.draft("tools/call", params).id("the-call");
        let mut opening = Box::pin(session.open(draft));
        tokio::select! {
            _ = &mut opening => panic!("the call stays"),
            () = here.happened("started") => {}
        }
        if by_notification {
            let cancelled = json!({ "requestId": "the-call" });
            drop(elsewhere.notify("notifications/cancelled", cancelled).await.expect(202));
        } else {
            drop(elsewhere.end().await.expect(204));
        }
        here.happened("dropped").await;
        assert!(opening.await.finish().await.messages.is_empty());
        here.forget();
    }
}

#[tokio::test]
async fn five_and_the_text_five_are_answered_each_by_its_own() {
    let world = world().await;
    let session = world.session().await;
    let call = |id: Value, message| {
        let arguments = json!({ "message": message });
        session.draft("tools/call", json!({ "name": "echo", "arguments": arguments })).id(id)
    };
    let (number, text) =
        tokio::join!(session.send(call(json!(5), "n")), session.send(call(json!("5"), "t")));
    assert_eq!((number.messages[0]["id"].clone(), number.content_text()), (json!(5), "n"));
    assert_eq!((text.messages[0]["id"].clone(), text.content_text()), (json!("5"), "t"));
}

#[tokio::test]
async fn an_idle_session_ends_and_a_stream_keeps_it() {
    let world = world().await;
    let (idle, kept) = (world.session().await, world.session().await);
    let mut stream = kept.listen(None).await;
    assert!(stream.next_event().await.is_some(), "priming");
    for _ in 0..22 {
        world.clock.advance(Duration::from_secs(15));
        drop(stream.next_event().await);
    }
    drop(idle.call("ping", json!({})).await.expect(404));
    drop(kept.call("ping", json!({})).await.expect(200));
}

/// A server whose sessions live for so many seconds, and a session to look at it by.
async fn short_lived(seconds: &str) -> (World, Session) {
    let (store, clock) = still();
    let settings = [("MCP_AUTH", "none"), ("SESSION_TTL", seconds)];
    let world = instance(&store, clock, &settings).await;
    let session = world.opening().capabilities(json!({ "elicitation": {} })).open().await;
    (world, session)
}

/// Lets time pass in steps, and what waits for it happen: a request is answered after each step.
async fn pass(world: &World, steps: usize) {
    for _ in 0..steps {
        world.clock.advance(Duration::from_secs(3));
        drop(world.modern().tool("echo", json!({ "message": "" })).await.expect(200));
    }
}

#[tokio::test]
async fn a_session_that_lives_shorter_than_a_stream_may_be_silent_is_kept_by_it() {
    let (world, session) = short_lived("9").await;
    let mut stream = session.listen(None).await;
    assert!(stream.next_event().await.is_some(), "priming");
    pass(&world, 10).await;
    drop(session.call("ping", json!({})).await.expect(200));
}

#[tokio::test]
async fn a_call_keeps_its_session_before_and_after_its_first_word() {
    for tool in ["stay", "pause"] {
        let (world, session) = short_lived("20").await;
        let draft = session.draft("tools/call", json!({ "name": tool, "arguments": {} }));
        let time_passes = async {
            pass(&world, 18).await;
            drop(session.call("ping", json!({})).await.expect(200));
            pass(&world, 5).await;
        };
        let (answer, ()) = tokio::join!(session.send(draft), time_passes);
        assert!(["stayed", "paused"].contains(&answer.content_text()), "{answer}");
    }
}

#[tokio::test]
async fn a_question_keeps_its_session_until_it_is_answered() {
    let (world, session) = short_lived("20").await;
    let draft = session.draft("tools/call", json!({ "name": "ask", "arguments": {} }));
    let mut exchange = session.open(draft).await;
    let question = exchange.next().await.unwrap();
    pass(&world, 30).await;
    let answer = json!({ "action": "accept", "content": { "name": "Dora" } });
    drop(session.respond(&question["id"], Ok(answer)).await.expect(202));
    assert_eq!(exchange.finish().await.content_text(), "Hello, Dora!");
}

#[tokio::test]
async fn a_second_stream_replaces_the_first_and_the_end_of_the_session_ends_it() {
    let world = world().await;
    let session = world.session().await;
    let first = session.listen(None).await;
    let second = session.listen(None).await;
    assert!(first.finish().await.messages.is_empty());
    drop(session.end().await.expect(204));
    assert!(second.finish().await.messages.is_empty());
}

#[tokio::test]
async fn an_open_stream_ends_when_the_server_stops() {
    let world = world().await;
    let stream = world.session().await.listen(None).await;
    world.lifecycle.stop();
    assert!(stream.finish().await.messages.is_empty());
}

/// Stops a server, and goes to the last moment of its grace of five seconds.
fn nearly_end(world: &World) {
    world.lifecycle.stop();
    world.clock.advance(Duration::from_millis(4500));
}

/// What is left of an answer after a server has nearly ended.
async fn end(exchange: Exchange) -> Reply {
    let ended = exchange.finish().await;
    assert_eq!(ended.error()["data"]["reason"], "shutting_down", "{ended}");
    ended.expect_named()
}

#[tokio::test]
async fn a_stream_ends_with_an_error_when_the_server_ends_before_its_call() {
    let world = world().await;
    let session = world.opening().revision(Revision::V2025_06_18).open().await;
    let params = json!({ "name": "pause", "arguments": {}, "_meta": { "progressToken": 1 } });
    let mut stream = session.open(session.draft("tools/call", params.clone())).await;
    let modern = world.modern();
    let mut other = modern.open(modern.draft("tools/call", params)).await;
    assert_eq!(stream.next().await.unwrap()["params"]["message"], "before");
    assert_eq!(other.next().await.unwrap()["params"]["message"], "before");
    nearly_end(&world);
    assert_eq!(end(stream).await.status, 200);
    assert_eq!(end(other).await.status, 200);
}

#[tokio::test]
async fn a_call_that_has_said_nothing_is_503_when_the_server_ends_before_it() {
    for accept in ["application/json", "application/json, text/event-stream"] {
        let mut world = world().await;
        let session = world.opening().revision(Revision::V2025_06_18).open().await;
        let params = json!({ "name": "stay", "arguments": {} });
        let draft = session.draft("tools/call", params).header("accept", accept);
        let time_passes = async {
            world.happened("started").await;
            nearly_end(&world);
        };
        let (exchange, ()) = tokio::join!(session.open(draft), time_passes);
        assert_eq!(end(exchange).await.status, 503);
    }
}

#[tokio::test]
async fn batches_exist_in_2025_03_26_only() {
    let world = world().await;
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "ping" },
        { "jsonrpc": "2.0", "method": "notifications/initialized" },
        { "jsonrpc": "2.0", "id": "2", "method": "nope" },
    ]);
    for revision in REVISIONS {
        let session = world.opening().revision(revision).open().await;
        let reply = session.send(session.post(batch.clone())).await;
        if revision.has_batches() {
            let reply = reply.expect(200);
            assert_eq!(reply.messages.len(), 2, "{reply}");
        } else {
            drop(reply.expect(400));
        }
    }
}

#[tokio::test]
async fn an_id_is_free_again_after_the_batch_that_used_it() {
    let world = world().await;
    let session = world.opening().revision(Revision::V2025_03_26).open().await;
    let call = |message: &str| {
        let params = json!({ "name": "echo", "arguments": { "message": message } });
        json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params })
    };
    let batch = session.send(session.post(json!([call("in a batch")]))).await.expect(200);
    assert_eq!(batch.content_text(), "in a batch");
    let alone = session.send(session.post(call("alone"))).await.expect(200);
    assert_eq!(alone.content_text(), "alone");
}

#[tokio::test]
async fn a_second_initialize_opens_another_session_and_leaves_the_first() {
    let world = world().await;
    let first = world.session().await;
    let id = first.id.clone().unwrap();
    let opening = world.opening();
    let draft = opening.draft().header("mcp-session-id", &id);
    let reply = opening.send(draft).await.expect(200);
    let other = reply.header("mcp-session-id").unwrap().to_owned();
    assert_ne!(other, id);
    let mut second = first.clone();
    second.id = Some(other);
    drop(first.end().await.expect(204));
    drop(first.call("ping", json!({})).await.expect(404));
    drop(second.call("ping", json!({})).await.expect(200));
}

#[tokio::test]
async fn what_a_revision_does_not_have_is_not_asked_whatever_the_client_declares() {
    let world = world().await;
    let able = json!({ "elicitation": {} });
    let opening = world.opening().capabilities(able).revision(Revision::V2025_03_26);
    let session = opening.open().await;
    let reply = session.tool("ask", json!({})).await.expect(200);
    assert_eq!(reply.result()["isError"], true);
    assert!(session.questions().is_empty());
}
