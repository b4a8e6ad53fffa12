//! One feed, two views: `subscriptions/listen` and the standalone streams of sessions.

use std::time::Duration;

use mcp_core::Change;
use serde_json::{Value, json};
use shared::mcp::keys;
use store::{MAX_EVENTS, Store};

use crate::world::{World, instance, still, two, world};

fn wanted() -> Value {
    let watched = ["test://watched"];
    json!({ "notifications": {
        "toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": watched
    } })
}

#[tokio::test]
async fn a_subscription_is_acknowledged_and_then_told_of_changes_elsewhere() {
    let (here, there) = two().await;
    let modern = here.modern();
    let draft = modern.draft("subscriptions/listen", wanted()).id("sub");
    let mut stream = modern.open(draft).await;
    let acknowledged = stream.next().await.unwrap();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    let granted = &acknowledged["params"]["notifications"];
    assert!(granted.get("promptsListChanged").is_none(), "prompts are not announced");
    drop(there.modern().tool("announce", json!({})).await.expect(200));
    let (tools, updated) = (stream.next().await.unwrap(), stream.next().await.unwrap());
    assert_eq!(tools["method"], "notifications/tools/list_changed");
    assert_eq!(tools["params"]["_meta"][keys::SUBSCRIPTION_ID], "sub");
    assert_eq!(updated["params"]["uri"], "test://watched");
}

#[tokio::test]
async fn a_subscription_is_told_again_and_again_between_two_toggles_and_not_uninvited() {
    let (here, there) = two().await;
    let modern = here.modern();
    let draft = modern.draft("subscriptions/listen", wanted()).id("sub");
    let mut stream = modern.open(draft).await;
    drop(stream.next().await);
    // What comes first is what was announced: nothing was told before.
    here.clock.advance(Duration::from_mins(1));
    drop(there.modern().tool("announce", json!({})).await.expect(200));
    let tools = "notifications/tools/list_changed";
    assert_eq!(stream.next().await.unwrap()["method"], tools);
    drop(stream.next().await);
    drop(there.modern().tool("toggle", json!({})).await.expect(200));
    for _ in 0..3 {
        let updated = stream.next().await.unwrap();
        assert_eq!(updated["method"], "notifications/resources/updated");
        assert_eq!(updated["params"]["_meta"][keys::SUBSCRIPTION_ID], "sub");
        here.clock.advance(Duration::from_secs(10));
    }
    drop(stream.next().await);
    drop(there.modern().tool("toggle", json!({})).await.expect(200));
    drop(there.modern().tool("announce", json!({})).await.expect(200));
    assert_eq!(stream.next().await.unwrap()["method"], tools);
}

#[tokio::test]
async fn a_subscription_is_told_nothing_from_before_it_began() {
    let world = world().await;
    let modern = world.modern();
    let announce = async || {
        drop(modern.tool("announce", json!({})).await.expect(200));
        // A resource is announced once a second.
        world.clock.advance(Duration::from_secs(1));
    };
    announce().await;
    let draft = || modern.draft("subscriptions/listen", wanted()).id("sub");
    drop(modern.open(draft()).await.next().await);
    // Nobody listens to this.
    announce().await;
    let mut stream = modern.open(draft()).await;
    let acknowledged = stream.next().await.unwrap();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    announce().await;
    let tools = stream.next().await.unwrap();
    assert_eq!(tools["method"], "notifications/tools/list_changed");
    assert_eq!(stream.next().await.unwrap()["params"]["uri"], "test://watched");
    world.lifecycle.stop();
    let last = stream.next().await.unwrap();
    assert!(last["result"].is_object(), "{last}");
}

#[tokio::test]
async fn a_subscription_ends_with_a_result_when_the_server_stops() {
    let world = world().await;
    let modern = world.modern();
    let mut stream = modern.open(modern.draft("subscriptions/listen", wanted()).id(7)).await;
    drop(stream.next().await);
    world.lifecycle.stop();
    let reply = stream.finish().await;
    assert_eq!(reply.result()["_meta"][keys::SUBSCRIPTION_ID], 7);
}

#[tokio::test]
async fn a_subscription_is_a_stream_and_watches_no_more_than_it_may() {
    let world = world().await;
    let modern = world.modern();
    let json_only =
        modern.draft("subscriptions/listen", wanted()).header("accept", "application/json");
    drop(modern.send(json_only).await.expect(406));
    let many: Vec<_> = (0..257).map(|n| format!("test://{n}")).collect();
    let params = json!({ "notifications": { "resourceSubscriptions": many } });
    drop(modern.call("subscriptions/listen", params).await.expect_error(400, -32602));
}

#[tokio::test]
async fn a_session_is_told_of_lists_and_of_what_it_watches_on_its_stream() {
    let (here, there) = two().await;
    let session = here.session().await;
    let mut stream = session.listen(None).await;
    let params = json!({ "uri": "test://watched" });
    // The subscription is made at the other instance, while the stream is open at this one.
    let elsewhere = session.at(&there.endpoint());
    assert_eq!(
        elsewhere.call("resources/subscribe", params.clone()).await.expect(200).result(),
        &json!({})
    );
    drop(there.modern().tool("announce", json!({})).await.expect(200));
    assert_eq!(stream.next().await.unwrap()["method"], "notifications/tools/list_changed");
    assert_eq!(stream.next().await.unwrap()["params"], params);
    drop(elsewhere.call("resources/unsubscribe", params).await.expect(200));
    // A resource is announced once a second.
    there.clock.advance(Duration::from_secs(1));
    drop(there.modern().tool("announce", json!({})).await.expect(200));
    assert_eq!(stream.next().await.unwrap()["method"], "notifications/tools/list_changed");
    drop(session.end().await.expect(204));
    assert_eq!(stream.next().await, None, "what is no longer watched is not told");
}

#[tokio::test]
async fn a_stream_that_is_open_hears_log_messages_from_the_level_on_that_was_set_last() {
    let (here, there) = two().await;
    let session = here.session().await;
    let mut stream = session.listen(None).await;
    drop(session.tool("toggle", json!({})).await.expect(200));
    let (log, tools) = ("notifications/message", "notifications/tools/list_changed");
    assert_eq!(stream.next().await.unwrap()["method"], log);
    // It is set at the other instance, while the stream is open at this one.
    let elsewhere = session.at(&there.endpoint());
    for (level, heard) in [("error", tools), ("notice", log)] {
        drop(elsewhere.call("logging/setLevel", json!({ "level": level })).await.expect(200));
        here.clock.advance(Duration::from_secs(10));
        drop(there.modern().tool("announce", json!({})).await.expect(200));
        assert_eq!(stream.next().await.unwrap()["method"], heard, "{level}");
    }
}

#[tokio::test]
async fn a_session_watches_no_more_than_it_may() {
    let world = world().await;
    let session = world.session().await;
    let long = json!({ "uri": format!("test://{}", "x".repeat(2048)) });
    drop(session.call("resources/subscribe", long).await.expect_error(200, -32602));
    for n in 0..256 {
        let params = json!({ "uri": format!("test://{n}") });
        drop(session.call("resources/subscribe", params).await.expect(200));
    }
    let one_more = json!({ "uri": "test://one-more" });
    drop(session.call("resources/subscribe", one_more).await.expect_error(200, -32602));
}

#[tokio::test]
async fn what_happens_before_the_first_stream_of_a_session_is_not_missed() {
    let (here, there) = two().await;
    let session = here.session().await;
    drop(there.modern().tool("announce", json!({})).await.expect(200));
    let mut stream = session.listen(None).await;
    assert_eq!(stream.next().await.unwrap()["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn what_happens_while_the_stream_of_a_session_is_away_is_heard_afterwards_and_once() {
    let (here, there) = two().await;
    let session = here.session().await;
    let announce = async || {
        drop(there.modern().tool("announce", json!({})).await.expect(200));
    };
    let mut stream = session.listen(None).await;
    announce().await;
    drop(stream.next().await.unwrap());
    let last = stream.last_event_id().unwrap().to_owned();
    drop(stream);
    for _ in 0..3 {
        announce().await;
    }
    let mut stream = session.at(&there.endpoint()).listen(Some(&last)).await;
    for _ in 0..3 {
        assert_eq!(stream.next().await.unwrap()["method"], "notifications/tools/list_changed");
    }
    drop(session.end().await.expect(204));
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_session_that_ends_takes_its_subscriptions_with_it() {
    // E14: in the original they stayed, and the list of whom to tell grew.
    let (here, there) = two().await;
    let (gone, other) = (here.session().await, there.session().await);
    let watched = json!({ "uri": "test://watched" });
    for session in [&gone, &other] {
        drop(session.call("resources/subscribe", watched.clone()).await.expect(200));
    }
    let (ended, mut stays) = (gone.listen(None).await, other.listen(None).await);
    drop(gone.at(&there.endpoint()).end().await.expect(204));
    assert!(ended.finish().await.messages.is_empty());
    drop(gone.call("resources/unsubscribe", watched.clone()).await.expect_error(404, -32001));
    drop(there.modern().tool("announce", json!({})).await.expect(200));
    assert_eq!(stays.next().await.unwrap()["method"], "notifications/tools/list_changed");
    assert_eq!(stays.next().await.unwrap()["params"], watched);
}

#[tokio::test]
async fn what_everybody_can_read_is_announced_once_a_second_and_the_last_time_too() {
    let (here, there) = two().await;
    let modern = here.modern();
    let mut stream = modern.open(modern.draft("subscriptions/listen", wanted())).await;
    drop(stream.next().await);
    let announce = async |at: &World, times: usize| {
        for _ in 0..times {
            drop(at.modern().tool("announce", json!({})).await.expect(200));
        }
    };
    let (tools, updated) = ("notifications/tools/list_changed", "notifications/resources/updated");
    let mut told = async |expected: &[&str]| {
        for method in expected {
            assert_eq!(stream.next().await.unwrap()["method"], *method, "of {expected:?}");
        }
    };
    // Lists change seldom, and nothing of them is put off.
    announce(&there, 5).await;
    told(&[tools, updated, tools, tools, tools, tools]).await;
    there.clock.advance(Duration::from_secs(1));
    told(&[updated]).await;
    // That was announced this second.
    announce(&there, 2).await;
    told(&[tools, tools]).await;
    there.clock.advance(Duration::from_secs(1));
    told(&[updated]).await;
    // Another instance has a second of its own.
    announce(&here, 1).await;
    told(&[tools, updated]).await;
    // And after a quiet one it is announced at once.
    there.clock.advance(Duration::from_secs(1));
    announce(&there, 1).await;
    told(&[tools, updated]).await;
}

#[tokio::test]
async fn what_was_put_off_is_announced_before_an_instance_ends() {
    let (here, there) = two().await;
    let modern = here.modern();
    let mut stream = modern.open(modern.draft("subscriptions/listen", wanted())).await;
    drop(stream.next().await);
    for _ in 0..2 {
        drop(there.modern().tool("announce", json!({})).await.expect(200));
    }
    there.lifecycle.stop();
    there.lifecycle.finished().await;
    let mut methods = Vec::new();
    for _ in 0..4 {
        methods.push(stream.next().await.unwrap()["method"].clone());
    }
    let (tools, updated) = ("notifications/tools/list_changed", "notifications/resources/updated");
    assert_eq!(methods, [tools, updated, tools, updated]);
}

/// Tells so often of something that belongs to somebody else.
async fn anothers(store: &Store, times: usize) {
    let change = Change::Of { owner: "another".to_owned(), changes: vec![Change::Tools] };
    let text = serde_json::to_string(&change).unwrap();
    for _ in 0..times {
        store.log().append("mcp:changes", &text, Duration::from_hours(1)).await.unwrap();
        // Whoever reads the feed keeps up with it.
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_anothers_is_read_once_by_an_instance_and_by_no_stream() {
    let (store, clock) = still();
    let world = instance(&store, clock, &[("MCP_AUTH", "none")]).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(world.session().await.listen(None).await);
    }
    let before = store.bus().traffic().received;
    anothers(&store, 100).await;
    drop(world.modern().tool("announce", json!({})).await.expect(200));
    for stream in &mut streams {
        assert_eq!(stream.next().await.unwrap()["method"], "notifications/tools/list_changed");
    }
    // Each stream hears of itself and no more, and not of each of the hundred.
    let received = store.bus().traffic().received - before;
    assert!((102..=102 + 2 * 20).contains(&received), "{received}");
}

#[tokio::test]
async fn a_quiet_stream_comes_back_though_the_feed_has_lost_what_was_others_since() {
    let (store, clock) = still();
    let world = instance(&store, clock, &[("MCP_AUTH", "none")]).await;
    let session = world.session().await;
    let mut stream = session.listen(None).await;
    drop(world.modern().tool("announce", json!({})).await.expect(200));
    drop(stream.next().await.unwrap());
    anothers(&store, MAX_EVENTS + 10).await;
    // What is said to the session alone says where it is in the feed, too.
    let said = json!({ "jsonrpc": "2.0", "method": "notifications/message",
        "params": { "level": "info", "data": "said" } });
    let log = format!("mcp:shttp:toclient:{}:standalone", session.id.as_deref().unwrap());
    store.log().append(&log, &format!("m0.1 {said}"), Duration::from_mins(5)).await.unwrap();
    assert_eq!(stream.next().await.unwrap()["params"]["data"], "said");
    let left = stream.leave();
    drop(world.modern().tool("announce", json!({})).await.expect(200));
    let mut stream = session.listen(Some(&left.last_event_id)).await;
    assert_eq!(stream.next().await.unwrap()["method"], "notifications/tools/list_changed");
    drop(session.end().await.expect(204));
    assert_eq!(stream.next().await, None, "after a gap it would be told twice");
}
