//! Hostile input is normal input: each gets the answer that its page names, and the server lives.

use serde_json::json;
use testkit::http::Http;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::{World, world};

async fn still_works(world: &World) {
    let reply = world.modern().tool("echo", json!({ "message": "alive" })).await.expect(200);
    assert_eq!(reply.content_text(), "alive");
}

#[tokio::test]
async fn what_is_no_message_is_refused_with_the_code_for_it() {
    let world = world().await;
    let modern = world.modern();
    let raw = |text: &'static str| modern.draft("tools/list", json!({})).raw(text);
    for text in ["{", "", "{\"jsonrpc\":\"2.0\",}", "\u{0}"] {
        drop(modern.send(raw(text)).await.expect_error(400, -32700));
    }
    let shapes = [
        "5",
        "[]",
        "{}",
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":5}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
    ];
    for text in shapes {
        drop(modern.send(raw(text)).await.expect_error(400, -32600));
    }
    still_works(&world).await;
}

#[tokio::test]
async fn deep_and_wide_json_is_only_refused() {
    let world = world().await;
    let modern = world.modern();
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let call =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":"#;
    for body in [deep.clone(), format!("{call}{deep}}}}}")] {
        let reply =
            modern.send(modern.draft("tools/call", json!({ "name": "echo" })).raw(body)).await;
        assert!(reply.status.is_client_error(), "{}", reply.status);
    }
    still_works(&world).await;
}

#[tokio::test]
async fn an_oversized_body_is_413_with_a_body_that_programs_read() {
    let world = world().await;
    let modern = world.modern();
    let body = vec![b' '; 5 * 1024 * 1024];
    let reply = modern.send(modern.draft("tools/list", json!({})).raw(body)).await;
    drop(reply.expect_error(413, -32600));
    still_works(&world).await;
}

#[tokio::test]
async fn other_media_types_are_415_and_what_nobody_can_send_406() {
    let world = world().await;
    let modern = world.modern();
    let draft = || modern.draft("tools/list", json!({}));
    drop(modern.send(draft().header("content-type", "text/plain")).await.expect(415));
    drop(modern.send(draft().without_header("content-type")).await.expect(415));
    drop(modern.send(draft().header("accept", "text/html")).await.expect(406));
    drop(modern.send(draft().header("accept", "*/*")).await.expect(200));
    drop(modern.send(draft().header("accept", "text/event-stream")).await.expect(200));
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_read_by_the_model_and_unknown_tools_by_programs() {
    let world = world().await;
    let reply = world.modern().tool("echo", json!({ "message": 5 })).await.expect(200);
    assert_eq!(reply.result()["isError"], true);
    assert!(reply.content_text().contains("message"), "{reply}");
    drop(world.modern().tool("nope", json!({})).await.expect_error(200, -32602));
    let no_name = world.modern().call("tools/call", json!({ "arguments": {} })).await;
    drop(no_name.expect_error(200, -32602));
    let list = json!({ "name": "echo", "arguments": [1] });
    drop(world.modern().call("tools/call", list).await.expect_error(200, -32602));
}

#[tokio::test]
async fn a_tool_that_panics_is_an_error_and_nothing_more() {
    let world = world().await;
    let reply = world.modern().tool("crash", json!({})).await.expect_error(200, -32603);
    assert!(!reply.error().to_string().contains("as it should"), "nothing internal");
    drop(world.session().await.tool("crash", json!({})).await.expect_error(200, -32603));
    still_works(&world).await;
}

#[tokio::test]
async fn sessions_that_are_not_there_are_404_and_no_session_is_400() {
    let world = world().await;
    let session = world.session().await;
    let unknown = "0".repeat(32);
    for name in ["nope", unknown.as_str(), "../../etc", "*"] {
        let draft = session.draft("ping", json!({})).header("mcp-session-id", name);
        drop(session.send(draft).await.expect_error(404, -32001));
    }
    let draft = session.draft("ping", json!({})).without_header("mcp-session-id");
    drop(session.send(draft).await.expect_error(400, -32600));
    drop(session.call("ping", json!({})).await.expect(200));
}

#[tokio::test]
async fn other_verbs_are_405_and_say_what_is_allowed() {
    let world = world().await;
    let http = Http::new(&world.base);
    for verb in [http::Method::PUT, http::Method::PATCH] {
        let answer = http.send(http.request(verb, "/mcp")).await.expect(405);
        assert_eq!(answer.header("allow"), Some("POST, GET, DELETE"));
    }
    let get = http.request(http::Method::GET, "/mcp").header("mcp-protocol-version", "2026-07-28");
    assert_eq!(http.send(get).await.expect(405).header("allow"), Some("POST"));
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_403() {
    let world = world().await;
    let modern = world.modern();
    let draft = || modern.draft("server/discover", json!({}));
    drop(modern.send(draft().header("host", "evil.example.com")).await.expect(403));
    drop(modern.send(draft().header("origin", "http://evil.example.com")).await.expect(403));
    drop(modern.send(draft().header("origin", "http://localhost:6274")).await.expect(200));
}

#[tokio::test]
async fn half_a_request_and_a_lost_connection_harm_nobody() {
    let world = world().await;
    let address = world.base.strip_prefix("http://").unwrap();
    for part in [
        "POST /mcp HTTP/1.1\r\nhost: loc",
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    ] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(part.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest).await);
    }
    still_works(&world).await;
}
