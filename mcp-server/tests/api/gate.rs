//! When the gate closes: at once when the authorization server ends, and not because a connection does.

use std::time::Duration;

use serde_json::json;
use testkit::{PATIENCE, eventually};

use crate::{
    provider::Mood,
    providers::{JWT, Scene, scene},
};

async fn is_held(scene: &Scene) {
    eventually(PATIENCE, || async { (scene.provider.held() > 0).then_some(()) }).await;
}

#[tokio::test]
async fn a_server_that_ends_is_noticed_while_no_time_passes_and_nobody_asks() {
    let Scene { world, provider, modern } = scene(&[]).await;
    let modern = modern.bearer("good");
    drop(modern.call("tools/list", json!({})).await.expect(200));
    drop(provider);
    eventually(PATIENCE, || async { (!world.server.is_available()).then_some(()) }).await;
    // It is in the cache, and counts for nothing now.
    drop(modern.call("tools/list", json!({})).await.expect_error(503, -32000));
}

#[tokio::test]
async fn a_connection_that_ends_is_a_reason_to_look_and_nothing_else() {
    let scene = scene(&[]).await;
    assert_eq!(scene.status("good").await, 200);
    is_held(&scene).await;
    let before = scene.provider.described();
    scene.provider.hang_up();
    eventually(PATIENCE, || async {
        assert!(scene.world.server.is_available());
        (scene.provider.described() > before).then_some(())
    })
    .await;
    assert_eq!((scene.status("good").await, scene.status("good-2").await), (200, 200));
}

#[tokio::test]
async fn a_server_that_hangs_up_again_and_again_has_time_between_and_nobody_is_refused() {
    let scene = scene(&[]).await;
    is_held(&scene).await;
    for _ in 0..5 {
        let (looks, held) = (scene.provider.described(), scene.provider.held());
        scene.provider.hang_up();
        eventually(PATIENCE, || async { (scene.provider.described() > looks).then_some(()) }).await;
        assert_eq!((scene.status("good").await, scene.provider.held()), (200, held));
        eventually(PATIENCE, || async {
            // In small steps: to hold a connection may take a second, and it is real.
            scene.world.clock.advance(Duration::from_millis(100));
            assert!(scene.world.server.is_available());
            (scene.provider.held() > held).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_is_held_where_an_end_would_say_nothing() {
    let once_an_hour = ("MCP_AUTH_DISCOVERY_REFRESH", "3600");
    for settings in [once_an_hour, JWT] {
        let scene = scene(&[settings]).await;
        let token = if settings == JWT { scene.token("k1", &json!({})) } else { "good".to_owned() };
        assert_eq!(scene.status(&token).await, 200);
        assert_eq!(scene.provider.held(), 0);
    }
    is_held(&scene(&[]).await).await;
}

#[tokio::test]
async fn signatures_are_checked_when_their_server_has_ended() {
    let Scene { world, provider, modern } = scene(&[JWT]).await;
    let token = provider.token(&world.endpoint(), "k1", &json!({}));
    let modern = modern.bearer(&token);
    drop(modern.call("tools/list", json!({})).await.expect(200));
    drop(provider);
    drop(modern.call("tools/list", json!({})).await.expect(200));
    assert!(world.server.is_available());
}

#[tokio::test]
async fn one_look_that_fails_closes_nothing_and_two_do() {
    let scene = scene(&[]).await;
    assert_eq!(scene.status("good").await, 200);
    for mood in [Mood::Status(500), Mood::Garbage, Mood::Close, Mood::Reset] {
        let before = scene.provider.described();
        scene.provider.set(|script| script.metadata_once = Some(mood));
        eventually(PATIENCE, async || {
            // In small steps: an answer has some seconds to come, and it is real.
            scene.world.clock.advance(Duration::from_millis(100));
            assert!(scene.world.server.is_available(), "{mood:?}");
            (scene.provider.described() >= before + 2).then_some(())
        })
        .await;
        assert_eq!(scene.status("good-2").await, 200, "{mood:?}");
    }
    scene.provider.set(|script| script.metadata = Mood::Status(500));
    scene.available(false).await;
    assert_eq!(scene.status("good-2").await, 503);
}
