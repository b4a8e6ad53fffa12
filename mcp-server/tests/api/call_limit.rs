//! No call takes longer than fifteen minutes, however it is made.

use std::time::Duration;

use serde_json::{Value, json};
use shared::mcp::TASKS_EXTENSION;
use testkit::rpc::{Reply, Session};

use crate::world::{World, world};

const ENDED: &str = "The call took too long and was ended";

/// Fifteen minutes, in steps of seconds that are less than what a session may go unused. Until the last
/// one the call goes on.
const STEPS: [u64; 10] = [100, 100, 100, 100, 100, 100, 100, 100, 99, 1];

fn endless() -> Value {
    json!({ "name": "endure", "arguments": {} })
}

/// Lets fifteen minutes pass after the call has begun, which goes on until then. A session is used
/// meanwhile, so that it stays.
async fn fifteen_minutes(world: &mut World, session: Option<&Session>) {
    world.happened("started").await;
    for step in STEPS {
        assert!(!world.has_happened("dropped"), "it was ended too early");
        world.clock.advance(Duration::from_secs(step));
        match session {
            Some(session) => drop(session.call("ping", json!({})).await.expect(200)),
            None => drop(world.modern().call("tools/list", json!({})).await.expect(200)),
        }
    }
    world.happened("dropped").await;
}

fn is_ended(reply: Reply) {
    let reply = reply.expect_error(200, -32603);
    assert_eq!(reply.error()["message"], ENDED);
}

#[tokio::test]
async fn a_call_of_a_session_is_ended_after_fifteen_minutes() {
    let mut world = world().await;
    let session = world.session().await;
    let call = session.call("tools/call", endless());
    let (reply, ()) = tokio::join!(call, fifteen_minutes(&mut world, Some(&session)));
    is_ended(reply);
}

#[tokio::test]
async fn a_call_without_a_session_is_ended_after_fifteen_minutes() {
    let mut world = world().await;
    let modern = world.modern();
    let call = modern.call("tools/call", endless());
    let (reply, ()) = tokio::join!(call, fifteen_minutes(&mut world, None));
    is_ended(reply);
}

#[tokio::test]
async fn a_task_without_a_session_has_failed_after_fifteen_minutes() {
    let mut world = world().await;
    let able = json!({ "extensions": { TASKS_EXTENSION: {} } });
    let modern = world.modern().capabilities(able);
    let created = modern.call("tools/call", endless()).await.expect(200);
    let about = json!({ "taskId": created.result()["taskId"] });
    fifteen_minutes(&mut world, None).await;
    let ended = testkit::eventually(testkit::PATIENCE, async || {
        let task = modern.call("tasks/get", about.clone()).await.expect(200).result().clone();
        (task["status"] != "working").then_some(task)
    });
    let ended = ended.await;
    assert_eq!((&ended["status"], &ended["error"]["message"]), (&json!("failed"), &json!(ENDED)));
}

#[tokio::test]
async fn a_task_of_a_session_has_failed_after_fifteen_minutes() {
    let mut world = world().await;
    let session = world.session().await;
    let mut params = endless();
    params["task"] = json!({ "ttl": 3_600_000 });
    let created = session.call("tools/call", params).await.expect(200);
    let about = json!({ "taskId": created.result()["task"]["taskId"] });
    fifteen_minutes(&mut world, Some(&session)).await;
    is_ended(session.call("tasks/result", about.clone()).await);
    let task = session.call("tasks/get", about).await.expect(200).result().clone();
    assert_eq!((&task["status"], &task["statusMessage"]), (&json!("failed"), &json!(ENDED)));
}
