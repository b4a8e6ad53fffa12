//! Whatever is sent to the endpoint gets exactly one answer, and the server goes on.
//!
//! How often each property is tried says `PROPTEST_CASES`; see docs/testing.md.

use bytes::Bytes;
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};
use testkit::http::Http;

use crate::world::world;

/// Statuses that an answer to a POST may have. 5xx is not one of them.
const STATUSES: [u16; 9] = [200, 202, 400, 403, 404, 406, 413, 415, 431];

/// What a request has that is right.
const RIGHT: [(&str, &str); 5] = [
    ("accept", "application/json, text/event-stream"),
    ("content-type", "application/json"),
    ("mcp-protocol-version", "2026-07-28"),
    ("mcp-method", "tools/call"),
    ("mcp-name", "echo"),
];

/// Texts that are valid, broken in one place.
fn nearly() -> impl Strategy<Value = Bytes> {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "echo", "arguments": { "message": "hi" },
        "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                   "io.modelcontextprotocol/clientCapabilities": {} } } });
    let text = call.to_string().into_bytes();
    let change = (any::<prop::sample::Index>(), 0..3_u8, any::<u8>());
    prop::collection::vec(change, 0..4).prop_map(move |changes| {
        let mut text = text.clone();
        for (place, what, byte) in changes {
            let place = place.index(text.len());
            match what {
                0 => text[place] = byte,
                1 => drop(text.remove(place)),
                _ => text.insert(place, byte),
            }
        }
        text.into()
    })
}

fn header() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![
        Just("mcp-protocol-version"),
        Just("mcp-method"),
        Just("mcp-name"),
        Just("mcp-session-id"),
        Just("accept"),
        Just("content-type"),
        Just("last-event-id"),
        Just("mcp-param-region"),
    ];
    let value = prop_oneof![
        Just("2026-07-28".to_owned()),
        Just("2025-03-26".to_owned()),
        Just("tools/call".to_owned()),
        Just("echo".to_owned()),
        "[!-~]{0,20}",
        Just("=?base64?!?=".to_owned()),
    ];
    (name.prop_map(str::to_owned), value)
}

async fn answered(http: &Http, body: Bytes, headers: &[(String, String)]) -> u16 {
    let given = |name: &str| headers.iter().any(|(each, _)| each == name);
    let mut request = http.request(http::Method::POST, "/mcp").body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    for (name, value) in RIGHT.into_iter().filter(|(name, _)| !given(name)) {
        request = request.header(name, value);
    }
    http.send(request).await.status.as_u16()
}

#[test]
fn any_bytes_under_any_headers_get_one_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(world());
    let http = Http::new(&world.base);
    let any = prop_oneof![3 => nearly(), 1 => any::<Vec<u8>>().prop_map(Bytes::from)];
    let strategy = (any, prop::collection::vec(header(), 0..3));
    let tried = TestRunner::default().run(&strategy, |(body, headers)| {
        let status = runtime.block_on(answered(&http, body, &headers));
        prop_assert!(STATUSES.contains(&status), "{status}");
        Ok(())
    });
    tried.unwrap();
    let still = runtime.block_on(world.modern().tool("echo", json!({ "message": "hi" })));
    assert_eq!(still.expect(200).result()["resultType"], Value::from("complete"));
}
