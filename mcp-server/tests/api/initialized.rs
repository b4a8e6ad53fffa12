//! The end of the opening of a session: until the client has sent `notifications/initialized`, on
//! whatever instance, it is asked nothing for a while (2025-11-25 basic/lifecycle).

use std::time::Duration;

use serde_json::{Value, json};
use shared::mcp::Revision;
use testkit::{
    as_time_passes,
    rpc::{Exchange, Session},
};

use crate::world::{World, two, world};

/// A session whose client has not said that it is ready.
async fn begun(world: &World) -> Session {
    world.opening().capabilities(json!({ "elicitation": {} })).begin().await
}

/// A call that asks. Its stream is there at once.
async fn asking(session: &Session) -> Exchange {
    let call = session.draft("tools/call", json!({ "name": "ask", "arguments": {} }));
    session.open(call.header("accept", "text/event-stream")).await
}

#[tokio::test]
async fn a_question_waits_until_another_instance_hears_that_the_client_is_ready() {
    let (here, there) = two().await;
    let session = begun(&here).await;
    let mut call = asking(&session).await;
    // Whatever is said at once is here before these answers are.
    let others = async {
        for _ in 0..10 {
            drop(session.tool("echo", json!({ "message": "early" })).await.expect(200));
        }
    };
    tokio::select! {
        biased;
        said = call.next() => panic!("too early: {said:?}"),
        () = others => {}
    }
    let elsewhere = session.at(&there.endpoint());
    drop(elsewhere.notify("notifications/initialized", Value::Null).await.expect(202));
    let question = call.next().await.unwrap();
    assert_eq!(question["method"], "elicitation/create", "{question}");
    let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
    drop(elsewhere.respond(&question["id"], Ok(answer)).await.expect(202));
    assert_eq!(call.finish().await.content_text(), "Hello, Ada!");
}

#[tokio::test]
async fn the_question_of_a_call_that_is_cancelled_is_withdrawn() {
    let (here, there) = two().await;
    let session = begun(&here).await;
    drop(session.notify("notifications/initialized", Value::Null).await.expect(202));
    let call = session.draft("tools/call", json!({ "name": "ask", "arguments": {} }));
    let mut call = session.open(call.id("the-call")).await;
    let question = call.next().await.unwrap();
    assert_eq!(question["method"], "elicitation/create");
    let cancelled = json!({ "requestId": "the-call" });
    let elsewhere = session.at(&there.endpoint());
    drop(elsewhere.notify("notifications/cancelled", cancelled).await.expect(202));
    let withdrawn = call.next().await.unwrap();
    assert_eq!(withdrawn["method"], "notifications/cancelled");
    assert_eq!(withdrawn["params"]["requestId"], question["id"]);
    assert_eq!(call.next().await, None, "the call itself is not answered");
}

#[tokio::test]
async fn a_session_that_was_initialized_on_one_instance_is_so_on_every_other() {
    let (here, there) = two().await;
    let session = begun(&here).await;
    drop(session.notify("notifications/initialized", Value::Null).await.expect(202));
    let mut call = asking(&session.at(&there.endpoint())).await;
    assert_eq!(call.next().await.unwrap()["method"], "elicitation/create");
}

#[tokio::test]
async fn a_client_that_never_says_that_it_is_ready_is_asked_after_ten_seconds() {
    let world = world().await;
    let session = begun(&world).await;
    let mut call = asking(&session).await;
    let before = world.clock.now();
    let question = as_time_passes(&world.clock, Duration::from_secs(1), call.next()).await;
    assert_eq!(question.unwrap()["method"], "elicitation/create");
    assert!(world.clock.now().since(before) >= Duration::from_secs(10));
    // It has had its time once and for all.
    let mut another = asking(&session).await;
    assert_eq!(another.next().await.unwrap()["method"], "elicitation/create");
}

#[tokio::test]
async fn whatever_needs_no_question_is_answered_before() {
    let world = world().await;
    for revision in [Revision::V2025_11_25, Revision::V2025_06_18, Revision::V2025_03_26] {
        let session = world.opening().revision(revision).begin().await;
        let reply = session.tool("echo", json!({ "message": "early" })).await.expect(200);
        assert_eq!(reply.content_text(), "early");
        drop(session.call("tools/list", json!({})).await.expect(200));
    }
}
