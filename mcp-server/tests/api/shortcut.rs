//! A client that is no page of a browser goes past the router: it is answered as a page is.

use http::HeaderMap;
use serde_json::{Value, json};
use testkit::rpc::{Draft, Reply};

use crate::providers::{Scene, scene};

/// What only one of the two is told, or only the moment makes.
const OWN: [&str; 6] = [
    "access-control-allow-origin",
    "access-control-expose-headers",
    "connection",
    "date",
    "vary",
    "content-length",
];

fn headers(reply: &Reply) -> HeaderMap {
    let mut headers = reply.headers.clone();
    for name in OWN {
        headers.remove(name);
    }
    headers
}

/// Both answers to a request, which a page sends as well.
async fn both(scene: &Scene, draft: impl Fn() -> Draft) -> (Reply, Reply) {
    let draft = || draft().header("x-request-id", "one");
    let plain = scene.modern.send(draft()).await;
    let of_page = scene.modern.send(draft().header("origin", "http://localhost:6274")).await;
    (plain, of_page)
}

/// How a request may be changed.
type Change = fn(Draft) -> Draft;

const CHANGES: [(u16, Change); 13] = [
    (200, |draft| draft),
    (200, |draft| draft.header("accept", "application/json")),
    (200, |draft| draft.param("arguments", json!({ "message": 5 }))),
    (400, |draft| draft.header("mcp-name", "add")),
    (400, |draft| draft.header("mcp-protocol-version", "1999-01-01")),
    (400, |draft| draft.raw("{")),
    (401, |draft| draft.without_header("authorization")),
    (401, |draft| draft.header("authorization", "Bearer bad")),
    (403, |draft| draft.header("host", "evil.example")),
    (400, session),
    (406, |draft| draft.header("accept", "text/html")),
    (413, |draft| draft.raw(vec![b' '; 5 * 1024 * 1024])),
    (415, |draft| draft.header("content-type", "text/plain")),
];

fn session(draft: Draft) -> Draft {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    draft.header("mcp-protocol-version", "2025-11-25").message(message)
}

#[tokio::test]
async fn both_ways_answer_alike() {
    let mut scene = scene(&[]).await;
    scene.modern = scene.modern.bearer("good");
    let params = json!({ "name": "echo", "arguments": { "message": "hello" } });
    for (number, (status, change)) in CHANGES.into_iter().enumerate() {
        let draft = || change(scene.modern.draft("tools/call", params.clone()).id(1));
        let (plain, of_page) = both(&scene, draft).await;
        assert_eq!(plain.status.as_u16(), status, "{number}: {plain}");
        assert_eq!(of_page.status.as_u16(), status, "{number}: {of_page}");
        assert_eq!(plain.messages, of_page.messages, "{number}");
        assert_eq!(plain.text, of_page.text, "{number}");
        assert_eq!(headers(&plain), headers(&of_page), "{number}");
        assert!(!plain.headers.contains_key("vary"), "{number}: it went by the router");
        assert!(of_page.headers.contains_key("vary"), "{number}: it went past the router");
    }
}

#[tokio::test]
async fn both_ways_are_measured_by_the_same_labels() {
    let mut scene = scene(&[("METRICS_ON_MAIN_PORT", "1")]).await;
    scene.modern = scene.modern.bearer("good");
    let (plain, of_page) = both(&scene, || scene.modern.draft("tools/list", Value::Null)).await;
    drop((plain.expect(200), of_page.expect(200)));
    let text = scene.world.telemetry.metrics().unwrap().text();
    let counted = text.lines().filter(|line| {
        line.starts_with("http_server_request_duration_seconds_count") && line.contains("\"POST\"")
    });
    let counted: Vec<_> = counted.collect();
    assert_eq!(counted.len(), 1, "{counted:?}");
    assert!(
        counted[0].contains("http_route=\"/mcp\"") && counted[0].ends_with(" 2"),
        "{counted:?}"
    );
}
