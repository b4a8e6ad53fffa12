//! Streams: calls that are cancelled, streams that are taken up again, and what belongs to no call.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    Result, say,
    tour::{Server, shown},
};

/// It changes when something is calculated.
const HISTORY: &str = "calculator://history";

/// A call that nobody wants any more: until 2025-11-25 that is said, since then it is enough to go.
pub(crate) async fn cancellation(server: &mut Server) -> Result<()> {
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
pub(crate) async fn resumption(server: &mut Server) -> Result<()> {
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
pub(crate) async fn logs(server: &mut Server) -> Result<()> {
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

/// Hears that resources have changed, and that there are more of them.
pub(crate) async fn subscription(server: &mut Server) -> Result<()> {
    let uris = ["test://static/resource/1", HISTORY];
    let mut stream = match server {
        Server::Modern(modern) => {
            let wanted = json!({ "resourceSubscriptions": uris, "resourcesListChanged": true });
            modern.open("subscriptions/listen", &json!({ "notifications": wanted })).await?
        }
        Server::Session(session) => {
            for uri in uris {
                session.call("resources/subscribe", json!({ "uri": uri })).await?;
            }
            session.listen().await?
        }
    };
    server.tool("toggle-subscriber-updates", json!({})).await?;
    server.tool("calculate", json!({ "a": 6, "b": 7, "op": "multiply" })).await?;
    // A caller without a session lists nothing of its own, so its list stays as it is.
    let mut awaited = BTreeSet::from(uris.map(str::to_owned));
    if matches!(server, Server::Session(_)) {
        awaited.insert("the list".to_owned());
    }
    while !awaited.is_empty() {
        let message = stream.next().await?.ok_or("the stream has ended before its news")?;
        let changed = match message["method"].as_str() {
            Some("notifications/resources/updated") => message["params"]["uri"].as_str(),
            Some("notifications/resources/list_changed") => Some("the list"),
            _ => None,
        };
        if changed.is_some_and(|changed| awaited.remove(changed)) {
            say(format_args!("  {} has changed", changed.unwrap_or_default()));
        }
    }
    drop(stream);
    server.tool("toggle-subscriber-updates", json!({})).await?;
    if let Server::Session(session) = server {
        for uri in uris {
            session.call("resources/unsubscribe", json!({ "uri": uri })).await?;
        }
    }
    Ok(())
}
