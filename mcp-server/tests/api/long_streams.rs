//! Streams that have no end of their own: they last as long as the token that opened them is good,
//! which is asked again every minute.

use std::time::Duration;

use serde_json::{Value, json};
use shared::mcp::Revision;
use testkit::{
    as_time_passes,
    http::Http,
    rpc::{Exchange, OldSession},
};

use crate::{
    provider::{Mood, NOW},
    providers::{Scene, scene},
};

/// What the provider says from now on of tokens that were good, beside what it said before.
fn says(scene: &Scene, changes: &Value) {
    let mut claims = json!({ "aud": scene.world.endpoint() });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    scene.provider.set(|script| script.claims = claims);
}

async fn subscription(scene: &Scene) -> Exchange {
    let modern = scene.modern.clone().bearer("good");
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let mut stream = modern.open(modern.draft("subscriptions/listen", filter)).await;
    drop(stream.next().await.unwrap());
    stream
}

/// Lets a minute pass, and waits until the provider has been asked again meanwhile.
async fn a_minute(scene: &Scene) {
    let before = scene.provider.introspected();
    scene.advance(60);
    let asked = || async { (scene.provider.introspected() > before).then_some(()) };
    testkit::eventually(testkit::PATIENCE, asked).await;
}

/// Whether a change is told on it.
async fn lives(scene: &Scene, stream: &mut Exchange) {
    let other = scene.modern.clone().bearer("good-too");
    drop(other.tool("announce", json!({})).await.expect(200));
    let told = stream.next().await.unwrap();
    assert_eq!(told["method"], "notifications/tools/list_changed");
}

/// Opens every kind of stream, has the provider say something else, and expects all of them to end
/// within a minute.
async fn all_end_when(changes: Value) {
    let scene = scene(&[]).await;
    let session = scene.world.opening().bearer("good").open().await;
    let standalone = session.listen(None).await;
    let mut old = OldSession::open(&scene.world.base, Some("good")).await;
    drop(old.initialize(Revision::V2024_11_05, json!({})).await);
    let subscription = subscription(&scene).await;
    says(&scene, &changes);
    scene.advance(60);
    assert_eq!(subscription.finish().await.result()["resultType"], "complete");
    assert!(standalone.finish().await.messages.is_empty());
    assert_eq!(old.next().await, None);
}

#[tokio::test]
async fn all_streams_end_within_a_minute_when_their_token_is_revoked() {
    all_end_when(json!({ "active": false })).await;
}

#[tokio::test]
async fn all_streams_end_when_their_token_stands_for_somebody_else() {
    all_end_when(json!({ "sub": "mallory" })).await;
}

#[tokio::test]
async fn all_streams_end_when_their_token_allows_too_little() {
    all_end_when(json!({ "scope": "other" })).await;
}

#[tokio::test]
async fn all_streams_end_when_their_token_has_another_audience() {
    all_end_when(json!({ "aud": "https://other.example" })).await;
}

#[tokio::test]
async fn a_stream_stays_as_long_as_its_token_is_good() {
    let scene = scene(&[]).await;
    let mut stream = subscription(&scene).await;
    for _ in 0..5 {
        a_minute(&scene).await;
        lives(&scene, &mut stream).await;
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_token_does_between_two_looks() {
    let scene = scene(&[]).await;
    says(&scene, &json!({ "exp": crate::provider::NOW + 40 }));
    let stream = subscription(&scene).await;
    scene.advance(80);
    assert_eq!(stream.finish().await.result()["resultType"], "complete");
}

#[tokio::test]
async fn a_token_of_which_nobody_says_when_it_ends_keeps_its_stream_while_it_is_good() {
    let scene = scene(&[]).await;
    says(&scene, &json!({ "exp": null }));
    let mut stream = subscription(&scene).await;
    for _ in 0..3 {
        a_minute(&scene).await;
        lives(&scene, &mut stream).await;
    }
    says(&scene, &json!({ "exp": null, "active": false }));
    scene.advance(60);
    assert_eq!(stream.finish().await.result()["resultType"], "complete");
}

#[tokio::test]
async fn a_stream_stays_in_an_outage_but_not_beyond_the_end_that_was_known() {
    let scene = scene(&[]).await;
    says(&scene, &json!({ "exp": crate::provider::NOW + 600 }));
    let mut stream = subscription(&scene).await;
    scene.provider.set(|script| script.introspection = Mood::Status(500));
    a_minute(&scene).await;
    scene.provider.set(|script| script.introspection = Mood::Well);
    scene.available(true).await;
    lives(&scene, &mut stream).await;
    scene.provider.set(|script| script.introspection = Mood::Status(500));
    scene.advance(700);
    assert_eq!(stream.finish().await.result()["resultType"], "complete");
}

#[tokio::test]
async fn a_stream_that_a_signed_token_has_opened_is_looked_at_without_asking() {
    let scene = scene(&[("MCP_AUTH_VALIDATION", "jwt")]).await;
    // Its own end is further away than this test waits.
    let token = scene.token("k1", &json!({ "exp": NOW + 200_000 }));
    let modern = scene.modern.clone().bearer(&token);
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let stream = modern.open(modern.draft("subscriptions/listen", filter)).await;
    // The key has been withdrawn: what it has signed is worth nothing. The first look with keys that
    // are no longer fresh has them renewed, and one after that sees it.
    scene.provider.set(|script| script.kid = "k2");
    let ended = as_time_passes(&scene.world.clock, Duration::from_mins(1), stream.finish()).await;
    assert_eq!(ended.result()["resultType"], "complete");
    assert_eq!(scene.provider.introspected(), 0);
}

#[tokio::test]
async fn a_tool_that_needs_more_is_403_on_the_transport_of_2024_11_05() {
    let scene = scene(&[]).await;
    let mut old = OldSession::open(&scene.world.base, Some("good")).await;
    drop(old.initialize(Revision::V2024_11_05, json!({})).await);
    let params = json!({ "name": "vault", "arguments": {} });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let http = Http::new(&scene.world.base);
    let address = format!("/message?{}", old.messages.query().unwrap());
    let request = http.request(http::Method::POST, &address).bearer_auth("good").json(&call);
    let reply = http.send(request).await.expect(403);
    let challenge = reply.header("www-authenticate").unwrap();
    let own = "/.well-known/oauth-protected-resource/sse\"";
    for part in [r#"error="insufficient_scope""#, r#"scope="mcp vault:open vault:read""#, own] {
        assert!(challenge.contains(part), "{challenge}");
    }
    old.request(2, "ping", json!({})).await;
    assert_eq!(old.next().await.unwrap()["id"], 2, "the call was not made");
}

#[tokio::test]
async fn a_batch_on_the_transport_of_2024_11_05_is_held_to_the_same() {
    let scene = scene(&[]).await;
    let mut old = OldSession::open(&scene.world.base, Some("good")).await;
    drop(old.initialize(Revision::V2025_03_26, json!({})).await);
    let call = |id: u8, name| {
        let params = json!({ "name": name, "arguments": {} });
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
    };
    let http = Http::new(&scene.world.base);
    let address = format!("/message?{}", old.messages.query().unwrap());
    let request = http.request(http::Method::POST, &address).bearer_auth("good");
    let batch = json!([call(1, "job"), call(2, "vault")]);
    let _ = http.send(request.json(&batch)).await.expect(403);
    assert!(!scene.world.has_happened("started"));
}

#[tokio::test]
async fn a_batch_with_a_call_that_needs_more_is_403_and_nothing_of_it_is_done() {
    let scene = scene(&[]).await;
    let opening = scene.world.opening().revision(Revision::V2025_03_26).bearer("good");
    let session = opening.open().await;
    let call = |id: u8, name| {
        let params = json!({ "name": name, "arguments": {} });
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
    };
    let reply =
        session.send(session.post(json!([call(1, "job"), call(2, "vault")]))).await.expect(403);
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(challenge.contains(r#"scope="mcp vault:open vault:read""#), "{challenge}");
    assert!(!scene.world.has_happened("started"));
}

/// Every kind of stream is refused where there are as many as may be, by an error that says whose limit it
/// is; one that ends makes room.
async fn no_further_stream(settings: &[(&str, &str)], status: u16, retry_after: &str) {
    let scene = scene(settings).await;
    let session = scene.world.opening().bearer("good").open().await;
    let modern = scene.modern.clone().bearer("good");
    let listen = || {
        let filter = json!({ "notifications": { "toolsListChanged": true } });
        modern.draft("subscriptions/listen", filter)
    };
    let (first, _second) = (session.listen(None).await, subscription(&scene).await);
    let refused = [
        session.open(session.listen_draft(None)).await.finish().await,
        modern.open(listen()).await.finish().await,
    ];
    for reply in refused {
        let reply = reply.expect(status);
        assert_eq!(reply.header("retry-after"), Some(retry_after));
        assert!(reply.error()["message"].as_str().unwrap().contains("streams"));
    }
    let http = Http::new(&scene.world.base);
    let old = http.request(http::Method::GET, "/sse").bearer_auth("good");
    let _ = http.send(old.header("accept", "text/event-stream")).await.expect(status);
    drop(modern.call("tools/list", json!({})).await.expect(200));
    drop(first);
    let there_is_room = || async { modern.open(listen()).await.is_stream().then_some(()) };
    testkit::eventually(testkit::PATIENCE, there_is_room).await;
}

#[tokio::test]
async fn a_caller_has_so_many_streams_of_all_kinds() {
    no_further_stream(&[("MCP_STREAMS_PER_CALLER", "2")], 429, "1").await;
}

#[tokio::test]
async fn an_instance_has_so_many_streams_of_all_callers() {
    no_further_stream(&[("MCP_MAX_STREAMS", "2")], 503, "2").await;
}
