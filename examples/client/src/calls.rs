//! Calls of tools: those that answer, those that ask, and those that are refused.

use std::mem;

use serde_json::{Value, json};

use crate::{
    Result, say,
    tour::{Server, beginning, names, shown},
};

/// Tools that answer by themselves; some say how far they are.
pub(crate) async fn tools(server: &mut Server) -> Result<()> {
    let listed = server.list("tools/list", "tools").await?;
    say(format_args!("Tools: {}", names(&listed, "name")));
    // These are offered by some servers only. The first needs a scope of its own, so that it comes
    // before everything that would have to be done again.
    let data = json!({ "name": "tour.txt.gz", "data": "data:,Hello" });
    for (name, arguments) in [("print-env", json!({})), ("gzip-file-as-resource", data)] {
        if is_listed(&listed, name) {
            server.tool(name, arguments).await?;
        }
    }
    for (name, arguments) in [
        ("echo", json!({ "message": "grüße 👋" })),
        ("add", json!({ "a": 2, "b": 3 })),
        ("annotated-message", json!({ "messageType": "success", "includeImage": true })),
        ("get-tiny-image", json!({})),
        ("get-resource-links", json!({ "count": 2 })),
        ("get-resource-reference", json!({ "resourceType": "Blob", "resourceId": 2 })),
        ("long-running-operation", json!({ "duration": 0.3, "steps": 3 })),
        ("demo_progress", json!({ "steps": 2 })),
        ("advanced_calculate", json!({ "operation": "factorial", "value": 5 })),
    ] {
        server.tool(name, arguments).await?;
    }
    let calculations = json!([
        { "a": 6, "b": 7, "op": "multiply" }, { "a": 1, "b": 0, "op": "divide" },
    ]);
    server.tool("batch_calculate", json!({ "calculations": calculations })).await?;
    let weather = server.tool("get-structured-content", json!({ "location": "Chicago" })).await?;
    say(format_args!("    for programs: {}", weather["structuredContent"]));
    histories(server).await
}

/// What was calculated is kept: for the session or the caller, or under a name, which is good in
/// every session of a caller.
async fn histories(server: &mut Server) -> Result<()> {
    let mut kept = Vec::new();
    for (history, shelf) in
        [(None, "calculator://history"), (Some("tour"), "calculator://histories/tour")]
    {
        let mut calculation = json!({ "a": 1, "b": 3, "op": "divide", "stream": true });
        if let Some(name) = history {
            calculation["history"] = json!(name);
        }
        let made = server.tool("calculate", calculation).await?;
        let id = made["structuredContent"]["id"].as_str().ok_or("a calculation has no id")?;
        kept.push((shelf, format!("{shelf}/{id}")));
    }
    for (shelf, uri) in kept {
        let one = server.call("resources/read", json!({ "uri": uri })).await?;
        say(format_args!("    kept as {}", one["contents"][0]["text"]));
        let all = server.call("resources/read", json!({ "uri": shelf })).await?;
        let text = all["contents"][0]["text"].as_str().unwrap_or_default();
        let id = uri.rsplit('/').next().unwrap_or_default();
        if !text.contains(id) {
            return Err(format!("{uri} is not in {shelf}").into());
        }
    }
    Ok(())
}

/// Tools that ask the person, the model or the machine behind this client.
pub(crate) async fn questions(server: &mut Server) -> Result<()> {
    server.tool("elicitation-request", json!({})).await?;
    server.tool("url-elicitation", json!({ "url": "https://modelcontextprotocol.io" })).await?;
    server.tool("get-roots-list", json!({})).await?;
    server.tool("sampling-request", json!({ "prompt": "Say something" })).await?;
    let lent = json!({ "prompt": "How much is that?", "toolChoice": "required" });
    let told = server.tool("sampling-request", lent).await?;
    if !told["content"][0]["text"].as_str().unwrap_or_default().contains("The tool says") {
        return Err("the model was lent no tool".into());
    }
    Ok(())
}

/// What is wrong: told to the model where the arguments are, and else to the program.
pub(crate) async fn refusals(server: &mut Server) -> Result<()> {
    let wrong = json!({ "name": "add", "arguments": { "a": "two", "b": 3 } });
    let failed = server.call("tools/call", wrong).await?;
    if failed["isError"] != true {
        return Err("a wrong argument was taken".into());
    }
    say(format_args!("  a wrong argument: {}", shown(&failed)));
    let nowhere = json!({ "uri": "test://static/resource/0" });
    let missing = server.refusal("resources/read", nowhere).await?;
    say(format_args!("  a resource that is not there: {missing}"));
    let url = json!({ "url": "https://modelcontextprotocol.io", "errorPath": true });
    let first = match server {
        // Until 2025-11-25 an error may name pages that people have to go to before the call.
        Server::Session(_) => {
            let params = json!({ "name": "url-elicitation", "arguments": url });
            let first = server.refusal("tools/call", params).await?;
            server.tool("url-elicitation", url).await?;
            first
        }
        // Since 2026-07-28 each request says what its client can do, and an error what it would have to.
        Server::Modern(modern) => {
            let able = mem::replace(&mut modern.able, json!({}));
            let params = json!({ "name": "elicitation-request", "arguments": {} });
            let refused = server.refusal("tools/call", params).await;
            if let Server::Modern(modern) = server {
                modern.able = able;
            }
            refused?
        }
    };
    say(format_args!("  what is needed first: {first}"));
    Ok(())
}

/// Tools with a page of their own, which a host shows to the user.
pub(crate) async fn app(server: &mut Server) -> Result<()> {
    for tool in server.list("tools/list", "tools").await? {
        let uri = &tool["_meta"]["ui"]["resourceUri"];
        let (Some(name), Some(_)) = (tool["name"].as_str(), uri.as_str()) else { continue };
        server.tool(name, json!({})).await?;
        let page = server.call("resources/read", json!({ "uri": uri })).await?;
        let text = page["contents"][0]["text"].as_str().unwrap_or_default();
        say(format_args!("    its page {uri} is {}", beginning(text)));
    }
    Ok(())
}

/// Whether a name is that of a tool in a list.
pub(crate) fn is_listed(tools: &[Value], name: &str) -> bool {
    tools.iter().any(|tool| tool["name"] == name)
}
