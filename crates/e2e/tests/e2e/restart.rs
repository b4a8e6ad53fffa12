//! What a restart of the MCP server costs: with Redis nothing, in memory the sessions.

use e2e::{Backend, Setup};
use serde_json::json;

use crate::support::{asking, forms, person, session, still_works, told_name, works};

on_both_stores![a_token_outlives_a_restart, a_call_interrupted_before_a_restart_goes_on_after_it];

async fn a_token_outlives_a_restart(setup: Setup) {
    let mut world = setup.start().await;
    let alice = world.login("alice").await;
    world.restart_mcp(0).await;
    works(&world, alice.access()).await;
}

async fn a_call_interrupted_before_a_restart_goes_on_after_it(setup: Setup) {
    let mut world = setup.start().await;
    let alice = world.login("alice").await;
    let modern = world.modern(alice.access()).capabilities(forms()).script(person("Ada"));
    let interrupted = modern.call("tools/call", asking()).await.expect(200);
    let again = modern.with_answers(asking(), interrupted.result());
    world.restart_mcp(0).await;
    let done = modern.call("tools/call", again).await.expect(200);
    assert_eq!(told_name(done.result()), "Ada");
}

#[tokio::test]
async fn a_session_in_redis_outlives_its_instance() {
    let mut world = Setup::new(Backend::Redis).start().await;
    let session = session(&world, world.login("alice").await.access()).await;
    let stream = session.listen(None).await;
    world.restart_mcp(0).await;
    drop(stream);
    let _ = session.call("ping", json!({})).await.expect(200);
    let mut stream = session.listen(None).await;
    assert!(stream.next_event().await.is_some(), "priming");
}

#[tokio::test]
async fn a_session_in_memory_ends_with_its_instance_and_is_404() {
    let mut world = Setup::new(Backend::Memory).start().await;
    let session = session(&world, world.login("alice").await.access()).await;
    world.restart_mcp(0).await;
    let _ = session.call("ping", json!({})).await.expect_error(404, -32001);
    still_works(&world).await;
}
