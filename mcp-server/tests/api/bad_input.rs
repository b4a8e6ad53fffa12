//! Hostile input is normal input: each gets the answer that its page names, and the server lives.

use serde_json::json;
use shared::mcp::{Revision, TASKS_EXTENSION, keys};
use testkit::http::Http;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::{World, world};

async fn still_works(world: &World) {
    let reply = world.modern().tool("echo", json!({ "message": "alive" })).await.expect(200);
    assert_eq!(reply.content_text(), "alive");
}

/// Sends a head as it is, to `localhost`, and gives the whole answer.
async fn bare(world: &World, head: &str) -> String {
    bare_with(world, head, "").await
}

/// The same, and a body.
async fn bare_with(world: &World, head: &str, body: &str) -> String {
    let address = world.base.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("{head}host: localhost\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
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
async fn deep_json_is_refused_wherever_it_is_and_wide_json_is_not() {
    let world = world().await;
    let modern = world.modern();
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    // Small bodies are not looked at: nothing in them can be deep enough to matter.
    let large = " ".repeat(1024);
    let call = |arguments: &str, meta: &str| {
        let (revision, can) = (keys::PROTOCOL_VERSION, keys::CLIENT_CAPABILITIES);
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call",{large}"params":{{"name":"echo",
            "arguments":{{"message":"hi"{arguments}}},
            "_meta":{{"{revision}":"2026-07-28","{can}":{{}}{meta}}}}}}}"#
        )
    };
    let unread = |json: &str| call(&format!(r#","unread":{json}"#), "");
    let aside = |json: &str| call("", &format!(r#","unread":{json}"#));
    let send = async |body: String| {
        modern.send(modern.draft("tools/call", json!({ "name": "echo" })).raw(body)).await
    };
    // Three levels are those of the message itself.
    for body in [unread(&deep(126)), unread(&deep(200_000)), aside(&deep(126))] {
        let refused = send(body).await.expect_error(400, -32600);
        assert_eq!(refused.messages[0]["id"], 7);
    }
    drop(send(deep(200_000)).await.expect_error(400, -32600));
    let wide = format!("[{}0]", "[],".repeat(100_000));
    for body in [unread(&deep(125)), aside(&deep(125)), unread(&wide)] {
        assert_eq!(send(body).await.expect(200).content_text(), "hi");
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
    let two = draft().another_header("content-type", "application/json");
    drop(modern.send(two).await.expect(415));
    for (kind, status) in [
        ("application/json; charset=latin1", 415),
        ("application/json;charset=\"utf-16\"", 415),
        ("application/json; charset=UTF-8", 200),
        ("Application/JSON;x=1; charset=\"utf-8\"", 200),
    ] {
        drop(modern.send(draft().header("content-type", kind)).await.expect(status));
    }
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
    let session = world.session().await;
    drop(session.tool("crash", json!({})).await.expect_error(200, -32603));
    // The last event of a stream comes when the request has long been answered with its head.
    let streamed = [
        session.draft("tools/call", json!({ "name": "crash", "arguments": {} })),
        world.modern().draft("tools/call", json!({ "name": "crash", "arguments": {} })),
    ];
    for draft in streamed {
        let draft = draft.header("accept", "text/event-stream").header("x-request-id", "mine.1");
        let reply = session.send(draft).await.expect_error(200, -32603);
        assert!(reply.streamed, "{reply}");
        assert_eq!(reply.error()["data"]["requestId"], "mine.1", "{reply}");
    }
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
async fn what_ended_the_original_is_refused_and_harms_nobody() {
    let world = world().await;
    let http = Http::new(&world.base);
    let verb = |verb: &http::Method| {
        let request = http.request(verb.clone(), "/mcp");
        request.header("accept", "application/json, text/event-stream")
    };
    for method in [http::Method::GET, http::Method::DELETE] {
        drop(http.send(verb(&method)).await.expect(400));
        let unknown = verb(&method).header("mcp-session-id", "0".repeat(32));
        drop(http.send(unknown).await.expect(404));
        still_works(&world).await;
    }
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}"#;
    let batch = [initialize, r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#].join(",");
    for body in [String::new(), format!("[{initialize}]"), format!("[{batch}]")] {
        let post = verb(&http::Method::POST).header("content-type", "application/json");
        drop(http.send(post.body(body)).await.expect(400));
        still_works(&world).await;
    }
}

#[tokio::test]
async fn other_verbs_are_405_and_say_what_is_allowed() {
    let world = world().await;
    let http = Http::new(&world.base);
    for verb in [http::Method::PUT, http::Method::PATCH] {
        let answer = http.send(http.request(verb, "/mcp")).await.expect(405);
        assert_eq!(answer.header("allow"), Some("POST, GET, DELETE"));
    }
    for (path, allowed) in [
        ("/mcp", "POST, GET, DELETE"),
        ("/mcp/", "POST, GET, DELETE"),
        ("/sse", "GET"),
        ("/message", "POST"),
    ] {
        let answer = http.send(http.request(http::Method::OPTIONS, path)).await.expect(200);
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
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
    // Programs have none.
    drop(modern.send(draft().without_header("origin")).await.expect(200));
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

#[tokio::test]
async fn a_header_that_names_another_tool_is_refused_whatever_else_the_body_says() {
    let world = world().await;
    let modern = world.modern();
    let params = json!({ "name": "echo", "arguments": { "message": "x" } });
    let draft = || modern.draft("tools/call", params.clone()).header("mcp-name", "report");
    drop(modern.send(draft()).await.expect_error(400, -32020));
    drop(modern.send(draft().param("uri", 5)).await.expect_error(400, -32020));
    let unnamed = draft().param("uri", 5).without_header("mcp-name");
    drop(modern.send(unnamed).await.expect_error(400, -32020));
}

#[tokio::test]
async fn a_header_is_held_against_a_body_that_is_wrong_elsewhere() {
    let world = world().await;
    let able = json!({ "extensions": { TASKS_EXTENSION: {} } });
    let modern = world.modern().capabilities(able);
    let wrong = [
        ("tools/call", json!({ "name": "echo", "arguments": [1] })),
        ("tools/call", json!({ "name": "echo", "requestState": 5 })),
        ("tools/call", json!({ "name": "echo", "inputResponses": "x" })),
        ("resources/read", json!({ "uri": "test://watched", "inputResponses": [] })),
        ("tasks/update", json!({ "taskId": "x", "inputResponses": [] })),
    ];
    for (method, params) in wrong {
        let draft = || modern.draft(method, params.clone());
        let other = modern.send(draft().header("mcp-name", "other")).await;
        drop(other.expect_error(400, -32020));
        drop(modern.send(draft().without_header("mcp-name")).await.expect_error(400, -32020));
        drop(modern.send(draft()).await.expect_error(200, -32602));
    }
}

#[tokio::test]
async fn a_list_is_no_object_wherever_one_must_be() {
    let world = world().await;
    let modern = world.modern();
    let capabilities = [
        json!({ "elicitation": [] }),
        json!({ "sampling": [] }),
        json!({ "extensions": { TASKS_EXTENSION: 5 } }),
    ];
    for capabilities in capabilities {
        let draft = modern.draft("tools/list", json!({}));
        let draft = draft.meta(keys::CLIENT_CAPABILITIES, capabilities.clone());
        drop(modern.send(draft).await.expect_error(400, -32602));
        let opening = world.opening();
        let draft = opening.draft().edit(|body| body["params"]["capabilities"] = capabilities);
        drop(opening.send(draft).await.expect_error(200, -32602));
    }
    let listen = modern.call("subscriptions/listen", json!({ "notifications": [true] })).await;
    drop(listen.expect_error(200, -32602));
    let session = world.session().await;
    let task = json!({ "name": "job", "arguments": {}, "task": [5] });
    drop(session.call("tools/call", task).await.expect_error(200, -32602));
}

#[tokio::test]
async fn what_is_no_address_is_not_watched() {
    let world = world().await;
    let (session, modern) = (world.session().await, world.modern());
    let long = format!("test://{}", "a".repeat(5000));
    let wrong = ["", "%", "relative", " test://a", long.as_str()];
    for uri in wrong {
        for method in ["resources/subscribe", "resources/unsubscribe"] {
            let refused = session.call(method, json!({ "uri": uri })).await;
            drop(refused.expect_error(200, -32602));
        }
    }
    let watched = wrong.into_iter().chain(["test://watched"]).collect::<Vec<_>>();
    let params = json!({ "notifications": { "resourceSubscriptions": watched } });
    let mut stream = modern.open(modern.draft("subscriptions/listen", params)).await;
    let acknowledged = stream.next().await.unwrap();
    let granted = json!({ "resourceSubscriptions": ["test://watched"] });
    assert_eq!(acknowledged["params"]["notifications"], granted);
}

#[tokio::test]
async fn who_reads_one_object_only_is_told_why_it_cannot_be_asked() {
    let world = world().await;
    let session = world.opening().capabilities(json!({ "elicitation": {} })).open().await;
    let draft = session.draft("tools/call", json!({ "name": "ask", "arguments": {} }));
    for accept in ["application/json", "application/json, text/event-stream;q=0"] {
        let reply = session.send(draft.clone().header("accept", accept)).await.expect(200);
        assert_eq!(reply.result()["isError"], true);
        assert!(reply.content_text().contains("Accept"), "{reply}");
    }
}

#[tokio::test]
async fn a_host_an_origin_and_a_session_are_named_once() {
    let world = world().await;
    let (modern, session) = (world.modern(), world.session().await);
    let draft = || modern.draft("server/discover", json!({}));
    let host = world.address.strip_prefix("http://").unwrap();
    let two = draft().header("host", host).another_header("host", "localhost");
    drop(modern.send(two).await.expect_error(400, -32600));
    let page = draft().header("origin", "http://localhost:1");
    let two = page.another_header("origin", "http://evil.example.com");
    drop(modern.send(two).await.expect_error(403, -32600));
    let ping = session.draft("ping", json!({}));
    let two = ping.another_header("mcp-session-id", &"0".repeat(32));
    drop(session.send(two).await.expect_error(400, -32600));
    let mut stream = session.listen(None).await;
    drop(stream.next_event().await);
    let last = stream.last_event_id().unwrap().to_owned();
    let two = session.listen_draft(Some(&last)).another_header("last-event-id", &last);
    drop(session.open(two).await.finish().await.expect_error(400, -32600));
}

#[tokio::test]
async fn names_of_headers_are_compared_in_any_case_and_values_exactly() {
    let world = world().await;
    let meta = json!({ keys::PROTOCOL_VERSION: "2026-07-28", keys::CLIENT_CAPABILITIES: {} });
    let params = json!({ "_meta": meta });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params });
    let body = body.to_string();
    let status = async |names: [&str; 2], method: &str| {
        let [version, mirrored] = names;
        let length = body.len();
        let head = format!(
            "POST /mcp HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             {version}: 2026-07-28\r\n{mirrored}: {method}\r\n"
        );
        let answer = bare_with(&world, &head, &body).await;
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    for names in [
        ["mcp-protocol-version", "mcp-method"],
        ["MCP-Protocol-Version", "Mcp-Method"],
        ["MCP-PROTOCOL-VERSION", "mCP-mETHOD"],
    ] {
        assert_eq!(status(names, "tools/list").await, "200", "{names:?}");
        assert_eq!(status(names, "Tools/List").await, "400", "{names:?}");
    }
}

#[tokio::test]
async fn the_host_in_the_target_of_a_request_is_judged_too() {
    let world = world().await;
    let status = async |target: &str| {
        let answer = bare(&world, &format!("PUT {target} HTTP/1.1\r\n")).await;
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status("/mcp").await, "405");
    assert_eq!(status("http://localhost/mcp").await, "405");
    assert_eq!(status("http://evil.example.com/mcp").await, "403");
}

#[tokio::test]
async fn a_header_that_is_given_twice_repeats_nothing() {
    let world = world().await;
    let modern = world.modern();
    let params = json!({ "name": "echo", "arguments": { "message": "x" } });
    for (name, other) in
        [("mcp-protocol-version", "2025-11-25"), ("mcp-method", "ping"), ("mcp-name", "report")]
    {
        let draft = modern.draft("tools/call", params.clone()).another_header(name, other);
        drop(modern.send(draft).await.expect_error(400, -32020));
    }
}

#[tokio::test]
async fn an_unknown_revision_in_a_header_is_400_for_every_message_and_verb() {
    let world = world().await;
    let session = world.opening().revision(Revision::V2025_03_26).open().await;
    let answer = json!({ "jsonrpc": "2.0", "id": "x", "result": {} });
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let drafts = [
        session.post(answer.clone()),
        session.post(note.clone()),
        session.post(json!([note])),
        session.listen_draft(None),
        session.draft("ping", json!({})).verb(http::Method::DELETE),
    ];
    for draft in drafts {
        let reply = session.send(draft.header("mcp-protocol-version", "2099-01-01")).await;
        drop(reply.expect_error(400, -32600));
    }
    let batch = session.post(json!([note])).header("mcp-protocol-version", "2026-07-28");
    drop(session.send(batch).await.expect_error(400, -32600));
    drop(session.call("ping", json!({})).await.expect(200));
}

#[tokio::test]
async fn a_batch_holds_no_more_than_it_may() {
    let world = world().await;
    let session = world.opening().revision(Revision::V2025_03_26).open().await;
    let ping = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
    let batch = |size| session.post((0..size).map(ping).collect());
    drop(session.send(batch(100)).await.expect(200));
    drop(session.send(batch(101)).await.expect_error(400, -32600));
    drop(session.send(session.post(json!([])).raw(format!("[{}1]", "1,".repeat(2_000_000)))).await);
    still_works(&world).await;
}

#[tokio::test]
async fn a_client_that_says_too_much_of_itself_gets_no_session() {
    let world = world().await;
    let opening = world.opening();
    let long = "x".repeat(100 * 1024);
    let draft =
        opening.draft().edit(|message| message["params"]["clientInfo"]["title"] = long.into());
    let reply = opening.send(draft).await.expect_error(200, -32602);
    assert_eq!(reply.header("mcp-session-id"), None);
}

#[tokio::test]
async fn head_opens_no_stream() {
    let world = world().await;
    let session = world.session().await;
    let mut listening = session.listen(None).await;
    let id = session.id.as_deref().unwrap();
    let answer = bare(&world, &format!("HEAD /mcp HTTP/1.1\r\nmcp-session-id: {id}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    let old = bare(&world, "HEAD /sse HTTP/1.1\r\n").await;
    assert!(old.starts_with("HTTP/1.1 405") && old.contains("\r\nallow: GET\r\n"), "{old}");
    // The stream that was open still is: it hears of the change.
    drop(listening.next_event().await);
    drop(session.tool("announce", json!({})).await.expect(200));
    let change = listening.next().await.unwrap();
    assert_eq!(change["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn what_cannot_be_looked_at_escapes_no_check() {
    let world = world().await;
    let modern = world.modern();
    let call = |arguments: &str| {
        let meta = json!({ keys::PROTOCOL_VERSION: "2026-07-28", keys::CLIENT_CAPABILITIES: {} });
        let params = format!(r#"{{"_meta":{meta},"name":"place","arguments":{arguments}}}"#);
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"#;
        let draft = modern.draft("tools/call", json!({ "name": "place" }));
        draft.raw(format!("{body}{params}}}"))
    };
    drop(modern.send(call(r#"{"region":"eu"}"#)).await.expect_error(400, -32020));
    let with = call(r#"{"region":"eu"}"#).header("mcp-param-region", "eu");
    assert_eq!(modern.send(with).await.expect(200).content_text(), "eu");
    let nest = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deep = call(&format!(r#"{{"region":"eu","ignored":{nest}}}"#));
    drop(modern.send(deep).await.expect_error(400, -32602));
    let beyond = call(r#"{"region":"eu","ignored":1e999}"#);
    drop(modern.send(beyond).await.expect_error(400, -32602));
}
