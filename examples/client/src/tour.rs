//! What there is to see: every feature of the protocol once, the same in both eras but for the few
//! lines where they differ.

use serde_json::{Value, json};

use crate::{Result, modern::Modern, say, session::Session};

/// A server, as one of the eras knows it.
pub(crate) enum Server {
    /// Without sessions.
    Modern(Modern),
    /// In a session.
    Session(Session),
}

impl Server {
    async fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        match self {
            Self::Modern(modern) => modern.call(method, params).await,
            Self::Session(session) => session.call(method, params).await,
        }
    }

    async fn tool(&mut self, name: &str, arguments: Value) -> Result<Value> {
        let progress = json!({ "progressToken": name });
        let params = json!({ "name": name, "arguments": arguments, "_meta": progress });
        let result = self.call("tools/call", params).await?;
        say(format_args!("  {name}: {}", shown(&result)));
        if result["isError"] == true {
            return Err(format!("{name} has failed").into());
        }
        Ok(result)
    }
}

/// Everything.
pub(crate) async fn all(server: &mut Server) -> Result<()> {
    greeting(server).await?;
    tools(server).await?;
    questions(server).await?;
    resources(server).await?;
    prompts(server).await?;
    app(server).await?;
    task(server).await?;
    cancellation(server).await?;
    resumption(server).await?;
    logs(server).await?;
    subscription(server).await?;
    if let Server::Session(session) = server {
        session.end().await?;
    }
    Ok(())
}

async fn greeting(server: &mut Server) -> Result<()> {
    let (said, about) = match server {
        Server::Modern(modern) => {
            let discovered = modern.call("server/discover", json!({})).await?;
            (discovered["_meta"]["io.modelcontextprotocol/serverInfo"].clone(), discovered)
        }
        Server::Session(session) => {
            (session.initialized["serverInfo"].clone(), session.initialized.clone())
        }
    };
    say(format_args!("It is {} and can {}", said["name"], about["capabilities"]));
    Ok(())
}

async fn tools(server: &mut Server) -> Result<()> {
    let listed = server.call("tools/list", json!({})).await?;
    say(format_args!("Tools: {}", names(&listed["tools"], "name")));
    server.tool("echo", json!({ "message": "grüße 👋" })).await?;
    server.tool("add", json!({ "a": 2, "b": 3 })).await?;
    server
        .tool("annotated-message", json!({ "messageType": "success", "includeImage": true }))
        .await?;
    server.tool("get-tiny-image", json!({})).await?;
    server.tool("get-resource-links", json!({ "count": 2 })).await?;
    server
        .tool("get-resource-reference", json!({ "resourceType": "Blob", "resourceId": 2 }))
        .await?;
    let weather = server.tool("get-structured-content", json!({ "location": "Chicago" })).await?;
    say(format_args!("    for programs: {}", weather["structuredContent"]));
    server.tool("long-running-operation", json!({ "duration": 0.3, "steps": 3 })).await?;
    server.tool("demo_progress", json!({ "steps": 2 })).await?;
    server
        .tool(
            "batch_calculate",
            json!({ "calculations": [
        { "a": 6, "b": 7, "op": "multiply" }, { "a": 1, "b": 0, "op": "divide" },
    ] }),
        )
        .await?;
    server.tool("advanced_calculate", json!({ "operation": "factorial", "value": 5 })).await?;
    let made =
        server.tool("calculate", json!({ "a": 1, "b": 3, "op": "divide", "stream": true })).await?;
    let uri = format!(
        "calculator://history/{}",
        made["structuredContent"]["id"].as_str().unwrap_or_default()
    );
    let kept = server.call("resources/read", json!({ "uri": uri })).await?;
    say(format_args!("    kept as {}", kept["contents"][0]["text"]));
    Ok(())
}

async fn questions(server: &mut Server) -> Result<()> {
    server.tool("elicitation-request", json!({})).await?;
    server.tool("url-elicitation", json!({ "url": "https://modelcontextprotocol.io" })).await?;
    server.tool("sampling-request", json!({ "prompt": "Say something" })).await?;
    server.tool("get-roots-list", json!({})).await?;
    Ok(())
}

async fn resources(server: &mut Server) -> Result<()> {
    let (mut page, mut count, mut pages) = (json!({}), 0, 0);
    loop {
        let listed = server.call("resources/list", page).await?;
        count += listed["resources"].as_array().map_or(0, Vec::len);
        pages += 1;
        match listed.get("nextCursor") {
            Some(cursor) => page = json!({ "cursor": cursor }),
            None => break,
        }
    }
    say(format_args!("Resources: {count} on {pages} pages"));
    let templates = server.call("resources/templates/list", json!({})).await?;
    say(format_args!("Templates: {}", names(&templates["resourceTemplates"], "uriTemplate")));
    for uri in [
        "test://static/resource/1",
        "test://static/resource/2",
        "demo://resource/dynamic/text/7",
        "demo://resource/static/document/features.md",
        "calculator://constants",
        "calculator://stats",
        "formulas://library",
    ] {
        let read = server.call("resources/read", json!({ "uri": uri })).await?;
        say(format_args!("  {uri}: {}", beginning(&read["contents"][0].to_string())));
    }
    Ok(())
}

/// A tool with a page of its own, which a host shows to the user.
async fn app(server: &mut Server) -> Result<()> {
    let name = "mcp_apps_hello_world";
    let listed = server.call("tools/list", json!({})).await?;
    let tools = listed["tools"].as_array().into_iter().flatten();
    let found = tools.into_iter().find(|tool| tool["name"] == name).ok_or("there is no app")?;
    let uri = found["_meta"]["ui"]["resourceUri"].clone();
    server.tool(name, json!({})).await?;
    let page = server.call("resources/read", json!({ "uri": uri })).await?;
    let text = page["contents"][0]["text"].as_str().unwrap_or_default();
    say(format_args!("  its page {uri} is {}", beginning(text)));
    Ok(())
}

async fn prompts(server: &mut Server) -> Result<()> {
    let listed = server.call("prompts/list", json!({})).await?;
    say(format_args!("Prompts: {}", names(&listed["prompts"], "name")));
    let completed = server
        .call(
            "completion/complete",
            json!({
                "ref": { "type": "ref/prompt", "name": "completable-prompt" },
                "argument": { "name": "name", "value": "" },
                "context": { "arguments": { "department": "Sales" } },
            }),
        )
        .await?;
    say(format_args!("  in Sales there are {}", completed["completion"]["values"]));
    let weather = json!({ "name": "args-prompt", "arguments": { "city": "Oslo" } });
    let prompt = server.call("prompts/get", weather).await?;
    say(format_args!("  args-prompt: {}", prompt["messages"][0]["content"]["text"]));
    Ok(())
}

/// A call that goes on after it was answered, and asks in between.
async fn task(server: &mut Server) -> Result<()> {
    let arguments = json!({ "topic": "python", "ambiguous": true });
    let params = json!({ "name": "simulate-research-query", "arguments": arguments });
    let report = match server {
        Server::Modern(modern) => modern.call("tools/call", params).await?,
        Server::Session(session) => session.call_as_task(params).await?,
    };
    let text = report["content"][0]["text"].as_str().unwrap_or_default();
    say(format_args!("  simulate-research-query: {}", text.lines().next().unwrap_or_default()));
    Ok(())
}

/// A call that nobody wants any more: until 2025-11-25 that is said, since then it is enough to go.
async fn cancellation(server: &mut Server) -> Result<()> {
    let params = json!({ "name": "long-running-operation", "arguments": { "duration": 10, "steps": 100 }, "_meta": { "progressToken": 1 } });
    match server {
        Server::Modern(modern) => {
            let mut running = modern.open("tools/call", &params).await?;
            say(format_args!(
                "  the call says {}",
                running.next().await?.unwrap_or_default()["params"]
            ));
        }
        Server::Session(session) => {
            let (id, mut running) = session.open_call("tools/call", &params).await?;
            say(format_args!(
                "  the call says {}",
                running.next().await?.unwrap_or_default()["params"]
            ));
            session
                .tell("notifications/cancelled", json!({ "requestId": id, "reason": "enough" }))
                .await?;
            while let Some(message) = running.next().await? {
                if message.get("method").is_none() {
                    return Err("a cancelled call was answered".into());
                }
            }
        }
    }
    say("  and is cancelled");
    Ok(())
}

/// A stream that breaks off is taken up where it ended; since 2026-07-28 a call is made again instead.
async fn resumption(server: &mut Server) -> Result<()> {
    let Server::Session(session) = server else { return Ok(()) };
    let arguments = json!({ "duration": 0.5, "steps": 5 });
    let params = json!({ "name": "long-running-operation", "arguments": arguments, "_meta": { "progressToken": 2 } });
    let (id, mut running) = session.open_call("tools/call", &params).await?;
    let first = running.next().await?.unwrap_or_default();
    let last = running.last_event().ok_or("an event has no id")?.to_owned();
    drop(running);
    say(format_args!("  the stream is lost after {}", first["params"]));
    let mut again = session.resume(&last).await?;
    while let Some(message) = again.next().await? {
        if message["id"] == id {
            say(format_args!("  taken up, it ends with {}", shown(&message["result"])));
            return Ok(());
        }
    }
    Err("a stream that was taken up has no answer".into())
}

/// Log messages: of a session from the level on that it asks for, else of the call that asks for them.
async fn logs(server: &mut Server) -> Result<()> {
    let Server::Session(session) = server else {
        return server.tool("toggle-logging", json!({})).await.map(drop);
    };
    session.call("logging/setLevel", json!({ "level": "debug" })).await?;
    let mut stream = session.listen().await?;
    server.tool("toggle-logging", json!({})).await?;
    while let Some(message) = stream.next().await? {
        if message["method"] == "notifications/message" {
            say(format_args!("  the log says {}", message["params"]));
            break;
        }
    }
    drop(stream);
    server.tool("toggle-logging", json!({})).await.map(drop)
}

/// Hears that a resource has changed.
async fn subscription(server: &mut Server) -> Result<()> {
    let uri = "test://static/resource/1";
    let mut stream = match server {
        Server::Modern(modern) => {
            let wanted = json!({ "notifications": { "resourceSubscriptions": [uri] } });
            modern.open("subscriptions/listen", &wanted).await?
        }
        Server::Session(session) => {
            session.call("resources/subscribe", json!({ "uri": uri })).await?;
            session.listen().await?
        }
    };
    server.tool("toggle-subscriber-updates", json!({})).await?;
    while let Some(message) = stream.next().await? {
        if message["method"] == "notifications/resources/updated" {
            say(format_args!("  {} has changed", message["params"]["uri"]));
            break;
        }
    }
    server.tool("toggle-subscriber-updates", json!({})).await?;
    Ok(())
}

fn names(list: &Value, member: &str) -> String {
    let names = list.as_array().into_iter().flatten().filter_map(|one| one[member].as_str());
    names.collect::<Vec<_>>().join(", ")
}

fn beginning(text: &str) -> String {
    text.chars().take(100).collect()
}

/// What a result says to people, in short.
fn shown(result: &Value) -> String {
    let block = |block: &Value| match block["type"].as_str() {
        Some("text") => beginning(block["text"].as_str().unwrap_or_default()),
        Some(other) => format!("[{other}]"),
        None => String::new(),
    };
    let blocks: Vec<_> = result["content"].as_array().into_iter().flatten().map(block).collect();
    blocks.join(" / ").replace('\n', " ")
}
