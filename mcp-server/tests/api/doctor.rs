//! What the doctor says of a server that runs, and of one that does not.

use ambient::{Clock, Entropy, Env};
use mcp_server::cli;

use crate::world::world;

/// What is found, and whether it is well.
async fn examined(base: &str) -> (String, bool) {
    let env = Env::from([("MCP_AUTH", "none"), ("BASE_URI", base)]);
    let parts = (Clock::system(), Entropy::seeded(1));
    let mut out = Vec::new();
    let well = cli::doctor(&env, parts, None, &mut out).await.unwrap();
    (String::from_utf8(out).unwrap(), well)
}

#[tokio::test]
async fn a_server_that_runs_as_it_is_set_is_well() {
    let world = world().await;
    let (text, well) = examined(&world.base).await;
    assert!(well, "{text}");
    for about in ["endpoint", "clock", "CORS", "stream"] {
        assert!(text.contains(&format!("ok    {about}: ")), "{about} in {text}");
    }
    assert!(text.contains("hm    store: in memory"), "{text}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_not() {
    let (text, well) = examined("http://127.0.0.1:1").await;
    assert!(!well && text.contains("BAD   endpoint: http://127.0.0.1:1/mcp cannot be reached"));
}

#[tokio::test]
async fn a_setting_that_is_wrong_is_all_that_is_found() {
    let env = Env::from([("PORT", "x")]);
    let mut out = Vec::new();
    let parts = (Clock::system(), Entropy::seeded(1));
    assert!(!cli::doctor(&env, parts, None, &mut out).await.unwrap());
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("BAD   settings: ") && text.contains("PORT"), "{text}");
}
