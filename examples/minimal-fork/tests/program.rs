//! The program as it is built: it starts from its settings, speaks both eras, and ends in order.

use serde_json::{Value, json};
use testkit::{
    process::{Program, free_port},
    rpc::{Modern, Reply, Session},
};

/// A die with two sides shows one of them.
fn is_rolled(reply: &Reply) -> bool {
    ["1", "2"].contains(&reply.content_text())
}

fn names(reply: &Reply) -> Vec<&Value> {
    let tools = reply.result()["tools"].as_array().into_iter().flatten();
    tools.map(|tool| &tool["name"]).collect()
}

#[tokio::test]
async fn a_fork_starts_and_speaks_both_eras() {
    let port = free_port();
    let base = format!("http://localhost:{port}");
    let program = Program::new(env!("CARGO_BIN_EXE_minimal-fork"))
        .setting("HOST", "127.0.0.1")
        .setting("PORT", port)
        .setting("BASE_URI", &base)
        .setting("MCP_AUTH", "none");
    let process = program.start_ready(&format!("{base}/readyz")).await;
    let endpoint = format!("{base}/mcp");

    let modern = Modern::new(&endpoint);
    assert!(is_rolled(&modern.tool("roll", json!({ "sides": 2 })).await.expect(200)));
    assert_eq!(names(&modern.call("tools/list", json!({})).await.expect(200)), ["roll"]);
    let discovered = modern.call("server/discover", json!({})).await.expect(200);
    assert_eq!(
        discovered.result()["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "minimal-fork"
    );

    let session = Session::opening(&endpoint).open().await;
    assert!(is_rolled(&session.tool("roll", json!({ "sides": 2 })).await.expect(200)));
    assert_eq!(names(&session.call("tools/list", json!({})).await.expect(200)), ["roll"]);
    let refused = session.tool("roll", json!({ "sides": 1 })).await.expect(200);
    assert_eq!(refused.result()["isError"], true);
    drop(session.end().await);

    let (status, _) = process.terminate().await;
    assert!(status.success(), "{status}");
}
